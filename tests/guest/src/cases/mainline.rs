// SPDX-License-Identifier: GPL-2.0

//! `mainline` is what the running kernel computes: the kernel itself is the oracle.
//!
//! The module does not publish here, so the kernel's table stays in auto mode and the kernel's own.

use anyhow::{ensure, Context, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::provider::Provider;
use crate::random;

pub(super) const SUITE: Suite = Suite {
    name: "mainline",
    cases: &[
        Case::new("at_load", Scope::Everywhere, at_load),
        Case::new("injected", Scope::Everywhere, injected),
        Case::new("wrapping", Scope::Everywhere, wrapping),
    ],
};

const PARAMETERS: &str = "algorithm=mainline publish=false";
const INJECTIONS: u32 = 200;

fn expect_as_kernel(provider: &Provider) -> Result<()> {
    let (shown, kernel) = (provider.weights()?, KernelTable::read()?);
    ensure!(
        kernel.auto,
        "the kernel's table left auto mode though publish is false"
    );
    ensure!(
        shown == kernel.weights,
        "numaweave's mainline says {shown}; the kernel says {}",
        kernel.weights
    );
    Ok(())
}

fn at_load(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load(PARAMETERS)?;
    provider.expect("algorithm", "balanced [mainline]")?;
    expect_as_kernel(&provider)?;
    provider.unload()
}

fn injected(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load(PARAMETERS)?;
    let nodes: Vec<u32> = bench.machine.memory.iter().copied().collect();
    let mut tables = Vec::new();
    for round in 1..=INJECTIONS {
        let node = *bench.rng.choice(&nodes).context("no node has memory")?;
        let coordinates = random::coordinates(&mut bench.rng);
        let failed = || format!("injection {round}: node {node} with {coordinates}");
        provider
            .follow(&injector, node, coordinates)
            .with_context(failed)?;
        expect_as_kernel(&provider).with_context(failed)?;
        tables.push(provider.weights()?);
    }
    tables.sort_by_key(|weights| weights.values().copied().collect::<Vec<_>>());
    tables.dedup();
    note(&format!(
        "{INJECTIONS} injections led to {} different tables",
        tables.len()
    ));
    ensure!(
        nodes.len() == 1 || tables.len() > 1,
        "the injections changed no weight: they tested nothing"
    );
    provider.unload()
}

/// The kernel's 32-bit arithmetic wraps from 2^27 MB/s on.
fn wrapping(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load(PARAMETERS)?;
    let first = bench.machine.first_node();
    for &node in bench.machine.memory.iter().filter(|&&node| node != first) {
        provider.follow(&injector, node, crate::machine::Coordinates::both(1))?;
    }
    for bandwidth in [
        1 << 27,
        (1 << 27) - 1,
        (1 << 27) + 1,
        u32::MAX / 32,
        u32::MAX,
    ] {
        provider.follow(
            &injector,
            first,
            crate::machine::Coordinates::both(bandwidth),
        )?;
        expect_as_kernel(&provider)
            .with_context(|| format!("node {first} with {bandwidth} MB/s, others with 1"))?;
    }
    provider.unload()
}
