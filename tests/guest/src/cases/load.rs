// SPDX-License-Identifier: GPL-2.0

//! What the module shows right after it was loaded.

use anyhow::{ensure, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::machine::{reported, Coordinates};
use crate::provider::Provider;

pub(super) const SUITE: Suite = Suite {
    name: "load",
    cases: &[
        Case::new("defaults", Scope::Everywhere, defaults),
        Case::new("nodes", Scope::Everywhere, nodes),
        Case::new("firmware", Scope::Everywhere, firmware),
        Case::new("topology", Scope::FirmwareData, topology),
        Case::new("published", Scope::Everywhere, published),
    ],
};

/// Every setting has the default of its documentation.
fn defaults(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let max_cycle = (bench.machine.memory.len() * 8)
        .clamp(255, 4096)
        .to_string();
    for (name, value) in [
        ("auto", "true"),
        ("algorithm", "[balanced] mainline"),
        ("metric", "[min] read write"),
        ("max_cycle", max_cycle.as_str()),
        ("target", "990"),
        ("publish", "true"),
        ("hook", "active"),
        ("in_sync", "true"),
        ("generation", "1"),
    ] {
        provider.expect(name, value)?;
    }
    provider.unload()
}

/// There is a directory for each node with memory, and for no other.
fn nodes(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let (shown, memory) = (provider.nodes()?, &bench.machine.memory);
    ensure!(
        shown == *memory,
        "directories for nodes {shown:?}, memory on nodes {memory:?}"
    );
    provider.unload()
}

/// Bandwidth and source of each node are what the kernel knew before.
fn firmware(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for &node in &bench.machine.memory {
        let (shown, known) = (provider.bandwidth(node)?, reported(node));
        ensure!(
            shown == known,
            "node {node} is shown with {shown}; its device says {known}"
        );
        let source = if known == Coordinates::default() {
            "none"
        } else {
            "firmware"
        };
        provider.expect(&format!("node{node}/source"), source)?;
    }
    provider.unload()
}

/// Bandwidths are those that the topology was built with, of the best initiator.
fn topology(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for &node in &bench.machine.memory {
        let paths = || {
            bench
                .machine
                .topology
                .bandwidth
                .iter()
                .filter(|path| path.target == node)
        };
        let expected = Coordinates {
            read: paths().map(|path| path.read).max().unwrap_or(0),
            write: paths().map(|path| path.write).max().unwrap_or(0),
        };
        let shown = provider.bandwidth(node)?;
        ensure!(
            shown == expected,
            "node {node} is shown with {shown}; the best initiator of topology {} has {expected}",
            bench.machine.topology.name
        );
    }
    provider.unload()
}

/// The weights are planned ones, and the kernel's table holds them.
fn published(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let weights = provider.expect_planned(bench.machine)?;
    note(&format!("weights {weights}"));
    provider.expect_published()?;
    provider.unload()
}
