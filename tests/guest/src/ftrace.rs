// SPDX-License-Identifier: GPL-2.0

//! The kernel's function tracing, on which hook and takeover stand.

use std::sync::OnceLock;

use anyhow::Result;

use crate::file;
use crate::harness::faults;

/// The switch for all of it.
pub(crate) const ENABLED: &str = "/proc/sys/kernel/ftrace_enabled";

/// The functions that something is attached to, one a line.
pub(crate) const ENABLED_FUNCTIONS: &str = "/sys/kernel/tracing/enabled_functions";

/// Returns the kernel's line about what is attached to `function`, empty if nothing is.
pub(crate) fn attached_to(function: &str) -> Result<String> {
    let lines = file::read(ENABLED_FUNCTIONS)?;
    let mut found = lines
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(function));
    Ok(found.next().unwrap_or_default().to_owned())
}

/// Returns whether it works: later kernels refuse to turn tracing off.
pub(crate) fn can_be_turned_off() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let refused = file::try_write(ENABLED, "0").is_err();
        !refused && file::try_write(ENABLED, "1").is_ok()
    })
}

/// `kernel.ftrace_enabled=0` as long as this lives.
pub(crate) struct FtraceOff;

impl FtraceOff {
    /// Turns it off.
    pub(crate) fn new() -> Result<Self> {
        file::write(ENABLED, "0")?;
        Ok(Self)
    }
}

impl Drop for FtraceOff {
    fn drop(&mut self) {
        if let Err(error) = file::write(ENABLED, "1") {
            faults::report(&error);
        }
    }
}
