// SPDX-License-Identifier: GPL-2.0

//! The last writes to the kernel's table, from whoever writes to the work that takes them.
//!
//! `tests/host/model` checks this very file under all interleavings of a few threads.

use crate::kernel_ext::{
    alloc,
    node::{nr_node_ids, NodeId},
    table_writes::Written,
};
use kernel::{
    prelude::*,
    sync::atomic::{Acquire, Atomic, Full, Relaxed, Release},
};

/// The last write to each file.
///
/// A slot is 0 where there is none, otherwise the number of the write and, in its lowest byte, the
/// value: what is turned automatic does away with what was written before, but not with what comes
/// after it.
pub(crate) struct Writes {
    /// The number of the last write.
    last: Atomic<u64>,
    /// `auto` was turned on.
    on: Atomic<u64>,
    /// `auto` was turned off: apart, as what had been on for a moment has lost its weights.
    off: Atomic<u64>,
    /// The number of the last write that turned `auto` on, of those that were taken. Only for who
    /// takes.
    since: Atomic<u64>,
    /// A slot for each node id.
    weights: KVec<Atomic<u64>>,
}

impl Writes {
    /// Makes slots that are empty.
    pub(crate) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        let mut weights = alloc::with_capacity(ids)?;
        for _ in 0..ids {
            weights
                .push_within_capacity(Atomic::new(0))
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            last: Atomic::new(0),
            on: Atomic::new(0),
            off: Atomic::new(0),
            since: Atomic::new(0),
            weights,
        })
    }

    /// Notes a write, and then has `queue` queue the work that takes it: a run that begins after that
    /// sees this write or a later one to the file. Any context, if `queue` may be called from it.
    pub(crate) fn put(&self, written: Written, queue: impl FnOnce()) {
        let number = self.last.fetch_add(1, Relaxed).wrapping_add(1) << 8;
        // ORDERING: Release, so that who finds this write finds those before it too.
        match written {
            Written::Auto(true) => self.on.store(number, Release),
            Written::Auto(false) => self.off.store(number, Release),
            Written::Weight(node, weight) => {
                if let Some(slot) = self.weights.get(node.index()) {
                    slot.store(number | u64::from(weight), Release);
                }
            }
        }
        queue();
    }

    /// Hands the last writes to `each` and forgets them: that `auto` was turned on, and then what was
    /// written since. One at a time; does not sleep.
    pub(crate) fn take(&self, each: &mut dyn FnMut(Written)) {
        self.since(each);
        if let Some((number, _)) = Self::take_slot(&self.off) {
            if number > self.since(each) {
                each(Written::Auto(false));
            }
        }
        for (node, slot) in NodeId::all().zip(&self.weights) {
            if let Some((number, weight)) = Self::take_slot(slot) {
                if number > self.since(each) {
                    each(Written::Weight(node, weight));
                }
            }
        }
    }

    /// Tells `each` if `auto` was turned on since the last look. Returns the number of the last write
    /// that did so.
    ///
    /// Who has found a write must look here before it is told: `auto` may have been turned on before
    /// that write, but after the last look, and told later it would do away with it. What was written
    /// before may still be found later.
    fn since(&self, each: &mut dyn FnMut(Written)) -> u64 {
        if let Some((number, _)) = Self::take_slot(&self.on) {
            self.since.store(number, Relaxed);
            each(Written::Auto(true));
        }
        self.since.load(Relaxed)
    }

    /// Empties a slot. Returns the number and the value of the write.
    fn take_slot(slot: &Atomic<u64>) -> Option<(u64, u8)> {
        // The cheap look first: most slots are empty.
        if slot.load(Acquire) == 0 {
            return None;
        }
        let word = slot.xchg(0, Full);
        // CAST: Takes the lowest byte.
        Some((word >> 8, word as u8))
    }
}
