// SPDX-License-Identifier: GPL-2.0

//! The files are those of `Documentation/ABI`, with the modes of the design.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::provider::{file_names, Provider, DIRECTORY};

pub(super) const SUITE: Suite = Suite {
    name: "abi",
    cases: &[
        Case::new("documented", Scope::Everywhere, documented),
        Case::new("modes", Scope::Everywhere, modes),
        Case::new("one_value", Scope::Everywhere, one_value),
    ],
};

const DOCUMENT: &str = include_str!("../../../../Documentation/ABI/testing/sysfs-kernel-numaweave");

const WRITABLE: [&str; 12] = [
    "auto",
    "algorithm",
    "max_cycle",
    "target",
    "metric",
    "publish",
    "scope",
    "nodeN/weight",
    "nodeN/read_bandwidth",
    "nodeN/write_bandwidth",
    "nodeN/initiatorM/read_bandwidth",
    "nodeN/initiatorM/write_bandwidth",
];

/// Name of a file with the node's number replaced by `N` and the initiator's by `M`, as the document
/// writes it.
fn general(name: &str) -> String {
    let parts = name.split('/').map(|part| {
        let numbered = |prefix| {
            part.strip_prefix(prefix)
                .is_some_and(|number: &str| number.parse::<u32>().is_ok())
        };
        if numbered("node") {
            "nodeN"
        } else if numbered("initiator") {
            "initiatorM"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The names that the document's `What:` lines give.
fn documented_names() -> BTreeSet<String> {
    let what = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("What:"));
    what.filter_map(|path| path.trim().strip_prefix(DIRECTORY)?.strip_prefix('/'))
        // The directories are documented as well.
        .filter(|name| !name.is_empty() && !name.ends_with('/'))
        .map(str::to_owned)
        .collect()
}

fn documented(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let documented = documented_names();
    let present: BTreeSet<String> = file_names()?.iter().map(|name| general(name)).collect();
    ensure!(
        !documented.is_empty(),
        "the ABI document has no What: line for {DIRECTORY}"
    );
    ensure!(
        present == documented,
        "files without documentation: {:?}; documented without a file: {:?}",
        present.difference(&documented).collect::<Vec<_>>(),
        documented.difference(&present).collect::<Vec<_>>()
    );
    let initiators = bench.machine.cpu.len();
    for node in provider.nodes()? {
        let files = file_names()?
            .iter()
            .filter(|name| name.starts_with(&format!("node{node}/")))
            .count();
        let expected = 5 + 4 * initiators;
        ensure!(
            files == expected,
            "node{node} has {files} files, expected {expected}"
        );
    }
    provider.unload()
}

/// Writable files are 0644, the others 0444 and refuse to be opened for writing, all owned by root.
fn modes(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for name in file_names()? {
        let path = provider.path(&name);
        let mode =
            fs::metadata(&path).with_context(|| format!("cannot stat {}", path.display()))?;
        let mode = mode.permissions().mode() & 0o7777;
        let writable = WRITABLE.contains(&general(&name).as_str());
        let expected = if writable { 0o644 } else { 0o444 };
        ensure!(
            mode == expected,
            "{} has mode {mode:04o}, expected {expected:04o}",
            path.display()
        );
        if !writable {
            let error = file::try_write(&path, "1")
                .err()
                .and_then(|error| error.raw_os_error());
            ensure!(
                error.map(Errno::from_raw) == Some(Errno::EACCES),
                "a write to {} ends with {error:?}, expected EACCES",
                path.display()
            );
        }
    }
    provider.unload()
}

/// Every file holds one line, ended by a newline.
fn one_value(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for name in file_names()? {
        let path = provider.path(&name);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            text.len() > 1 && text.ends_with('\n') && text.lines().count() == 1,
            "{} holds {text:?}, expected one line",
            path.display()
        );
    }
    provider.unload()
}
