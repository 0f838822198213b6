// SPDX-License-Identifier: GPL-2.0

//! What the policy has to compute, written down a second time: in wide arithmetic, from the
//! definitions, without regard to cost.

use numaweave_policy::{Limits, Node};
use std::cmp::Ordering;

/// A fraction of whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fraction {
    pub(crate) over: u128,
    pub(crate) under: u128,
}

impl Fraction {
    pub(crate) fn new(over: impl Into<u128>, under: impl Into<u128>) -> Self {
        let (over, under) = (over.into(), under.into());
        assert_ne!(under, 0);
        Self { over, under }
    }

    pub(crate) fn per_mille(target: u32) -> Self {
        Self::new(target, 1000_u32)
    }

    pub(crate) fn ppm(self) -> u128 {
        self.over * 1_000_000 / self.under
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.over * other.under).cmp(&(other.over * self.under))
    }
}

/// The bandwidth that each node counts with; [`None`] if it does not count.
pub(crate) fn counted(nodes: &[Node]) -> Vec<Option<u32>> {
    let known: Vec<u32> = nodes
        .iter()
        .map(|node| node.bandwidth)
        .filter(|&bw| bw != 0)
        .collect();
    nodes
        .iter()
        .map(|node| match (node.bandwidth, node.has_cpus) {
            (0, true) => known.iter().max().copied(),
            (0, false) => None,
            (bandwidth, _) => Some(bandwidth),
        })
        .collect()
}

/// The bandwidths of the nodes that count.
fn counted_only(nodes: &[Node]) -> Vec<u32> {
    counted(nodes).into_iter().flatten().collect()
}

/// The efficiency of `weights`, by its definition; 0 where no node counts.
pub(crate) fn efficiency(nodes: &[Node], weights: &[u8]) -> Fraction {
    let pairs: Vec<(u128, u128)> = counted(nodes)
        .into_iter()
        .zip(weights)
        .filter_map(|(bandwidth, &weight)| Some((bandwidth?.into(), weight.into())))
        .collect();
    let cycle: u128 = pairs.iter().map(|&(_, weight)| weight).sum();
    let total: u128 = pairs.iter().map(|&(bandwidth, _)| bandwidth).sum();

    pairs
        .into_iter()
        .filter(|&(_, weight)| weight != 0)
        .map(|(bandwidth, weight)| Fraction::new(cycle * bandwidth, weight * total))
        .min()
        .unwrap_or(Fraction::new(0_u8, 1_u8))
}

/// Whether some weights of 1 to 255 with the sum `cycle` on nodes of these bandwidths have an
/// efficiency of at least `wanted`, or more than that if `strictly`.
///
/// The efficiency is at least `wanted` if and only if each weight is at most
/// `bandwidth * cycle / (wanted * total)`; so there are such weights if and only if these bounds
/// admit 1 page for each node and `cycle` pages for all.
fn can_reach(bandwidths: &[u32], cycle: u32, wanted: Fraction, strictly: bool) -> bool {
    let total: u128 = bandwidths
        .iter()
        .map(|&bandwidth| u128::from(bandwidth))
        .sum();
    let bounds: Vec<u128> = bandwidths
        .iter()
        .map(|&bandwidth| {
            let over = u128::from(bandwidth) * u128::from(cycle) * wanted.under;
            let under = wanted.over * total;
            let bound = if strictly {
                over.div_ceil(under) - 1
            } else {
                over / under
            };
            bound.min(255)
        })
        .collect();

    bounds.iter().all(|&bound| bound >= 1) && bounds.iter().sum::<u128>() >= u128::from(cycle)
}

