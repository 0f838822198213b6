// SPDX-License-Identifier: GPL-2.0

//! The module's parameters as words.
//!
//! The kernel crate's `module!` knows integers only, invisible in `/sys/module`; these are declared
//! in `ffi/glue.c` with `module_param_string()`.

use super::ffi;

const SIZE: usize = ffi::NUMAWEAVE_PARAM_SIZE as usize;

/// The parameters, as `/sys/module/numaweave/parameters` names them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Param {
    /// Whether to write the kernel's table.
    Publish,
    /// Name of the algorithm.
    Algorithm,
    /// Name of the metric.
    Metric,
    /// Upper bound of the sum of weights; empty where none was given.
    MaxCycle,
    /// Efficiency per mille.
    Target,
    /// Whether to follow updates.
    Auto,
    /// Whether initiators have weights of their own.
    Scope,
}

impl Param {
    /// The name that users give it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Algorithm => "algorithm",
            Self::Metric => "metric",
            Self::MaxCycle => "max_cycle",
            Self::Target => "target",
            Self::Auto => "auto",
            Self::Scope => "scope",
        }
    }

    /// Returns the value the module was loaded with, or the default.
    pub(crate) fn value(self) -> &'static [u8] {
        let buffer: *const [u8; SIZE] = match self {
            Self::Publish => &raw const ffi::numaweave_param_publish,
            Self::Algorithm => &raw const ffi::numaweave_param_algorithm,
            Self::Metric => &raw const ffi::numaweave_param_metric,
            Self::MaxCycle => &raw const ffi::numaweave_param_max_cycle,
            Self::Target => &raw const ffi::numaweave_param_target,
            Self::Auto => &raw const ffi::numaweave_param_auto,
            Self::Scope => &raw const ffi::numaweave_param_scope,
        };
        // SAFETY: The buffer is written only while the kernel parses the module's arguments, before
        // any of the module's code runs, as the parameters are read-only in sysfs; it lives as long
        // as the module.
        let buffer = unsafe { &*buffer };
        // `module_param_string()` ends the value with a NUL.
        buffer.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}
