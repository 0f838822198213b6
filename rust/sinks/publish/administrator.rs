// SPDX-License-Identifier: GPL-2.0

//! What an administrator writes into the kernel's table after us.
//!
//! Without the takeover a weight of his stays in the kernel's table, whatever becomes of ours, until he
//! turns the kernel's `auto` on or tells us otherwise. With the takeover his weight is taken for
//! ours.
//!
//! Where his writes are told as they happen, none is lost, even one that comes between a look of ours
//! at the table and our write. Elsewhere they are found by comparison with what we left.

use super::{KernelTable, Publisher};
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
        let mut turned_on = auto && known && !self.adopted;
        let mut ended = !auto && self.adopted;
        for row in self.rows.iter_mut() {
            // A table that was manual before we came is overwritten where that is asked for.
            let is_ours = auto || (!known && wish.publish);
            let differs = |present: &u8| row.left.map_or(!known, |left| left != *present);
            let found = row.present.filter(|present| !is_ours && differs(present));
            row.foreign = row.theirs.take().or(found);
            ended |= row.foreign.is_some();
        }
        let mut told_on = false;
        written(&mut |written| match written {
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
        });
        self.ended = ended;
        if turned_on {
            self.forget();
            self.adopted = false;
            self.baseline_auto = Some(true);
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
            self.baseline_auto = Some(false);
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
            _ if !is_published => {}
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
        let Some(table) = &self.table else {
            return Ok(false);
        };
        let mut wrote = false;
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            let (Some(theirs), Some(present)) = (row.theirs, table.weight(node)?) else {
                continue;
            };
            if present != theirs {
                table.set_weight(node, theirs)?;
                wrote = true;
            }
            row.baseline = Some(theirs);
            row.left = Some(theirs);
        }
        Ok(wrote)
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
        self.respect(written)?;
        if self.baseline_auto.is_some() {
            self.remember()?;
        }
        for (node, row) in NodeId::all().zip(self.rows.iter_mut()) {
            if whose == Overruled::All || whose == Overruled::Node(node) {
                row.theirs = None;
            }
        }
        Ok(())
    }
}
