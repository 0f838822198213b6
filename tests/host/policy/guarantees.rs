// SPDX-License-Identifier: GPL-2.0

//! What the design promises of the balanced algorithm, for any input.

use crate::{
    inputs::{self, any_limits, any_max_cycle, any_nodes, any_target, balanced, limits, mainline},
    oracle::{counted, efficiency, is_best_of_its_sum, judge, Fraction},
};
use numaweave_policy::{cycle, default_max_cycle, efficiency_ppm, Node};
use proptest::prelude::*;

/// The bandwidth over the weight of each node that counts; of one that does not, nothing.
fn quotients(nodes: &[Node], weights: &[u8]) -> Vec<Option<Fraction>> {
    counted(nodes)
        .into_iter()
        .zip(weights)
        .map(|(bandwidth, &weight)| Some(Fraction::new(bandwidth?, weight)))
        .collect()
}

proptest! {
    #![proptest_config(inputs::config(10_000))]

    #[test]
    fn efficiency_is_at_least_the_smaller_of_target_and_mainlines(
        nodes in any_nodes(24),
        target in any_target(),
        beyond in 0..=64_u32,
    ) {
        let theirs = mainline(&nodes);
        let max_cycle = (cycle(&theirs) + beyond).clamp(1, 4096);
        let ours = balanced(&nodes, limits(max_cycle, target));
        let least = efficiency(&nodes, &theirs).min(Fraction::per_mille(target));
        prop_assert!(
            efficiency(&nodes, &ours) >= least || cycle(&theirs) == 0,
            "{ours:?}, mainline {theirs:?}"
        );
        prop_assert!(efficiency_ppm(&nodes, &ours) >= efficiency_ppm(&nodes, &theirs).min(target * 1000)
            || counted(&nodes).iter().all(Option::is_none));
    }

    #[test]
    fn no_weights_of_the_same_sum_do_better(nodes in any_nodes(24), limits in any_limits()) {
        let weights = balanced(&nodes, limits);
        prop_assert!(is_best_of_its_sum(&nodes, &weights), "{weights:?}");
    }

    #[test]
    fn the_smallest_sum_that_reaches_the_target(nodes in any_nodes(24), limits in any_limits()) {
        let weights = balanced(&nodes, limits);
        prop_assert_eq!(judge(&nodes, limits, &weights), Ok(()), "{:?}", weights);
    }

    #[test]
    fn order_does_not_matter_beyond_ties(
        (nodes, shuffled) in any_nodes(16).prop_flat_map(|nodes| {
            let places: Vec<usize> = (0..nodes.len()).collect();
            (Just(nodes), Just(places).prop_shuffle())
        }),
        limits in any_limits(),
    ) {
        let weights = balanced(&nodes, limits);
        let moved: Vec<Node> = shuffled.iter().map(|&place| nodes[place]).collect();
        let mut back = vec![0; nodes.len()];
        for (&place, weight) in shuffled.iter().zip(balanced(&moved, limits)) {
            back[place] = weight;
        }

        prop_assert_eq!(cycle(&weights), cycle(&back));
        prop_assert_eq!(efficiency(&nodes, &weights), efficiency(&nodes, &back));
        // Where a node lost a page and another one won it, both had the same claim to it.
        let claims: Vec<Option<Fraction>> = weights
            .iter()
            .zip(&back)
            .zip(quotients(&nodes, &weights).into_iter().zip(quotients(&nodes, &back)))
            .filter(|((here, there), _)| here != there)
            .map(|((here, there), (own, others))| if here > there { own } else { others })
            .collect();
        prop_assert!(claims.windows(2).all(|pair| pair[0] == pair[1]), "{weights:?} {back:?}");
        prop_assert!(weights.iter().zip(&back).all(|(&here, &there)| here.abs_diff(there) <= 1));
    }

    #[test]
    fn scaling_changes_nothing(nodes in any_nodes(16), limits in any_limits(), scale in any::<u32>()) {
        let largest = nodes.iter().map(|node| node.bandwidth).max().unwrap_or(0).max(1);
        let scale = scale % (u32::MAX / largest) + 1;
        prop_assume!(largest.checked_mul(scale).is_some());
        let scaled: Vec<Node> = nodes
            .iter()
            .map(|node| Node { bandwidth: node.bandwidth * scale, ..*node })
            .collect();

        let weights = balanced(&nodes, limits);
        prop_assert_eq!(&weights, &balanced(&scaled, limits));
        prop_assert_eq!(efficiency_ppm(&nodes, &weights), efficiency_ppm(&scaled, &weights));
    }

    #[test]
    fn raising_max_cycle_never_takes_away_efficiency_below_the_target(
        nodes in any_nodes(16),
        target in any_target(),
        low in any_max_cycle(),
        high in any_max_cycle(),
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let before = efficiency(&nodes, &balanced(&nodes, limits(low, target)));
        let after = efficiency(&nodes, &balanced(&nodes, limits(high, target)));

        prop_assert!(after >= before.min(Fraction::per_mille(target)));
        // What reached the target is not touched.
        prop_assert!(before < Fraction::per_mille(target) || after == before);
    }

    #[test]
    fn every_input_has_an_answer(
        bandwidths in proptest::collection::vec((any::<u32>(), any::<bool>()), 0..200),
        limits in any_limits(),
    ) {
        let nodes: Vec<Node> =
            bandwidths.into_iter().map(|(bandwidth, has_cpus)| Node { bandwidth, has_cpus }).collect();
        let max_cycle = limits.max_cycle.unwrap_or(default_max_cycle(nodes.len())).get();
        let ours = balanced(&nodes, limits);
        let theirs = mainline(&nodes);

        prop_assert!(!ours.contains(&0) && !theirs.contains(&0));
        prop_assert!(cycle(&ours) <= max_cycle.max(u32::try_from(nodes.len()).unwrap()));
        prop_assert!(efficiency_ppm(&nodes, &ours) <= 1_000_000);
        prop_assert!(efficiency_ppm(&nodes, &theirs) <= 1_000_000);
    }

    /// Not the smallest weights otherwise.
    #[test]
    fn weights_have_no_common_divisor(nodes in any_nodes(16), limits in any_limits()) {
        let weights = balanced(&nodes, limits);
        let divides = |divisor: &u8| weights.iter().all(|weight| weight % divisor == 0);
        prop_assert!(weights.is_empty() || !(2..=255).any(|divisor| divides(&divisor)), "{weights:?}");
    }
}
