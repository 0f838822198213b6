// SPDX-License-Identifier: GPL-2.0

//! Nothing of what the cases before had the kernel allocate is lost, kmemleak says.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};

/// Where kmemleak is asked.
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// What it says of one object begins so.
const OBJECT: &str = "unreferenced object";

/// kmemleak passes over objects younger than 5 s: one that was just allocated may have its only
/// reference in a register. `CONFIG_DEBUG_KOBJECT_RELEASE` frees a kobject up to 4 s late.
const AGE: Duration = Duration::from_secs(10);

pub(crate) const SUITE: Suite = Suite {
    name: "leaks",
    cases: &[Case::new(
        "nothing_is_lost",
        Scope::Kmemleak,
        nothing_is_lost,
    )],
};

/// Whether the kernel has kmemleak. Where that has given up, its file refuses what is written.
pub(crate) fn can_be_looked_for() -> bool {
    Path::new(KMEMLEAK).exists()
}

/// Has kmemleak no longer look by itself, which it does from time to time and then in the middle of
/// a case too, where memory is on its way from one to another.
pub(crate) fn begin() -> Result<()> {
    if can_be_looked_for() {
        file::write(KMEMLEAK, "scan=off")?;
    }
    Ok(())
}

fn nothing_is_lost(_bench: &mut Bench<'_>) -> Result<()> {
    expect_none()
}

/// Looks for what was allocated and is lost by now. Takes some seconds.
pub(crate) fn expect_none() -> Result<()> {
    thread::sleep(AGE);
    scan_twice()?;
    let lost = reports()?;
    ensure!(
        lost.is_empty(),
        "{} objects that nothing refers to:\n{}",
        lost.len(),
        lost.join("")
    );
    Ok(())
}

/// A first look only notes the contents of what it finds no reference to. What has changed by the
/// second was in use, so that it takes two to accuse an object.
fn scan_twice() -> Result<()> {
    file::write(KMEMLEAK, "scan")?;
    file::write(KMEMLEAK, "scan")
}

/// What kmemleak says of each object, with the backtrace of its allocation.
fn reports() -> Result<Vec<String>> {
    let text = fs::read_to_string(KMEMLEAK).with_context(|| format!("cannot read {KMEMLEAK}"))?;
    Ok(text
        .split_inclusive('\n')
        .fold(Vec::new(), |mut reports: Vec<String>, line| {
            match reports.last_mut() {
                Some(last) if !line.starts_with(OBJECT) => last.push_str(line),
                _ => reports.push(line.to_owned()),
            }
            reports
        }))
}
