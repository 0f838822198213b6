// SPDX-License-Identifier: GPL-2.0

//! A node's memory comes and goes.

use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};

use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::{reported, Coordinates, Machine};
use crate::memory_block::OnlineMemory;
use crate::provider::Provider;
use crate::wait::wait_for;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "hotplug",
    cases: &[
        Case::new("comes_and_goes", Scope::Hotplug, comes_and_goes),
        Case::new("keeps_early_report", Scope::Hotplug, keeps_early_report),
        Case::new("override_survives", Scope::Hotplug, override_survives),
        Case::new(
            "missed_update_is_read",
            Scope::Each(&[Scope::Hotplug, Scope::FtraceSwitch]),
            missed_update_is_read,
        ),
        Case::new("manual", Scope::Hotplug, manual),
        Case::new("unpublished", Scope::Hotplug, unpublished),
    ],
};

/// The node whose memory can come and go.
pub(super) fn hotplug_node(machine: &Machine) -> Result<u32> {
    machine
        .hotplug
        .first()
        .copied()
        .context("the topology has no memory to put online")
}

/// Waits until there are directories for exactly `nodes`, then checks the table that follows.
fn settle(provider: &Provider, machine: &Machine, nodes: &BTreeSet<u32>) -> Result<()> {
    wait_for("the directories of nodes with memory", || {
        let shown = provider.nodes()?;
        Ok(if shown == *nodes {
            Ok(())
        } else {
            Err(format!("{shown:?}, expected {nodes:?}"))
        })
    })?;
    provider.expect_planned(machine)?;
    provider.expect_published()
}

/// The nodes with memory once `node` has some.
fn with(machine: &Machine, node: u32) -> BTreeSet<u32> {
    machine.memory.iter().copied().chain([node]).collect()
}

/// Directories, weights of all nodes, the kernel's table and real pages follow.
fn comes_and_goes(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let provider = Provider::load("")?;
    settle(&provider, bench.machine, &bench.machine.memory)?;
    let without = provider.weights()?;
    let mut known = None;
    for _ in 0..3 {
        let generation = provider.number("generation")?;
        let memory = OnlineMemory::add(node)?;
        settle(&provider, bench.machine, &with(bench.machine, node))?;
        let after = provider.number("generation")?;
        ensure!(
            after > generation,
            "node {node} came and generation stayed at {after}"
        );
        workload::expect(&provider.weights()?)?;
        // The firmware's report comes with the first memory only.
        let now = (provider.bandwidth(node)?, provider.weights()?.to_string());
        let before = known.get_or_insert_with(|| now.clone());
        ensure!(
            *before == now,
            "node {node} was gone and is back: {before:?} became {now:?}"
        );

        memory.remove()?;
        settle(&provider, bench.machine, &bench.machine.memory)?;
        let now = provider.weights()?;
        ensure!(
            now == without,
            "node {node} came and went, and {without} became {now}"
        );
        workload::expect(&now)?;
    }
    provider.unload()
}

/// What is reported before the node has memory counts once it has.
fn keeps_early_report(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    for bandwidth in [50_000, 200_000] {
        let before = provider.weights()?;
        let early = Coordinates {
            read: bandwidth + 1,
            write: bandwidth,
        };
        injector.inject(node, early)?;
        let now = provider.weights()?;
        ensure!(
            now == before,
            "a report for node {node} without memory made {before} into {now}"
        );
        let memory = OnlineMemory::add(node)?;
        settle(&provider, bench.machine, &with(bench.machine, node))?;
        let shown = provider.bandwidth(node)?;
        // Firmware may report at the moment the memory comes, and has the last word then.
        let known = reported(node);
        ensure!(
            shown == early || shown == known,
            "node {node} is shown with {shown}; reported before it had memory: {early}"
        );
        workload::expect(&provider.weights()?)?;
        memory.remove()?;
        settle(&provider, bench.machine, &bench.machine.memory)?;
    }
    provider.unload()
}

