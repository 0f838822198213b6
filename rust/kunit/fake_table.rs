// SPDX-License-Identifier: GPL-2.0

//! A table of weights with the kernel's rules, which can run out of memory.

use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId},
        table_writes::Written,
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
    /// A node that has no row for now.
    pub(super) away: Cell<Option<NodeId>>,
    /// What an administrator will write, and how many reads and writes of ours come before.
    pub(super) intrusion: Cell<Option<(u32, Written)>>,
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
            away: Cell::new(None),
            intrusion: Cell::new(None),
        })
    }

    /// Lets the administrator write if it is his turn.
    fn yield_turn(&self) {
        match self.intrusion.take() {
            Some((0, written)) => self.intrude(written),
            Some((steps, written)) => {
                self.intrusion.set(Some((steps.saturating_sub(1), written)));
            }
            None => {}
        }
    }

    /// Does what an administrator's write does.
    pub(super) fn intrude(&self, written: Written) {
        match written {
            Written::Auto(true) if !self.auto.get() => self.compute(),
            Written::Auto(auto) => self.auto.set(auto),
            Written::Weight(node, weight) => self.write(node, weight),
        }
    }

    fn compute(&self) {
        for slot in &self.weights {
            slot.set(self.computed.get());
        }
        self.auto.set(true);
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
        self.set(node, weight);
        self.auto.set(false);
    }

    /// Puts `weight` into the row of `node`.
    pub(super) fn set(&self, node: NodeId, weight: u8) {
        if let Some(slot) = self.weights.get(node.index()) {
            slot.set(weight);
        }
    }

    /// Returns the weight of `node`.
    pub(super) fn read(&self, node: NodeId) -> Option<u8> {
        self.weights.get(node.index()).map(Cell::get)
    }
}

impl KernelTable for &Fake {
    fn auto(&self) -> Result<bool> {
        self.yield_turn();
        Ok(self.auto.get())
    }

    fn set_auto(&self) -> Result {
        self.yield_turn();
        self.spend()?;
        self.compute();
        Ok(())
    }

    fn set_manual(&self) -> Result {
        self.yield_turn();
        self.spend()?;
        self.auto.set(false);
        Ok(())
    }

    fn weight(&self, node: NodeId) -> Result<Option<u8>> {
        self.yield_turn();
        Ok(self.read(node).filter(|_| self.away.get() != Some(node)))
    }

    fn set_weight(&self, node: NodeId, weight: u8) -> Result {
        self.yield_turn();
        self.spend()?;
        self.write(node, weight);
        Ok(())
    }
}
