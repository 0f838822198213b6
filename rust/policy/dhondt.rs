// SPDX-License-Identifier: GPL-2.0

//! D'Hondt (Jefferson) apportionment of pages to nodes, one page after the other.
//!
//! Each node starts with one page. Each further page goes to the node with the largest
//! `bw_i / (w_i + 1)` among those below 255 pages, the first one of equals.
//!
//! The quotients at which pages are given never grow along the walk: a node's own only shrink, and
//! the largest is always taken. So the smallest `bw_i / w_i` is the last quotient given, or the
//! smallest bandwidth while that is less.
//!
//! After each page the weights have, among all weights with the same sum, the largest
//! `min_i(bw_i / w_i)` and thus the largest efficiency. For other weights with this sum give some
//! node more pages than the walk did, and that at a quotient no larger than the last one given: the
//! node could have had the page instead and did not get it. Nor can any weights beat the smallest
//! bandwidth, since no weight is below 1.

use super::{
    efficiency::{Quotient, Throughput},
    heap::{self, Slot},
};
use core::num::NonZeroU16;

/// Work space for one node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate {
    /// Place of the node among all nodes.
    place: usize,
    /// MB/s, not 0 while in use.
    bandwidth: u32,
    /// Pages, not 0 while in use.
    weight: u8,
}

impl Candidate {
    /// What the node would have for each page if it got one more; 0 when it cannot take one.
    fn next(&self) -> Quotient {
        Quotient {
            bandwidth: if self.weight == u8::MAX {
                0
            } else {
                self.bandwidth
            },
            weight: NonZeroU16::MIN.saturating_add(self.weight.into()),
        }
    }
}

impl Slot for Candidate {
    type Element = Self;

    fn element(&self) -> Self {
        *self
    }

    fn put(&mut self, element: Self) {
        *self = element;
    }

    /// Whether the next page goes to `one` rather than to `other`. A strict order, as places
    /// differ.
    fn precedes(one: &Self, other: &Self) -> bool {
        let (own, others) = (one.next(), other.next());
        own.exceeds(others) || own.equals(others) && one.place < other.place
    }
}

/// The walk.
///
/// # Invariants
///
/// `heap` is a heap, in which the candidate that gets the next page is the first.
pub(super) struct Walk<'a> {
    heap: &'a mut [Candidate],
    now: Throughput,
}

impl<'a> Walk<'a> {
    /// Starts with one page on each node of `bandwidths` (MB/s) that is not 0. [`None`] if there is
    /// no such node, or more of them than elements of `scratch`.
    pub(super) fn new(
        bandwidths: impl Iterator<Item = u32>,
        scratch: &'a mut [Candidate],
    ) -> Option<Self> {
        let mut len = 0_usize;
        let mut smallest = u32::MAX;

        // Not `enumerate()`: it carries an overflow check, thus a panic.
        for (place, bandwidth) in (0..usize::MAX).zip(bandwidths) {
            if bandwidth == 0 {
                continue;
            }
            *scratch.get_mut(len)? = Candidate {
                place,
                bandwidth,
                weight: 1,
            };
            len = len.saturating_add(1);
            smallest = smallest.min(bandwidth);
        }

        let heap = scratch.get_mut(..len).filter(|heap| !heap.is_empty())?;
        heap::build(heap);
        // INVARIANT: `build()` has just made a heap.
        Some(Self {
            heap,
            now: Throughput {
                cycle: u32::try_from(len).unwrap_or(u32::MAX),
                slowest: Quotient {
                    bandwidth: smallest,
                    weight: NonZeroU16::MIN,
                },
            },
        })
    }

    /// What a reader gets with the present weights.
    pub(super) fn throughput(&self) -> Throughput {
        self.now
    }

    /// Gives one more page; `false` when all nodes are full.
    pub(super) fn advance(&mut self) -> bool {
        let Some(first) = self.heap.first_mut().filter(|first| first.weight < u8::MAX) else {
            return false;
        };
        let quotient = first.next();

        first.weight = first.weight.saturating_add(1);
        // INVARIANT: only the first has changed, and it is put in its place.
        heap::sift_down(self.heap, 0);

        self.now.cycle = self.now.cycle.saturating_add(1);
        if self.now.slowest.exceeds(quotient) {
            self.now.slowest = quotient;
        }
        true
    }

    /// Stores the weight of each node of the walk at its place in `weights`.
    pub(super) fn store(&self, weights: &mut [u8]) {
        for candidate in self.heap.iter() {
            if let Some(weight) = weights.get_mut(candidate.place) {
                *weight = candidate.weight;
            }
        }
    }
}
