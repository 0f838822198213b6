// SPDX-License-Identifier: GPL-2.0

//! The machine as the running kernel shows it, and the topology it was asked to be.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::file;

const NODES: &str = "/sys/devices/system/node";
const TOPOLOGY: &str = "/topology.json";

/// Read and write bandwidth of a node in MB/s; 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coordinates {
    pub(crate) read: u32,
    pub(crate) write: u32,
}

impl Coordinates {
    /// The same bandwidth for reads and writes.
    pub(crate) const fn both(bandwidth: u32) -> Self {
        Self {
            read: bandwidth,
            write: bandwidth,
        }
    }

    /// What `metric` makes of the sides that are known.
    ///
    /// Written out here once more, on purpose: the tests must not ask the code they test.
    pub(crate) fn by_metric(self, metric: &str) -> u32 {
        match (metric, self.read, self.write) {
            (_, one, 0) | (_, 0, one) => one,
            ("read", read, _) => read,
            ("write", _, write) => write,
            (_, read, write) => read.min(write),
        }
    }

    /// What mainline makes of them: a side that is silent silences the node.
    pub(crate) fn by_mainline(self) -> u32 {
        self.read.min(self.write)
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {} write {} MB/s", self.read, self.write)
    }
}

/// `/topology.json`: what `scripts/vm` built the guest from.
#[derive(Debug, Deserialize)]
pub(crate) struct Topology {
    pub(crate) name: String,
    pub(crate) nodes: Vec<TopologyNode>,
    #[serde(default)]
    pub(crate) bandwidth: Vec<TopologyBandwidth>,
}

impl Topology {
    /// What firmware says of `target` as `initiator` sees it.
    pub(crate) fn bandwidth(&self, initiator: u32, target: u32) -> Coordinates {
        let is = |it: &&TopologyBandwidth| it.initiator == initiator && it.target == target;
        let found = self.bandwidth.iter().find(is);
        found.map_or(Coordinates::default(), |it| Coordinates {
            read: it.read,
            write: it.write,
        })
    }

    /// The best that firmware says of `target` for one of `initiators`, for reads and for writes.
    pub(crate) fn nearest_bandwidth(&self, initiators: &BTreeSet<u32>, target: u32) -> Coordinates {
        let mut best = Coordinates::default();
        for &initiator in initiators {
            let told = self.bandwidth(initiator, target);
            best.read = best.read.max(told.read);
            best.write = best.write.max(told.write);
        }
        best
    }
}

/// One node of a topology.
#[derive(Debug, Deserialize)]
pub(crate) struct TopologyNode {
    pub(crate) id: u32,
    /// Memory present at boot, in MiB.
    #[serde(default)]
    pub(crate) memory_mb: u64,
    /// Memory that waits to be put online, in MiB.
    #[serde(default)]
    pub(crate) hotplug_mb: u64,
}

/// Bandwidth from an initiator to a target in MB/s; 0 where the firmware says nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct TopologyBandwidth {
    pub(crate) initiator: u32,
    pub(crate) target: u32,
    #[serde(default)]
    pub(crate) read: u32,
    #[serde(default)]
    pub(crate) write: u32,
}

/// The machine at the start of the run.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) topology: Topology,
    /// Nodes with memory at the start.
    pub(crate) memory: BTreeSet<u32>,
    /// Nodes with CPUs.
    pub(crate) cpu: BTreeSet<u32>,
    /// Nodes whose memory is there and offline.
    pub(crate) hotplug: BTreeSet<u32>,
}

impl Machine {
    /// Reads `/topology.json` and the kernel's view.
    pub(crate) fn read() -> Result<Self> {
        let text =
            file::read(TOPOLOGY).context("this is a guest program; run it through scripts/vm")?;
        let topology: Topology =
            serde_json::from_str(&text).with_context(|| format!("{TOPOLOGY} is not a topology"))?;
        let hotplug = topology
            .nodes
            .iter()
            .filter(|node| node.hotplug_mb != 0)
            .map(|node| node.id)
            .collect();
        Ok(Self {
            topology,
            memory: memory_nodes()?,
            cpu: node_list("has_cpu")?,
            hotplug,
        })
    }

    /// The first node with memory; every machine has one.
    pub(crate) fn first_node(&self) -> u32 {
        self.memory.first().copied().unwrap_or(0)
    }

    /// The last node with memory.
    pub(crate) fn last_node(&self) -> u32 {
        self.memory.last().copied().unwrap_or(0)
    }

    /// Whether firmware reported a bandwidth of any node that has memory.
    pub(crate) fn has_firmware_data(&self) -> bool {
        self.memory
            .iter()
            .any(|&node| reported(node) != Coordinates::default())
    }
}

/// Nodes that have memory now.
pub(crate) fn memory_nodes() -> Result<BTreeSet<u32>> {
    node_list("has_memory")
}

fn node_list(name: &str) -> Result<BTreeSet<u32>> {
    Ok(file::parse_list(&file::read(Path::new(NODES).join(name))?)?
        .into_iter()
        .collect())
}

/// The device directory of a node.
pub(crate) fn node_directory(node: u32) -> PathBuf {
    Path::new(NODES).join(format!("node{node}"))
}

/// Coordinates of the CPU access class that the kernel's node device shows; unknown where it shows
/// none.
pub(crate) fn reported(node: u32) -> Coordinates {
    let initiators = node_directory(node).join("access1/initiators");
    let side = |name| file::parse(initiators.join(name)).unwrap_or(0);
    Coordinates {
        read: side("read_bandwidth"),
        write: side("write_bandwidth"),
    }
}

/// Whether the node device keeps coordinates, so that a later reader finds what was reported last.
pub(crate) fn keeps_reports(node: u32) -> bool {
    node_directory(node)
        .join("access1/initiators/read_bandwidth")
        .exists()
}

#[cfg(test)]
mod tests {
    use super::Coordinates;

    #[test]
    fn a_silent_side_counts_for_mainline_alone() {
        let reads_only = Coordinates { read: 7, write: 0 };
        assert_eq!(reads_only.by_metric("min"), 7);
        assert_eq!(reads_only.by_metric("write"), 7);
        assert_eq!(reads_only.by_mainline(), 0);
        let both = Coordinates { read: 9, write: 4 };
        let by = |metric| both.by_metric(metric);
        assert_eq!(
            (by("min"), by("read"), by("write"), both.by_mainline()),
            (4, 9, 4, 4)
        );
    }
}
