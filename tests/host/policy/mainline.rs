// SPDX-License-Identifier: GPL-2.0

//! Mainline's algorithm. Its true oracle is a running kernel, which the guest's tests ask.

use crate::{inputs, inputs::nodes, oracle};
use numaweave_policy::Node;
use proptest::prelude::*;

fn mainline(bandwidths: &[u32]) -> Vec<u8> {
    inputs::mainline(&nodes(bandwidths))
}

#[test]
fn known_values() {
    let cases: &[(&[u32], &[u8])] = &[
        (&[], &[]),
        (&[0], &[1]),
        (&[1], &[1]),
        (&[u32::MAX], &[1]),
        (&[0, 0, 0], &[1, 1, 1]),
        (&[300, 100, 50], &[21, 7, 3]),
        (&[600, 15], &[31, 1]),
        (&[307_200, 10_240], &[30, 1]),
        (&[55_263, 55_268], &[15, 16]),
        // One part exactly, and a bit less than one: both are 1.
        (&[31, 1], &[31, 1]),
        (&[310, 9], &[31, 1]),
        // Only the second node reports.
        (&[0, 64_000], &[1, 32]),
    ];
    for &(bandwidths, expected) in cases {
        assert_eq!(mainline(bandwidths), expected, "{bandwidths:?}");
    }
}

#[test]
fn the_product_wraps_at_32_bits() {
    let cases: &[(&[u32], &[u8])] = &[
        ((&[(1 << 27) - 1, 1, 1]), &[31, 1, 1]),
        // 32 * 2^27 is 0.
        ((&[1 << 27, 1, 1]), &[1, 1, 1]),
        ((&[(1 << 27) + 1, 1, 1]), &[1, 1, 1]),
        // 32 * (3 * 2^26) is 2^31, ten times the sum of nothing else: 2^31 / (3 * 2^26 + 2) is 10.
        ((&[3 << 26, 1, 1]), &[10, 1, 1]),
        // The sum does not fit into 32 bits.
        ((&[u32::MAX, u32::MAX]), &[1, 1]),
        ((&[u32::MAX, 1]), &[1, 1]),
    ];
    for &(bandwidths, expected) in cases {
        assert_eq!(mainline(bandwidths), expected, "{bandwidths:?}");
    }
}

#[test]
fn cpus_do_not_matter() {
    for has_cpus in [false, true] {
        let nodes = [3, 0, 1].map(|bandwidth| Node {
            bandwidth,
            has_cpus,
        });
        assert_eq!(inputs::mainline(&nodes), [24, 1, 8]);
    }
}

proptest! {
    #![proptest_config(inputs::config(20_000))]

    #[test]
    fn equals_the_oracle(nodes in inputs::any_nodes(40)) {
        prop_assert_eq!(inputs::mainline(&nodes), oracle::mainline(&nodes));
    }
}
