// SPDX-License-Identifier: GPL-2.0

//! The kernel's own table of weights: `/sys/kernel/mm/mempolicy/weighted_interleave`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::libc;

use crate::file;
use crate::injector;
use crate::weights::Weights;

const DIRECTORY: &str = "/sys/kernel/mm/mempolicy/weighted_interleave";

/// What all files of the directory said at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KernelTable {
    pub(crate) auto: bool,
    pub(crate) weights: Weights,
}

impl KernelTable {
    /// Reads the table.
    pub(crate) fn read() -> Result<Self> {
        let auto = file::parse(auto_file())?;
        let mut weights = Weights::default();
        for entry in fs::read_dir(DIRECTORY).with_context(|| format!("cannot list {DIRECTORY}"))? {
            let entry = entry.with_context(|| format!("cannot list {DIRECTORY}"))?;
            let name = entry.file_name();
            let node = name
                .to_str()
                .and_then(|name| name.strip_prefix("node"))
                .and_then(|node| node.parse().ok());
            if let Some(node) = node {
                weights.insert(node, file::parse(entry.path())?);
            }
        }
        Ok(Self { auto, weights })
    }

    /// Makes the kernel's table what was read before, by an administrator's own means where those
    /// are enough.
    pub(crate) fn restore(&self) -> Result<()> {
        if self.auto {
            let refused = file::try_write(auto_file(), "true").err();
            if refused.and_then(|error| error.raw_os_error()) == Some(libc::ENODEV) {
                // The kernel has never heard of any bandwidth, and does not go back to where it came
                // from until it has heard even that one is unknown.
                injector::report_unknown()?;
            }
            return set_auto(true);
        }
        for (&node, &weight) in self.weights.iter() {
            set_weight(node, weight)?;
        }
        Ok(())
    }
}

impl fmt::Display for KernelTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auto {}, {}", self.auto, self.weights)
    }
}

/// The file of one node.
pub(crate) fn weight_file(node: u32) -> PathBuf {
    Path::new(DIRECTORY).join(format!("node{node}"))
}

fn auto_file() -> PathBuf {
    Path::new(DIRECTORY).join("auto")
}

/// Sets one weight, as an administrator does; this turns the kernel's `auto` off.
pub(crate) fn set_weight(node: u32, weight: u8) -> Result<()> {
    file::write(weight_file(node), weight.to_string())
}

/// Writes the kernel's `auto`.
pub(crate) fn set_auto(auto: bool) -> Result<()> {
    file::write(auto_file(), auto.to_string())
}
