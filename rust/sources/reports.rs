// SPDX-License-Identifier: GPL-2.0

//! The last report of each node, from whoever reports to the work that takes it.
//!
//! `tests/host/model` checks this very file under all interleavings of a few threads.

use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId},
    },
    policy::Coordinates,
};
use kernel::{
    prelude::*,
    sync::atomic::{Acquire, Atomic, AtomicFlag, Full, Relaxed, Release},
};

/// The last report of a node.
struct Slot {
    /// Read bandwidth in the upper half and write bandwidth in the lower, so that they stay
    /// together.
    report: Atomic<u64>,
    /// Whether there is a report that no table has yet.
    pending: AtomicFlag,
}

impl Slot {
    fn put(&self, coordinates: Coordinates) {
        let report = (u64::from(coordinates.read) << 32) | u64::from(coordinates.write);
        self.report.store(report, Relaxed);
        // ORDERING: Release: who sees the flag sees the report, or a later one.
        self.pending.store(true, Release);
    }

    fn take(&self) -> Option<Coordinates> {
        // The cheap look first: most slots are empty. ORDERING: the exchange pairs with the release
        // in `put()`. A report that comes in between is taken now and once more with its own flag.
        if !self.pending.load(Acquire) || !self.pending.xchg(false, Full) {
            return None;
        }
        let report = self.report.load(Relaxed);
        Some(Coordinates {
            // CAST: The upper half, shifted down.
            read: (report >> 32) as u32,
            // CAST: Takes the lower half.
            write: report as u32,
        })
    }
}

/// A slot for each node id.
pub(super) struct Reports(KVec<Slot>);

impl Reports {
    /// Makes slots that are empty. May sleep.
    pub(super) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        let mut slots = alloc::with_capacity(ids)?;
        for _ in 0..ids {
            let slot = Slot {
                report: Atomic::new(0),
                pending: AtomicFlag::new(false),
            };
            slots.push_within_capacity(slot).map_err(|_| ENOMEM)?;
        }
        Ok(Self(slots))
    }

    /// Leaves a report, and then has `queue` queue the work that takes it: a run that begins after
    /// that sees this report or a later one. Any context, if `queue` may be called from it.
    pub(super) fn put(&self, node: NodeId, coordinates: Coordinates, queue: impl FnOnce()) {
        if let Some(slot) = self.0.get(node.index()) {
            slot.put(coordinates);
            queue();
        }
    }

    /// Hands the last report of each node to `deliver` unless that has been done. One at a time; does
    /// not sleep.
    pub(super) fn take(&self, deliver: &mut dyn FnMut(NodeId, Coordinates)) {
        for (node, slot) in NodeId::all().zip(&self.0) {
            if let Some(coordinates) = slot.take() {
                deliver(node, coordinates);
            }
        }
    }
}
