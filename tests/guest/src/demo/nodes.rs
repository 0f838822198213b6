// SPDX-License-Identifier: GPL-2.0

//! The nodes with what is known of them, alike ones together, and numbers as people read them.

use std::collections::BTreeMap;

use anyhow::Result;
use numaweave_policy::{efficiency_ppm, Node};

use crate::file;
use crate::machine::{node_directory, reported, Coordinates, Machine};
use crate::weights::Weights;

/// One node with memory.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) id: u32,
    pub(super) bandwidth: Coordinates,
    pub(super) memory_mib: u64,
    /// Its CPUs as a list, empty where it has none.
    pub(super) cpus: String,
}

/// All nodes with memory, in ascending order.
#[derive(Clone, Debug)]
pub(super) struct Nodes(Vec<Described>);

impl Nodes {
    /// Reads what the kernel says of each.
    pub(super) fn read(machine: &Machine) -> Result<Self> {
        let describe = |&id: &u32| {
            Ok(Described {
                id,
                bandwidth: reported(id),
                memory_mib: memory_mib(machine, id),
                cpus: file::read(node_directory(id).join("cpulist"))?,
            })
        };
        Ok(Self(
            machine.memory.iter().map(describe).collect::<Result<_>>()?,
        ))
    }

    /// Each node.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Described> {
        self.0.iter()
    }

    /// Nodes for which `key` is the same, in the order of the first of each.
    pub(super) fn groups<K: PartialEq>(
        &self,
        key: impl Fn(&Described) -> K,
    ) -> Vec<Vec<&Described>> {
        let mut groups: Vec<(K, Vec<&Described>)> = Vec::new();
        for node in &self.0 {
            let of_node = key(node);
            match groups.iter_mut().find(|(key, _)| *key == of_node) {
                Some((_, group)) => group.push(node),
                None => groups.push((of_node, vec![node])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    /// Share of the aggregate bandwidth that `weights` make usable, in ppm; 0 where no bandwidth is
    /// known.
    pub(super) fn efficiency(&self, weights: &Weights) -> u32 {
        let nodes: Vec<Node> = self.0.iter().map(as_policy).collect();
        let weights: Vec<u8> = self
            .0
            .iter()
            .filter_map(|node| weights.get(&node.id).copied())
            .collect();
        efficiency_ppm(&nodes, &weights)
    }

    /// Share of the aggregate bandwidth that one node has, in ppm, where it is known.
    pub(super) fn share(&self, node: &Described) -> Option<u64> {
        let own = u64::from(node.bandwidth.by_metric("min"));
        let all: u64 = self
            .0
            .iter()
            .map(|node| u64::from(node.bandwidth.by_metric("min")))
            .sum();
        (own * 1_000_000)
            .checked_div(all)
            .filter(|share| *share != 0)
    }

    /// Bandwidths that are worth a demonstration: the slowest node gets twice what it has. Where
    /// nothing is known, one node gets more than the others.
    pub(super) fn update(&self) -> BTreeMap<u32, Coordinates> {
        let known = self
            .0
            .iter()
            .filter(|node| node.bandwidth != Coordinates::default());
        let slowest = known
            .rev()
            .min_by_key(|node| node.bandwidth.by_metric("min"));
        if let Some(node) = slowest {
            let twice = Coordinates {
                read: node.bandwidth.read.saturating_mul(2),
                write: node.bandwidth.write.saturating_mul(2),
            };
            return BTreeMap::from([(node.id, twice)]);
        }
        let gigabytes = std::iter::once(200).chain(std::iter::repeat(100));
        let given = self.0.iter().zip(gigabytes);
        given
            .map(|(node, gigabytes)| (node.id, Coordinates::both(gigabytes * 1024)))
            .collect()
    }

    /// The nodes after [`Self::update`].
    pub(super) fn updated(&self) -> Self {
        let update = self.update();
        let mut nodes = self.clone();
        for node in &mut nodes.0 {
            node.bandwidth = update.get(&node.id).copied().unwrap_or(node.bandwidth);
        }
        nodes
    }
}

/// Memory that the machine was built with, in MiB.
fn memory_mib(machine: &Machine, id: u32) -> u64 {
    let nodes = &machine.topology.nodes;
    let node = nodes.iter().find(|node| node.id == id);
    node.map_or(0, |node| node.memory_mb)
}

fn as_policy(node: &Described) -> Node {
    Node {
        bandwidth: node.bandwidth.by_metric("min"),
        has_cpus: !node.cpus.is_empty(),
    }
}

/// `node 3`, `nodes 0-7`, `nodes 1,4-5`.
pub(super) fn label(group: &[&Described]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for node in group {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == node.id => *last = node.id,
            _ => ranges.push((node.id, node.id)),
        }
    }
    let ranges: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    format!(
        "node{} {}",
        if group.len() == 1 { "" } else { "s" },
        ranges.join(",")
    )
}

/// `300 GB/s`; read and write where they differ: `300/250 GB/s`, with `?` for an unknown side.
pub(super) fn bandwidth(coordinates: Coordinates) -> String {
    match coordinates {
        Coordinates { read: 0, write: 0 } => "unknown".to_owned(),
        Coordinates { read, write } if read == write => format!("{} GB/s", gigabytes(read)),
        Coordinates { read, write } => format!("{}/{} GB/s", gigabytes(read), gigabytes(write)),
    }
}

/// MB/s as GB/s, with a decimal only where it says something.
fn gigabytes(megabytes: u32) -> String {
    match (megabytes / 1024, megabytes % 1024 * 10 / 1024) {
        (0, 0) if megabytes == 0 => "?".to_owned(),
        (whole, 0) if megabytes % 1024 == 0 => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// Parts per million as percent with one decimal, rounded; what is less than all is never 100 %.
pub(super) fn percent(ppm: impl Into<u64>) -> String {
    let ppm = ppm.into();
    let tenths = match (ppm + 500) / 1000 {
        1000 if ppm < 1_000_000 => 999,
        tenths => tenths,
    };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Weights as `6:2:1`; where there are many, runs of equal ones as `8x9 : 4x2`, or their range.
pub(super) fn ratio(weights: &Weights) -> String {
    if weights.len() <= 8 {
        return weights.ratio();
    }
    let mut runs: Vec<(usize, u8)> = Vec::new();
    for &weight in weights.values() {
        match runs.last_mut() {
            Some((length, of_run)) if *of_run == weight => *length += 1,
            _ => runs.push((1, weight)),
        }
    }
    if runs.len() > 4 {
        let (least, most) = (weights.values().min(), weights.values().max());
        return format!(
            "{} to {} each",
            least.copied().unwrap_or(0),
            most.copied().unwrap_or(0)
        );
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(length, weight)| format!("{length}x{weight}"))
        .collect();
    runs.join(" : ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bandwidths_read_well() {
        assert_eq!(bandwidth(Coordinates::both(307_200)), "300 GB/s");
        assert_eq!(
            bandwidth(Coordinates {
                read: 307_200,
                write: 0
            }),
            "300/? GB/s"
        );
        assert_eq!(
            bandwidth(Coordinates {
                read: 1536,
                write: 1024
            }),
            "1.5/1 GB/s"
        );
        assert_eq!(bandwidth(Coordinates::default()), "unknown");
        assert_eq!(percent(984_126_u32), "98.4 %");
        assert_eq!(percent(666_667_u32), "66.7 %");
        assert_eq!(percent(999_999_u32), "99.9 %");
        assert_eq!(percent(1_000_000_u32), "100.0 %");
    }

    #[test]
    fn many_weights_are_counted() {
        let weights: Weights = (0..12)
            .map(|node| (node, if node < 8 { 9 } else { 2 }))
            .collect();
        assert_eq!(ratio(&weights), "8x9 : 4x2");
        let weights: Weights = (0..12)
            .map(|node| (node, if node % 2 == 0 { 3 } else { 7 }))
            .collect();
        assert_eq!(ratio(&weights), "3 to 7 each");
    }
}
