// SPDX-License-Identifier: GPL-2.0

//! The `perf_injector` sample itself, which the other cases rely on.

use anyhow::{ensure, Result};
use nix::errno::Errno;

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::{Injector, INJECT};
use crate::kernel_table::KernelTable;
use crate::machine::{keeps_reports, reported, Coordinates};

pub(super) const SUITE: Suite = Suite {
    name: "perf_injector",
    cases: &[
        Case::new("reports", Scope::FirmwareData, reports),
        Case::new("refuses", Scope::Everywhere, refuses),
    ],
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
