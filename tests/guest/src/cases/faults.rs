// SPDX-License-Identifier: GPL-2.0

//! No memory: each allocation of each operation fails once.
//!
//! For a kernel with fault injection. [`LOAD`] wants a guest whose clock jumps where nothing is to be
//! done (`--icount`): such kernels hold a module's objects in sysfs for some seconds more.

use std::cell::RefCell;

use anyhow::{ensure, Context, Result};

use super::hotplug::hotplug_node;
use crate::exhaust::{self, Operation};
use crate::fault_injection::Victim;
use crate::file;
use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::{self, KernelTable};
use crate::machine::{reported, Coordinates};
use crate::memory_block::{self, OnlineMemory};
use crate::module::{self, Module};
use crate::provider::{Provider, DIRECTORY};
use crate::takeover::{self, Takeover};
use crate::usage::Usage;
use crate::wait::wait_for;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "faults",
    cases: &[
        Case::new("writes", SCOPE, writes),
        Case::new("reads", SCOPE, reads),
        Case::new("reports", SCOPE, reports),
        Case::new("hotplug", SCOPE, hotplug),
        Case::new("decisions", SCOPE, decisions),
        Case::new("kernel_files", SCOPE, kernel_files),
        Case::new("administrator", SCOPE, administrator),
        // Last: it sums up.
        Case::new("points", SCOPE, points),
    ],
};

/// What loads or unloads a module at each point.
pub(super) const LOAD: Suite = Suite {
    name: "faults_load",
    cases: &[
        Case::new("load", SCOPE, load),
        Case::new("unload", SCOPE, unload),
        Case::new("takeover_comes", SCOPE, takeover_comes),
        Case::new("takeover_goes", SCOPE, takeover_goes),
        Case::new("samples", SCOPE, samples),
        Case::new("bench", SCOPE, bench_module),
        Case::new("points", SCOPE, points),
    ],
};

const SCOPE: Scope = Scope::Each(&[Scope::FaultInjection, Scope::Only("faults")]);

/// Loads numaweave and has it write the kernel's table, which is manual from then on.
fn load_published(bench: &Bench<'_>) -> Result<Provider> {
    let provider = Provider::load("")?;
    let weight = format!("node{}/weight", bench.machine.last_node());
    provider.write(&weight, "9")?;
    provider.write("auto", "true")?;
    provider.expect_published()?;
    Ok(provider)
}

/// Files that can be written, one of each way through the module, with what undoes it.
fn writes(bench: &mut Bench<'_>) -> Result<()> {
    let provider = load_published(bench)?;
    let node = format!("node{}", bench.machine.last_node());
    let initiator = format!("{node}/initiator{}", bench.machine.first_node());
    let bandwidth = |directory: &str, side: &str| format!("{directory}/{side}_bandwidth");
    // The two algorithms and the kernel have other weights for this each.
    provider.write(&bandwidth(&node, "read"), "7000")?;
    provider.write(&bandwidth(&node, "write"), "7000")?;
    let balanced = provider.weights()?;
    for (name, value, undo, undone) in [
        ("algorithm", "mainline", "algorithm", "balanced"),
        ("metric", "read", "metric", "min"),
        ("scope", "initiator", "scope", "system"),
        ("max_cycle", "64", "max_cycle", "255"),
        ("target", "800", "target", "990"),
        ("auto", "false", "auto", "true"),
        ("publish", "false", "publish", "true"),
        (&format!("{node}/weight"), "9", "auto", "true"),
        (
            &bandwidth(&node, "read"),
            "9000",
            &bandwidth(&node, "read"),
            "7000",
        ),
        (
            &bandwidth(&node, "write"),
            "9000",
            &bandwidth(&node, "write"),
            "7000",
        ),
        (
            &bandwidth(&initiator, "read"),
            "8000",
            &bandwidth(&initiator, "read"),
            "0",
        ),
        (
            &bandwidth(&initiator, "write"),
            "8000",
            &bandwidth(&initiator, "write"),
            "0",
        ),
    ] {
        Operation::new(
            &format!("write {value} to {name}"),
            Victim::Caller,
            || provider.write(name, value),
            || provider.write(undo, undone),
        )
        .exhaust()?;
        let now = provider.weights()?;
        ensure!(now == balanced, "{name}: {balanced} became {now}");
    }
    // Back again: the kernel's table is taken, and weights follow bandwidth.
    for (name, value, other) in [("publish", "true", "false"), ("auto", "true", "false")] {
        provider.write(name, other)?;
        Operation::new(
            &format!("write {value} to {name}"),
            Victim::Caller,
            || provider.write(name, value),
            || provider.write(name, other),
        )
        .exhaust()?;
        provider.write(name, value)?;
    }
    provider.unload()
}

