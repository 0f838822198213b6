// SPDX-License-Identifier: GPL-2.0

//! Mainline's order: each weight as one run of turns.

use super::Turn;
use core::num::NonZeroU64;

/// The turn at `index`, counted from 0 and taken modulo the cycle. [`None`] if all weights are 0.
///
/// Goes over the weights twice, and needs no memory for them: they come from an iterator. Those
/// after the first [`NODES_LIMIT`](super::NODES_LIMIT) are left out. May be called from any
/// context.
#[must_use]
pub fn run_at(weights: impl Iterator<Item = u8> + Clone, index: u64) -> Option<Turn> {
    let cycle =
        runs(weights.clone()).fold(0, |sum: u64, run| sum.saturating_add(run.remaining.into()));
    let mut ahead = index % NonZeroU64::new(cycle)?;

    for run in runs(weights) {
        let length = u64::from(run.remaining);
        if ahead < length {
            return Some(Turn {
                remaining: u8::try_from(length.saturating_sub(ahead)).ok()?,
                ..run
            });
        }
        ahead = ahead.saturating_sub(length);
    }
    None
}

/// The turn after the one that `cursor` is; the first one of the cycle comes after the last one.
///
/// [`None`] if the cycle has no such turn as `cursor`. May be called from any context.
#[must_use]
pub fn run_after(weights: impl Iterator<Item = u8> + Clone, cursor: Turn) -> Option<Turn> {
    let mut after = runs(weights.clone()).skip_while(|run| run.node != cursor.node);
    let own = after.next()?;

    match cursor.remaining {
        0 => None,
        remaining if remaining > own.remaining => None,
        1 => after.chain(runs(weights)).next(),
        remaining => Some(Turn {
            remaining: remaining.saturating_sub(1),
            ..cursor
        }),
    }
}

/// The first turn of each node that has any.
fn runs(weights: impl Iterator<Item = u8>) -> impl Iterator<Item = Turn> {
    (0..=u16::MAX)
        .zip(weights)
        .map(|(node, remaining)| Turn { node, remaining })
        .filter(|run| run.remaining != 0)
}
