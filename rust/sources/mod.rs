// SPDX-License-Identifier: GPL-2.0

//! Where bandwidth comes from: firmware, updates, memory hotplug. Overrides come through sysfs. And
//! with the takeover, weights from the kernel's own files.

pub(crate) mod firmware;
pub(crate) mod hmat;
pub(crate) mod hook;
pub(crate) mod hotplug;
pub(crate) mod kernel_table;
mod reports;
pub(crate) mod writes;
