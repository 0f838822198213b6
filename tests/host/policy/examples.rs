// SPDX-License-Identifier: GPL-2.0

//! The table of examples that the module's KUnit suites check too.

use numaweave_policy::{compute, efficiency_ppm, examples::EXAMPLES, Algorithm, Candidate, Limits};

#[test]
fn both_algorithms_match_the_table() {
    assert!(!EXAMPLES.is_empty());
    for example in EXAMPLES {
        for (algorithm, expected, ppm) in [
            (Algorithm::Mainline, example.mainline, example.mainline_ppm),
            (Algorithm::Balanced, example.balanced, example.balanced_ppm),
        ] {
            let mut scratch = vec![Candidate::default(); example.nodes.len()];
            let mut weights = vec![0; example.nodes.len()];

            compute(
                algorithm,
                example.nodes,
                Limits::default(),
                &mut scratch,
                &mut weights,
            )
            .unwrap();
            assert_eq!(weights, expected, "{}: {}", example.name, algorithm.name());
            assert_eq!(
                efficiency_ppm(example.nodes, &weights),
                ppm,
                "{}: {}",
                example.name,
                algorithm.name()
            );
        }
    }
}
