// SPDX-License-Identifier: GPL-2.0

//! The module comes and goes without a trace.

use anyhow::{ensure, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::kernel_table::KernelTable;
use crate::provider::Provider;
use crate::usage::Usage;
use crate::wait::wait_for;

pub(super) const SUITE: Suite = Suite {
    name: "rounds",
    cases: &[Case::new(
        "load_and_unload",
        Scope::Everywhere,
        load_and_unload,
    )],
};

/// Rounds that are counted.
const ROUNDS: u64 = 200;

/// Rounds before counting starts: what the kernel makes once for all modules is there then.
const WARM_UP: u64 = 5;

/// Growth of one counter that is a leak. One object lost in each round makes [`ROUNDS`]; what other
/// tasks take meanwhile is a handful (the run prints it), so half of it tells the two apart.
const LEAK: u64 = ROUNDS / 2;

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
    let before = Usage::read()?;
    for _ in 0..ROUNDS {
        round()?;
    }
    // What waits for a grace period, or for a worker to free it, is not lost.
    let after = wait_for(
        "kernel memory back to what it was before the rounds",
        || {
            let after = Usage::read()?;
            let grown = after.growth(&before, LEAK);
            Ok(if grown.is_empty() {
                Ok(after)
            } else {
                Err(grown.join(", "))
            })
        },
    )?;
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
