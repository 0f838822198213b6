// SPDX-License-Identifier: GPL-2.0

//! The order of the nodes inside a cycle.
//!
//! Pages go to the nodes in turns, as many turns a cycle as a node has weight. [`fill`] spreads them
//! so that the nodes keep to their shares at any time: with the weights `w` and their sum `W`, and
//! `count_i(k)` the turns of node `i` among the first `k`,
//!
//! ```text
//! |count_i(k) - k * w_i / W| < 1
//! ```
//!
//! for every `k` and every node. That is Tijdeman's chairman assignment. It holds exactly if turn
//! `j` of node `i` (both from 1) is among the turns `floor((j - 1) * W / w_i) + 1` to
//! `ceil(j * W / w_i)` of all: no earlier, or the node is a page ahead, no later, or it is one
//! behind. Tijdeman proved that all nodes can have it so at once, and where it can be done, giving
//! each turn to the node with the earliest deadline among those that may have it does it. Equal
//! deadlines go to the first node; `j * W / w_i` is compared exactly, not rounded, which can only
//! decide between equal ones.
//!
//! [`turn_at`] and [`turn_after`] find single turns of the same order without memory for it, by
//! playing it through, for as many nodes and turns as can be afforded. [`run_at`] and [`run_after`]
//! do without any limit, but in mainline's order: each weight as one run.
//!
//! Nodes are named by their place in the weights; a weight of 0 has no turn.

mod direct;
mod period;
mod runs;

pub use self::{
    direct::{turn_after, turn_at, DIRECT_NODES, DIRECT_STEPS},
    period::Period,
    runs::{run_after, run_at},
};

use super::{
    cycle,
    heap::{self, Slot},
    SizeMismatch,
};
use core::num::NonZeroU32;

/// Most nodes that can be told apart in a [`Turn`]. (The kernel has at most 1024 nodes.)
pub const NODES_LIMIT: usize = 1 << 16;

/// One page of the order. Both parts together say which turn of the cycle it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Place of the node among the weights.
    pub node: u16,
    /// Turns that the node has until the cycle ends, this one included: from its weight down to 1.
    pub remaining: u8,
}

/// A node and its next turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contender {
    node: u16,
    /// The node's weight, not 0.
    weight: u8,
    /// Turns that the node has had in this cycle.
    had: u8,
}

impl Contender {
    /// The next turn of the node.
    fn turn(self) -> Turn {
        Turn {
            node: self.node,
            remaining: self.weight.saturating_sub(self.had),
        }
    }

    /// The contender after its next turn, unless that was the last one in the cycle.
    fn after_turn(self) -> Option<Self> {
        let had = self.had.saturating_add(1);
        (had < self.weight).then_some(Self { had, ..self })
    }

    /// Whether the next turn has an earlier deadline than that of `other`.
    fn is_more_urgent(self, other: Self) -> bool {
        // (had + 1) * W / weight, with W left out and cross-multiplied.
        let deadline = |own: Self, other: Self| {
            u32::from(own.had)
                .saturating_add(1)
                .saturating_mul(other.weight.into())
        };
        deadline(self, other) < deadline(other, self)
    }
}

/// Work space for one node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scratch {
    /// A place in the heap of the contenders that may have a turn now; has nothing to do with the
    /// rest.
    ready: Contender,
    /// Turns that the node has had, while it waits.
    had: u8,
    /// The next node that waits for the same turn, or the node itself if it is the last one.
    next: u16,
}

impl Slot for Scratch {
    type Element = Contender;

    fn element(&self) -> Contender {
        self.ready
    }

    fn put(&mut self, element: Contender) {
        self.ready = element;
    }

    /// A strict order, as nodes differ.
    fn precedes(one: &Contender, other: &Contender) -> bool {
        one.is_more_urgent(*other) || !other.is_more_urgent(*one) && one.node < other.node
    }
}

/// Stores the order of one cycle in `turns`, of which there must be as many as `weights` add up to
/// ([`cycle`]). `scratch` is work space as long as `weights`, its content does not matter.
///
/// Takes `O(turns log nodes)` steps. May be called from any context.
///
/// # Errors
///
/// [`SizeMismatch`] if `turns` has another length, `scratch` is shorter than `weights`, or there
/// are more than [`NODES_LIMIT`] of these. Nothing useful is in `turns` then.
pub fn fill(
    weights: &[u8],
    scratch: &mut [Scratch],
    turns: &mut [Turn],
) -> Result<(), SizeMismatch> {
    let fits = weights.len() <= NODES_LIMIT
        && weights.len() <= scratch.len()
        && u32::try_from(turns.len()) == Ok(cycle(weights));

    fits.then(|| Filling::new(weights, scratch, turns))
        .flatten()
        .and_then(Filling::run)
        .ok_or(SizeMismatch)
}

