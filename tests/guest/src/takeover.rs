// SPDX-License-Identifier: GPL-2.0

//! The takeover as an administrator sees it: `numaweave_livepatch` and `/sys/kernel/livepatch`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::file;
use crate::harness::faults;
use crate::module::{errno, is_loaded, unload, Module};
use crate::wait::wait_for;

/// Name of the module, and of its patch.
pub(crate) const NAME: &str = "numaweave_livepatch";

/// Where the kernel shows its livepatches.
const LIVEPATCHES: &str = "/sys/kernel/livepatch";

/// The takeover in force; disabled and unloaded when dropped.
///
/// Load it after numaweave and drop it before.
#[must_use = "the takeover ends at once"]
pub(crate) struct Takeover {
    ended: bool,
}

impl Takeover {
    /// Loads the module, and waits until every task goes by it and numaweave knows.
    pub(crate) fn load() -> Result<Self> {
        Module::load(NAME, "")?.stay();
        let takeover = Self { ended: false };
        wait_for("the takeover in /sys/kernel/numaweave/attached", || {
            let attached = file::read("/sys/kernel/numaweave/attached")?;
            Ok(if attached == "livepatch" {
                Ok(())
            } else {
                Err(attached)
            })
        })?;
        Ok(takeover)
    }

    /// Disables and unloads it: mempolicy's functions are its own on return, and numaweave knows.
    pub(crate) fn end(mut self) -> Result<()> {
        self.ended = true;
        end()
    }
}

impl Drop for Takeover {
    fn drop(&mut self) {
        if !self.ended {
            if let Err(error) = end() {
                faults::report(&error);
            }
        }
    }
}

/// Disables and unloads the takeover, whatever state it is in.
pub(crate) fn end() -> Result<()> {
    let enabled = Path::new(LIVEPATCHES).join(NAME).join("enabled");
    if enabled.exists() && file::read(&enabled)? == "1" {
        file::write(&enabled, "0")?;
    }
    // The kernel holds the module until no task runs in it, and a moment longer.
    wait_for("the takeover unloaded", || match unload(NAME) {
        Ok(()) => Ok(Ok(())),
        Err(error) if errno(&error) == Some(Errno::EAGAIN) => Ok(Err("in use".to_owned())),
        Err(_) if !is_loaded(NAME) => Ok(Ok(())),
        Err(error) => Err(error),
    })
}

/// The kernel's livepatches, by name.
pub(crate) fn livepatches() -> Result<Vec<String>> {
    let failed = || format!("cannot list {LIVEPATCHES}");
    fs::read_dir(LIVEPATCHES)
        .with_context(failed)?
        .map(|entry| {
            let name = entry.with_context(failed)?.file_name();
            Ok(name.to_string_lossy().into_owned())
        })
        .collect()
}
