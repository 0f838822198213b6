// SPDX-License-Identifier: GPL-2.0

//! The samples: `perf_injector`, which the other cases rely on, and `spread_pages`.

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;
use numaweave_policy::schedule::{DIRECT_NODES, DIRECT_STEPS};

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::{Injector, INJECT};
use crate::kernel_table::KernelTable;
use crate::machine::{keeps_reports, reported, Coordinates};
use crate::module::{self, Module};
use crate::provider::Provider;
use crate::wait::wait_for;

pub(super) const SUITE: Suite = Suite {
    name: "perf_injector",
    cases: &[
        Case::new("reports", Scope::FirmwareData, reports),
        Case::new("refuses", Scope::Everywhere, refuses),
    ],
};

pub(super) const SPREAD_PAGES: Suite = Suite {
    name: "spread_pages",
    cases: &[Case::new("follows", Scope::Everywhere, follows)],
};

/// What is injected is what the kernel's node device shows.
fn reports(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let nodes = bench.machine.memory.iter().copied();
    for node in nodes.filter(|&node| keeps_reports(node)) {
        let coordinates = Coordinates {
            read: 1_234 + node,
            write: u32::MAX - node,
        };
        injector.inject(node, coordinates)?;
        let shown = reported(node);
        ensure!(
            shown == coordinates,
            "node {node} was injected with {coordinates} and reports {shown}"
        );
    }
    Ok(())
}

/// Bad lines are refused, and nothing is reported.
fn refuses(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let node = bench.machine.first_node();
    for (line, errno) in [
        ("\n".to_owned(), Errno::EINVAL),
        ("many".to_owned(), Errno::EINVAL),
        (format!("{node}"), Errno::EINVAL),
        (format!("{node} 1"), Errno::EINVAL),
        (format!("{node} 1 2 3"), Errno::EINVAL),
        (format!("{node} 1 2 "), Errno::EINVAL),
        (format!("{node}  1 2"), Errno::EINVAL),
        (format!("{node} -1 2"), Errno::EINVAL),
        (format!("-{node} 1 2"), Errno::EINVAL),
        (format!("{node} 1 4294967296"), Errno::EINVAL),
        (format!("{node} 1 2\n3"), Errno::EINVAL),
        (format!("{node} 1 2{}", " ".repeat(200)), Errno::EINVAL),
        ("4294967295 1 2".to_owned(), Errno::ENODEV),
        ("63 1 2".to_owned(), Errno::ENODEV),
    ] {
        let refused = file::try_write(INJECT, &line).err();
        let seen = refused
            .and_then(|error| error.raw_os_error())
            .map(Errno::from_raw);
        ensure!(
            seen == Some(errno),
            "{line:?} written to {INJECT} gives {seen:?}, expected {errno}"
        );
    }
    let after = KernelTable::read()?;
    ensure!(after == before, "refused lines made {before} into {after}");
    drop(injector);
    Ok(())
}

/// The pages of the array are where the weights want them, before and after they change, and
/// numaweave stays as long as it is asked.
fn follows(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let spread = Module::load("spread_pages", &format!("pages={PAGES}"))?;
    expect_spread(&provider)?;

    for (table, weight) in [5, 1].iter().enumerate() {
        let node = bench.machine.first_node();
        provider.write(&format!("node{node}/weight"), format!("{weight}"))?;
        wait_for("a table that spread_pages follows", || {
            let tables: usize = file::parse("/sys/kernel/debug/spread_pages/tables")?;
            Ok(if tables > table {
                Ok(())
            } else {
                Err(format!("{tables} tables"))
            })
        })?;
        expect_spread(&provider)?;
    }

    let refused = module::unload("numaweave").err();
    ensure!(
        refused.as_ref().and_then(module::errno) == Some(Errno::EAGAIN),
        "numaweave is unloaded while spread_pages is loaded: {refused:?}"
    );
    spread.unload()?;
    provider.unload()
}

/// An odd number, and few enough for the smallest node of any topology.
const PAGES: u64 = 2_003;

/// Expects each node to have its share of the pages, give or take less than one. Where the order of
/// many nodes is not cached at first, pages are placed by mainline's until it is: one of its runs and
/// a page more then.
fn expect_spread(provider: &Provider) -> Result<()> {
    let weights = provider.weights()?;
    let cycle = u64::from(weights.cycle());
    let shown = file::read("/sys/kernel/debug/spread_pages/nodes")?;
    let nodes = weights.len();
    let steps = cycle * u64::try_from(nodes)?;
    let direct = nodes <= DIRECT_NODES && steps <= u64::from(DIRECT_STEPS);
    let mut sum = 0;
    let mut lines = 0;
    for line in shown.lines() {
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|number| number.parse().with_context(|| format!("{line:?}")))
            .collect::<Result<_>>()?;
        let &[node, pages, weight] = numbers.as_slice() else {
            bail!("spread_pages shows {line:?}");
        };
        let expected = weights.get(&u32::try_from(node)?).copied();
        ensure!(
            expected.map(u64::from) == Some(weight),
            "spread_pages shows weight {weight} for node {node}, numaweave {expected:?}"
        );
        let tolerance = if direct { 1 } else { weight + 2 };
        ensure!(
            (pages * cycle).abs_diff(PAGES * weight) < tolerance * cycle,
            "node {node} has {pages} of {PAGES} pages, with weights {weights}"
        );
        sum += pages;
        lines += 1;
    }
    ensure!(
        sum == PAGES && lines == nodes,
        "spread_pages shows {sum} pages on {lines} nodes: {shown:?}"
    );
    Ok(())
}
