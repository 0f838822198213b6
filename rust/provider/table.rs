// SPDX-License-Identifier: GPL-2.0

//! The published table, and the draft that becomes one.

use super::{cache::Owner, schedules::Schedules, settings::Settings};
use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId, NodeMask, NodeState},
        rcu::RcuBox,
        topology::local_node,
    },
    policy::{self, Candidate, Coordinates, Node, Scope, Source},
};
use kernel::prelude::*;

/// What is published of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Whether the node has memory; nothing else of the row counts where it has none.
    pub(crate) has_memory: bool,
    /// The node's weight; 0 only with the takeover: the node takes no page.
    pub(crate) weight: u8,
    /// The coordinates in force, overrides included.
    pub(crate) coordinates: Coordinates,
    /// The bandwidth that the algorithm took from them, MB/s; 0 is unknown.
    pub(crate) bandwidth: u32,
    /// Where the coordinates come from.
    pub(crate) source: Source,
}

impl Row {
    /// Returns what a row and a cell have in common.
    fn cell(&self) -> Cell {
        Cell {
            weight: self.weight,
            coordinates: self.coordinates,
            source: self.source,
        }
    }
}

/// What is published of one node as one initiator sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The node's weight for this initiator; 0 as in [`Row::weight`].
    pub(crate) weight: u8,
    /// The coordinates in force, overrides included.
    pub(crate) coordinates: Coordinates,
    /// Where the coordinates come from.
    pub(crate) source: Source,
}

/// All nodes as one initiator sees them.
#[derive(PartialEq, Eq)]
struct View {
    /// The initiator; [`None`] where there are fewer initiators than views.
    initiator: Option<NodeId>,
    /// A cell for each node id.
    cells: KVec<Cell>,
}

/// Names a vector of weights: that of the system or of an initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorId(u16);

impl VectorId {
    /// The vector that is the same for all initiators.
    pub(crate) const SYSTEM: Self = Self(0);

    /// Returns the vector of `initiator`.
    pub(crate) fn of(initiator: NodeId) -> Self {
        Self(u16::from(initiator).saturating_add(1))
    }

    /// Returns the id of the initiator, [`None`] for the vector of the system.
    fn initiator(self) -> Option<u16> {
        self.0.checked_sub(1)
    }

    /// Returns the number that stands for the vector in a request.
    pub(crate) fn get(self) -> u16 {
        self.0
    }

    /// Returns the vector that `number` stands for.
    pub(crate) fn from_number(number: u16) -> Self {
        Self(number)
    }
}

/// Whose weights a decision asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Those that are the same for all.
    System,
    /// Those of the node of this CPU where the scope is `initiator`, else the system's.
    Local,
    /// Those of an initiator, whatever the scope.
    Initiator(NodeId),
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
    /// Whether mempolicy's decisions are ours.
    pub(crate) takeover: bool,
    /// Orders of nodes by these weights.
    pub(crate) schedules: Schedules,
    /// A row for each node id.
    rows: KVec<Row>,
    /// A view for each initiator.
    views: KVec<View>,
    /// By node id: the place of its view, [`NO_VIEW`] where it is no initiator.
    view_of: KVec<u16>,
}

impl Owner for Table {
    fn generation(&self) -> u64 {
        self.generation
    }
}

/// Stands for the place of a view that does not exist.
const NO_VIEW: u16 = u16::MAX;

impl Table {
    /// Returns the row of `node`, or [`None`] where it has no memory.
    pub(crate) fn row(&self, node: NodeId) -> Option<&Row> {
        self.rows.get(node.index()).filter(|row| row.has_memory)
    }

    /// Returns what `initiator` sees of `node`, or [`None`] where the one has no CPUs or the other no
    /// memory.
    pub(crate) fn cell(&self, initiator: NodeId, node: NodeId) -> Option<&Cell> {
        self.row(node)?;
        self.view(initiator.into())?.cells.get(node.index())
    }

    fn view(&self, initiator: u16) -> Option<&View> {
        let place = self.view_of.get(usize::from(initiator))?;
        self.views.get(usize::from(*place))
    }

