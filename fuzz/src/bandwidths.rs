// SPDX-License-Identifier: GPL-2.0

//! Bandwidths to weights, by both algorithms.

use crate::oracle;
use arbitrary::{Result, Unstructured};
use numaweave_policy::{
    compute, cycle, efficiency_ppm, Algorithm, Candidate, Limits, MaxCycle, Node, SizeMismatch,
    Target,
};

/// The host tests' oracle looks at every cycle there can be and all nodes of each, which takes a
/// while.
const MOST_TO_JUDGE: u32 = 4096;

/// Checks the weights for some nodes.
///
/// # Panics
///
/// If they break a guarantee.
pub fn check(data: &[u8]) {
    let Ok((limits, nodes)) = draw(&mut Unstructured::new(data)) else {
        return;
    };
    let mainline = checked(Algorithm::Mainline, &nodes, limits);
    let balanced = checked(Algorithm::Balanced, &nodes, limits);

    assert_eq!(mainline, oracle::mainline(&nodes));
    check_balanced(&nodes, limits, &balanced, &mainline);
}

/// Nodes with bandwidths of one to four bytes, many of them equal or unknown.
fn draw(input: &mut Unstructured<'_>) -> Result<(Limits, Vec<Node>)> {
    let max_cycle = MaxCycle::new(input.int_in_range(0..=4096_u32)?);
    let target = Target::new(input.int_in_range(0..=1000_u32)?).unwrap_or_default();
    let mut nodes: Vec<Node> = Vec::new();

    while !input.is_empty() && nodes.len() < 100 {
        let shape: u8 = input.arbitrary()?;
        let bandwidth = match shape & 7 {
            0 => 0,
            1 => nodes.last().map_or(1, |node| node.bandwidth),
            2 => u32::MAX,
            3 => input.arbitrary::<u8>()?.into(),
            4 | 5 => input.arbitrary::<u16>()?.into(),
            _ => input.arbitrary()?,
        };
        nodes.push(Node {
            bandwidth,
            has_cpus: shape & 8 != 0,
        });
    }
    Ok((Limits { max_cycle, target }, nodes))
}

/// The weights, with what holds for any algorithm.
fn checked(algorithm: Algorithm, nodes: &[Node], limits: Limits) -> Vec<u8> {
    let mut scratch = vec![Candidate::default(); nodes.len() + 1];
    let mut weights = vec![77; nodes.len() + 2];
    compute(algorithm, nodes, limits, &mut scratch, &mut weights).unwrap();

    let mut again = vec![0; nodes.len()];
    compute(
        algorithm,
        nodes,
        limits,
        &mut scratch[..nodes.len()],
        &mut again,
    )
    .unwrap();
    assert_eq!(weights[..nodes.len()], again, "scratch has no say");
    assert_eq!(weights.split_off(nodes.len()), [77, 77]);

    if let Some(few) = nodes.len().checked_sub(1) {
        let mut place = vec![77; few];
        let refused = compute(algorithm, nodes, limits, &mut scratch, &mut place);
        assert_eq!(refused, Err(SizeMismatch));
        assert_eq!(place, vec![77; few]);
        assert!(weights.iter().all(|&weight| weight >= 1));
        assert_eq!(weights.iter().fold(0, |a, &b| gcd(a, b)), 1);
    }
    let ppm = efficiency_ppm(nodes, &weights);
    assert!(ppm <= 1_000_000);
    assert_eq!(
        u128::from(ppm),
        oracle::efficiency(nodes, &weights).ppm(),
        "the definition, in wide arithmetic"
    );
    weights
}

fn check_balanced(nodes: &[Node], limits: Limits, weights: &[u8], mainline: &[u8]) {
    let count = u32::try_from(nodes.len()).unwrap();
    let max_cycle = limits.max_cycle(nodes.len()).get();
    let target = oracle::Fraction::per_mille(limits.target.get());
    let reached = oracle::efficiency(nodes, weights);

    assert!(cycle(weights) <= max_cycle.max(count));
    if cycle(mainline) <= max_cycle && oracle::counted(nodes).iter().any(Option::is_some) {
        // Mainline leaves out nodes of which nothing is known, with weight 1.
        assert!(reached >= target.min(oracle::efficiency(nodes, mainline)));
    }
    assert!(oracle::is_best_of_its_sum(nodes, weights));
    assert_eq!(weights, walked(nodes, cycle(weights)));
    if count * max_cycle <= MOST_TO_JUDGE {
        assert_eq!(oracle::judge(nodes, limits, weights), Ok(()));
    }
    check_scaled(nodes, limits, weights);
}

/// D'Hondt's walk to weights of the sum `cycle`: the first of equals gets the next page.
fn walked(nodes: &[Node], cycle: u32) -> Vec<u8> {
    let counted = oracle::counted(nodes);
    let mut weights = vec![1_u8; nodes.len()];

    for _ in u32::try_from(nodes.len()).unwrap()..cycle {
        let mut next: Option<(u64, u64, usize)> = None;
        for (node, &weight) in weights.iter().enumerate() {
            let (Some(bandwidth), true) = (counted[node], weight < 255) else {
                continue;
            };
            let (over, under) = (u64::from(bandwidth), u64::from(weight) + 1);
            if next.is_none_or(|(best, of, _)| over * of > best * under) {
                next = Some((over, under, node));
            }
        }
        let (_, _, node) = next.expect("weights of this sum were found");
        weights[node] += 1;
    }
    weights
}

/// A constant factor changes nothing.
fn check_scaled(nodes: &[Node], limits: Limits, weights: &[u8]) {
    let scaled: Option<Vec<Node>> = nodes
        .iter()
        .map(|node| {
            Some(Node {
                bandwidth: node.bandwidth.checked_mul(3)?,
                ..*node
            })
        })
        .collect();
    let Some(scaled) = scaled else {
        return;
    };
    let mut scratch = vec![Candidate::default(); nodes.len()];
    let mut again = vec![0; nodes.len()];
    compute(
        Algorithm::Balanced,
        &scaled,
        limits,
        &mut scratch,
        &mut again,
    )
    .unwrap();
    assert_eq!(weights, again);
}

fn gcd(a: u8, b: u8) -> u8 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}
