// SPDX-License-Identifier: GPL-2.0

//! The efficiency of weights.

use crate::{inputs, inputs::nodes, oracle};
use numaweave_policy::{efficiency_ppm, Node};
use proptest::{collection::vec, prelude::*};

#[test]
fn known_values() {
    let cases: &[(&[u32], &[u8], u32)] = &[
        (&[300, 100, 50], &[6, 2, 1], 1_000_000),
        (&[300, 100, 50], &[21, 7, 3], 984_126),
        (&[300, 100, 50], &[1, 1, 1], 333_333),
        (&[600, 15], &[31, 1], 780_487),
        (&[600, 15], &[40, 1], 1_000_000),
        (&[1, 1], &[255, 1], 501_960),
        // A node that gets no page wastes its bandwidth.
        (&[300, 100], &[1, 0], 750_000),
        (&[300, 100], &[0, 0], 0),
        (&[u32::MAX, u32::MAX], &[1, 1], 1_000_000),
        (&[u32::MAX, 1], &[1, 1], 0),
        (&[], &[], 0),
        (&[0, 0], &[1, 1], 0),
    ];
    for &(bandwidths, weights, ppm) in cases {
        assert_eq!(
            efficiency_ppm(&nodes(bandwidths), weights),
            ppm,
            "{bandwidths:?} {weights:?}"
        );
    }
}

#[test]
fn an_unknown_node_counts_by_its_cpus() {
    let with = |has_cpus| {
        [
            Node {
                bandwidth: 100,
                has_cpus: true,
            },
            Node {
                bandwidth: 0,
                has_cpus,
            },
        ]
    };

    // As 100 and 100.
    assert_eq!(efficiency_ppm(&with(true), &[1, 1]), 1_000_000);
    assert_eq!(efficiency_ppm(&with(true), &[2, 1]), 750_000);
    // As 100 alone.
    assert_eq!(efficiency_ppm(&with(false), &[1, 1]), 1_000_000);
    assert_eq!(efficiency_ppm(&with(false), &[1, 255]), 1_000_000);
}

#[test]
fn the_longer_slice_is_cut() {
    let three = nodes(&[300, 100, 50]);
    assert_eq!(efficiency_ppm(&three, &[3, 1]), 1_000_000);
    assert_eq!(efficiency_ppm(&three, &[6, 2, 1, 255]), 1_000_000);
}

#[test]
fn a_row_as_long_as_a_cycle_can_be_is_exact() {
    let mut nodes = nodes(&[u32::MAX; 4096]);
    assert_eq!(efficiency_ppm(&nodes, &[255; 4096]), 1_000_000);

    nodes[4095].bandwidth -= 1;
    let mut weights = [255; 4096];
    assert_eq!(
        u128::from(efficiency_ppm(&nodes, &weights)),
        oracle::efficiency(&nodes, &weights).ppm()
    );
    weights[0] = 254;
    assert_eq!(
        u128::from(efficiency_ppm(&nodes, &weights)),
        oracle::efficiency(&nodes, &weights).ppm()
    );
}

proptest! {
    #![proptest_config(inputs::config(20_000))]

    #[test]
    fn equals_the_oracle(pairs in vec((inputs::any_node(), any::<u8>()), 0..40)) {
        let (nodes, weights): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        prop_assert_eq!(u128::from(efficiency_ppm(&nodes, &weights)), oracle::efficiency(&nodes, &weights).ppm());
    }
}
