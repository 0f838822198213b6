// SPDX-License-Identifier: GPL-2.0

//! What an administrator writes into the kernel's table after us.
//!
//! Without the takeover a weight of his stays in the kernel's table, whatever becomes of ours, until he
//! turns the kernel's `auto` on or tells us otherwise. With the takeover his weight is taken for
//! ours.
//!
//! Where his writes are told as they happen, none is lost, even one that comes between a look of ours
//! at the table and our write. Elsewhere they are found by comparison with what we left.

use super::{KernelTable, Publisher, Row, TurnedAuto};
use crate::{
    kernel_ext::{node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::Table,
};
use kernel::prelude::*;

/// What somebody else was found to have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Weights are to follow bandwidth again.
    Auto,
    /// Weights, see [`Publisher::foreign()`].
    Weights,
    /// The one, and then the other.
    AutoThenWeights,
}

/// Whose weights in the kernel's table give way to ours again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overruled {
    /// The one of a node.
    Node(NodeId),
    /// All.
    All,
}

impl<T: KernelTable> Publisher<T> {
    /// With the takeover: looks for what an administrator has written since we last looked or wrote.
    /// It is taken for ours from then on, and not given back when we go.
    ///
    /// `written` tells the writes that were seen happen and forgets them. They count even where the
    /// table says otherwise by now, as a write of ours may have come after them. What they leave out
    /// is found by comparison with what we left.
    ///
    /// # Errors
    ///
    /// Those of the table; nothing is forgotten then.
    pub(crate) fn examine(
        &mut self,
        ours: &RcuCell<Table>,
        written: impl FnOnce(&mut dyn FnMut(Written)),
    ) -> Result<Option<Foreign>> {
        let wish = self.note_wanted(ours);
        let Some(table) = &self.table else {
            return Ok(None);
        };
        let auto = table.auto()?;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            row.present = table.weight(node)?;
        }
        let known = self.rows.iter().any(|row| row.left.is_some());
        let mut turned_on = auto && known && !self.adopted && !self.agreed;
        let mut ended = !auto && self.adopted;
        for row in self.rows.iter_mut() {
            // A table that was manual before we came is overwritten where that is asked for.
            let is_ours = auto || (!known && wish.publish);
            let differs = |present: &u8| row.left.map_or(!known, |left| left != *present);
            let found = row.present.filter(|present| !is_ours && differs(present));
            let theirs = row.present.and_then(|_| row.theirs.take());
            row.foreign = theirs.or(found);
            ended |= row.foreign.is_some();
        }
        let mut told_on = false;
        written(&mut |written| {
            note(&mut self.told, &mut self.rows, written);
            match written {
                Written::Auto(true) => {
                    told_on = true;
                    turned_on = true;
                    ended = false;
                    for row in self.rows.iter_mut() {
                        row.foreign = None;
                    }
                }
                Written::Auto(false) => {
                    // What was automatic for a moment was computed anew.
                    turned_on = told_on;
                    ended = true;
                }
                Written::Weight(node, weight) => {
                    ended = true;
                    if let Some(row) = self.rows.get_mut(node.index()) {
                        row.foreign = Some(weight);
                    }
                }
            }
        });
        self.ended = ended;
        self.examined = true;
        if turned_on {
            self.forget();
            // While we publish what it computes is ours all the same.
            self.adopted = auto && wish.publish;
            self.baseline_auto = wish.publish.then_some(true);
        }
        if ended {
            for row in self.rows.iter_mut() {
                // Who ends an automatic table keeps what is in it.
                row.baseline = row.foreign.or(row.baseline).or(row.present);
                row.left = row.present;
            }
            // An automatic table is then one that we turned on again since, or that he ended after our
            // look.
            self.adopted &= auto;
            self.baseline_auto = wish.publish.then_some(false);
        }
        Ok(match (turned_on, ended) {
            (false, false) => None,
            (true, false) => Some(Foreign::Auto),
            (false, true) => Some(Foreign::Weights),
            (true, true) => Some(Foreign::AutoThenWeights),
        })
    }

    /// Returns the weights that the last examination has found.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (NodeId, u8)> + '_ {
        NodeId::all().filter_map(|node| Some((node, self.rows.get(node.index())?.foreign?)))
    }

    /// Without the takeover: has what an administrator wrote stay. Returns whether that took a write,
    /// as one of ours had come after his.
    ///
    /// `written` tells the writes that were seen happen and forgets them.
    ///
    /// # Errors
    ///
    /// Those of the table; what he wrote then comes with the next call.
    pub(crate) fn respect(
        &mut self,
        written: impl FnOnce(&mut dyn FnMut(Written)),
    ) -> Result<bool> {
        let is_published = self.baseline_auto.is_some();
        written(&mut |written| match written {
            // What was there before we publish is not written over ours.
            _ if !is_published => note(&mut self.told, &mut self.rows, written),
            Written::Auto(true) => {
                self.forget();
                self.baseline_auto = Some(true);
            }
            Written::Auto(false) => self.baseline_auto = Some(false),
            Written::Weight(node, weight) => {
                self.baseline_auto = Some(false);
                if let Some(row) = self.rows.get_mut(node.index()) {
                    row.theirs = Some(weight);
                }
            }
        });
        if !is_published {
            return self.apply_told();
        }
        let Some(table) = &self.table else {
            return Ok(false);
        };
        let mut wrote = false;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            let (Some(told), Some(present)) = (row.theirs, table.weight(node)?) else {
                continue;
            };
            // What is neither ours nor was seen yet is newer.
            let is_newer = row.left.is_some_and(|left| left != present);
            let theirs = if is_newer { present } else { told };
            row.theirs = Some(theirs);
            if present != theirs {
                table.set_weight(node, theirs)?;
                wrote = true;
            }
            row.baseline = Some(theirs);
            row.left = Some(theirs);
        }
        Ok(wrote)
    }

    /// In a table that is not ours any more: does again what an administrator was seen to do, where
    /// what we gave back has come after it. Returns whether that took a write.
    ///
    /// # Errors
    ///
    /// Those of the table; calling again goes on.
    pub(super) fn apply_told(&mut self) -> Result<bool> {
        let (Some(table), true) = (&self.table, self.gave_back) else {
            self.forget_told();
            return Ok(false);
        };
        let mut wrote = false;
        if self.told.on && !table.auto()? {
            table.set_auto()?;
            wrote = true;
        }
        if self.told.off && table.auto()? {
            table.set_manual()?;
            wrote = true;
        }
        for (node, row) in NodeId::all().zip(&self.rows) {
            if let (Some(told), Some(present)) = (row.told, table.weight(node)?) {
                if told != present {
                    table.set_weight(node, told)?;
                    wrote = true;
                }
            }
        }
        let was_told =
            self.told.on || self.told.off || self.rows.iter().any(|row| row.told.is_some());
        // What is done here may have come after a newer write of his, of which we are told next.
        self.gave_back = wrote || !was_told;
        self.forget_told();
        Ok(wrote)
    }

    /// Without the takeover: looks for what an administrator has written until now, and has it stay.
    ///
    /// # Errors
    ///
    /// Those of the table.
    pub(crate) fn look(&mut self, written: impl FnOnce(&mut dyn FnMut(Written))) -> Result {
        self.respect(written)?;
        match self.baseline_auto {
            Some(_) => self.remember(),
            None => Ok(()),
        }
    }

    /// Without the takeover: lets our weights take the place of what an administrator wrote until now.
    /// It is what is given back all the same.
    ///
    /// # Errors
    ///
    /// Those of the table; nothing is overruled then.
    pub(crate) fn overrule(
        &mut self,
        whose: Overruled,
        written: impl FnOnce(&mut dyn FnMut(Written)),
    ) -> Result {
        self.look(written)?;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            if whose == Overruled::All || whose == Overruled::Node(node) {
                row.theirs = None;
            }
        }
        Ok(())
    }
}

/// Notes what an administrator was seen to write.
fn note(auto: &mut TurnedAuto, rows: &mut [Row], written: Written) {
    match written {
        Written::Auto(true) => {
            *auto = TurnedAuto {
                on: true,
                off: false,
            };
            for row in rows {
                row.told = None;
            }
        }
        Written::Auto(false) => auto.off = true,
        Written::Weight(node, weight) => {
            if let Some(row) = rows.get_mut(node.index()) {
                row.told = Some(weight);
            }
        }
    }
}
