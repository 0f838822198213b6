// SPDX-License-Identifier: GPL-2.0

//! The settings: manual and automatic weights, algorithm, metric, limits, publishing.

use anyhow::{ensure, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::Coordinates;
use crate::provider::Provider;

pub(super) const SUITE: Suite = Suite {
    name: "control",
    cases: &[
        Case::new("manual", Scope::Everywhere, manual),
        Case::new(
            "manual_keeps_updates_for_later",
            Scope::Everywhere,
            manual_keeps_updates,
        ),
        Case::new(
            "auto_false_keeps_weights",
            Scope::Everywhere,
            auto_false_keeps_weights,
        ),
        Case::new("algorithm", Scope::Everywhere, algorithm),
        Case::new("metric", Scope::SeveralNodes, metric),
        Case::new("limits", Scope::SeveralNodes, limits),
        Case::new("publish", Scope::SeveralNodes, publish),
    ],
};

/// A write to a weight sets that weight alone, turns `auto` false and is published; `auto` true
/// recomputes.
fn manual(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let planned = provider.weights()?;
    for &node in &bench.machine.memory {
        let mut expected = provider.weights()?;
        expected.insert(node, 37);
        provider.write(&format!("node{node}/weight"), "37")?;
        provider.expect("auto", "false")?;
        let shown = provider.weights()?;
        ensure!(
            shown == expected,
            "after node {node} was given weight 37: {shown}, expected {expected}"
        );
        provider.expect("cycle", &expected.cycle().to_string())?;
        provider.expect_efficiency(bench.machine)?;
        provider.expect_published()?;
    }
    provider.write("auto", "true")?;
    provider.expect("auto", "true")?;
    let again = provider.expect_planned(bench.machine)?;
    ensure!(
        again == planned,
        "auto true gives {again}, at load it was {planned}"
    );
    provider.expect_published()?;
    provider.unload()
}

/// In manual mode a bandwidth is shown and changes no weight; when `auto` returns it counts.
fn manual_keeps_updates(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/weight"), "5")?;
    let manual = provider.weights()?;
    provider.follow(&injector, node, Coordinates::both(3_333_333))?;
    for (name, value) in [
        ("algorithm", "mainline"),
        ("metric", "write"),
        ("target", "1000"),
        ("algorithm", "balanced"),
    ] {
        provider.write(name, value)?;
        let shown = provider.weights()?;
        ensure!(
            shown == manual,
            "in manual mode {name} {value} made {manual} into {shown}"
        );
        provider.expect("auto", "false")?;
    }
    provider.expect_published()?;
    provider.write("auto", "1")?;
    provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    provider.unload()
}

fn auto_false_keeps_weights(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let before = provider.weights()?;
    provider.write("auto", "off")?;
    provider.expect("auto", "false")?;
    provider.follow(
        &injector,
        bench.machine.first_node(),
        Coordinates { read: 8, write: 9 },
    )?;
    let after = provider.weights()?;
    ensure!(after == before, "auto false made {before} into {after}");
    provider.expect_published()?;
    provider.unload()
}

fn algorithm(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let balanced = provider.expect_planned(bench.machine)?;
    provider.write("algorithm", "mainline")?;
    provider.expect("algorithm", "balanced [mainline]")?;
    let mainline = provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    note(&format!(
        "balanced {}, mainline {}",
        balanced.ratio(),
        mainline.ratio()
    ));
    provider.write("algorithm", "balanced")?;
    let again = provider.expect_planned(bench.machine)?;
    ensure!(
        again == balanced,
        "balanced gives {again}, before mainline it was {balanced}"
    );
    provider.expect_published()?;
    provider.unload()
}

/// Each metric takes its own side where both are known.
fn metric(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    for &node in &bench.machine.memory {
        provider.follow(&injector, node, Coordinates::both(1_000))?;
    }
    provider.follow(
        &injector,
        first,
        Coordinates {
            read: 3_000,
            write: 2_000,
        },
    )?;
    provider.follow(
        &injector,
        last,
        Coordinates {
            read: 1_000,
            write: 4_000,
        },
    )?;
    for (metric, shown, expected) in [
        ("read", "min [read] write", (3, 1)),
        ("write", "min read [write]", (2, 4)),
        ("min", "[min] read write", (2, 1)),
    ] {
        provider.write("metric", metric)?;
        provider.expect("metric", shown)?;
        let weights = provider.expect_planned(bench.machine)?;
        // With two nodes nothing else has a say: 2:4 is 1:2.
        let pair = |node| u32::from(weights.get(&node).copied().unwrap_or(0));
        ensure!(
            bench.machine.memory.len() > 2 || pair(first) * expected.1 == pair(last) * expected.0,
            "metric {metric} gives {weights}, expected {expected:?}"
        );
        provider.expect_published()?;
    }
    provider.unload()
}

/// `max_cycle` and `target` bound the weights, and their own ranges hold.
fn limits(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let nodes = u32::try_from(bench.machine.memory.len())?;
    // A ratio that is reached only slowly.
    for &node in &bench.machine.memory {
        provider.follow(&injector, node, Coordinates::both(1_000_003))?;
    }
    provider.follow(
        &injector,
        bench.machine.last_node(),
        Coordinates::both(617_027),
    )?;
    let mut last_efficiency = 0;
    for max_cycle in [nodes, nodes * 3, nodes * 10, 4096] {
        provider.write("max_cycle", max_cycle.to_string())?;
        provider.write("target", "1000")?;
        provider.expect("max_cycle", &max_cycle.to_string())?;
        let weights = provider.expect_planned(bench.machine)?;
        ensure!(
            weights.cycle() <= max_cycle,
            "{weights} exceed max_cycle {max_cycle}"
        );
        let efficiency = provider.number("efficiency")?;
        ensure!(
            efficiency >= last_efficiency,
            "max_cycle {max_cycle} took efficiency from {last_efficiency} to {efficiency}"
        );
        last_efficiency = efficiency;
    }
    for target in [1, 950, 1000] {
        provider.write("target", target.to_string())?;
        provider.expect("target", &target.to_string())?;
        provider.expect_planned(bench.machine)?;
        provider.expect_published()?;
    }
    provider.unload()
}

/// `publish` false hands the kernel's table back, true writes it again; `in_sync` tells the truth
/// all along.
fn publish(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/weight"), "77")?;
    provider.expect_published()?;

    provider.write("publish", "false")?;
    provider.expect("publish", "false")?;
    let released = KernelTable::read()?;
    ensure!(
        released == before,
        "publish false leaves the kernel with {released}; before the load it had {before}"
    );
    provider.expect("in_sync", "false")?;
    provider.write(&format!("node{node}/weight"), "78")?;
    let untouched = KernelTable::read()?;
    ensure!(
        untouched == before,
        "the kernel's table became {untouched} while publish was false"
    );

    provider.write("publish", "true")?;
    provider.expect_published()?;
    provider.unload()
}
