// SPDX-License-Identifier: GPL-2.0

//! Where bandwidth comes from: firmware, updates, memory hotplug. Overrides come through sysfs.

pub(crate) mod firmware;
pub(crate) mod hook;
pub(crate) mod hotplug;
