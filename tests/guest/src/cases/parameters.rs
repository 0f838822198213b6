// SPDX-License-Identifier: GPL-2.0

//! Module parameters: words as in sysfs, and clear refusals.

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::kernel_log::KernelLog;
use crate::kernel_table::KernelTable;
use crate::module::{errno, is_loaded};
use crate::provider::Provider;

pub(super) const SUITE: Suite = Suite {
    name: "parameters",
    cases: &[
        Case::new("taken", Scope::Everywhere, taken),
        Case::new("together", Scope::Everywhere, together),
        Case::new("refused", Scope::Everywhere, refused),
        Case::new("overlong", Scope::Everywhere, overlong),
    ],
};

/// Each parameter takes effect and can be read back.
fn taken(bench: &mut Bench<'_>) -> Result<()> {
    let nodes = bench.machine.memory.len().to_string();
    for (name, value, shown) in [
        ("publish", "false", "false"),
        ("publish", "1", "true"),
        ("publish", "off", "false"),
        ("algorithm", "mainline", "balanced [mainline]"),
        ("algorithm", "balanced", "[balanced] mainline"),
        ("metric", "read", "min [read] write"),
        ("metric", "write", "min read [write]"),
        ("metric", "min", "[min] read write"),
        ("max_cycle", nodes.as_str(), nodes.as_str()),
        ("max_cycle", "4096", "4096"),
        ("target", "1", "1"),
        ("target", "1000", "1000"),
        ("auto", "false", "false"),
        ("auto", "disable", "false"),
        ("auto", "y", "true"),
    ] {
        let provider = Provider::load(&format!("{name}={value}"))?;
        provider
            .expect(name, shown)
            .with_context(|| format!("loaded with {name}={value}"))?;
        let path = format!("/sys/module/numaweave/parameters/{name}");
        let parameter = file::read(&path)?;
        ensure!(
            parameter == value,
            "{path} says {parameter:?} after a load with {name}={value}"
        );
        // With auto=false as well: the weights are those of the bandwidth known at load.
        provider.expect_planned(bench.machine)?;
        provider.unload()?;
    }
    Ok(())
}

fn together(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let provider = Provider::load(
        "publish=no algorithm=mainline metric=write max_cycle=300 target=875 auto=on",
    )?;
    for (name, value) in [
        ("publish", "false"),
        ("algorithm", "balanced [mainline]"),
        ("metric", "min read [write]"),
        ("max_cycle", "300"),
        ("target", "875"),
        ("auto", "true"),
    ] {
        provider.expect(name, value)?;
    }
    let kernel = KernelTable::read()?;
    ensure!(
        kernel == before,
        "loaded with publish=no, the kernel's table went from {before} to {kernel}"
    );
    provider.expect_planned(bench.machine)?;
    provider.unload()
}

/// A bad one refuses the load with EINVAL and a line of the kernel log that names it and its range.
fn refused(bench: &mut Bench<'_>) -> Result<()> {
    const BOOLEAN: &[&str] = &["true", "false"];
    const ALGORITHM: &[&str] = &["balanced", "mainline"];
    const METRIC: &[&str] = &["min", "read", "write"];
    const TARGET: &[&str] = &["1", "1000"];
    let fewest = bench.machine.memory.len().to_string();
    let too_few = (bench.machine.memory.len() - 1).to_string();
    let max_cycle = &[fewest.as_str(), "4096"];
    for (name, value, range) in [
        ("publish", "maybe", BOOLEAN),
        ("publish", "2", BOOLEAN),
        ("auto", "", BOOLEAN),
        ("auto", "-1", BOOLEAN),
        ("algorithm", "fast", ALGORITHM),
        ("algorithm", "", ALGORITHM),
        ("algorithm", "both", ALGORITHM),
        ("metric", "max", METRIC),
        ("metric", "[min]", METRIC),
        ("max_cycle", "4097", max_cycle),
        ("max_cycle", too_few.as_str(), max_cycle),
        ("max_cycle", "many", max_cycle),
        ("max_cycle", "-5", max_cycle),
        ("target", "0", TARGET),
        ("target", "1001", TARGET),
        ("target", "99x", TARGET),
        ("target", "4294967297", TARGET),
    ] {
        let before = KernelTable::read()?;
        let mut log = KernelLog::from_now_on()?;
        let given = format!("{name}={value}");
        let Err(error) = Provider::load(&given) else {
            bail!("the module loads with {given}");
        };
        ensure!(
            errno(&error) == Some(Errno::EINVAL),
            "a load with {given} fails with {error:#}, expected EINVAL"
        );
        ensure!(
            !is_loaded("numaweave"),
            "the module is there after its load with {given} failed"
        );
        let lines = log.lines()?;
        let names_it = |line: &&String| {
            line.contains("numaweave")
                && line.contains(name)
                && range.iter().all(|word| line.contains(word))
        };
        ensure!(
            lines.iter().any(|line| names_it(&line)),
            "after a load with {given} no line of the kernel log names numaweave, {name} and its \
             range {range:?}: {lines:?}"
        );
        let kernel = KernelTable::read()?;
        ensure!(
            kernel == before,
            "a load with {given} made the kernel's table {kernel}, was {before}"
        );
    }
    Ok(())
}

/// What does not fit is refused by the kernel itself, which names the parameter.
fn overlong(_bench: &mut Bench<'_>) -> Result<()> {
    for name in [
        "publish",
        "auto",
        "algorithm",
        "metric",
        "max_cycle",
        "target",
    ] {
        let mut log = KernelLog::from_now_on()?;
        ensure!(
            Provider::load(&format!("{name}={}", "1".repeat(900))).is_err(),
            "the module loads with 900 digits for {name}"
        );
        let lines = log.lines()?;
        ensure!(
            lines.iter().any(|line| line.contains(name)),
            "after a load with 900 digits for {name} no line of the kernel log names it: {lines:?}"
        );
    }
    Ok(())
}
