// SPDX-License-Identifier: GPL-2.0

//! Writes the weights into the kernel's own table, and gives that back as it was.
//!
//! Each write of a weight turns the kernel's `auto` off and costs a grace period, so only what differs
//! is written. With the takeover the kernel's own computation is ours, so an automatic table stays
//! automatic; it only has to be told to compute anew.
//!
//! What is found there and was not left by us is somebody else's: the kernel's own weights at first, an
//! administrator's later. It is remembered as what to give back, so that without us the table holds
//! what it would have held. What an administrator writes after us also stays, until he says otherwise.
//!
//! Context: the caller holds the mutex around the publisher; everything here may sleep.

use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId},
        rcu::RcuCell,
        weighted_interleave::WeightedInterleave,
    },
    provider::table::Table,
};
use kernel::{prelude::*, sync::rcu};

mod administrator;

pub(crate) use administrator::{Foreign, Overruled};

/// A table of weights like the kernel's.
pub(crate) trait KernelTable {
    /// Whether the kernel derives the weights by itself.
    fn auto(&self) -> Result<bool>;
    /// Lets the kernel derive the weights by itself.
    fn set_auto(&self) -> Result;
    /// Keeps the weights as they are.
    fn set_manual(&self) -> Result;
    /// The weight of `node`, [`None`] where the table has no row for it.
    fn weight(&self, node: NodeId) -> Result<Option<u8>>;
    /// Sets the weight of `node`, which turns `auto` off.
    fn set_weight(&self, node: NodeId, weight: u8) -> Result;
}

impl KernelTable for WeightedInterleave {
    fn auto(&self) -> Result<bool> {
        self.auto()
    }

    fn set_auto(&self) -> Result {
        self.set_auto()
    }

    fn set_manual(&self) -> Result {
        self.set_manual()
    }

    fn weight(&self, node: NodeId) -> Result<Option<u8>> {
        self.weight(node)
    }

    fn set_weight(&self, node: NodeId, weight: u8) -> Result {
        self.set_weight(node, weight)
    }
}

/// What the publisher knows of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// The weight to publish; [`None`] where the node has no memory.
    wanted: Option<u8>,
    /// The weight that the table had when we last looked or wrote.
    left: Option<u8>,
    /// The weight to give back.
    baseline: Option<u8>,
    /// The weight that an administrator has written over ours, which stays. Without the takeover.
    theirs: Option<u8>,
    /// The weight that an administrator was found to have written. With the takeover.
    foreign: Option<u8>,
    /// The weight found at the last examination.
    present: Option<u8>,
    /// The weight that an administrator was seen to write of late.
    told: Option<u8>,
}

/// What an administrator was seen to do with `auto`: the one, and then the other.
#[derive(Clone, Copy, Debug, Default)]
struct TurnedAuto {
    on: bool,
    off: bool,
}

/// What our table asks for.
struct Wish {
    /// To be written into the kernel's table.
    publish: bool,
    /// By the kernel's computation, which is ours.
    computed: bool,
}

/// Keeps the kernel's table in line with ours.
pub(crate) struct Publisher<T> {
    table: Option<T>,
    /// Whether to give back an automatic table; [`None`] while there is nothing to give back.
    baseline_auto: Option<bool>,
    /// Whether the table is automatic with our weights, which the takeover makes the kernel compute.
    adopted: bool,
    /// Whether the last examination has found that an administrator ended that.
    ended: bool,
    /// Whether the table was automatic by itself with our weights, so that nothing was written.
    agreed: bool,
    /// What an administrator was seen to do with the table's `auto` of late.
    told: TurnedAuto,
    /// Whether that may have been before what we wrote as we gave the table back.
    gave_back: bool,
    /// Whether the takeover has just gone, so that what the kernel has computed is ours.
    detached: bool,
    /// Whether there was an examination since the takeover was attached.
    examined: bool,
    /// Whether the takeover was attached when we last looked at our table. What an administrator
    /// writes is then left to [`Publisher::examine()`].
    takeover: bool,
    /// A row for each node id.
    rows: KVec<Row>,
}

impl<T: KernelTable> Publisher<T> {
    /// Makes a publisher for `table`, [`None`] where the kernel has none.
    pub(crate) fn new(table: Option<T>) -> Result<Self> {
        Ok(Self {
            table,
            baseline_auto: None,
            adopted: false,
            ended: false,
            agreed: false,
            told: TurnedAuto::default(),
            gave_back: false,
            detached: false,
            examined: false,
            takeover: false,
            rows: alloc::filled(Row::default(), usize::from(nr_node_ids()))?,
        })
    }

    /// Brings the kernel's table in line with the newest of `ours`, or gives it back where
    /// publishing is off. Returns whether that took a write.
    ///
    /// # Errors
    ///
    /// Those of the table: a part of the weights may have been written. Calling again goes on.
    pub(crate) fn publish(&mut self, ours: &RcuCell<Table>) -> Result<bool> {
        let wish = self.note_wanted(ours);
        if !wish.publish {
            return self.withdraw();
        }
        let wrote = if wish.computed {
            self.adopt()?
        } else {
            self.write()?
        };
        // It has been taken for ours, or is known to be his.
        self.gave_back = false;
        self.forget_told();
        Ok(wrote)
    }

