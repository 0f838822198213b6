// SPDX-License-Identifier: GPL-2.0

//! The kernel's lockdown, which can be raised and never lowered.

use std::path::Path;

use anyhow::{Context, Result};

use crate::file;

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Whether the kernel knows it.
pub(crate) fn is_there() -> bool {
    Path::new(LOCKDOWN).exists()
}

/// The level in force.
pub(crate) fn level() -> Result<String> {
    let levels = file::read(LOCKDOWN)?;
    let chosen = levels
        .split_whitespace()
        .find_map(|level| level.strip_prefix('[')?.strip_suffix(']'));
    chosen
        .map(str::to_owned)
        .with_context(|| format!("{LOCKDOWN} holds {levels:?}"))
}

/// Raises the level until the next boot.
pub(crate) fn raise(level: &str) -> Result<()> {
    file::write(LOCKDOWN, level)
}
