// SPDX-License-Identifier: GPL-2.0

//! numaweave as its package installs it, in a guest that runs a distribution's kernel.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::file;

/// Where DKMS puts modules for the running kernel.
pub(crate) fn folder() -> PathBuf {
    let release = file::read("/proc/sys/kernel/osrelease").unwrap_or_default();
    PathBuf::from(format!("/lib/modules/{release}/updates/dkms"))
}

/// Runs a tool of kmod, such as `modprobe`, and returns what it prints.
pub(crate) fn kmod(tool: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(tool)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {tool}"))?;
    ensure!(
        output.status.success(),
        "{tool} {arguments:?} ends with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