    /// Returns the kernel's table, if there is one.
    pub(crate) fn table(&self) -> Option<&T> {
        self.table.as_ref()
    }

    /// Returns whether the kernel's table holds the newest weights of `ours`.
    pub(crate) fn in_sync(&mut self, ours: &RcuCell<Table>) -> Result<bool> {
        self.note_wanted(ours);
        let Some(table) = &self.table else {
            return Ok(false);
        };
        for (node, row) in NodeId::all().zip(&self.rows) {
            if row.wanted.is_some() && table.weight(node)? != row.wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies the newest weights, as writing them sleeps. Returns what to do with them.
    fn note_wanted(&mut self, ours: &RcuCell<Table>) -> Wish {
        let guard = rcu::read_lock();
        let ours = ours.load(&guard);
        self.detached |= self.takeover && !ours.takeover;
        self.takeover = ours.takeover;
        self.examined &= ours.takeover;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            // The kernel divides by sums of weights: it never gets a 0.
            row.wanted = ours.row(node).map(|row| row.weight.max(1));
        }
        Wish {
            publish: ours.settings.publish,
            computed: ours.takeover && ours.settings.auto,
        }
    }

    /// Forgets what was there and what we wrote: all of it is the kernel's.
    fn forget(&mut self) {
        for row in self.rows.iter_mut() {
            row.left = None;
            row.baseline = None;
            row.theirs = None;
        }
        self.agreed = false;
    }

    fn forget_told(&mut self) {
        self.told = TurnedAuto::default();
        for row in self.rows.iter_mut() {
            row.told = None;
        }
    }

    /// Makes the kernel compute the weights, which the takeover has it do as we want them.
    fn adopt(&mut self) -> Result<bool> {
        let is_first = self.baseline_auto.is_none();
        self.turn_on_again()?;
        self.remember()?;
        let Some(table) = &self.table else {
            return Ok(false);
        };
        if self.adopted && !self.ended && !table.auto()? {
            // Somebody has ended it since we looked.
            return Ok(false);
        }
        let mut differs = false;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            let present = table.weight(node)?;
            // Later it may be what was computed for us, but for a node that is new to a table that was
            // manual.
            let is_new = row.baseline.is_none() && self.baseline_auto == Some(false);
            if row.left.is_none() && (is_first || is_new) {
                row.baseline = present;
            }
            differs |= row.wanted.is_some() && present != row.wanted;
        }
        let auto = table.auto()?;
        if auto && differs {
            // It computes when it is turned on, not while it is on.
            table.set_manual()?;
            // Should the next step fail, it is ours all the same.
            self.adopted = false;
        }
        if !auto || differs {
            table.set_auto()?;
        }
        self.adopted = true;
        self.agreed = false;
        for row in self.rows.iter_mut() {
            row.left = row.wanted;
        }
        Ok(!auto || differs)
    }

    /// Has the kernel compute the weights where an administrator had it do so, and a write of ours came
    /// after his: what is in the table is then ours, and not to be remembered as what was there.
    fn turn_on_again(&self) -> Result {
        let is_blank = |row: &Row| row.left.is_none() && row.baseline.is_none();
        match (&self.table, self.baseline_auto) {
            (Some(table), Some(true)) if self.rows.iter().all(is_blank) && !table.auto()? => {
                table.set_auto()
            }
            _ => Ok(()),
        }
    }

    /// Turns an automatic table with our weights into a manual one.
    fn unadopt(&mut self) -> Result {
        let Some(table) = &self.table else {
            return Ok(());
        };
        if self.adopted && table.auto()? {
            table.set_manual()?;
        }
        // Only now: what could not be done is done when called again.
        self.adopted = false;
        Ok(())
    }

    /// Without the takeover: has the kernel compute its own weights again where it did before us, or
    /// does since.
    fn hand_back(&mut self) -> Result {
        if self.baseline_auto == Some(false) {
            self.unadopt()?;
        }
        match &self.table {
            Some(table) if self.detached && table.auto()? => Self::compute_anew(table)?,
            _ => {}
        }
        self.adopted = false;
        self.detached = false;
        Ok(())
    }

    /// Makes an automatic table compute its weights, which it does when it is turned on only.
    fn compute_anew(table: &T) -> Result {
        table.set_manual()?;
        table.set_auto()
    }