/// Says what is wrong with `weights` as the balanced ones, if anything is.
pub(crate) fn judge(nodes: &[Node], limits: Limits, weights: &[u8]) -> Result<(), String> {
    let max_cycle = limits.max_cycle(nodes.len()).get();
    let bandwidths = counted_only(nodes);
    let left_out = u32::try_from(nodes.len() - bandwidths.len()).unwrap();
    let least = u32::try_from(bandwidths.len()).unwrap();

    if weights.contains(&0) {
        return Err("a weight of 0".to_owned());
    }
    if counted(nodes)
        .iter()
        .zip(weights)
        .any(|(counts, &weight)| counts.is_none() && weight != 1)
    {
        return Err("an unknown node without CPUs has more than one page".to_owned());
    }
    if least + left_out >= max_cycle || least == 0 {
        return if weights.iter().all(|&weight| weight == 1) {
            Ok(())
        } else {
            Err("there is room for one page on each node only".to_owned())
        };
    }

    let most = max_cycle - left_out;
    let cycle = weights.iter().map(|&weight| u32::from(weight)).sum::<u32>() - left_out;
    let reached = efficiency(nodes, weights);
    let target = Fraction::per_mille(limits.target.get());
    if cycle > most {
        return Err(format!("a cycle of {cycle} pages where {most} are allowed"));
    }
    if reached >= target {
        return match (least..cycle).find(|&shorter| can_reach(&bandwidths, shorter, target, false))
        {
            None => Ok(()),
            Some(shorter) => Err(format!("a cycle of {shorter} reaches the target too")),
        };
    }
    let better = |&other: &u32| can_reach(&bandwidths, other, reached, other >= cycle);
    match (least..=most).find(better) {
        None => Ok(()),
        Some(other) => Err(format!("a cycle of {other} is preferable")),
    }
}

/// Whether no weights of 1 to 255 with the same sum have a larger efficiency.
pub(crate) fn is_best_of_its_sum(nodes: &[Node], weights: &[u8]) -> bool {
    let bandwidths = counted_only(nodes);
    let cycle = counted(nodes)
        .iter()
        .zip(weights)
        .filter(|(counts, _)| counts.is_some())
        .map(|(_, &weight)| u32::from(weight))
        .sum();

    bandwidths.is_empty() || !can_reach(&bandwidths, cycle, efficiency(nodes, weights), true)
}

/// Balanced weights by a plain D'Hondt apportionment: one page after the other to the node with the
/// largest `bandwidth / (weight + 1)`, the first of equals, started anew for each sum.
pub(crate) fn balanced(nodes: &[Node], limits: Limits) -> Vec<u8> {
    let counts = counted(nodes);
    let target = Fraction::per_mille(limits.target.get());
    let max_cycle = usize::try_from(limits.max_cycle(nodes.len()).get()).unwrap();
    let mut weights = vec![1_u8; nodes.len()];
    let mut best = weights.clone();

    for _ in nodes.len()..=max_cycle {
        if efficiency(nodes, &weights) > efficiency(nodes, &best) {
            best.clone_from(&weights);
        }
        if efficiency(nodes, &best) >= target {
            break;
        }
        let next = (0..nodes.len())
            .filter(|&node| weights[node] < 255)
            .filter_map(|node| {
                Some((
                    Fraction::new(counts[node]?, u32::from(weights[node]) + 1),
                    node,
                ))
            })
            .reduce(|first, other| if other.0 > first.0 { other } else { first });
        match next {
            Some((_, node)) => weights[node] += 1,
            None => break,
        }
    }
    best
}

/// Mainline's weights: `max(1, floor(32 * bandwidth / total))`, where the product is cut to 32
/// bits, divided by their greatest common divisor.
pub(crate) fn mainline(nodes: &[Node]) -> Vec<u8> {
    let total: u128 = nodes.iter().map(|node| u128::from(node.bandwidth)).sum();
    let shares: Vec<u128> = nodes
        .iter()
        .map(|node| {
            (u128::from(node.bandwidth) * 32 % (1 << 32))
                .checked_div(total)
                .unwrap_or(0)
        })
        .map(|share| share.max(1))
        .collect();
    let divisor = (1..=32)
        .rev()
        .find(|divisor| shares.iter().all(|share| share % divisor == 0));

    shares
        .iter()
        .map(|share| u8::try_from(share / divisor.unwrap()).unwrap())
        .collect()
}
