// SPDX-License-Identifier: GPL-2.0

//! Nodes of CPUs.
//!
//! C header: `include/linux/topology.h`

use super::ffi;

/// Returns the node of the CPU that calls, which may be another one by the time it is used. Any
/// context.
pub(crate) fn local_node() -> u32 {
    // SAFETY: The function has no requirements.
    unsafe { ffi::numaweave_local_node() }
}

/// Returns the node of CPU 0, which is always online. Any context.
pub(crate) fn boot_cpu_node() -> u32 {
    // SAFETY: The function has no requirements.
    unsafe { ffi::numaweave_boot_cpu_node() }
}
