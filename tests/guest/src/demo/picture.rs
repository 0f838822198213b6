// SPDX-License-Identifier: GPL-2.0

//! The topology as a picture: one wire to each node, as long as the node is fast.

use anyhow::Result;

use super::nodes::{bandwidth, label, Nodes};
use crate::file;
use crate::machine::{node_directory, Machine};

/// Length of the wire to the fastest node.
const WIRE: u64 = 28;

/// Prints the CPUs and a line for each group of nodes that are alike.
pub(super) fn draw(machine: &Machine, nodes: &Nodes) -> Result<()> {
    let mut initiators = Vec::new();
    for &node in &machine.cpu {
        let cpus = file::read(node_directory(node).join("cpulist"))?;
        initiators.push(format!("{cpus} (node {node})"));
    }
    let shown = initiators.get(..3).unwrap_or(&initiators);
    let more = if shown.len() < initiators.len() {
        ", ..."
    } else {
        ""
    };
    let nearest = if initiators.len() > 1 {
        "; bandwidth from the nearest"
    } else {
        ""
    };
    println!("  CPUs {}{more}{nearest}", shown.join(", "));

    let fastest = nodes
        .iter()
        .map(|node| node.bandwidth.by_metric("min"))
        .max()
        .unwrap_or(0);
    for group in nodes.groups(|node| (node.bandwidth, node.memory_mib, node.cpus.is_empty())) {
        let Some(first) = group.first() else { continue };
        let length = (u64::from(first.bandwidth.by_metric("min")) * WIRE)
            .checked_div(fastest.into())
            .unwrap_or(WIRE);
        let wire = "=".repeat(usize::try_from(length.max(1))?);
        let each = if group.len() > 1 { " each" } else { "" };
        let cpus = if first.cpus.is_empty() {
            ", no CPUs"
        } else {
            ""
        };
        println!(
            "   |{:30}{:13}{}{each}, {} MiB{cpus}",
            format!("{wire}>"),
            label(&group),
            bandwidth(first.bandwidth),
            first.memory_mib,
        );
    }
    for &node in machine
        .cpu
        .iter()
        .filter(|node| !machine.memory.contains(node))
    {
        println!("  (node {node} has CPUs and no memory)");
    }
    Ok(())
}
