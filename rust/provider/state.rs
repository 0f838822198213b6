// SPDX-License-Identifier: GPL-2.0

//! The bandwidth table and the settings, and how a draft is filled from them.
//!
//! Every method either takes its change whole or refuses it and leaves the state as it was. Nothing
//! here allocates, but for [`State::new()`], or sleeps.

use super::{
    settings::{self, Settings},
    table::{Draft, Row},
};
use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId, NodeMask},
    },
    policy::{self, Algorithm, Coordinates, Metric, Source, Target},
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

/// What is known of one node id, whether it has memory now or not.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// What firmware or a driver reported last.
    reported: Coordinates,
    /// Which of the two it was.
    origin: Source,
    /// What an administrator wrote; 0 where nothing.
    overrides: Coordinates,
    /// The last weight the node had; never 0.
    weight: u8,
}

impl Record {
    const UNKNOWN: Self = Self {
        reported: Coordinates { read: 0, write: 0 },
        origin: Source::None,
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

    fn bandwidth(&self, settings: &Settings) -> u32 {
        match settings.algorithm {
            Algorithm::Balanced => self.coordinates().bandwidth(settings.metric),
            Algorithm::Mainline => self.coordinates().mainline(),
        }
    }
}

/// What the provider knows and was told to do; guarded by its mutex.
pub(crate) struct State {
    settings: Settings,
    /// A record for each node id.
    records: KVec<Record>,
}

impl State {
    /// Makes the state of a machine nothing is known of. May sleep.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        Ok(Self {
            settings,
            records: alloc::filled(Record::UNKNOWN, usize::from(nr_node_ids()))?,
        })
    }

    fn record_mut(&mut self, node: NodeId) -> Result<&mut Record> {
        self.records.get_mut(node.index()).ok_or(ENODEV)
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

    /// Sets the weight of `node` by hand, which ends following of bandwidth.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the weight is 0.
    pub(crate) fn set_weight(&mut self, node: NodeId, weight: u8) -> Result {
        if weight == 0 {
            return Err(EINVAL);
        }
        self.record_mut(node)?.weight = weight;
        self.settings.auto = false;
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
        match side {
            Side::Read => record.overrides.read = bandwidth,
            Side::Write => record.overrides.write = bandwidth,
        }
        let after = (record.coordinates(), record.source());
        Ok((after != before).then_some(after))
    }

    /// Takes a report for `node`, which need not have memory yet, from firmware or an update.
    /// Returns whether it says anything new; a repetition leaves the origin as it was.
    pub(crate) fn report(&mut self, node: NodeId, reported: Coordinates, origin: Source) -> bool {
        match self.record_mut(node) {
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
        let settings = &self.settings;
        let known = |node: NodeId| self.records.get(node.index()).unwrap_or(&Record::UNKNOWN);
        // A draft has room for all node ids, so nothing is cut off and nothing mismatches.
        let count = draft.memory.weight();
        let nodes = draft.nodes.get_mut(..count).unwrap_or_default();
        let weights = draft.weights.get_mut(..count).unwrap_or_default();
        for (node, input) in draft.memory.iter().zip(nodes.iter_mut()) {
            input.bandwidth = known(node).bandwidth(settings);
            input.has_cpus = draft.cpus.contains(node);
        }
        for (node, weight) in draft.memory.iter().zip(weights.iter_mut()) {
            *weight = known(node).weight;
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

        // Efficiency compares weights, whatever they come from, so both algorithms are measured by
        // the same bandwidth.
        for (node, input) in draft.memory.iter().zip(nodes.iter_mut()) {
            input.bandwidth = known(node).coordinates().bandwidth(settings.metric);
        }
        let table = &mut *draft.table;
        table.settings = *settings;
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
                    weight: *weight,
                    coordinates: record.coordinates(),
                    bandwidth: record.bandwidth(settings),
                    source: record.source(),
                },
            );
        }
    }
}
