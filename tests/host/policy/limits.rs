// SPDX-License-Identifier: GPL-2.0

//! Ranges of what users can set, and sizes of what callers provide.

use crate::inputs::nodes;
use numaweave_policy::{
    compute, cycle, default_max_cycle, Algorithm, Candidate, Limits, MaxCycle, SizeMismatch, Target,
};

#[test]
fn a_max_cycle_is_from_1_to_4096() {
    for pages in [1, 2, 255, 4095, 4096] {
        assert_eq!(MaxCycle::new(pages).map(MaxCycle::get), Some(pages));
    }
    for pages in [0, 4097, 65_535, 65_536, 65_537, u32::MAX] {
        assert_eq!(MaxCycle::new(pages), None);
    }
}

#[test]
fn a_target_is_from_1_to_1000() {
    for permille in [1, 2, 990, 999, 1000] {
        assert_eq!(Target::new(permille).map(Target::get), Some(permille));
    }
    for permille in [0, 1001, 65_536, 65_537, u32::MAX] {
        assert_eq!(Target::new(permille), None);
    }
    assert_eq!(Target::default().get(), 990);
}

#[test]
fn the_default_cycle_grows_with_the_nodes() {
    let cases = [
        (0, 255),
        (1, 255),
        (31, 255),
        (32, 256),
        (100, 800),
        (511, 4088),
        (512, 4096),
        (513, 4096),
    ];
    for (nodes, pages) in cases {
        assert_eq!(default_max_cycle(nodes).get(), pages);
        assert_eq!(Limits::default().max_cycle(nodes).get(), pages);
    }
    assert_eq!(default_max_cycle(8192).get(), 4096);
    assert_eq!(default_max_cycle(usize::MAX).get(), 4096);

    let own = Limits {
        max_cycle: MaxCycle::new(7),
        ..Limits::default()
    };
    assert_eq!(own.max_cycle(100).get(), 7);
}

#[test]
fn too_little_space_is_refused_and_nothing_changed() {
    let nodes = nodes(&[300, 100, 50]);

    for algorithm in Algorithm::ALL {
        for (candidates, places) in [(2, 3), (3, 2), (0, 3), (3, 0)] {
            let mut scratch = vec![Candidate::default(); candidates];
            let mut weights = vec![77; places];
            let result = compute(
                algorithm,
                &nodes,
                Limits::default(),
                &mut scratch,
                &mut weights,
            );
            assert_eq!(result, Err(SizeMismatch));
            assert_eq!(weights, vec![77; places]);
        }
    }
    assert_eq!(
        SizeMismatch.to_string(),
        "the memory given does not have the size that the nodes ask for"
    );
}

#[test]
fn more_space_is_left_alone() {
    let nodes = nodes(&[300, 100, 50]);

    for (algorithm, expected) in [
        (Algorithm::Balanced, [6, 2, 1, 77, 77]),
        (Algorithm::Mainline, [21, 7, 3, 77, 77]),
    ] {
        let mut scratch = vec![Candidate::default(); 9];
        let mut weights = [77; 5];
        compute(
            algorithm,
            &nodes,
            Limits::default(),
            &mut scratch,
            &mut weights,
        )
        .unwrap();
        assert_eq!(weights, expected);
    }
}

#[test]
fn what_scratch_holds_does_not_matter() {
    let mut scratch = vec![Candidate::default(); 3];

    for _ in 0..2 {
        for bandwidths in [[1, 2, 255], [300, 100, 50], [0, 0, 0], [50, 100, 300]] {
            let nodes = nodes(&bandwidths);
            let mut weights = [0; 3];
            compute(
                Algorithm::Balanced,
                &nodes,
                Limits::default(),
                &mut scratch,
                &mut weights,
            )
            .unwrap();
            assert_eq!(
                weights.to_vec(),
                crate::inputs::balanced(&nodes, Limits::default())
            );
        }
    }
}

#[test]
fn a_cycle_is_the_sum() {
    assert_eq!(cycle(&[]), 0);
    assert_eq!(cycle(&[6, 2, 1]), 9);
    assert_eq!(cycle(&[255; 4096]), 255 * 4096);
}
