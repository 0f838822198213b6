// SPDX-License-Identifier: GPL-2.0

//! The module comes and goes without a trace.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::kernel_table::KernelTable;
use crate::mapping::{Backing, Mapping};
use crate::mempolicy::{self, Meaning};
use crate::provider::Provider;
use crate::takeover::Takeover;
use crate::usage::Usage;
use crate::wait::PATIENCE;

pub(super) const SUITE: Suite = Suite {
    name: "rounds",
    cases: &[
        Case::new("load_and_unload", Scope::Everywhere, load_and_unload),
        Case::new("takeover_under_load", Scope::SeveralNodes, takeover_few),
        Case::new(
            "takeover_under_load_long",
            Scope::Only("dual-socket-cxl"),
            takeover_many,
        ),
    ],
};

/// Rounds that are counted.
const ROUNDS: u64 = 200;

/// Rounds before counting starts: what the kernel makes once for all modules is there then.
const WARM_UP: u64 = 5;

/// Growth of one counter that is a leak. One object lost in each round makes [`ROUNDS`]; what other
/// tasks take meanwhile is a handful (the run prints it), so half of it tells the two apart.
///
/// Tried with modules that lose one allocation in each load: 8 bytes show as 200 more objects in
/// kmalloc-8, a page of vmalloc as 200 more areas, 16 KiB as 206 more blocks.
const LEAK: u64 = ROUNDS / 2;

/// Growth that is not worth waiting for it to go.
const NOISE: u64 = ROUNDS / 10;

/// How long to wait for what is more than noise and less than a leak.
const ENOUGH: Duration = Duration::from_secs(10);

/// 200 rounds leave slab caches, vmalloc areas and modules as they were.
///
/// Every round does something to the provider: what a load alone does not allocate can leak as
/// well.
fn load_and_unload(bench: &mut Bench<'_>) -> Result<()> {
    let table = KernelTable::read()?;
    let node = bench.machine.last_node();
    let round = || {
        let provider = Provider::load("")?;
        provider.write(&format!("node{node}/read_bandwidth"), "4321")?;
        provider.unload()
    };
    for _ in 0..WARM_UP {
        round()?;
    }
    let before = Usage::floor()?;
    for _ in 0..ROUNDS {
        round()?;
    }
    let after = wait_for_calm(&before)?;
    ensure!(
        after.modules == before.modules,
        "{} modules are loaded, before it was {}",
        after.modules,
        before.modules
    );
    note(&format!(
        "{ROUNDS} rounds: {}",
        after.growth(&before, 1).join(", ")
    ));
    let now = KernelTable::read()?;
    ensure!(
        now == table,
        "after {ROUNDS} rounds the kernel's table is {now}, was {table}"
    );
    Ok(())
}

/// Threads that fault pages meanwhile.
const THREADS: usize = 8;

/// A few rounds of what is repeated on one topology until a leak would show.
fn takeover_few(bench: &mut Bench<'_>) -> Result<()> {
    takeover_under_load(bench, 3)
}

/// 100 rounds of the takeover under load leave nothing behind.
fn takeover_many(bench: &mut Bench<'_>) -> Result<()> {
    const ROUNDS: u64 = 100;

    takeover_under_load(bench, 1)?;
    let before = Usage::floor()?;
    takeover_under_load(bench, ROUNDS)?;
    let after = wait_for_calm(&before)?;
    note(&format!(
        "{ROUNDS} rounds under {THREADS} threads: {}",
        after.growth(&before, 1).join(", ")
    ));
    let leaked = after.growth(&before, ROUNDS / 2);
    ensure!(
        leaked.is_empty(),
        "{ROUNDS} rounds of the takeover left {}",
        leaked.join(", ")
    );
    Ok(())
}

/// The takeover comes and goes under threads that fault pages.
fn takeover_under_load(bench: &Bench<'_>, rounds: u64) -> Result<()> {
    let table = KernelTable::read()?;
    let nodes = &bench.machine.memory;
    let round = || Takeover::load("scope=initiator")?.unload();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| fault_until(&stop, nodes)))
            .collect();
        let mut done = Ok(());
        for _ in 0..rounds {
            done = done.and_then(|()| round());
        }
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            let faulted = worker.join().map_err(|_| anyhow!("a worker panicked"))??;
            ensure!(faulted != 0, "a worker has faulted no page");
        }
        done
    })?;
    let now = KernelTable::read()?;
    ensure!(
        now == table,
        "after {rounds} rounds the kernel's table is {now}, was {table}"
    );
    Ok(())
}

/// Faults pages under weighted interleave, by the task's policy and by that of the mapping, until
/// told to stop. Returns how many.
fn fault_until(stop: &AtomicBool, nodes: &BTreeSet<u32>) -> Result<u64> {
    const PAGES: usize = 128;

    mempolicy::set_for_task(nodes, Meaning::Remapped)?;
    let mut faulted = 0;
    while !stop.load(Ordering::Relaxed) {
        let mapping = Mapping::new(Backing::Anonymous, PAGES)?;
        if faulted % 2 == 0 {
            mempolicy::set_for_mapping(&mapping, nodes, Meaning::Static)?;
        }
        for page in 0..PAGES {
            mapping.fault_page(page);
        }
        faulted += 1;
    }
    Ok(faulted)
}

/// Waits until memory is back to what it was `before`: what waits for a grace period, or for a
/// worker to free it, is not lost.
fn wait_for_calm(before: &Usage) -> Result<Usage> {
    let start = Instant::now();
    let mut after = Usage::floor()?;
    while !after.growth(before, NOISE).is_empty() {
        let leaks = after.growth(before, LEAK);
        if leaks.is_empty() && start.elapsed() > ENOUGH {
            break;
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "{ROUNDS} rounds of loading and unloading left {}",
            leaks.join(", ")
        );
        after.look_again()?;
    }
    Ok(after)
}