/// The files that take more than a look at a table.
fn reads(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for (name, value) in [("in_sync", "true"), ("hook", "active")] {
        Operation::new(
            &format!("read {name}"),
            Victim::Caller,
            || provider.expect(name, value),
            || Ok(()),
        )
        .exhaust()?;
    }
    provider.unload()
}

/// What the hook leaves to a worker.
fn reports(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = load_published(bench)?;
    let node = bench.machine.last_node();
    let before = reported(node);
    // Reported once, it is an update for good.
    provider.follow(&injector, node, Coordinates::both(77_777))?;
    provider.follow(&injector, node, before)?;
    Operation::new(
        "a report taken",
        Victim::WorkersInModule,
        || provider.follow(&injector, node, Coordinates::both(77_777)),
        || provider.follow(&injector, node, before),
    )
    .exhaust()?;
    provider.unload()
}

/// A node's first memory and its last.
fn hotplug(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let provider = load_published(bench)?;
    let blocks: Vec<_> = memory_block::states(node)?.into_keys().collect();
    let block = blocks.first().context("no block of memory")?;
    let online = || file::write(block, "online_movable");
    let offline = || memory_block::offline(block);
    Operation::new("memory comes", Victim::CallerInModule, online, offline).exhaust()?;
    let memory = OnlineMemory::first_block(node)?;
    Operation::new("memory goes", Victim::CallerInModule, offline, online).exhaust()?;
    memory.remove()?;
    provider.unload()
}

/// The schedules that the first decisions after a new table ask for.
fn decisions(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let file = format!("node{}/weight", bench.machine.first_node());
    let mut weights = (2..=200).cycle();
    Operation::new(
        "a schedule made",
        Victim::WorkersInModule,
        || takeover.warm_up(|| workload::run(8).map(drop)),
        || {
            // A new table has no schedules.
            takeover
                .provider
                .write(&file, weights.next().unwrap_or(1).to_string())?;
            takeover.provider.write("auto", "true")
        },
    )
    .exhaust()?;
    takeover.unload()
}

/// What an administrator writes into the kernel's files while the takeover is there.
fn kernel_files(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let takeover = Takeover::load("")?;
    let node = bench.machine.last_node();
    let write = || {
        kernel_table::set_weight(node, 9)?;
        takeover.wait_for_kernel_weight(node, 9)
    };
    let undo = || {
        takeover.provider.write("auto", "true")?;
        takeover.wait_for_mirror()
    };
    Operation::new(
        "a write to the kernel's files taken",
        Victim::WorkersInModule,
        write,
        undo,
    )
    .exhaust()?;
    // With the takeover another way leads to the kernel's table.
    let file = format!("node{node}/weight");
    for value in ["9", "0"] {
        Operation::new(
            &format!("write {value} to {file} with the takeover"),
            Victim::Caller,
            || takeover.provider.write(&file, value),
            undo,
        )
        .exhaust()?;
    }
    takeover.provider.write("auto", "false")?;
    Operation::new(
        "write true to auto with the takeover",
        Victim::Caller,
        || takeover.provider.write("auto", "true"),
        || takeover.provider.write("auto", "false"),
    )
    .exhaust()?;
    takeover.unload()?;
    // What is written into the kernel's files stays there.
    before.restore()
}

/// What an administrator writes into the kernel's files without the takeover, where it stays until he
/// says otherwise here.
fn administrator(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let provider = load_published(bench)?;
    let node = bench.machine.last_node();
    let theirs = || {
        kernel_table::set_weight(node, 99)?;
        // What it takes to stay is done by a worker.
        wait_for("an administrator's weight", || {
            let kernel = KernelTable::read()?;
            Ok(match kernel.weights.get(&node) {
                Some(99) => Ok(()),
                _ => Err(kernel.to_string()),
            })
        })
    };
    theirs()?;
    let file = format!("node{node}/weight");
    for (name, value) in [(file.as_str(), "7"), ("auto", "true"), ("publish", "true")] {
        Operation::new(
            &format!("write {value} to {name} over an administrator's weight"),
            Victim::Caller,
            || provider.write(name, value),
            || {
                provider.write("auto", "true")?;
                theirs()
            },
        )
        .exhaust()?;
    }
    provider.unload()?;
    before.restore()
}

