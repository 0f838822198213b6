// SPDX-License-Identifier: GPL-2.0

//! Unloading gives the kernel's own table back.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context, Result};
use nix::errno::Errno;

use super::hotplug::hotplug_node;
use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::{self, KernelTable};
use crate::machine::{Coordinates, Machine};
use crate::memory_block::OnlineMemory;
use crate::provider::Provider;
use crate::wait::wait_for;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "unload",
    cases: &[
        // First: the only case for a kernel to which nobody has reported a bandwidth yet.
        Case::new("without_data", Scope::NoFirmwareData, changed_weights),
        Case::new("untouched", Scope::Everywhere, untouched),
        Case::new("automatic", Scope::Everywhere, changed_weights),
        Case::new("manual", Scope::Everywhere, manual),
        Case::new("publish_toggled", Scope::Everywhere, publish_toggled),
        Case::new("administrator", Scope::SeveralNodes, administrator),
        Case::new(
            "administrator_overruled",
            Scope::Everywhere,
            administrator_overruled,
        ),
        Case::new(
            "administrator_race",
            Scope::SeveralNodes,
            administrator_race,
        ),
        Case::new(
            "administrator_auto",
            Scope::FirmwareData,
            administrator_auto,
        ),
        Case::new("open_file", Scope::Everywhere, open_file),
        Case::new("node_came", Scope::Hotplug, node_came),
        Case::new("node_came_manual", Scope::Hotplug, node_came_manual),
        Case::new("node_went", Scope::Hotplug, node_went),
    ],
};

/// Expects the kernel's table to be what it was.
fn expect_restored(before: &KernelTable) -> Result<()> {
    let after = KernelTable::read()?;
    ensure!(
        after == *before,
        "after unload the kernel's table is {after}, before the load it was {before}"
    );
    Ok(())
}

/// Gives every node a weight that neither algorithm would choose.
fn change_all_weights(provider: &Provider) -> Result<()> {
    for (node, weight) in provider.nodes()?.into_iter().zip((0..5).cycle()) {
        provider.write(&format!("node{node}/weight"), (101 + weight).to_string())?;
    }
    provider.expect_published()
}

/// Makes the kernel's table manual as long as this lives.
struct ManualTable {
    before: KernelTable,
    manual: KernelTable,
}

impl ManualTable {
    fn new(machine: &Machine) -> Result<Self> {
        let before = KernelTable::read()?;
        for (&node, weight) in machine.memory.iter().zip((3..12).cycle()) {
            kernel_table::set_weight(node, weight)?;
        }
        Ok(Self {
            before,
            manual: KernelTable::read()?,
        })
    }

    /// Back to the table before, as an administrator would.
    fn end(self, injector: &Injector) -> Result<()> {
        // A kernel without any report refuses auto; a report of what is known changes nothing else.
        let node = self
            .before
            .weights
            .keys()
            .next()
            .copied()
            .context("no node has memory")?;
        injector.inject(node, crate::machine::reported(node))?;
        self.before.restore()
    }
}

/// Load and unload alone change nothing.
fn untouched(_bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    Provider::load("")?.unload()?;
    expect_restored(&before)?;
    Provider::load("publish=false")?.unload()?;
    expect_restored(&before)
}

/// The kernel was in auto mode: it is again, with the same weights, though every weight was another
/// meanwhile.
fn changed_weights(_bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    ensure!(
        before.auto,
        "the case expects a kernel in auto mode, not {before}"
    );
    let provider = Provider::load("")?;
    change_all_weights(&provider)?;
    let during = KernelTable::read()?;
    ensure!(
        during.weights != before.weights,
        "the kernel's table stayed {before} though all weights changed"
    );
    provider.unload()?;
    expect_restored(&before)?;
    workload::expect(&before.weights)
}

/// The kernel had weights of its administrator: it has them again.
fn manual(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let table = ManualTable::new(bench.machine)?;
    let provider = Provider::load("")?;
    provider.expect_published()?;
    change_all_weights(&provider)?;
    provider.follow(
        &injector,
        bench.machine.first_node(),
        Coordinates::both(77_777),
    )?;
    provider.unload()?;
    expect_restored(&table.manual)?;
    // A module that never published has nothing to give back.
    Provider::load("publish=false")?.unload()?;
    expect_restored(&table.manual)?;
    injector.undo()?;
    table.end(&injector)
}

