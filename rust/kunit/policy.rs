// SPDX-License-Identifier: GPL-2.0

//! The policy as compiled into the module: the worked examples, orders, and inputs at the edges.

use crate::{
    kernel_ext::alloc,
    policy::{
        self,
        schedule::{self, Scratch, Turn},
        Algorithm, Candidate, Cell, Coordinates, Limits, MaxCycle, Node, Target,
    },
};
use kernel::prelude::*;

/// Computes weights for `nodes`.
fn weights(algorithm: Algorithm, nodes: &[Node], limits: Limits) -> Result<KVec<u8>> {
    let mut scratch = alloc::filled(Candidate::default(), nodes.len())?;
    let mut weights = alloc::filled(0, nodes.len())?;
    policy::compute(algorithm, nodes, limits, &mut scratch, &mut weights).map_err(|_| EINVAL)?;
    Ok(weights)
}

/// The order of one cycle.
fn order(weights: &[u8]) -> Result<KVec<Turn>> {
    let mut scratch = alloc::filled(Scratch::default(), weights.len())?;
    let mut turns = alloc::filled(
        Turn::default(),
        usize::try_from(policy::cycle(weights)).map_err(|_| EINVAL)?,
    )?;
    schedule::fill(weights, &mut scratch, &mut turns).map_err(|_| EINVAL)?;
    Ok(turns)
}

/// Nodes with CPUs and the given bandwidths.
fn nodes<const N: usize>(bandwidths: [u32; N]) -> [Node; N] {
    bandwidths.map(|bandwidth| Node {
        bandwidth,
        has_cpus: true,
    })
}

#[kunit_tests(numaweave_policy)]
mod tests {
    use super::*;
    use crate::policy::examples::{EXAMPLES, ORDERS};

    #[test]
    fn examples() -> Result {
        for example in EXAMPLES {
            let mainline = weights(Algorithm::Mainline, example.nodes, Limits::default())?;
            assert_eq!(mainline.as_slice(), example.mainline);
            let ppm = policy::efficiency_ppm(example.nodes, &mainline);
            assert_eq!(ppm, example.mainline_ppm);

            let balanced = weights(Algorithm::Balanced, example.nodes, Limits::default())?;
            assert_eq!(balanced.as_slice(), example.balanced);
            let ppm = policy::efficiency_ppm(example.nodes, &balanced);
            assert_eq!(ppm, example.balanced_ppm);
        }
        Ok(())
    }

    #[test]
    fn mainline_wraps_like_mainline() -> Result {
        let wrapped = weights(
            Algorithm::Mainline,
            &nodes([134_217_728, 1, 1]),
            Limits::default(),
        )?;
        assert_eq!(wrapped.as_slice(), &[1, 1, 1]);
        Ok(())
    }

    #[test]
    fn extremes_have_an_answer() -> Result {
        for algorithm in Algorithm::ALL {
            for bandwidths in [
                [0, 0, 0],
                [0, 0, 1],
                [1, u32::MAX, 0],
                [u32::MAX, u32::MAX, u32::MAX],
                [u32::MAX, 1, 1],
            ] {
                let nodes = nodes(bandwidths);
                let weights = weights(algorithm, &nodes, Limits::default())?;
                assert!(weights.iter().all(|weight| *weight >= 1));
                assert!(policy::efficiency_ppm(&nodes, &weights) <= 1_000_000);
            }
        }
        Ok(())
    }

    #[test]
    fn a_thousand_nodes_keep_to_the_largest_cycle() -> Result {
        let mut nodes = alloc::filled(
            Node {
                bandwidth: 1,
                has_cpus: false,
            },
            1024,
        )?;
        for (node, bandwidth) in nodes.iter_mut().zip(1..=u32::MAX) {
            node.bandwidth = bandwidth;
        }
        let limits = Limits {
            max_cycle: MaxCycle::new(4096),
            target: Target::new(1000).ok_or(EINVAL)?,
        };
        let weights = weights(Algorithm::Balanced, &nodes, limits)?;
        assert!(weights.iter().all(|weight| *weight >= 1));
        assert!(policy::cycle(&weights) <= 4096);
        Ok(())
    }

    #[test]
    fn orders() -> Result {
        for example in ORDERS {
            let turns = order(example.weights)?;
            assert_eq!(turns.len(), example.nodes.len());

            let after_last = turns.first();
            let nexts = Iterator::chain(turns.iter().skip(1), after_last);
            let turns = turns.iter().zip(nexts).zip(example.nodes);
            for (index, ((turn, next), node)) in (0..u64::MAX).zip(turns) {
                assert_eq!(turn.node, *node);
                assert_eq!(schedule::turn_at(example.weights, index), Some(*turn));
                assert_eq!(schedule::turn_after(example.weights, *turn), Some(*next));
            }
        }
        Ok(())
    }

    #[test]
    fn runs_are_mainlines_order() {
        let weights = || [2u8, 0, 1].into_iter();
        let turns = [(0u16, 2u8), (0, 1), (2, 1)].map(|(node, remaining)| Turn { node, remaining });
        let nexts = Iterator::chain(turns.iter().skip(1), &turns);

        for (index, (turn, next)) in (300..u64::MAX).zip(turns.iter().zip(nexts)) {
            assert_eq!(schedule::run_at(weights(), index), Some(*turn));
            assert_eq!(schedule::run_after(weights(), *turn), Some(*next));
        }
    }

    #[test]
    fn a_thousand_nodes_have_an_order() -> Result {
        let mut weights = alloc::filled(255u8, 1024)?;
        for (weight, node) in weights.iter_mut().zip(0..u32::MAX) {
            *weight = u8::try_from(node % 256)?;
        }
        let turns = order(&weights)?;
        let (mut left, cycle) = (weights, turns.len());
        for turn in turns {
            let left = left.get_mut(usize::from(turn.node)).ok_or(EINVAL)?;
            assert_eq!(turn.remaining, *left);
            *left = left.saturating_sub(1);
        }
        assert!(left.iter().all(|left| *left == 0));
        assert_eq!(cycle, 1024 / 256 * (255 * 256 / 2));
        Ok(())
    }

    #[test]
    fn a_cell_follows_the_device() {
        let both = |bandwidth| Coordinates {
            read: bandwidth,
            write: bandwidth,
        };
        let cell = |row, local, now| -> Cell { policy::cell(both(row), both(local), both(now)) };

        assert_eq!(cell(40, 100, 100).coordinates, both(40));
        assert_eq!(cell(100, 100, 60).coordinates, both(60));
        assert_eq!(cell(40, 100, 30).coordinates, both(30));
        assert_eq!(cell(0, 100, 30).coordinates, both(30));
    }

    #[test]
    fn weights_are_reduced() {
        let mut weights = [12u8, 0, 18, 6];
        policy::reduce(&mut weights);
        assert_eq!(weights, [2, 0, 3, 1]);
    }

    #[test]
    fn too_little_room_is_refused() {
        let nodes = nodes([1, 2]);
        let mut scratch = [Candidate::default(); 2];
        let mut weights = [7u8; 1];
        let computed = policy::compute(
            Algorithm::Balanced,
            &nodes,
            Limits::default(),
            &mut scratch,
            &mut weights,
        );
        assert!(computed.is_err());
        assert_eq!(weights, [7]);
    }
}