/// The takeover is loaded, and with one CPU in force on return.
fn takeover_comes(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let patch = RefCell::new(None);
    Operation::new(
        "the takeover comes",
        Victim::Loader,
        || {
            *patch.borrow_mut() = Some(takeover::Patch::insert()?);
            Ok(())
        },
        || patch.take().context("it is not there")?.remove(),
    )
    .then(|| takeover::wait_until_attached(&provider))
    .exhaust()?;
    provider.unload()
}

/// The takeover is disabled, with weights of 0 that have to go; and unloaded.
fn takeover_goes(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = format!("node{}/weight", bench.machine.last_node());
    let patch = RefCell::new(Some(takeover::Patch::load(&provider)?));
    provider.write(&node, "0")?;
    Operation::new(
        "the takeover is disabled",
        Victim::Unpatcher,
        takeover::begin_disable,
        || {
            patch.take().context("it is not there")?.unload_disabled()?;
            *patch.borrow_mut() = Some(takeover::Patch::load(&provider)?);
            provider.write(&node, "0")
        },
    )
    .then(takeover::wait_until_unused)
    .exhaust()?;
    patch.take().context("it is not there")?.remove()?;
    provider.unload()
}

/// The module that asks numaweave for pages, and the one that reports.
fn samples(bench: &mut Bench<'_>) -> Result<()> {
    let injector = RefCell::new(None);
    Operation::new(
        "load perf_injector",
        Victim::Loader,
        || {
            *injector.borrow_mut() = Some(Module::load("perf_injector", "")?);
            Ok(())
        },
        || injector.take().context("it is not there")?.unload(),
    )
    .exhaust()?;

    let provider = load_published(bench)?;
    let before = Usage::free_pages()?;
    let spread = RefCell::new(None);
    let load = || {
        *spread.borrow_mut() = Some(Module::load("spread_pages", "pages=64")?);
        Ok(())
    };
    Operation::new("load spread_pages", Victim::Loader, load, || {
        spread.take().context("it is not there")?.unload()
    })
    .exhaust()?;
    load()?;
    let file = format!("node{}/weight", bench.machine.last_node());
    Operation::new(
        "write 9 to a weight that spread_pages follows",
        Victim::Caller,
        || provider.write(&file, "9"),
        || provider.write("auto", "true"),
    )
    .exhaust()?;
    spread.take().context("it is not there")?.unload()?;
    provider.unload()?;
    // Pages are not in kmemleak's records.
    let lost = before.saturating_sub(Usage::free_pages()?);
    ensure!(lost < 4096, "{lost} pages are lost");
    Ok(())
}

/// The module that counts instructions.
fn bench_module(_bench: &mut Bench<'_>) -> Result<()> {
    let module = RefCell::new(None);
    let load = || {
        *module.borrow_mut() = Some(Module::load("numaweave_bench", "")?);
        Ok(())
    };
    let unload = || module.take().context("it is not there")?.unload();
    Operation::new("load numaweave_bench", Victim::Loader, load, unload).exhaust()?;
    load()?;
    Operation::new(
        "a request to numaweave_bench",
        Victim::Caller,
        || {
            file::write(
                "/sys/kernel/debug/numaweave_bench/decide",
                "weighted_interleave_nid 2 5000",
            )
        },
        || Ok(()),
    )
    .exhaust()?;
    unload()
}

/// The kernel's table is given back, whatever fails.
fn unload(bench: &mut Bench<'_>) -> Result<()> {
    let provider = RefCell::new(None);
    let file = format!("node{}/weight", bench.machine.last_node());
    let load = || -> Result<()> {
        let loaded = Provider::load("")?;
        loaded.write(&file, "9")?;
        *provider.borrow_mut() = Some(loaded);
        Ok(())
    };
    load()?;
    Operation::new(
        "unload numaweave",
        Victim::Leaver,
        || provider.take().context("it is not there")?.unload(),
        load,
    )
    .exhaust()?;
    provider.take().context("it is not there")?.unload()
}

/// numaweave is loaded, with all that it reads of the kernel and shows.
fn load(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = RefCell::new(None);
    Operation::new(
        "load numaweave",
        Victim::Loader,
        || {
            *provider.borrow_mut() = Some(Provider::load("")?);
            Ok(())
        },
        || provider.take().context("it is not there")?.unload(),
    )
    .exhaust()
}

/// All points of this run. That nothing is lost at any is for the suite `leaks` to say.
fn points(_bench: &mut Bench<'_>) -> Result<()> {
    note(&format!("points: {} in total", exhaust::total()));
    ensure!(!module::is_loaded("numaweave"), "{DIRECTORY} is there");
    Ok(())
}
