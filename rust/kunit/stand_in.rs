// SPDX-License-Identifier: GPL-2.0

//! Stands in for the provider: what has been chosen, and the publisher that brings it into a table.

use super::fake_table::{Fake, KERNEL};
use crate::{
    kernel_ext::{alloc, node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::{Draft, Table},
    sinks::publish::{Foreign, Publisher},
};
use kernel::prelude::*;

/// What we have chosen.
pub(super) struct Choice {
    pub(super) auto: bool,
    /// What our computation comes to.
    pub(super) automatic: u8,
    /// By node id.
    weights: KVec<u8>,
}

impl Choice {
    /// Gives all nodes `weight`, which is `automatic` or by hand.
    pub(super) fn new(auto: bool, weight: u8, automatic: u8) -> Result<Self> {
        let mut weights = alloc::with_capacity(NodeId::all().count())?;
        for _ in NodeId::all() {
            weights.push_within_capacity(weight).map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            auto,
            automatic,
            weights,
        })
    }

    /// Gives all nodes `weight`.
    pub(super) fn set_all(&mut self, auto: bool, weight: u8) {
        self.auto = auto;
        for slot in self.weights.iter_mut() {
            *slot = weight;
        }
    }

    /// Takes a write of an administrator's.
    pub(super) fn take(&mut self, written: Written) {
        match written {
            Written::Auto(true) => self.set_all(true, self.automatic),
            Written::Auto(false) => self.auto = false,
            Written::Weight(node, weight) => {
                self.auto = false;
                if let Some(slot) = self.weights.get_mut(node.index()) {
                    *slot = weight;
                }
            }
        }
    }

    /// Takes what the publisher has found.
    fn take_foreign(&mut self, foreign: Foreign, publisher: &Publisher<&Fake>) {
        if foreign != Foreign::Weights {
            self.take(Written::Auto(true));
        }
        if foreign != Foreign::Auto {
            self.take(Written::Auto(false));
            for (node, weight) in publisher.foreign() {
                self.take(Written::Weight(node, weight));
            }
        }
    }

    /// Returns whether the kernel's table is as this says.
    pub(super) fn is_in(&self, fake: &Fake) -> bool {
        let mut weights = NodeId::all().zip(&self.weights);
        fake.auto.get() == self.auto && weights.all(|(node, w)| fake.read(node) == Some(*w))
    }
}

/// Makes a table for stand-ins.
pub(super) fn table() -> Result<RcuCell<Table>> {
    Ok(RcuCell::new(Draft::new()?.into_table()))
}

/// The provider, as far as the kernel's table is concerned.
pub(super) struct StandIn<'a> {
    fake: &'a Fake,
    /// Shared by many, as its end waits for a grace period.
    table: &'a RcuCell<Table>,
    publisher: Publisher<&'a Fake>,
    pub(super) choice: Choice,
    pub(super) takeover: bool,
    pub(super) publish: bool,
}

impl<'a> StandIn<'a> {
    /// Begins without the takeover.
    pub(super) fn new(
        fake: &'a Fake,
        table: &'a RcuCell<Table>,
        choice: Choice,
        publish: bool,
    ) -> Result<Self> {
        let mut this = Self {
            fake,
            table,
            publisher: Publisher::new(Some(fake))?,
            choice,
            takeover: false,
            publish,
        };
        this.update(|_| (), || None)?;
        Ok(this)
    }

    fn table(&self) -> Result<&'a RcuCell<Table>> {
        let mut draft = Draft::new()?;
        for (node, weight) in NodeId::all().zip(&self.choice.weights) {
            draft.set_weight(node, *weight);
        }
        draft.set_takeover(self.takeover, self.choice.auto);
        draft.set_publish(self.publish);
        self.table.replace(draft.into_table());
        Ok(self.table)
    }

    /// Makes a change of ours. With the takeover `tell` may tell of a write before that. Returns
    /// whether one was found.
    pub(super) fn update(
        &mut self,
        change: impl FnOnce(&mut Self),
        tell: impl FnOnce() -> Option<Written>,
    ) -> Result<bool> {
        let mut foreign = None;
        if self.takeover {
            foreign = self.publisher.examine(self.table()?, |each| {
                if let Some(written) = tell() {
                    each(written);
                }
            })?;
        }
        if let Some(foreign) = foreign {
            self.choice.take_foreign(foreign, &self.publisher);
        }
        change(self);
        // With the takeover the kernel computes what we have chosen.
        let ours = self.choice.weights.first().copied();
        let computed = ours.filter(|_| self.takeover && self.publish);
        self.fake.computed.set(computed.unwrap_or(KERNEL));
        self.publisher.publish(self.table()?)?;
        Ok(foreign.is_some())
    }

    /// Deals with a write that was seen.
    pub(super) fn take(&mut self, written: Option<Written>) -> Result {
        if self.takeover {
            self.update(|_| (), || written)?;
        } else {
            self.publisher.respect(|each| {
                if let Some(written) = written {
                    each(written);
                }
            })?;
        }
        Ok(())
    }

    /// Puts the takeover on.
    pub(super) fn attach(&mut self) -> Result {
        self.publisher.look(|_| ())?;
        self.update(|this| this.takeover = true, || None)?;
        self.take(None)
    }

    /// Takes the takeover off, and gives the table back.
    pub(super) fn leave(&mut self) -> Result {
        self.update(|this| this.takeover = false, || None)?;
        self.publisher.withdraw()?;
        Ok(())
    }
}
