// SPDX-License-Identifier: GPL-2.0

//! How well the algorithms do on machines that exist.

use crate::inputs;
use numaweave_policy::{cycle, efficiency_ppm, Algorithm, Limits};

/// Rows as `numaweave-plan` reads them.
const MACHINES: &str = include_str!("../machines.txt");

fn machines() -> Vec<Vec<u32>> {
    MACHINES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect()
        })
        .collect()
}

/// Mean and least efficiency in ppm, and the median cycle, of the machines.
fn summary(algorithm: Algorithm) -> (u32, u32, u32) {
    let machines = machines();
    let count = u32::try_from(machines.len()).unwrap();
    let (mut cycles, efficiencies): (Vec<u32>, Vec<u32>) = machines
        .iter()
        .map(|bandwidths| {
            let nodes = inputs::nodes(bandwidths);
            let weights = inputs::weights(algorithm, &nodes, Limits::default());
            (cycle(&weights), efficiency_ppm(&nodes, &weights))
        })
        .unzip();

    cycles.sort_unstable();
    (
        efficiencies.iter().sum::<u32>() / count,
        *efficiencies.iter().min().unwrap(),
        cycles[cycles.len() / 2],
    )
}

#[test]
fn the_file_is_read() {
    assert_eq!(machines().len(), 34);
    assert!(machines()
        .iter()
        .all(|bandwidths| bandwidths.len() >= 2 && !bandwidths.contains(&0)));
}

#[test]
fn balanced_uses_nearly_all_with_short_cycles() {
    let (mean, least, median) = summary(Algorithm::Balanced);
    assert!(mean >= 996_000, "{mean}");
    assert!(least >= 990_000, "{least}");
    assert_eq!(median, 4);
}

#[test]
fn mainline_wastes_up_to_a_third_with_long_cycles() {
    let (mean, least, median) = summary(Algorithm::Mainline);
    assert!((960_000..970_000).contains(&mean), "{mean}");
    assert!((679_000..681_000).contains(&least), "{least}");
    assert_eq!(median, 31);
}