/// However often publishing was turned off and on, and whichever way it was at the end.
fn publish_toggled(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let automatic = KernelTable::read()?;
    toggle_and_unload(&automatic)?;
    let table = ManualTable::new(bench.machine)?;
    toggle_and_unload(&table.manual)?;
    table.end(&injector)
}

fn toggle_and_unload(before: &KernelTable) -> Result<()> {
    for ends_published in [true, false] {
        let provider = Provider::load("")?;
        for _ in 0..2 {
            change_all_weights(&provider)?;
            provider.write("publish", "false")?;
            provider.write("auto", "true")?;
            provider.write("publish", "true")?;
            provider.expect_published()?;
        }
        change_all_weights(&provider)?;
        provider.write("publish", ends_published.to_string())?;
        provider.unload()?;
        expect_restored(before)
            .with_context(|| format!("publish was {ends_published} at unload"))?;

        let provider = Provider::load("publish=false")?;
        provider.write("publish", "true")?;
        change_all_weights(&provider)?;
        provider.write("publish", ends_published.to_string())?;
        provider.unload()?;
        expect_restored(before).with_context(|| {
            format!("loaded unpublished, publish was {ends_published} at unload")
        })?;
    }
    Ok(())
}

/// A weight that an administrator wrote into the kernel's table after us stays; the others are
/// given back.
fn administrator(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    change_all_weights(&provider)?;
    let node = bench.machine.last_node();
    kernel_table::set_weight(node, 99)?;
    provider.expect("in_sync", "false")?;
    provider.unload()?;
    expect_kept(before, node, 99, &injector)
}

/// Expects the table `before` but for the weight that an administrator gave `node`, and puts it
/// back.
fn expect_kept(before: KernelTable, node: u32, weight: u8, injector: &Injector) -> Result<()> {
    let after = KernelTable::read()?;
    let mut expected = before.clone();
    expected.auto = false;
    expected.weights.insert(node, weight);
    ensure!(
        after == expected,
        "an administrator wrote {weight} for node {node} over {before}; after unload there is \
         {after}, expected {expected}"
    );
    ManualTable {
        before,
        manual: after,
    }
    .end(injector)
}

/// A weight that an administrator wrote into the kernel's table stays, whatever becomes of ours, until
/// he says otherwise here; and even then it is what the table holds without us.
fn administrator_overruled(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    change_all_weights(&provider)?;
    kernel_table::set_weight(first, 99)?;
    provider.write("auto", "true")?;
    change_all_weights(&provider)?;
    provider.expect_published()?;

    kernel_table::set_weight(first, 98)?;
    provider.write(&format!("node{first}/read_bandwidth"), "31313")?;
    if first != last {
        provider.write(&format!("node{last}/weight"), "77")?;
    }
    provider.write("target", "500")?;
    let expect_weight = |node, weight: u8| -> Result<()> {
        let kernel = KernelTable::read()?;
        ensure!(
            kernel.weights.get(&node) == Some(&weight),
            "node {node} should have {weight} in the kernel's table: {kernel}"
        );
        Ok(())
    };
    expect_weight(first, 98)?;
    if first != last {
        expect_weight(last, 77)?;
    }
    provider.expect("in_sync", "false")?;

    provider.write(&format!("node{first}/weight"), "55")?;
    provider.expect_published()?;
    provider.unload()?;
    expect_kept(before, first, 98, &injector)
}