    /// Returns the vector for `viewer`; where an initiator has none that is the system's. Any
    /// context.
    #[inline]
    pub(crate) fn vector(&self, viewer: Viewer) -> VectorId {
        match viewer {
            Viewer::Local if self.settings.scope == Scope::Initiator => {
                NodeId::new(local_node()).map_or(VectorId::SYSTEM, |node| self.vector_of(node))
            }
            Viewer::System | Viewer::Local => VectorId::SYSTEM,
            Viewer::Initiator(node) => self.vector_of(node),
        }
    }

    fn vector_of(&self, initiator: NodeId) -> VectorId {
        match self.view(initiator.into()) {
            Some(_) => VectorId::of(initiator),
            None => VectorId::SYSTEM,
        }
    }

    /// Returns the weight of `node` in a vector, 0 where it has no memory. Any context.
    pub(crate) fn weight(&self, vector: VectorId, node: NodeId) -> u8 {
        let Some(row) = self.row(node) else {
            return 0;
        };
        vector
            .initiator()
            .and_then(|initiator| self.view(initiator)?.cells.get(node.index()))
            .map_or(row.weight, |cell| cell.weight)
    }

    /// Returns the nodes that have memory with their rows, in ascending order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (NodeId, &Row)> {
        NodeId::all().filter_map(|node| Some((node, self.row(node)?)))
    }

    /// Puts what the kernel's table is to hold into `weights`, by node id, for the nodes that have
    /// memory. `bandwidth` is the kernel's, MB/s, by node id. Any context.
    pub(crate) fn reduce(&self, bandwidth: &[u32], weights: &mut [u8]) {
        if !self.takeover || !self.settings.publish {
            return Self::reduce_as_mainline(bandwidth, weights);
        }
        for (node, row) in self.rows() {
            if let Some(weight) = weights.get_mut(node.index()) {
                *weight = row.weight.max(1);
            }
        }
    }

    /// Puts mainline's weights for `bandwidth` into `weights`; otherwise like [`Table::reduce()`].
    pub(crate) fn reduce_as_mainline(bandwidth: &[u32], weights: &mut [u8]) {
        let memory = NodeMask::of(NodeState::Memory);
        let of = |node: NodeId| bandwidth.get(node.index()).copied().unwrap_or(0);
        let computed = policy::mainline_weights(memory.iter().map(of));
        for (node, weight) in memory.iter().zip(computed) {
            if let Some(slot) = weights.get_mut(node.index()) {
                *slot = weight;
            }
        }
    }

    /// Sets the row of `node`.
    pub(super) fn set_row(&mut self, node: NodeId, row: Row) {
        if let Some(slot) = self.rows.get_mut(node.index()) {
            *slot = row;
        }
    }

    /// Gives `initiator` the view at `place`, with the cells that `cell` has for each node with
    /// memory. There may be fewer places than initiators where a node got its first CPU just now.
    pub(super) fn set_view(
        &mut self,
        place: u16,
        initiator: NodeId,
        nodes: &NodeMask,
        mut cell: impl FnMut(NodeId) -> Cell,
    ) {
        let view = self.views.get_mut(usize::from(place));
        let (Some(view), Some(of)) = (view, self.view_of.get_mut(initiator.index())) else {
            return;
        };
        *of = place;
        view.initiator = Some(initiator);
        for node in nodes.iter() {
            if let Some(slot) = view.cells.get_mut(node.index()) {
                *slot = cell(node);
            }
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

impl RowChanges {
    fn between(old: &Cell, new: &Cell) -> Self {
        Self {
            weight: old.weight != new.weight,
            read_bandwidth: old.coordinates.read != new.coordinates.read,
            write_bandwidth: old.coordinates.write != new.coordinates.write,
            source: old.source != new.source,
        }
    }
}

/// What changed from one table to the next, by the file that shows it.
pub(crate) struct Changes {
    pub(crate) auto: bool,
    pub(crate) max_cycle: bool,
    pub(crate) cycle: bool,
    pub(crate) efficiency: bool,
    /// Whether the kernel's table is ours, or its decisions.
    pub(crate) attached: bool,
    /// Whether anything that initiators see has changed.
    pub(crate) views: bool,
    /// An element for each node id.
    rows: KVec<RowChanges>,
    /// An element for each view.
    of_views: KVec<ViewChanges>,
}

/// What changed of what an initiator sees.
struct ViewChanges {
    initiator: Option<NodeId>,
    /// An element for each node id.
    cells: KVec<RowChanges>,
}

impl Changes {
    /// Notes what `next` says differently from `present`; returns whether it is anything at all.
    pub(super) fn compare(&mut self, present: &Table, next: &Table) -> bool {
        self.auto = present.settings.auto != next.settings.auto;
        self.max_cycle = present.max_cycle != next.max_cycle;
        self.cycle = present.cycle != next.cycle;
        self.efficiency = present.efficiency_ppm != next.efficiency_ppm;
        self.attached =
            present.takeover != next.takeover || present.settings.publish != next.settings.publish;
        let rows = present.rows.iter().zip(&next.rows);
        for ((old, new), changes) in rows.zip(self.rows.iter_mut()) {
            *changes = RowChanges::between(&old.cell(), &new.cell());
        }
        let views = present.views.iter().zip(&next.views);
        for ((old, new), view) in views.zip(self.of_views.iter_mut()) {
            // Another initiator is at the place only where a node got its first CPU.
            view.initiator = new.initiator;
            for ((old, new), changes) in old.cells.iter().zip(&new.cells).zip(view.cells.iter_mut())
            {
                *changes = RowChanges::between(old, new);
            }
        }
        self.views = present.view_of.as_slice() != next.view_of.as_slice()
            || present.views.as_slice() != next.views.as_slice();
        present.settings != next.settings
            || self.max_cycle
            || self.cycle
            || self.efficiency
            || self.attached
            || self.views
            || present.rows.as_slice() != next.rows.as_slice()
    }

    /// Returns what changed of `node` as `initiator` sees it.
    pub(crate) fn cell(&self, initiator: NodeId, node: NodeId) -> RowChanges {
        self.of_views
            .iter()
            .find(|view| view.initiator == Some(initiator))
            .and_then(|view| view.cells.get(node.index()).copied())
            .unwrap_or_default()
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
    /// Place for the best coordinates that firmware has of each node, one for each node id.
    pub(super) locals: KVec<Coordinates>,
    /// Place for weights that an administrator has written into the kernel's table.
    pub(super) foreign: KVec<(NodeId, u8)>,
    /// The nodes that have memory.
    pub(super) memory: NodeMask,
    /// The nodes that have CPUs.
    pub(super) cpus: NodeMask,
}

impl Draft {
    /// Allocates an empty draft. May sleep.
    pub(crate) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        let initiators = NodeMask::of(NodeState::Cpu).weight();
        let mut views = alloc::with_capacity(initiators)?;
        let mut of_views = alloc::with_capacity(initiators)?;
        for _ in 0..initiators {
            let view = View {
                initiator: None,
                cells: alloc::filled(Cell::default(), ids)?,
            };
            views.push_within_capacity(view).map_err(|_| ENOMEM)?;
            let changes = ViewChanges {
                initiator: None,
                cells: alloc::filled(RowChanges::default(), ids)?,
            };
            of_views.push_within_capacity(changes).map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            table: RcuBox::new(Table {
                generation: 0,
                settings: Settings::default(),
                max_cycle: 0,
                cycle: 0,
                efficiency_ppm: 0,
                takeover: false,
                schedules: Schedules::empty(),
                rows: alloc::filled(Row::default(), ids)?,
                views,
                view_of: alloc::filled(NO_VIEW, ids)?,
            })?,
            nodes: alloc::filled(Node::default(), ids)?,
            candidates: alloc::filled(Candidate::default(), ids)?,
            weights: alloc::filled(0, ids)?,
            changes: Changes {
                auto: false,
                max_cycle: false,
                cycle: false,
                efficiency: false,
                attached: false,
                views: false,
                rows: alloc::filled(RowChanges::default(), ids)?,
                of_views,
            },
            locals: alloc::filled(Coordinates::default(), ids)?,
            foreign: alloc::with_capacity(ids)?,
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
            has_memory: true,
            weight,
            ..Row::default()
        };
        self.table.set_row(node, row);
    }

    /// Makes the table to be say whether mempolicy's decisions are ours and whether weights follow
    /// bandwidth.
    pub(crate) fn set_takeover(&mut self, takeover: bool, auto: bool) {
        self.table.takeover = takeover;
        self.table.settings.auto = auto;
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
