// SPDX-License-Identifier: GPL-2.0

//! What Linux computes: `reduce_interleave_weights()` in `mm/mempolicy.c` of 7.2, bit for bit.
//!
//! All bandwidths are scaled together into [`WEIGHTINESS`] parts, rounded down but to no less than
//! 1, and divided by their greatest common divisor.

use super::{
    node::{aggregate, Node},
    weights::divisor,
};
use core::num::{NonZeroU32, NonZeroU8};

/// The parts into which the aggregate bandwidth is divided, `weightiness` in `mm/mempolicy.c`.
const WEIGHTINESS: u32 = 32;

/// Stores mainline's weight of each of `nodes` in `weights`.
pub(super) fn compute(nodes: &[Node], weights: &mut [u8]) {
    let computed = mainline_weights(nodes.iter().map(|node| node.bandwidth));

    for (weight, computed) in weights.iter_mut().zip(computed) {
        *weight = computed;
    }
}

/// Mainline's weight for each of `bandwidths` (MB/s, 0 is unknown), in their order. Needs no memory.
pub fn mainline_weights(bandwidths: impl Iterator<Item = u32> + Clone) -> impl Iterator<Item = u8> {
    let total = aggregate(bandwidths.clone());
    let parts = bandwidths.map(move |bandwidth| share(bandwidth, total));
    let divisor = divisor(parts.clone()).unwrap_or(NonZeroU8::MIN);

    parts.map(move |part| part / divisor)
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
