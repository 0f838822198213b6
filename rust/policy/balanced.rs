// SPDX-License-Identifier: GPL-2.0

//! The shortest cycle that is good enough.
//!
//! Among all weights of 1 to 255 whose sum is at most `max_cycle`, those with the smallest sum
//! whose efficiency reaches the target; if none does, those with the largest efficiency, and of
//! these the smallest sum. For each sum the D'Hondt walk visits weights of the largest efficiency,
//! so one walk meets them all.
//!
//! The result never has a common divisor: weights divided by one have the same efficiency at a
//! smaller sum, and would have been taken.

use super::{
    dhondt::Walk,
    node::{aggregate, usable_bandwidths},
    Candidate, Limits, Node,
};

/// Stores the balanced weight of each of `nodes` in `weights`. `scratch` is as long as `nodes`.
///
/// A node that is left out of the walk has weight 1, which counts in the cycle; so has each node
/// where there are more of them than the cycle may have pages.
pub(super) fn compute(
    nodes: &[Node],
    limits: Limits,
    scratch: &mut [Candidate],
    weights: &mut [u8],
) {
    let bandwidths = usable_bandwidths(nodes);
    let total = aggregate(bandwidths.clone());
    let max_cycle = bandwidths
        .clone()
        .filter(|&bandwidth| bandwidth == 0)
        .fold(limits.max_cycle(nodes.len()).get(), |pages, _| {
            pages.saturating_sub(1)
        });

    weights.fill(1);

    let Some(mut walk) = Walk::new(bandwidths.clone(), scratch) else {
        return;
    };
    let mut best = walk.throughput();
    while !walk.throughput().reaches(limits.target, total) {
        if walk.throughput().exceeds(best) {
            best = walk.throughput();
        }
        if walk.throughput().cycle >= max_cycle || !walk.advance() {
            // Out of reach. Walking once more to the best sum costs less memory than keeping its
            // weights.
            let Some(again) = Walk::new(bandwidths, scratch) else {
                return;
            };
            walk = again;
            while walk.throughput().cycle < best.cycle && walk.advance() {}
            break;
        }
    }
    walk.store(weights);
}
