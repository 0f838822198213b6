// SPDX-License-Identifier: GPL-2.0

//! Single turns of the order, found without memory for it.

use super::{cycle, Contender, Turn};
use core::num::NonZeroU64;

/// Most nodes among which turns are found directly.
pub const DIRECT_NODES: usize = 64;

/// Most nodes times turns of a cycle for which turns are found directly: an upper bound of the
/// steps that it takes.
pub const DIRECT_STEPS: u32 = 4096;

/// The turn at `index`, counted from 0 and taken modulo the cycle, of the order that
/// [`fill`](super::fill) stores.
///
/// [`None`] if all weights are 0, or if there are more than [`DIRECT_NODES`] of them or more than
/// [`DIRECT_STEPS`] steps to go. Takes at most so many steps, and no memory but the stack's. May be
/// called from any context.
#[must_use]
pub fn turn_at(weights: &[u8], index: u64) -> Option<Turn> {
    let mut order = Order::new(weights)?;
    let mut ahead = index % NonZeroU64::new(order.cycle.into())?;

    loop {
        let turn = order.next_turn()?;
        if ahead == 0 {
            return Some(turn);
        }
        ahead = ahead.saturating_sub(1);
    }
}

/// The turn after the one that `cursor` is; the first one of the cycle comes after the last one.
///
/// [`None`] where [`turn_at`] has none, and if the cycle has no such turn as `cursor`.
#[must_use]
pub fn turn_after(weights: &[u8], cursor: Turn) -> Option<Turn> {
    let mut order = Order::new(weights)?;
    let first = order.next_turn()?;
    let mut turn = first;

    while turn != cursor {
        turn = order.next_turn()?;
    }
    Some(order.next_turn().unwrap_or(first))
}

/// The order of one cycle, played through.
struct Order<'a> {
    weights: &'a [u8],
    cycle: u32,
    /// Turns that all nodes have had together.
    place: u32,
    /// Turns that each node has had.
    had: [u8; DIRECT_NODES],
}

impl<'a> Order<'a> {
    /// Starts before the first turn. [`None`] if it were too much work.
    fn new(weights: &'a [u8]) -> Option<Self> {
        let cycle = cycle(weights);
        let nodes = u32::try_from(weights.len()).ok()?;

        (weights.len() <= DIRECT_NODES && cycle.saturating_mul(nodes) <= DIRECT_STEPS).then_some(
            Self {
                weights,
                cycle,
                place: 0,
                had: [0; DIRECT_NODES],
            },
        )
    }

    /// The next turn, [`None`] at the end of the cycle.
    fn next_turn(&mut self) -> Option<Turn> {
        let place = self.place.saturating_add(1);
        // Not `zip()` of slices, which counts with an overflow panic.
        let mut had = self.had.iter();
        let mut chosen: Option<Contender> = None;

        for (node, &weight) in (0..=u16::MAX).zip(self.weights) {
            let contender = Contender {
                node,
                weight,
                had: *had.next()?,
            };
            // had * W / weight < place: it may have this turn. Never so once it has had all.
            let may = u32::from(contender.had).saturating_mul(self.cycle)
                < place.saturating_mul(weight.into());

            if may && chosen.is_none_or(|chosen| contender.is_more_urgent(chosen)) {
                chosen = Some(contender);
            }
        }

        let chosen = chosen.filter(|_| place <= self.cycle)?;
        let had = self.had.get_mut(usize::from(chosen.node))?;
        *had = had.saturating_add(1);
        self.place = place;
        Some(chosen.turn())
    }
}
