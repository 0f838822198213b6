// SPDX-License-Identifier: GPL-2.0

//! The takeover is refused where it cannot be whole, in words, and then nothing is replaced.

use std::fs;

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;

use crate::file;
use crate::ftrace::{FtraceOff, ENABLED_FUNCTIONS};
use crate::harness::{Bench, Case, Scope, Suite};
use crate::kernel_log::KernelLog;
use crate::kernel_table::KernelTable;
use crate::module::{errno, Module};
use crate::provider::Provider;
use crate::takeover::{Patch, MODULE};

pub(super) const SUITE: Suite = Suite {
    name: "takeover_refused",
    cases: &[
        Case::new("not_refused", Scope::Everywhere, not_refused),
        Case::new("needs_numaweave", Scope::Everywhere, needs_numaweave),
        Case::new("function_missing", Scope::Everywhere, function_missing),
        Case::new("all_missing", Scope::Everywhere, all_missing),
        Case::new("ftrace_off", Scope::FtraceSwitch, ftrace_off),
    ],
};

/// The functions that are replaced.
const FUNCTIONS: [&str; 3] = [
    "weighted_interleave_nid",
    "weighted_interleave_nodes",
    "reduce_interleave_weights",
];

/// What the other cases look for shows when the takeover is there, and goes with it.
fn not_refused(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for _ in 0..2 {
        let patch = Patch::load(&provider)?;
        let (patches, functions) = (livepatches()?, replaced()?);
        ensure!(patches == [MODULE], "there are livepatches: {patches:?}");
        ensure!(functions == FUNCTIONS, "replaced are {functions:?}");
        patch.remove()?;
        expect_functions()?;
    }
    provider.unload()
}

/// There is nothing to ask without numaweave.
fn needs_numaweave(_bench: &mut Bench<'_>) -> Result<()> {
    match Module::load(MODULE, "") {
        Ok(_) => bail!("{MODULE} was loaded without numaweave"),
        Err(error) => ensure!(
            errno(&error) == Some(Errno::ENOENT),
            "{MODULE} without numaweave is refused with {error:#}"
        ),
    }
    Ok(())
}

/// A kernel without one of the functions: the module looks for another name, and so for one that is
/// not there.
fn function_missing(_bench: &mut Bench<'_>) -> Result<()> {
    for missing in FUNCTIONS {
        refused_without(&[missing])?;
    }
    Ok(())
}

/// All of them are named.
fn all_missing(_bench: &mut Bench<'_>) -> Result<()> {
    refused_without(&FUNCTIONS)
}

/// The kernel patches nothing while ftrace is off.
fn ftrace_off(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let before = KernelTable::read()?;
    let off = FtraceOff::new()?;
    let lines = refusal(Errno::EBUSY, || Module::load(MODULE, ""))?;
    ensure!(
        lines
            .iter()
            .any(|line| line.contains("kernel.ftrace_enabled is 0")),
        "with ftrace off the log says {lines:?}"
    );
    provider.expect("attached", "publish")?;
    provider.expect("generation", "1")?;
    expect_untouched(&before)?;
    drop(off);
    provider.unload()
}

/// Loads the takeover with the last letter of the names in `missing` changed, and expects it to name
/// them, and only them, and to change nothing.
fn refused_without(missing: &[&str]) -> Result<()> {
    let path = format!("/modules/{MODULE}.ko");
    let mut image = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    let mut absent = Vec::new();
    for name in missing {
        let other = format!("{}Z", &name[..name.len() - 1]);
        replace(&mut image, name, &other)?;
        absent.push(other);
    }

    let provider = Provider::load("")?;
    let before = KernelTable::read()?;
    let lines = refusal(Errno::ENOENT, || Module::load_image(MODULE, &image))?;
    for name in FUNCTIONS.map(str::to_owned).iter().chain(&absent) {
        let named = lines
            .iter()
            .any(|line| line.contains(&format!("no function {name} that could be replaced")));
        ensure!(
            named == absent.contains(name),
            "{absent:?} are not there, and the log says {lines:?}"
        );
    }
    provider.expect("attached", "publish")?;
    expect_untouched(&before)?;
    provider.unload()
}

/// Replaces `name` wherever it ends a string of `image`.
fn replace(image: &mut [u8], name: &str, other: &str) -> Result<()> {
    let mut found = 0;
    for start in 0..image.len() - name.len() {
        let (text, rest) = image[start..].split_at_mut(name.len());
        if text == name.as_bytes() && rest[0] == 0 {
            text.copy_from_slice(other.as_bytes());
            found += 1;
        }
    }
    ensure!(found > 0, "{MODULE}.ko does not hold the name {name}");
    Ok(())
}

/// Expects `load` to be refused with `errno`; returns what the module has to say.
fn refusal(expected: Errno, load: impl FnOnce() -> Result<Module>) -> Result<Vec<String>> {
    let mut log = KernelLog::from_now_on()?;
    match load() {
        Ok(_) => bail!("{MODULE} was loaded"),
        Err(error) => ensure!(
            errno(&error) == Some(expected),
            "{MODULE} is refused with {error:#}, expected {expected}"
        ),
    }
    let mut lines = log.lines()?;
    lines.retain(|line| line.starts_with(MODULE));
    Ok(lines)
}

/// The kernel's livepatches, by name.
fn livepatches() -> Result<Vec<String>> {
    let failed = || "cannot list /sys/kernel/livepatch";
    fs::read_dir("/sys/kernel/livepatch")
        .with_context(failed)?
        .map(|entry| {
            let name = entry.with_context(failed)?.file_name();
            Ok(name.to_string_lossy().into_owned())
        })
        .collect()
}

/// Which of the functions something has been put in front of.
fn replaced() -> Result<Vec<&'static str>> {
    let enabled = file::read(ENABLED_FUNCTIONS)?;
    let enabled: Vec<_> = enabled
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    Ok(FUNCTIONS
        .into_iter()
        .filter(|function| enabled.contains(function))
        .collect())
}

/// Expects the kernel's functions to be its own.
fn expect_functions() -> Result<()> {
    let (patches, replaced) = (livepatches()?, replaced()?);
    ensure!(patches.is_empty(), "there are livepatches: {patches:?}");
    ensure!(replaced.is_empty(), "{replaced:?} are replaced");
    Ok(())
}

/// Expects the kernel's functions to be its own and its table to be as it was.
fn expect_untouched(table: &KernelTable) -> Result<()> {
    expect_functions()?;
    let now = KernelTable::read()?;
    ensure!(now == *table, "the kernel's table is {now}, was {table}");
    Ok(())
}
