// SPDX-License-Identifier: GPL-2.0

//! The balanced algorithm: chosen cases, and all small ones by brute force.

use crate::{
    inputs,
    inputs::{balanced, limits, nodes},
    oracle::{self, Fraction},
};
use numaweave_policy::{cycle, Limits, Node};
use proptest::prelude::*;

fn by_default(bandwidths: &[u32]) -> Vec<u8> {
    balanced(&nodes(bandwidths), Limits::default())
}

fn node(bandwidth: u32) -> Node {
    Node {
        bandwidth,
        has_cpus: true,
    }
}

fn cpuless(bandwidth: u32) -> Node {
    Node {
        bandwidth,
        has_cpus: false,
    }
}

#[test]
fn known_values() {
    let cases: &[(&[u32], &[u8])] = &[
        (&[], &[]),
        (&[0], &[1]),
        (&[1], &[1]),
        (&[u32::MAX], &[1]),
        (&[0, 0, 0], &[1, 1, 1]),
        (&[300, 100, 50], &[6, 2, 1]),
        (&[600, 15], &[40, 1]),
        (&[55_263, 55_268], &[1, 1]),
        (&[134_217_728, 1, 1], &[253, 1, 1]),
        (&[u32::MAX, u32::MAX], &[1, 1]),
    ];
    for &(bandwidths, expected) in cases {
        assert_eq!(by_default(bandwidths), expected, "{bandwidths:?}");
    }
}

#[test]
fn a_weight_is_at_most_255() {
    // 300:1 is out of reach.
    assert_eq!(balanced(&nodes(&[300, 1]), limits(4096, 1000)), [255, 1]);
    assert_eq!(
        balanced(&nodes(&[3000, 10, 1500]), limits(4096, 1000)),
        [255, 1, 150]
    );
    // All wait for the last node whatever the weights are: only more pages for the others help.
    assert_eq!(
        balanced(&nodes(&[1_000_000, 600_000, 1]), limits(4096, 1000)),
        [255, 255, 1]
    );
}

#[test]
fn a_target_out_of_reach_takes_the_best_there_is() {
    assert_eq!(balanced(&nodes(&[200, 100]), limits(2, 1000)), [1, 1]);
    // 98 %; with more pages, as 7:4 or 7:5, it is less.
    assert_eq!(balanced(&nodes(&[8, 5]), limits(12, 1000)), [5, 3]);
    // 2:1, 3:2 and 4:2 all have 15/16: the shortest is taken.
    assert_eq!(balanced(&nodes(&[5, 3]), limits(7, 1000)), [2, 1]);
    assert_eq!(balanced(&nodes(&[5, 3]), limits(8, 1000)), [5, 3]);
}

#[test]
fn the_first_of_equals_gets_the_page() {
    // Of 4 pages the odd one can go to either of the fast nodes.
    assert_eq!(balanced(&nodes(&[5, 5, 2]), limits(4, 1000)), [2, 1, 1]);
    assert_eq!(balanced(&nodes(&[2, 5, 5]), limits(4, 1000)), [1, 2, 1]);
}

#[test]
fn more_nodes_than_pages_have_one_each() {
    assert_eq!(
        balanced(&nodes(&[300, 100, 50]), limits(2, 1000)),
        [1, 1, 1]
    );
    assert_eq!(
        balanced(&nodes(&[300, 100, 50]), limits(3, 1000)),
        [1, 1, 1]
    );
    assert_eq!(by_default(&vec![7; 5000]), vec![1; 5000]);

    // Four thousand nodes leave 96 of 4096 pages.
    let weights = balanced(&nodes(&[7; 4000]), limits(4096, 1000));
    assert_eq!(weights, [1; 4000]);
}

#[test]
fn an_unknown_node_with_cpus_is_as_fast_as_the_fastest() {
    assert_eq!(balanced(&[node(0), cpuless(64)], Limits::default()), [1, 1]);
    assert_eq!(
        balanced(&[node(0), node(300), cpuless(100)], Limits::default()),
        [3, 3, 1]
    );
}