/// No write of an administrator is lost, whatever we write at the same time.
fn administrator_race(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    let bandwidth = provider.path(&format!("node{first}/read_bandwidth"));
    for weight in 101..=112_u8 {
        provider.write("auto", "true")?;
        thread::scope(|scope| -> Result<()> {
            let updates = scope.spawn(|| -> Result<()> {
                for change in 1..=4_u32 {
                    file::write(
                        &bandwidth,
                        (30_000 * change + u32::from(weight)).to_string(),
                    )?;
                }
                Ok(())
            });
            // Somewhere among them.
            thread::sleep(Duration::from_millis(bench.rng.u64(..120)));
            kernel_table::set_weight(last, weight)?;
            let ended = updates.join();
            ended.map_err(|_| anyhow!("the updates panicked"))?
        })?;
        wait_for("the administrator's weight in the kernel's table", || {
            let kernel = KernelTable::read()?;
            Ok(if kernel.weights.get(&last) == Some(&weight) {
                Ok(())
            } else {
                Err(format!("node {last} should have {weight}: {kernel}"))
            })
        })?;
        provider.write("target", (900 + u32::from(weight) % 50).to_string())?;
        let kernel = KernelTable::read()?;
        ensure!(
            kernel.weights.get(&last) == Some(&weight),
            "after a change of ours node {last} has no longer {weight}: {kernel}"
        );
    }
    provider.unload()?;
    expect_kept(before, last, 112, &injector)
}

/// An administrator who gives the table back to the kernel in between gets just that.
fn administrator_auto(_bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    change_all_weights(&provider)?;
    kernel_table::set_auto(true)?;
    provider.expect("in_sync", "false")?;
    provider.unload()?;
    expect_restored(&before)
}

/// Who still has a file open is told that the device is gone.
fn open_file(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let path = provider.path(&format!("node{}/weight", bench.machine.last_node()));
    let open = || OpenOptions::new().read(true).write(true).open(&path);
    let mut file = open().with_context(|| format!("cannot open {}", path.display()))?;
    provider.unload()?;
    let gone = |error: Option<std::io::Error>| {
        error
            .and_then(|error| error.raw_os_error())
            .map(Errno::from_raw)
            == Some(Errno::ENODEV)
    };
    let read = file.read(&mut [0; 16]).err();
    ensure!(
        gone(read),
        "a read of {} that was open at unload is answered",
        path.display()
    );
    let write = file.write(b"3").err();
    ensure!(
        gone(write),
        "a write to {} that was open at unload is taken",
        path.display()
    );
    Ok(())
}

/// The node that came is there after unload as it would be without us.
fn node_came(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let before = KernelTable::read()?;
    let memory = OnlineMemory::add(node)?;
    kernel_table::set_weight(node, 1)?;
    kernel_table::set_auto(true)?;
    let with_node = KernelTable::read()?;
    memory.remove()?;

    let provider = Provider::load("")?;
    let memory = OnlineMemory::add(node)?;
    change_all_weights(&provider)?;
    provider.unload()?;
    expect_restored(&with_node)?;
    memory.remove()?;
    // A kernel in auto mode computes nothing when memory goes: have it do so.
    kernel_table::set_weight(bench.machine.first_node(), 1)?;
    before.restore()
}

/// The same with weights of an administrator.
fn node_came_manual(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let injector = Injector::load()?;
    let table = ManualTable::new(bench.machine)?;
    let memory = OnlineMemory::add(node)?;
    kernel_table::set_weight(node, 21)?;
    let with_node = KernelTable::read()?;
    memory.remove()?;

    let provider = Provider::load("")?;
    change_all_weights(&provider)?;
    let memory = OnlineMemory::add(node)?;
    change_all_weights(&provider)?;
    provider.unload()?;
    expect_restored(&with_node)?;
    memory.remove()?;
    table.end(&injector)
}

/// A node that was there at load and is gone at unload; when it returns it has its old weight.
fn node_went(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let injector = Injector::load()?;
    let memory = OnlineMemory::add(node)?;
    let table = ManualTable::new(bench.machine)?;
    kernel_table::set_weight(node, 21)?;
    let provider = Provider::load("")?;
    change_all_weights(&provider)?;
    memory.remove()?;
    provider.unload()?;
    expect_restored(&table.manual_without(node))?;
    table.end(&injector)
}

impl ManualTable {
    /// The manual table as the kernel shows it when `node` has no memory.
    fn manual_without(&self, node: u32) -> KernelTable {
        let mut table = self.manual.clone();
        table.weights.remove(&node);
        table
    }
}
