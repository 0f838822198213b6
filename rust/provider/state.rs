// SPDX-License-Identifier: GPL-2.0

//! The bandwidth table and the settings, and how a draft is filled from them.
//!
//! Every method either takes its change whole or refuses it and leaves the state as it was. Nothing
//! here allocates, but for [`State::new()`], or sleeps.

use super::{
    settings::{self, Settings},
    table::{Cell, Draft, Row},
};
use crate::{
    hmat::Entry,
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId, NodeMask},
    },
    policy::{self, Algorithm, Basis, Coordinates, Metric, Scope, Source, Target},
    sinks::publish::Foreign,
};
use kernel::prelude::*;

/// Which bandwidth of a node an override is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Read bandwidth.
    Read,
    /// Write bandwidth.
    Write,
}

impl Side {
    /// Sets this side of `coordinates` to `bandwidth` MB/s.
    fn set(self, coordinates: &mut Coordinates, bandwidth: u32) {
        match self {
            Self::Read => coordinates.read = bandwidth,
            Self::Write => coordinates.write = bandwidth,
        }
    }
}

/// Returns the place in the matrix of `node` as `initiator` sees it.
fn place(initiator: NodeId, node: NodeId) -> usize {
    let ids = usize::from(nr_node_ids());
    // Both are below the number of ids, which has 16 bits.
    initiator
        .index()
        .wrapping_mul(ids)
        .wrapping_add(node.index())
}

/// What is known of one node id, whether it has memory now or not.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// What firmware or a driver reported last.
    reported: Coordinates,
    /// Which of the two it was.
    origin: Source,
    /// A report that is not taken; unknown where all are.
    disbelieved: Coordinates,
    /// What an administrator wrote; 0 where nothing.
    overrides: Coordinates,
    /// The last weight the node had; 0 only while the takeover is attached.
    weight: u8,
}

/// What is known of one node id as one initiator sees it.
#[derive(Clone, Copy, Debug)]
struct Sight {
    /// What the firmware's matrix says.
    firmware: Coordinates,
    /// What an administrator wrote; 0 where nothing.
    overrides: Coordinates,
    /// The last weight the node had for this initiator; 0 as in [`Record::weight`].
    weight: u8,
}

impl Sight {
    const UNKNOWN: Self = Self {
        firmware: Coordinates { read: 0, write: 0 },
        overrides: Coordinates { read: 0, write: 0 },
        weight: 1,
    };

    /// Returns the coordinates in force and their source. `local` is the best that the matrix has of
    /// the node, `record` what holds for all initiators.
    fn coordinates(&self, local: Coordinates, record: &Record) -> (Coordinates, Source) {
        let all = record.coordinates();
        let derived = policy::cell(self.firmware, local, all);
        let source = match derived.basis {
            _ if self.overrides.is_known() => Source::Override,
            Basis::None => Source::None,
            Basis::Row => Source::Firmware,
            Basis::RowAndTarget => record.source(),
            Basis::Target => Source::System,
        };
        (derived.coordinates.overridden_by(self.overrides), source)
    }
}

impl Record {
    const UNKNOWN: Self = Self {
        reported: Coordinates { read: 0, write: 0 },
        origin: Source::None,
        disbelieved: Coordinates { read: 0, write: 0 },
        overrides: Coordinates { read: 0, write: 0 },
        weight: 1,
    };

    fn coordinates(&self) -> Coordinates {
        self.reported.overridden_by(self.overrides)
    }

    fn source(&self) -> Source {
        if self.overrides.is_known() {
            Source::Override
        } else if self.reported.is_known() {
            self.origin
        } else {
            Source::None
        }
    }
}

/// Returns the bandwidth that the chosen algorithm takes from `coordinates`, MB/s.
fn bandwidth(coordinates: Coordinates, settings: &Settings) -> u32 {
    match settings.algorithm {
        Algorithm::Balanced => coordinates.bandwidth(settings.metric),
        Algorithm::Mainline => coordinates.mainline(),
    }
}