fn override_survives(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let provider = Provider::load("")?;
    let memory = OnlineMemory::add(node)?;
    settle(&provider, bench.machine, &with(bench.machine, node))?;
    let underneath = provider.bandwidth(node)?;
    provider.write(&format!("node{node}/read_bandwidth"), "77777")?;
    provider.write(&format!("node{node}/write_bandwidth"), "66666")?;
    memory.remove()?;
    settle(&provider, bench.machine, &bench.machine.memory)?;

    let memory = OnlineMemory::add(node)?;
    settle(&provider, bench.machine, &with(bench.machine, node))?;
    provider.expect(&format!("node{node}/read_bandwidth"), "77777")?;
    provider.expect(&format!("node{node}/write_bandwidth"), "66666")?;
    provider.expect(&format!("node{node}/source"), "override")?;
    for side in ["read_bandwidth", "write_bandwidth"] {
        provider.write(&format!("node{node}/{side}"), "0")?;
    }
    let shown = provider.bandwidth(node)?;
    ensure!(
        shown == underneath,
        "without the override node {node} has {shown}, before it had {underneath}"
    );
    provider.expect_planned(bench.machine)?;
    memory.remove()?;
    settle(&provider, bench.machine, &bench.machine.memory)?;
    provider.unload()
}

/// A hotplug event reads the coordinates anew: what a silent hook missed is there afterwards.
fn missed_update_is_read(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let target = bench
        .machine
        .memory
        .iter()
        .copied()
        .find(|&node| crate::machine::keeps_reports(node));
    let target = target.context(
        "the hotplug topology needs a node with bandwidth data beside the one that comes",
    )?;
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let missed = Coordinates {
        read: 31_313,
        write: 30_303,
    };
    file_ftrace("0")?;
    let injected = injector.inject(target, missed);
    let memory = OnlineMemory::add(node);
    let ftrace = file_ftrace("1");
    injected.and(ftrace)?;
    let memory = memory?;
    provider.wait_for_bandwidth(target, missed)?;
    settle(&provider, bench.machine, &with(bench.machine, node))?;
    memory.remove()?;
    settle(&provider, bench.machine, &bench.machine.memory)?;
    provider.unload()
}

fn file_ftrace(value: &str) -> Result<()> {
    crate::file::write("/proc/sys/kernel/ftrace_enabled", value)
}

/// In manual mode the others keep their weights, and the node that comes has one.
fn manual(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let provider = Provider::load("")?;
    let first = bench.machine.first_node();
    provider.write(&format!("node{first}/weight"), "9")?;
    let before = provider.weights()?;
    let memory = OnlineMemory::add(node)?;
    wait_for("the directory of the node that came", || {
        let shown = provider.nodes()?;
        Ok(if shown.contains(&node) {
            Ok(())
        } else {
            Err(format!("{shown:?}"))
        })
    })?;
    let mut after = provider.weights()?;
    let weight = after.remove(&node);
    ensure!(
        after == before,
        "node {node} came in manual mode and made {before} into {after}"
    );
    ensure!(
        weight.is_some_and(|weight| weight > 0),
        "node {node} came with weight {weight:?}"
    );
    provider.expect("auto", "false")?;
    provider.expect_published()?;
    provider.write("auto", "true")?;
    settle(&provider, bench.machine, &with(bench.machine, node))?;
    memory.remove()?;
    settle(&provider, bench.machine, &bench.machine.memory)?;
    provider.unload()
}

/// With `publish` false the kernel's table is left alone through it all.
fn unpublished(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let provider = Provider::load("publish=false")?;
    let memory = OnlineMemory::add(node)?;
    wait_for("the directory of the node that came", || {
        let shown = provider.nodes()?;
        Ok(if shown.contains(&node) {
            Ok(())
        } else {
            Err(format!("{shown:?}"))
        })
    })?;
    provider.expect_planned(bench.machine)?;
    let kernel = KernelTable::read()?;
    ensure!(
        kernel.auto,
        "publish is false, and the kernel's table left auto mode: {kernel}"
    );
    memory.remove()?;
    provider.unload()
}
