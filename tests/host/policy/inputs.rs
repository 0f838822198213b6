// SPDX-License-Identifier: GPL-2.0

//! Inputs for the tests, and the policy called with memory of its own.

use numaweave_policy::{compute, Algorithm, Candidate, Limits, MaxCycle, Node, Target};
use proptest::{collection::vec, prelude::*, sample::select};

/// The weights by `algorithm`.
pub(crate) fn weights(algorithm: Algorithm, nodes: &[Node], limits: Limits) -> Vec<u8> {
    let mut scratch = vec![Candidate::default(); nodes.len()];
    let mut weights = vec![0; nodes.len()];

    compute(algorithm, nodes, limits, &mut scratch, &mut weights).unwrap();
    weights
}

/// The balanced weights.
pub(crate) fn balanced(nodes: &[Node], limits: Limits) -> Vec<u8> {
    weights(Algorithm::Balanced, nodes, limits)
}

/// The weights by mainline's algorithm.
pub(crate) fn mainline(nodes: &[Node]) -> Vec<u8> {
    weights(Algorithm::Mainline, nodes, Limits::default())
}

/// Nodes with CPUs.
pub(crate) fn nodes(bandwidths: &[u32]) -> Vec<Node> {
    bandwidths
        .iter()
        .map(|&bandwidth| Node {
            bandwidth,
            has_cpus: true,
        })
        .collect()
}

/// Limits, which must be valid.
pub(crate) fn limits(max_cycle: u32, target: u32) -> Limits {
    Limits {
        max_cycle: Some(MaxCycle::new(max_cycle).unwrap()),
        target: Target::new(target).unwrap(),
    }
}

/// Few cases of each test are slow, and the seed of a failure is worth less than its smallest
/// input, which is printed.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A bandwidth that is known: small ones make ties, ordinary ones occur, any other may.
pub(crate) fn any_known() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 1..=12_u32,
        4 => 1_000..=1_000_000_u32,
        1 => 1..=u32::MAX,
        1 => select(vec![1, (1 << 27) - 1, 1 << 27, (1 << 27) + 1, u32::MAX - 1, u32::MAX]),
    ]
}

/// A node, whose bandwidth may be unknown.
pub(crate) fn any_node() -> impl Strategy<Value = Node> {
    (prop_oneof![4 => any_known(), 1 => Just(0)], any::<bool>()).prop_map(
        |(bandwidth, has_cpus)| Node {
            bandwidth,
            has_cpus,
        },
    )
}

/// Up to `most` nodes.
pub(crate) fn any_nodes(most: usize) -> impl Strategy<Value = Vec<Node>> {
    vec(any_node(), 0..=most)
}

/// A bound of the cycle, more often a small one.
pub(crate) fn any_max_cycle() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 1..=64_u32, 2 => 1..=600_u32, 1 => 1..=4096_u32]
}

/// A target, more often an ambitious one.
pub(crate) fn any_target() -> impl Strategy<Value = u32> {
    prop_oneof![1 => 1..=1000_u32, 2 => 900..=1000_u32, 1 => Just(1000)]
}

/// Limits of any kind.
pub(crate) fn any_limits() -> impl Strategy<Value = Limits> {
    (
        proptest::option::weighted(0.9, any_max_cycle()),
        any_target(),
    )
        .prop_map(|(max_cycle, target)| Limits {
            max_cycle: max_cycle.map(|pages| MaxCycle::new(pages).unwrap()),
            target: Target::new(target).unwrap(),
        })
}