    /// Remembers what is there if it was not ours.
    fn remember(&mut self) -> Result {
        let Some(table) = &self.table else {
            return Ok(());
        };
        if table.auto()? {
            if self.adopted {
                return Ok(());
            }
            // We have not written yet, or somebody turned it on since.
            self.forget();
            self.baseline_auto = Some(true);
            return Ok(());
        }
        let auto = self.baseline_auto.get_or_insert(false);
        if core::mem::take(&mut self.agreed) {
            // Somebody has ended it.
            *auto = false;
        }
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            if row.wanted.is_none() {
                continue;
            }
            let present = table.weight(node)?;
            if present.is_none() || row.left == present {
                // What was the kernel's and as we wanted it may be written now.
                row.baseline = row.baseline.or(present);
            } else if row.left.is_none() {
                row.baseline = present;
                row.left = present;
            } else if !self.takeover {
                // Written by hand after our own write.
                *auto = false;
                row.theirs = present;
                row.baseline = present;
                row.left = present;
            }
        }
        Ok(())
    }

    /// Writes what differs, and remembers what was there if it was not ours.
    fn write(&mut self) -> Result<bool> {
        if self.takeover {
            self.unadopt()?;
        } else {
            self.hand_back()?;
        }
        self.remember()?;
        let Some(table) = &self.table else {
            return Ok(false);
        };
        let mut wrote = false;
        if table.auto()? {
            // With the takeover the kernel's computation is ours, and is none while weights are by hand.
            let mut differs = self.takeover;
            for (node, row) in NodeId::all().zip(&self.rows) {
                differs |= row.wanted.is_some() && table.weight(node)? != row.wanted;
            }
            if !differs {
                // Whoever changes one from here on comes after us.
                for row in self.rows.iter_mut() {
                    row.left = row.wanted;
                }
                self.agreed = true;
                return Ok(false);
            }
            // Until it is manual the kernel may compute it anew at any moment, and what was looked at
            // would pass for written by somebody else.
            table.set_manual()?;
            self.agreed = false;
            wrote = true;
        }
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            let Some(wanted) = row.wanted else {
                continue;
            };
            let Some(present) = table.weight(node)? else {
                continue;
            };
            if row.left.is_none() {
                // The row of a table that was automatic.
                row.baseline = Some(present);
                row.left = Some(present);
            }
            if row.theirs.is_none() && present != wanted && row.left == Some(present) {
                table.set_weight(node, wanted)?;
                row.left = Some(wanted);
                wrote = true;
            }
        }
        Ok(wrote)
    }

    /// Gives the kernel's table back: as it was before us, but for what an administrator wrote
    /// since. Returns whether there was anything to give back.
    ///
    /// # Errors
    ///
    /// Those of the table. Calling again goes on.
    pub(crate) fn withdraw(&mut self) -> Result<bool> {
        self.gave_back |= self.baseline_auto.is_some();
        self.unadopt()?;
        let Some(table) = &self.table else {
            return Ok(false);
        };
        if let Some(auto) = self.baseline_auto {
            if !table.auto()? {
                Self::give_all_back(table, &mut self.rows, auto && !self.agreed)?;
            } else if self.takeover && !self.agreed {
                // Somebody has just turned it on, and what it computed may be ours.
                Self::compute_anew(table)?;
            }
        }
        self.apply_told()?;
        let Some(table) = &self.table else {
            return Ok(false);
        };
        // What an examination has taken for ours is nobody's new write.
        let is_known = self.examined && !table.auto()?;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            row.present = if is_known { table.weight(node)? } else { None };
        }
        let was_published = self.baseline_auto.take().is_some();
        self.forget();
        self.detached = false;
        for row in self.rows.iter_mut() {
            row.left = row.present;
        }
        Ok(was_published)
    }

    /// Gives back all rows; where nobody has written since and the table was automatic, by having the
    /// kernel compute them.
    fn give_all_back(table: &T, rows: &mut [Row], mut auto: bool) -> Result {
        for (node, row) in NodeId::all().zip(rows.iter()) {
            let present = table.weight(node)?;
            auto &= row.left.is_none() || present.is_none() || present == row.left;
        }
        if auto {
            return table.set_auto();
        }
        for (node, row) in NodeId::all().zip(rows) {
            Self::give_back(table, node, row)?;
        }
        Ok(())
    }

    /// Hands the kernel's table out: nothing is written to it any more. To be dropped without a lock
    /// that a node notifier takes.
    pub(crate) fn close(&mut self) -> Option<T> {
        self.table.take()
    }

    /// Gives back the row of `node`, which is about to go: the kernel keeps the weight for when the
    /// node returns, and we may be gone by then.
    ///
    /// # Errors
    ///
    /// Those of the table.
    pub(crate) fn leave(&mut self, node: NodeId) -> Result {
        let (Some(table), Some(row)) = (&self.table, self.rows.get_mut(node.index())) else {
            return Ok(());
        };
        // In an automatic table there is nothing of ours, and a write would end that.
        if !table.auto()? {
            Self::give_back(table, node, row)?;
        }
        // Only now: what could not be given back is still known to be ours when the node returns.
        row.left = None;
        Ok(())
    }

    /// Writes the weight to give back unless somebody else has written since.
    fn give_back(table: &T, node: NodeId, row: &mut Row) -> Result {
        match (row.baseline, row.left, table.weight(node)?) {
            (Some(baseline), Some(left), Some(present))
                if present == left && present != baseline =>
            {
                table.set_weight(node, baseline)?;
                // Should the next row fail, this is not somebody else's.
                row.left = Some(baseline);
            }
            _ => {}
        }
        Ok(())
    }
}