#[test]
fn an_unknown_node_without_cpus_has_one_page() {
    assert_eq!(
        balanced(&[cpuless(0), node(300), node(100)], Limits::default()),
        [1, 3, 1]
    );
    // Its page counts in the cycle: beside it 3:1 needs 5 pages.
    assert_eq!(
        balanced(&[node(300), node(100), cpuless(0)], limits(5, 1000)),
        [3, 1, 1]
    );
    assert_eq!(
        balanced(&[node(300), node(100), cpuless(0)], limits(4, 1000)),
        [2, 1, 1]
    );
    assert_eq!(
        balanced(&[cpuless(0), cpuless(0)], Limits::default()),
        [1, 1]
    );
}

#[test]
fn only_unknown_nodes_have_one_page_each() {
    assert_eq!(
        balanced(&[node(0), cpuless(0), node(0)], Limits::default()),
        [1, 1, 1]
    );
}

/// For each sum of weights up to `most`, from 0 on, the largest efficiency; 0 where there is none.
fn best_by_sum(nodes: &[Node], most: usize) -> Vec<Fraction> {
    fn visit(nodes: &[Node], weights: &mut Vec<u8>, left: usize, best: &mut [Fraction]) {
        let missing = nodes.len() - weights.len();
        if missing == 0 {
            let sum = best.len() - 1 - left;
            best[sum] = best[sum].max(oracle::efficiency(nodes, weights));
            return;
        }
        let alone = nodes[weights.len()] == cpuless(0);
        let largest = if alone {
            1
        } else {
            (left + 1).saturating_sub(missing)
        };
        for weight in 1..=largest {
            weights.push(u8::try_from(weight).unwrap());
            visit(nodes, weights, left - weight, best);
            weights.pop();
        }
    }

    let mut best = vec![Fraction::new(0_u8, 1_u8); most + 1];
    if nodes.len() <= most {
        visit(nodes, &mut Vec::new(), most, &mut best);
    }
    best
}

/// Checks all limits up to `most` pages against all weights there are.
fn check_all_limits(nodes: &[Node], most: usize) {
    let best = best_by_sum(nodes, most);

    for max_cycle in nodes.len().max(1)..=most {
        let admitted = &best[nodes.len()..=max_cycle];
        for target in [1, 400, 800, 950, 990, 1000] {
            let enough = Fraction::per_mille(target);
            let largest = *admitted.iter().max().unwrap();
            let wanted = largest.min(enough);
            let sum = nodes.len()
                + admitted
                    .iter()
                    .position(|&reached| reached >= wanted)
                    .unwrap();

            let weights = balanced(nodes, limits(u32::try_from(max_cycle).unwrap(), target));
            let what = format!("{nodes:?} max_cycle {max_cycle} target {target}: {weights:?}");
            assert_eq!(usize::try_from(cycle(&weights)).unwrap(), sum, "{what}");
            assert_eq!(oracle::efficiency(nodes, &weights), best[sum], "{what}");
        }
    }
}

/// All bandwidths up to 12 on up to three nodes, the unknown included.
#[test]
fn brute_force_up_to_three_nodes() {
    let kinds: Vec<Node> = [cpuless(0), node(0)]
        .into_iter()
        .chain((1..=12).map(node))
        .collect();

    check_all_limits(&[], 24);
    for &first in &kinds {
        check_all_limits(&[first], 24);
        for &second in &kinds {
            check_all_limits(&[first, second], 24);
            for &third in &kinds {
                check_all_limits(&[first, second, third], 24);
            }
        }
    }
}

proptest! {
    #![proptest_config(inputs::config(200))]

    #[test]
    fn brute_force_two_nodes_of_any_bandwidth(first in inputs::any_known(), second in inputs::any_known()) {
        check_all_limits(&nodes(&[first, second]), 100);
    }

    #[test]
    fn brute_force_four_nodes_of_any_bandwidth(bandwidths: [u32; 4]) {
        check_all_limits(&nodes(&bandwidths.map(|bandwidth| bandwidth.max(1))), 20);
    }
}

proptest! {
    #![proptest_config(inputs::config(3_000))]

    /// Down to who gets the odd page.
    #[test]
    fn equals_plain_dhondt(nodes in inputs::any_nodes(7), limits in inputs::any_limits()) {
        prop_assert_eq!(balanced(&nodes, limits), oracle::balanced(&nodes, limits));
    }
}