/// An order that is being made.
///
/// Turns that are still to be given away are the calendar meanwhile: each names the first of the
/// nodes that may have it but none before it (`remaining` is not 0), or says that there is none.
///
/// # Invariants
///
/// `scratch` is as long as `weights`, and `turns` as their sum, which `cycle` is.
struct Filling<'a> {
    weights: &'a [u8],
    scratch: &'a mut [Scratch],
    turns: &'a mut [Turn],
    cycle: u32,
    /// Length of the heap at the start of `scratch`.
    ready: usize,
}

impl<'a> Filling<'a> {
    /// Makes all nodes ready for the first turn. [`None`] only if there are too few elements of
    /// `scratch`.
    fn new(weights: &'a [u8], scratch: &'a mut [Scratch], turns: &'a mut [Turn]) -> Option<Self> {
        let scratch = scratch.get_mut(..weights.len())?;
        let mut ready = 0_usize;

        for (node, &weight) in (0..=u16::MAX).zip(weights) {
            if weight != 0 {
                scratch.get_mut(ready)?.ready = Contender {
                    node,
                    weight,
                    had: 0,
                };
                ready = ready.saturating_add(1);
            }
        }
        heap::build(scratch.get_mut(..ready)?);
        turns.fill(Turn::default());
        Some(Self {
            weights,
            scratch,
            turns,
            cycle: cycle(weights),
            ready,
        })
    }

    /// Gives all turns away. [`None`] never, as some node is ready at every turn.
    fn run(mut self) -> Option<()> {
        for place in 0..self.cycle {
            self.call(place)?;
            let first = self.scratch.first().filter(|_| self.ready > 0)?.ready;
            *self.turn_mut(place)? = first.turn();
            self.go_on(place, first)?;
        }
        Some(())
    }

    /// Makes the nodes ready that wait for the turn at `place`.
    fn call(&mut self, place: u32) -> Option<()> {
        let head = *self.turn_mut(place)?;
        let mut waiting = (head.remaining != 0).then_some(head.node);

        while let Some(node) = waiting {
            let &Scratch { had, next, .. } = self.scratch.get(usize::from(node))?;
            let weight = *self.weights.get(usize::from(node))?;
            let last = self.ready;

            self.scratch.get_mut(last)?.ready = Contender { node, weight, had };
            self.ready = last.saturating_add(1);
            heap::sift_up(self.heap()?, last);
            waiting = (next != node).then_some(next);
        }
        Some(())
    }

    /// Lets the contender that is the first of the heap, and had the turn at `place`, stay for its
    /// next one or wait for it.
    fn go_on(&mut self, place: u32, first: Contender) -> Option<()> {
        let next = first.after_turn();
        let from = next.map(|next| self.earliest(next));

        if from.is_some_and(|from| from <= place) {
            self.scratch.first_mut()?.ready = next?;
        } else {
            self.ready = self.ready.saturating_sub(1);
            let last = self.scratch.get(self.ready)?.ready;
            self.scratch.first_mut()?.ready = last;
            if let (Some(next), Some(from)) = (next, from) {
                self.wait(next, from)?;
            }
        }
        heap::sift_down(self.heap()?, 0);
        Some(())
    }

    /// Where the earliest turn is, counted from 0, that `contender` may have next.
    fn earliest(&self, contender: Contender) -> u32 {
        NonZeroU32::new(contender.weight.into()).map_or(0, |weight| {
            // At most 255 * 255 * `NODES_LIMIT`, which 32 bits hold.
            u32::from(contender.had).saturating_mul(self.cycle) / weight
        })
    }

    /// Lets `contender` wait for the turn at `place`.
    fn wait(&mut self, contender: Contender, place: u32) -> Option<()> {
        let head = *self.turn_mut(place)?;
        let own = self.scratch.get_mut(usize::from(contender.node))?;

        own.had = contender.had;
        own.next = if head.remaining == 0 {
            contender.node
        } else {
            head.node
        };
        *self.turn_mut(place)? = contender.turn();
        Some(())
    }

    fn turn_mut(&mut self, place: u32) -> Option<&mut Turn> {
        self.turns.get_mut(usize::try_from(place).ok()?)
    }

    fn heap(&mut self) -> Option<&mut [Scratch]> {
        self.scratch.get_mut(..self.ready)
    }
}