/// What the provider knows and was told to do; guarded by its mutex.
pub(crate) struct State {
    settings: Settings,
    /// Whether decisions are ours: a weight may be 0 then.
    takeover: bool,
    /// A record for each node id.
    records: KVec<Record>,
    /// For each initiator's node id, a sight of each node id.
    matrix: KVVec<Sight>,
}

impl State {
    /// Makes the state of a machine nothing is known of. May sleep.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        Ok(Self {
            settings,
            takeover: false,
            records: alloc::filled(Record::UNKNOWN, ids)?,
            matrix: alloc::large(Sight::UNKNOWN, ids.checked_mul(ids).ok_or(ENOMEM)?)?,
        })
    }

    fn record_mut(&mut self, node: NodeId) -> Result<&mut Record> {
        self.records.get_mut(node.index()).ok_or(ENODEV)
    }

    fn sight_mut(&mut self, initiator: NodeId, node: NodeId) -> Result<&mut Sight> {
        self.matrix.get_mut(place(initiator, node)).ok_or(ENODEV)
    }

    /// Turns following of bandwidth on or off; weights stay as they are when it goes off.
    pub(crate) fn set_auto(&mut self, auto: bool) {
        self.settings.auto = auto;
    }

    /// Chooses the algorithm.
    pub(crate) fn set_algorithm(&mut self, algorithm: Algorithm) {
        self.settings.algorithm = algorithm;
    }

    /// Chooses the metric.
    pub(crate) fn set_metric(&mut self, metric: Metric) {
        self.settings.metric = metric;
    }

    /// Chooses the target.
    pub(crate) fn set_target(&mut self, target: Target) {
        self.settings.limits.target = target;
    }

    /// Chooses whether the kernel's table is written.
    pub(crate) fn set_publish(&mut self, publish: bool) {
        self.settings.publish = publish;
    }

    /// Chooses whose weights decisions go by.
    pub(crate) fn set_scope(&mut self, scope: Scope) {
        self.settings.scope = scope;
    }

    /// Notes that decisions are ours.
    ///
    /// # Errors
    ///
    /// `EBUSY` where they are already.
    pub(crate) fn attach_takeover(&mut self) -> Result {
        if self.takeover {
            return Err(EBUSY);
        }
        self.takeover = true;
        Ok(())
    }

    /// Notes that decisions are the kernel's. Weights of 0 become 1; `raised` is told the nodes that
    /// had one.
    pub(crate) fn detach_takeover(&mut self, mut raised: impl FnMut(NodeId)) {
        self.takeover = false;
        for (node, record) in NodeId::all().zip(self.records.iter_mut()) {
            if record.weight == 0 {
                record.weight = 1;
                raised(node);
            }
        }
        for sight in self.matrix.iter_mut() {
            sight.weight = sight.weight.max(1);
        }
    }

    /// Takes what an administrator has written into the kernel's table; the weights are those of the
    /// draft.
    pub(super) fn take_foreign(&mut self, foreign: Foreign, draft: &mut Draft) {
        if foreign != Foreign::Weights {
            self.settings.auto = true;
        }
        if foreign == Foreign::AutoThenWeights {
            self.fill(draft);
        }
        if foreign != Foreign::Auto {
            self.settings.auto = false;
            for (node, weight) in &draft.foreign {
                // It has a row in the kernel's table, so it is a node id and not 0.
                let _ = self.set_weight(*node, *weight);
            }
        }
    }

    /// Takes what firmware says of `node` as `initiator` sees it. Returns whether it said nothing
    /// else of that before.
    pub(crate) fn set_firmware(&mut self, initiator: NodeId, node: NodeId, entry: Entry) -> bool {
        let Ok(sight) = self.sight_mut(initiator, node) else {
            return true;
        };
        let mut is_new = true;
        let mut set = |side: &mut u32| {
            is_new &= *side == 0 || *side == entry.bandwidth;
            *side = entry.bandwidth;
        };
        if entry.sides.read() {
            set(&mut sight.firmware.read);
        }
        if entry.sides.write() {
            set(&mut sight.firmware.write);
        }
        is_new
    }

    /// Bounds the cycle to `pages`.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless it is between the number of nodes in `memory` and the largest bound.
    pub(crate) fn set_max_cycle(&mut self, pages: u32, memory: &NodeMask) -> Result {
        let bound = settings::max_cycle(pages, memory.weight()).ok_or(EINVAL)?;
        self.settings.limits.max_cycle = Some(bound);
        Ok(())
    }

    /// Sets the weight of `node` for all initiators by hand, which ends following of bandwidth.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the weight is 0 and decisions are not ours.
    pub(crate) fn set_weight(&mut self, node: NodeId, weight: u8) -> Result {
        if weight == 0 && !self.takeover {
            return Err(EINVAL);
        }
        self.record_mut(node)?.weight = weight;
        for initiator in NodeId::all() {
            self.sight_mut(initiator, node)?.weight = weight;
        }
        self.settings.auto = false;
        Ok(())
    }

    /// Overrides one side of `node`'s bandwidth as `initiator` sees it with `bandwidth` MB/s; 0 drops
    /// the override.
    pub(crate) fn set_sight_override(
        &mut self,
        initiator: NodeId,
        node: NodeId,
        side: Side,
        bandwidth: u32,
    ) -> Result {
        side.set(&mut self.sight_mut(initiator, node)?.overrides, bandwidth);
        Ok(())
    }

    /// Overrides one side of `node`'s bandwidth with `bandwidth` MB/s; 0 drops the override.
    /// Returns the coordinates in force and their source if that changed them.
    pub(crate) fn set_override(
        &mut self,
        node: NodeId,
        side: Side,
        bandwidth: u32,
    ) -> Result<Option<(Coordinates, Source)>> {
        let record = self.record_mut(node)?;
        let before = (record.coordinates(), record.source());
        side.set(&mut record.overrides, bandwidth);
        let after = (record.coordinates(), record.source());
        Ok((after != before).then_some(after))
    }

    /// Has a report of just this for `node` ignored from now on.
    pub(crate) fn disbelieve(&mut self, node: NodeId, reported: Coordinates) {
        if let Ok(record) = self.record_mut(node) {
            record.disbelieved = reported;
        }
    }

    /// Takes a report for `node`, which need not have memory yet, from firmware or an update.
    /// Returns whether it says anything new; a repetition leaves the origin as it was.
    pub(crate) fn report(&mut self, node: NodeId, reported: Coordinates, origin: Source) -> bool {
        match self.record_mut(node) {
            Ok(record) if reported.is_known() && reported == record.disbelieved => false,
            Ok(record) if record.reported != reported => {
                record.reported = reported;
                record.origin = origin;
                true
            }
            _ => false,
        }
    }

    /// Computes the weights if they follow bandwidth, and fills the draft's table. The draft's masks
    /// say which nodes have memory and CPUs.
    pub(crate) fn fill(&mut self, draft: &mut Draft) {
        self.fill_rows(draft);
        self.fill_locals(draft);
        let cpus = draft.cpus;
        for (place, initiator) in (0..=u16::MAX).zip(cpus.iter()) {
            self.fill_view(draft, place, initiator);
        }
    }

    /// Fills what holds for all initiators.
    fn fill_rows(&mut self, draft: &mut Draft) {
        let settings = &self.settings;
        let known = |node: NodeId| self.records.get(node.index()).unwrap_or(&Record::UNKNOWN);
        let taken = |node: NodeId| bandwidth(known(node).coordinates(), settings);
        Self::compute(settings, draft, taken, |node| known(node).weight);

        // Efficiency compares weights, whatever they come from, so both algorithms are measured by
        // the same bandwidth.
        let count = draft.memory.weight();
        let nodes = draft.nodes.get_mut(..count).unwrap_or_default();
        let weights = draft.weights.get(..count).unwrap_or_default();
        for (node, input) in draft.memory.iter().zip(nodes.iter_mut()) {
            input.bandwidth = known(node).coordinates().bandwidth(settings.metric);
        }
        let table = &mut *draft.table;
        table.settings = *settings;
        table.takeover = self.takeover;
        table.max_cycle = settings.limits.max_cycle(count).get();
        table.cycle = policy::cycle(weights);
        table.efficiency_ppm = policy::efficiency_ppm(nodes, weights);
        for (node, weight) in draft.memory.iter().zip(weights.iter()) {
            let Some(record) = self.records.get_mut(node.index()) else {
                continue;
            };
            record.weight = *weight;
            table.set_row(
                node,
                Row {
                    has_memory: true,
                    weight: *weight,
                    coordinates: record.coordinates(),
                    bandwidth: bandwidth(record.coordinates(), settings),
                    source: record.source(),
                },
            );
        }
    }

    /// Notes what the nearest initiator of each node sees by the firmware's matrix: what the kernel
    /// took from it if it is there, otherwise the best.
    fn fill_locals(&self, draft: &mut Draft) {
        for (node, local) in NodeId::all().zip(draft.locals.iter_mut()) {
            let record = self.records.get(node.index()).unwrap_or(&Record::UNKNOWN);
            *local = Coordinates::default();
            for initiator in NodeId::all() {
                let sight = self.matrix.get(place(initiator, node));
                let row = sight.map_or(Coordinates::default(), |sight| sight.firmware);
                if record.source() == Source::Firmware && row == record.reported {
                    *local = row;
                    break;
                }
                *local = local.best(row);
            }
        }
    }

    /// Fills what `initiator` sees into the view at `view`.
    fn fill_view(&mut self, draft: &mut Draft, view: u16, initiator: NodeId) {
        let settings = &self.settings;
        let records = &self.records;
        let matrix = &self.matrix;
        let locals = core::mem::take(&mut draft.locals);
        let sight = |node: NodeId| {
            matrix
                .get(place(initiator, node))
                .unwrap_or(&Sight::UNKNOWN)
        };
        let seen = |node: NodeId| {
            let record = records.get(node.index()).unwrap_or(&Record::UNKNOWN);
            let local = locals.get(node.index()).copied().unwrap_or_default();
            sight(node).coordinates(local, record)
        };
        let taken = |node: NodeId| bandwidth(seen(node).0, settings);
        Self::compute(settings, draft, taken, |node| sight(node).weight);

        let mut weights = draft.weights.iter();
        draft
            .table
            .set_view(view, initiator, &draft.memory, |node| {
                let (coordinates, source) = seen(node);
                Cell {
                    // There is one for each node that has memory.
                    weight: weights.next().copied().unwrap_or(1),
                    coordinates,
                    source,
                }
            });
        for (node, weight) in draft.memory.iter().zip(&draft.weights) {
            if let Some(sight) = self.matrix.get_mut(place(initiator, node)) {
                sight.weight = *weight;
            }
        }
        draft.locals = locals;
    }

    /// Puts the weights of the nodes that have memory into the draft, in ascending order: computed
    /// from what each has of `bandwidth`, or the ones of `kept` where weights do not follow it.
    fn compute(
        settings: &Settings,
        draft: &mut Draft,
        bandwidth: impl Fn(NodeId) -> u32,
        kept: impl Fn(NodeId) -> u8,
    ) {
        // A draft has room for all node ids, so nothing is cut off and nothing mismatches.
        let count = draft.memory.weight();
        let nodes = draft.nodes.get_mut(..count).unwrap_or_default();
        let weights = draft.weights.get_mut(..count).unwrap_or_default();
        for (node, input) in draft.memory.iter().zip(nodes.iter_mut()) {
            input.bandwidth = bandwidth(node);
            input.has_cpus = draft.cpus.contains(node);
        }
        for (node, weight) in draft.memory.iter().zip(weights.iter_mut()) {
            *weight = kept(node);
        }
        if settings.auto {
            let _ = policy::compute(
                settings.algorithm,
                nodes,
                settings.limits,
                &mut draft.candidates,
                weights,
            );
        }
    }
}
