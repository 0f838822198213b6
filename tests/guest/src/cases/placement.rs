// SPDX-License-Identifier: GPL-2.0

//! Pages of a real workload lie where the weights say, to the page, over whole cycles.

use anyhow::{ensure, Result};

use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::Coordinates;
use crate::provider::Provider;
use crate::{random, workload};

pub(super) const SUITE: Suite = Suite {
    name: "placement",
    cases: &[
        Case::new("kernel_alone", Scope::Everywhere, kernel_alone),
        Case::new("balanced", Scope::Everywhere, balanced),
        Case::new("mainline", Scope::Everywhere, mainline),
        Case::new("after_updates", Scope::Everywhere, after_updates),
        Case::new("manual", Scope::Everywhere, manual),
        Case::new("unpublished", Scope::SeveralNodes, unpublished),
        Case::new("after_unload", Scope::Everywhere, after_unload),
    ],
};

/// The measurement itself, without the module: the kernel's own weights.
fn kernel_alone(_bench: &mut Bench<'_>) -> Result<()> {
    workload::expect(&KernelTable::read()?.weights)
}

fn balanced(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    workload::expect(&provider.expect_planned(bench.machine)?)?;
    provider.unload()
}

fn mainline(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("algorithm=mainline")?;
    workload::expect(&provider.expect_planned(bench.machine)?)?;
    provider.unload()
}

fn after_updates(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    for &node in &bench.machine.memory {
        let coordinates = random::coordinates(&mut bench.rng);
        provider.follow(&injector, node, coordinates)?;
        let weights = provider.expect_planned(bench.machine)?;
        provider.expect_published()?;
        workload::expect(&weights)?;
    }
    provider.unload()
}

fn manual(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for &node in &bench.machine.memory {
        provider.write(
            &format!("node{node}/weight"),
            bench.rng.u32(1..=9).to_string(),
        )?;
    }
    provider.expect("auto", "false")?;
    provider.expect_published()?;
    workload::expect(&provider.weights()?)?;
    provider.unload()
}

/// With `publish` false the kernel's own weights rule, however far away numaweave's are.
fn unpublished(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("publish=false")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/weight"), "200")?;
    let kernel = KernelTable::read()?;
    ensure!(
        kernel.weights != provider.weights()?,
        "the kernel took weight 200 for node {node} unpublished"
    );
    provider.expect("in_sync", "false")?;
    workload::expect(&kernel.weights)?;
    provider.unload()
}

fn after_unload(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let provider = Provider::load("")?;
    provider.follow(
        &injector,
        bench.machine.last_node(),
        Coordinates::both(123_456),
    )?;
    provider.unload()?;
    injector.undo()?;
    workload::expect(&before.weights)
}
