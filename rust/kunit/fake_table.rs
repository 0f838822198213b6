// SPDX-License-Identifier: GPL-2.0

//! A table of weights with the kernel's rules, which can run out of memory.

use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId},
    },
    sinks::publish::KernelTable,
};
use core::cell::Cell;
use kernel::prelude::*;

/// The weight that the kernel derives by itself, unless told otherwise.
pub(super) const KERNEL: u8 = 5;
/// A table with the kernel's rules.
pub(super) struct Fake {
    pub(super) auto: Cell<bool>,
    /// What it computes when it is turned automatic.
    pub(super) computed: Cell<u8>,
    weights: KVec<Cell<u8>>,
    /// Writes that still succeed.
    pub(super) budget: Cell<u32>,
    /// Writes that succeeded.
    pub(super) writes: Cell<u32>,
}

impl Fake {
    /// Makes an automatic table with all weights [`KERNEL`].
    pub(super) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        let mut weights = alloc::with_capacity(ids)?;
        for _ in 0..ids {
            weights
                .push_within_capacity(Cell::new(KERNEL))
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            auto: Cell::new(true),
            computed: Cell::new(KERNEL),
            weights,
            budget: Cell::new(u32::MAX),
            writes: Cell::new(0),
        })
    }

    fn spend(&self) -> Result {
        let rest = self.budget.get().checked_sub(1).ok_or(ENOMEM)?;
        self.budget.set(rest);
        self.writes.set(self.writes.get().saturating_add(1));
        Ok(())
    }

    /// Returns whether all weights are `weight`.
    pub(super) fn holds(&self, weight: u8) -> bool {
        self.weights.iter().all(|slot| slot.get() == weight)
    }

    /// Returns whether `node` has `weight`, and all others have [`KERNEL`].
    pub(super) fn holds_but_for(&self, node: NodeId, weight: u8) -> bool {
        NodeId::all().all(|other| {
            let expected = if other == node { weight } else { KERNEL };
            self.read(other) == Some(expected)
        })
    }

    /// Does what an administrator's write of a weight does.
    pub(super) fn write(&self, node: NodeId, weight: u8) {
        if let Some(slot) = self.weights.get(node.index()) {
            slot.set(weight);
        }
        self.auto.set(false);
    }

    /// Returns the weight of `node`.
    pub(super) fn read(&self, node: NodeId) -> Option<u8> {
        self.weights.get(node.index()).map(Cell::get)
    }
}

impl KernelTable for &Fake {
    fn auto(&self) -> Result<bool> {
        Ok(self.auto.get())
    }

    fn set_auto(&self) -> Result {
        self.spend()?;
        for slot in &self.weights {
            slot.set(self.computed.get());
        }
        self.auto.set(true);
        Ok(())
    }

    fn set_manual(&self) -> Result {
        self.spend()?;
        self.auto.set(false);
        Ok(())
    }

    fn weight(&self, node: NodeId) -> Result<Option<u8>> {
        Ok(self.read(node))
    }

    fn set_weight(&self, node: NodeId, weight: u8) -> Result {
        self.spend()?;
        self.write(node, weight);
        Ok(())
    }
}
