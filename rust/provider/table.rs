// SPDX-License-Identifier: GPL-2.0

//! The published table, and the draft that becomes one.

use super::settings::Settings;
use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId, NodeMask, NodeState},
        rcu::RcuBox,
    },
    policy::{Candidate, Coordinates, Node, Source},
};
use kernel::prelude::*;

/// What is published of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// The node's weight; 0 where the node has no memory.
    pub(crate) weight: u8,
    /// The coordinates in force, overrides included.
    pub(crate) coordinates: Coordinates,
    /// The bandwidth that the algorithm took from them, MB/s; 0 is unknown.
    pub(crate) bandwidth: u32,
    /// Where the coordinates come from.
    pub(crate) source: Source,
}

/// What readers see: immutable, replaced as a whole.
pub(crate) struct Table {
    /// Count of published tables.
    pub(crate) generation: u64,
    /// The settings in force.
    pub(crate) settings: Settings,
    /// The bound of the cycle in force, pages.
    pub(crate) max_cycle: u32,
    /// Sum of the weights, pages.
    pub(crate) cycle: u32,
    /// Share of the aggregate bandwidth that the weights make usable, ppm.
    pub(crate) efficiency_ppm: u32,
    /// A row for each node id.
    rows: KVec<Row>,
}

impl Table {
    /// Returns the row of `node`, or [`None`] where it has no memory.
    pub(crate) fn row(&self, node: NodeId) -> Option<&Row> {
        self.rows.get(node.index()).filter(|row| row.weight != 0)
    }

    /// Returns the nodes that have memory with their rows, in ascending order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (NodeId, &Row)> {
        NodeId::all().filter_map(|node| Some((node, self.row(node)?)))
    }

    /// Sets the row of `node`.
    pub(super) fn set_row(&mut self, node: NodeId, row: Row) {
        if let Some(slot) = self.rows.get_mut(node.index()) {
            *slot = row;
        }
    }
}

/// What changed of a node's row, by the file that shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowChanges {
    pub(crate) weight: bool,
    pub(crate) read_bandwidth: bool,
    pub(crate) write_bandwidth: bool,
    pub(crate) source: bool,
}

/// What changed from one table to the next, by the file that shows it.
pub(crate) struct Changes {
    pub(crate) auto: bool,
    pub(crate) max_cycle: bool,
    pub(crate) cycle: bool,
    pub(crate) efficiency: bool,
    /// An element for each node id.
    rows: KVec<RowChanges>,
}

impl Changes {
    /// Notes what `next` says differently from `present`; returns whether it is anything at all.
    pub(super) fn compare(&mut self, present: &Table, next: &Table) -> bool {
        self.auto = present.settings.auto != next.settings.auto;
        self.max_cycle = present.max_cycle != next.max_cycle;
        self.cycle = present.cycle != next.cycle;
        self.efficiency = present.efficiency_ppm != next.efficiency_ppm;
        let rows = present.rows.iter().zip(&next.rows);
        for ((old, new), changes) in rows.zip(self.rows.iter_mut()) {
            changes.weight = old.weight != new.weight;
            changes.read_bandwidth = old.coordinates.read != new.coordinates.read;
            changes.write_bandwidth = old.coordinates.write != new.coordinates.write;
            changes.source = old.source != new.source;
        }
        present.settings != next.settings
            || self.max_cycle
            || self.cycle
            || self.efficiency
            || present.rows.as_slice() != next.rows.as_slice()
    }

    /// Returns what changed of `node`.
    pub(crate) fn row(&self, node: NodeId) -> RowChanges {
        self.rows.get(node.index()).copied().unwrap_or_default()
    }
}

/// Room for a new table and for the work that leads to it, allocated before any lock is taken, so
/// that a change that has begun cannot run out of memory.
pub(crate) struct Draft {
    /// The table to be.
    pub(super) table: RcuBox<Table>,
    /// Place for the nodes as the algorithms see them, one for each node id.
    pub(super) nodes: KVec<Node>,
    /// Scratch of the algorithms, one for each node id.
    pub(super) candidates: KVec<Candidate>,
    /// Place for the weights, one for each node id.
    pub(super) weights: KVec<u8>,
    /// Place for what the table changes.
    pub(super) changes: Changes,
    /// The nodes that have memory.
    pub(super) memory: NodeMask,
    /// The nodes that have CPUs.
    pub(super) cpus: NodeMask,
}

impl Draft {
    /// Allocates an empty draft. May sleep.
    pub(crate) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        Ok(Self {
            table: RcuBox::new(Table {
                generation: 0,
                settings: Settings::default(),
                max_cycle: 0,
                cycle: 0,
                efficiency_ppm: 0,
                rows: alloc::filled(Row::default(), ids)?,
            })?,
            nodes: alloc::filled(Node::default(), ids)?,
            candidates: alloc::filled(Candidate::default(), ids)?,
            weights: alloc::filled(0, ids)?,
            changes: Changes {
                auto: false,
                max_cycle: false,
                cycle: false,
                efficiency: false,
                rows: alloc::filled(RowChanges::default(), ids)?,
            },
            memory: NodeMask::default(),
            cpus: NodeMask::default(),
        })
    }

    /// Notes which nodes have memory and CPUs at this moment.
    pub(crate) fn look(&mut self) {
        self.memory = NodeMask::of(NodeState::Memory);
        self.cpus = NodeMask::of(NodeState::Cpu);
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl Draft {
    /// Pretends that just these nodes have memory and CPUs.
    pub(crate) fn set_masks(&mut self, memory: NodeMask, cpus: NodeMask) {
        self.memory = memory;
        self.cpus = cpus;
    }

    /// Returns the table to be.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Makes the table to be say just these weights.
    pub(crate) fn set_weight(&mut self, node: NodeId, weight: u8) {
        let row = Row {
            weight,
            ..Row::default()
        };
        self.table.set_row(node, row);
    }

    /// Makes the table to be say whether it is to be published.
    pub(crate) fn set_publish(&mut self, publish: bool) {
        self.table.settings.publish = publish;
    }

    /// Takes the table.
    pub(crate) fn into_table(self) -> RcuBox<Table> {
        self.table
    }

    /// Returns whether both tables to be say the same.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let Ok(mut draft) = Self::new() else {
            return false;
        };
        !draft.changes.compare(&self.table, &other.table)
    }
}
