// SPDX-License-Identifier: GPL-2.0

//! The hook notices when ftrace no longer calls it, and what it missed is read later.

use anyhow::{ensure, Result};

use crate::ftrace::FtraceOff;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::machine::{keeps_reports, Coordinates};
use crate::provider::Provider;

/// Where updates can be missed.
const MISSED: Scope = Scope::Each(&[Scope::FirmwareData, Scope::FtraceSwitch]);

pub(super) const SUITE: Suite = Suite {
    name: "hook",
    cases: &[
        Case::new("silent_and_active_again", Scope::FtraceSwitch, silent),
        Case::new("missed_update_is_read", MISSED, missed),
        Case::new("silent_at_load", MISSED, silent_at_load),
    ],
};

fn silent(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    provider.expect("hook", "active")?;
    let off = FtraceOff::new()?;
    provider.write("auto", "true")?;
    provider.expect("hook", "silent")?;
    drop(off);
    provider.write("auto", "true")?;
    provider.expect("hook", "active")?;
    provider.unload()
}

fn missed(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    for &node in bench
        .machine
        .memory
        .iter()
        .filter(|&&node| keeps_reports(node))
    {
        let before = provider.bandwidth(node)?;
        let source = provider.read(&format!("node{node}/source"))?;
        let missed = Coordinates {
            read: 7_001 + node,
            write: 7_002 + node,
        };

        let off = FtraceOff::new()?;
        injector.inject(node, missed)?;
        let shown = provider.bandwidth(node)?;
        ensure!(
            shown == before,
            "a silent hook brought {shown} for node {node}"
        );
        provider.expect(&format!("node{node}/source"), &source)?;
        provider.write("auto", "true")?;
        provider.expect("hook", "silent")?;
        let shown = provider.bandwidth(node)?;
        ensure!(
            shown == missed,
            "after a write of auto node {node} is shown with {shown}, missed was {missed}"
        );
        provider.expect(&format!("node{node}/source"), "update")?;
        provider.expect_planned(bench.machine)?;
        provider.expect_published()?;

        drop(off);
        provider.write("auto", "true")?;
        provider.expect("hook", "active")?;
        provider.follow(&injector, node, Coordinates::both(9_000 + node))?;
        provider.expect_planned(bench.machine)?;
    }
    provider.unload()
}

/// A module that is loaded while ftrace is off works with what firmware said, and catches up.
fn silent_at_load(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let off = FtraceOff::new()?;
    let provider = Provider::load("")?;
    provider.expect("hook", "silent")?;
    provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    drop(off);
    provider.write("auto", "true")?;
    provider.expect("hook", "active")?;
    provider.follow(
        &injector,
        bench.machine.last_node(),
        Coordinates::both(4_321),
    )?;
    provider.unload()
}
