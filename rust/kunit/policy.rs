// SPDX-License-Identifier: GPL-2.0

//! The policy as compiled into the module: the worked examples, and inputs at the edges.

use crate::{
    kernel_ext::alloc,
    policy::{self, Algorithm, Candidate, Limits, MaxCycle, Node, Target},
};
use kernel::prelude::*;

/// Computes weights for `nodes`.
fn weights(algorithm: Algorithm, nodes: &[Node], limits: Limits) -> Result<KVec<u8>> {
    let mut scratch = alloc::filled(Candidate::default(), nodes.len())?;
    let mut weights = alloc::filled(0, nodes.len())?;
    policy::compute(algorithm, nodes, limits, &mut scratch, &mut weights).map_err(|_| EINVAL)?;
    Ok(weights)
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
    use crate::policy::examples::EXAMPLES;

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
