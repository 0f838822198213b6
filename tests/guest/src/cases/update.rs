// SPDX-License-Identifier: GPL-2.0

//! Bandwidth updates as they arrive.

use anyhow::{ensure, Context, Result};

use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::Coordinates;
use crate::provider::Provider;
use crate::watch::Watch;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "update",
    cases: &[
        Case::new("followed", Scope::Everywhere, followed),
        Case::new("announced", Scope::Everywhere, announced),
        Case::new("weights_announced", Scope::SeveralNodes, weights_announced),
        Case::new("unknown_again", Scope::Everywhere, unknown_again),
        Case::new("extremes", Scope::SeveralNodes, extremes),
        Case::new("without_memory", Scope::MemorylessNode, without_memory),
        Case::new("kernel_recomputes", Scope::SeveralNodes, kernel_recomputes),
    ],
};

/// Source, generation and the kernel's table follow an update of each node.
fn followed(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    for (&node, step) in bench.machine.memory.iter().zip(1..) {
        let before = provider.number("generation")?;
        let coordinates = Coordinates {
            read: 70_000 + step * 1_111,
            write: 60_000 + step * 777,
        };
        provider.follow(&injector, node, coordinates)?;
        provider.expect(&format!("node{node}/source"), "update")?;
        let after = provider.number("generation")?;
        ensure!(
            after == before + 1,
            "one update of node {node} took generation from {before} to {after}"
        );
        provider.expect_planned(bench.machine)?;
        provider.expect_published()?;
    }
    provider.unload()
}

/// poll(2) wakes readers of the files that an update changes by itself.
fn announced(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let node = bench.machine.last_node();
    let provider = Provider::load("")?;
    let watch = |name: &str| Watch::new(provider.path(name));
    let generation = provider.number("generation")?;
    let read = watch(&format!("node{node}/read_bandwidth"))?;
    let write = watch(&format!("node{node}/write_bandwidth"))?;
    let source = watch(&format!("node{node}/source"))?;
    let count = watch("generation")?;
    injector.inject(
        node,
        Coordinates {
            read: 12_345,
            write: 12_344,
        },
    )?;
    read.expect("12345")?;
    write.expect("12344")?;
    source.expect("update")?;
    count.expect(&(generation + 1).to_string())?;

    let auto = watch("auto")?;
    provider.write(&format!("node{node}/weight"), "3")?;
    auto.expect("false").context("a write to a weight")?;

    provider.write("publish", "false")?;
    provider.expect("in_sync", "false")?;
    let in_sync = watch("in_sync")?;
    provider.write("publish", "true")?;
    in_sync.expect("true")?;
    provider.unload()
}

/// The same for weights, cycle and efficiency, also of nodes that were not reported themselves.
fn weights_announced(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    // All equal gives 1:1:..; the last one twice as fast gives it weight 2.
    for &node in &bench.machine.memory {
        provider.follow(&injector, node, Coordinates::both(1000))?;
    }
    let nodes = bench.machine.memory.len();
    provider.expect("cycle", &nodes.to_string())?;
    provider.expect("efficiency", "1000000")?;

    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    let watch = |name: &str| Watch::new(provider.path(name));
    let weight = watch(&format!("node{last}/weight"))?;
    let cycle = watch("cycle")?;
    injector.inject(last, Coordinates::both(2000))?;
    weight.expect("2")?;
    cycle.expect(&(nodes + 1).to_string())?;

    // Two values that no cycle of 255 fits exactly: the efficiency drops below 100 %.
    let efficiency = watch("efficiency")?;
    let other = watch(&format!("node{last}/weight"))?;
    injector.inject(first, Coordinates::both(617_173))?;
    provider.wait_for_bandwidth(first, Coordinates::both(617_173))?;
    let answer = provider.plan(bench.machine)?;
    let planned = answer.weights.last().context("the plan is empty")?;
    other.expect(&planned.to_string())?;
    ensure!(
        answer.efficiency_ppm != 1_000_000,
        "the case needs an inexact plan, got {:?}",
        answer.weights
    );
    efficiency.expect(&answer.efficiency_ppm.to_string())?;
    provider.unload()
}

/// A report of 0 takes the knowledge back.
fn unknown_again(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.follow(&injector, node, Coordinates::both(5_000))?;
    provider.follow(&injector, node, Coordinates::default())?;
    provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    provider.unload()
}

/// Each of 0, 1 and the largest number beside each, on both sides and crosswise: weights follow by
/// either algorithm, and the kernel takes them.
fn extremes(bench: &mut Bench<'_>) -> Result<()> {
    const VALUES: [u32; 3] = [0, 1, u32::MAX];
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    for one in VALUES {
        for other in VALUES {
            let coordinates = Coordinates {
                read: one,
                write: other,
            };
            provider.follow(&injector, last, coordinates)?;
            for beside in VALUES {
                provider.follow(&injector, first, Coordinates::both(beside))?;
                provider.expect_planned(bench.machine)?;
            }
            provider.write("algorithm", "mainline")?;
            provider.expect_planned(bench.machine)?;
            provider.write("algorithm", "balanced")?;
            workload::expect(&provider.expect_planned(bench.machine)?)?;
        }
    }
    provider.unload()
}

/// A node that has CPUs and no memory has a bandwidth for nobody.
fn without_memory(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let before = provider.weights()?;
    let machine = bench.machine;
    for node in machine.cpu.difference(&machine.memory) {
        injector.inject(*node, Coordinates::both(250_000))?;
    }
    // Reports are taken in turn: once this one is there, those before it are.
    let first = machine.first_node();
    let known = provider.bandwidth(first)?;
    provider.follow(&injector, first, Coordinates::both(1))?;
    provider.follow(&injector, first, known)?;
    let after = provider.weights()?;
    ensure!(
        after == before,
        "reports for nodes without memory made {before} into {after}"
    );
    provider.expect_planned(bench.machine)?;
    provider.unload()
}

/// An update that changes the kernel's own weights and not ours: the kernel must not have the last
/// word, though its table needed nothing from us before.
fn kernel_recomputes(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    for round in 0..10 {
        for &node in &bench.machine.memory {
            injector.inject(node, Coordinates::both(307_200))?;
        }
        let provider = Provider::load("")?;
        let alike = KernelTable::read()?;
        ensure!(alike.auto, "equal weights were published: {alike}");
        let node = bench.machine.last_node();
        // Mainline weighs this with 15 against 16; for us it is the same.
        let coordinates = Coordinates::both(306_000 + round);
        provider.follow(&injector, node, coordinates)?;
        let weights = provider.expect_planned(bench.machine)?;
        ensure!(
            weights == alike.weights,
            "{coordinates} for node {node} gives {weights}"
        );
        provider.expect_published()?;
        provider.unload()?;
    }
    Ok(())
}
