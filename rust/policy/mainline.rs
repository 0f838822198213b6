// SPDX-License-Identifier: GPL-2.0

//! What Linux computes: `reduce_interleave_weights()` in `mm/mempolicy.c` of 7.2, bit for bit.
//!
//! All bandwidths are scaled together into [`WEIGHTINESS`] parts, rounded down but to no less than
//! 1, and divided by their greatest common divisor.

use super::{
    node::{aggregate, Node},
    weights::reduce,
};
use core::num::NonZeroU32;

/// The parts into which the aggregate bandwidth is divided, `weightiness` in `mm/mempolicy.c`.
const WEIGHTINESS: u32 = 32;

/// Stores mainline's weight of each of `nodes` in `weights`.
pub(super) fn compute(nodes: &[Node], weights: &mut [u8]) {
    let total = aggregate(nodes.iter().map(|node| node.bandwidth));

    for (weight, node) in weights.iter_mut().zip(nodes) {
        *weight = share(node.bandwidth, total);
    }
    reduce(weights);
}

/// The share of `bandwidth` in `total` (both in MB/s), in parts of [`WEIGHTINESS`] and at least 1.
///
/// The product has 32 bits in the kernel too: from 2^27 MB/s on it wraps.
fn share(bandwidth: u32, total: u64) -> u8 {
    let scaled = WEIGHTINESS.wrapping_mul(bandwidth);

    match u32::try_from(total).ok().and_then(NonZeroU32::new) {
        // The quotient is at most `WEIGHTINESS`, as `bandwidth` is at most `total`.
        Some(total) if total.get() < scaled => u8::try_from(scaled / total).unwrap_or(u8::MAX),
        _ => 1,
    }
}
