// SPDX-License-Identifier: GPL-2.0

//! Firmware that lies: numaweave makes the best of its handmade table, and says once what is wrong.
//!
//! The guest's kernel is watched by its runner, so each case also checks that nothing goes off.

use anyhow::{ensure, Result};

use super::initiators::{sight, weights_of};
use crate::firmware::expected;
use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::kernel_log::KernelLog;
use crate::kernel_table::KernelTable;
use crate::machine::{reported, Coordinates};
use crate::provider::{difference, Provider};
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "firmware",
    cases: &[
        Case::new("warning", Scope::Firmware, warning),
        Case::new("system", Scope::Firmware, system),
        Case::new("initiators", Scope::Firmware, initiators),
        Case::new("overrides", Scope::Firmware, overrides),
        Case::new("pages", Scope::Firmware, pages),
    ],
};

/// Each load warns once of what is wrong, and not at all where nothing is.
fn warning(_bench: &mut Bench<'_>) -> Result<()> {
    let expected = expected()?.warning;
    for _ in 0..2 {
        let mut log = KernelLog::from_now_on()?;
        let before = KernelTable::read()?;
        let provider = Provider::load("")?;
        provider.write("auto", "true")?;
        provider.unload()?;
        let mut warnings = log.warnings()?;
        // The kernel's own words on loading a module of another tree begin so too.
        warnings.retain(|line| line.starts_with("numaweave:") && !line.contains(" taints kernel"));
        let as_expected = match (&expected, warnings.as_slice()) {
            (None, []) => true,
            (Some(words), [warning]) => warning.contains(words.as_str()),
            _ => false,
        };
        ensure!(
            as_expected,
            "numaweave warns {warnings:?}, expected is {expected:?}"
        );
        let after = KernelTable::read()?;
        ensure!(
            after == before,
            "the kernel's table is {after}, was {before}"
        );
    }
    note(expected.as_deref().unwrap_or("no warning"));
    Ok(())
}

/// Bandwidths and weights are those of the sane part of the table.
fn system(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let expected = expected()?;
    let view = expected.view("system")?;
    for (&node, &bandwidth) in bench.machine.memory.iter().zip(&view.bandwidth) {
        let (shown, known) = (provider.bandwidth(node)?, reported(node));
        note(&format!(
            "node {node}: {shown}; the kernel has taken {known}"
        ));
        ensure!(
            shown == Coordinates::both(bandwidth),
            "node {node} has {shown}, expected {bandwidth} MB/s"
        );
    }
    // What the kernel knows is read anew.
    provider.write("auto", "true")?;
    let weights = provider.expect_planned(bench.machine)?;
    ensure!(
        weights.values().eq(&view.weights),
        "weights are {weights}, expected {:?}",
        view.weights
    );
    note(&format!("weights {weights}"));
    provider.expect_published()?;
    provider.unload()
}

/// So are those of each initiator; where the table is refused they are the system's.
fn initiators(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let expected = expected()?;
    for &initiator in &bench.machine.cpu {
        let view = expected.view(&initiator.to_string())?;
        let shown = weights_of(&provider, initiator)?;
        ensure!(
            shown.values().eq(&view.weights),
            "initiator {initiator} has {shown}, expected {:?}",
            view.weights
        );
        for (&node, &bandwidth) in bench.machine.memory.iter().zip(&view.bandwidth) {
            let seen = sight(&provider, initiator, node)?;
            ensure!(
                seen == Coordinates::both(bandwidth),
                "initiator {initiator} sees node {node} with {seen}, expected {bandwidth} MB/s"
            );
        }
    }
    provider.unload()
}

/// An administrator can put right what the firmware got wrong, for all and for each initiator.
fn overrides(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let before = provider.state()?;
    let mut directories = Vec::new();
    for node in &bench.machine.memory {
        directories.push(format!("node{node}"));
        let initiators = bench.machine.cpu.iter();
        directories.extend(initiators.map(|initiator| format!("node{node}/initiator{initiator}")));
    }
    for directory in &directories {
        for side in ["read", "write"] {
            provider.write(&format!("{directory}/{side}_bandwidth"), "54321")?;
        }
        provider.expect(&format!("{directory}/source"), "override")?;
    }
    let equal = provider.expect_planned(bench.machine)?;
    ensure!(
        equal.values().all(|&weight| weight == 1),
        "equal bandwidths give {equal}"
    );
    for directory in &directories {
        for side in ["read", "write"] {
            provider.write(&format!("{directory}/{side}_bandwidth"), "0")?;
        }
    }
    let after = provider.state()?;
    let changed: Vec<_> = difference(&before, &after)
        .into_iter()
        // What was published once is no longer the kernel's own.
        .filter(|line| !line.starts_with("generation") && !line.starts_with("the kernel's"))
        .collect();
    ensure!(changed.is_empty(), "dropping the overrides: {changed:?}");
    provider.expect_published()?;
    provider.unload()
}

/// Pages of `numactl -w` lie as the weights say.
fn pages(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    workload::expect(&provider.weights()?)?;
    provider.unload()
}
