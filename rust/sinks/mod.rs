// SPDX-License-Identifier: GPL-2.0

//! Consumers of the published table.

pub(crate) mod exports;
pub(crate) mod publish;
pub(crate) mod sysfs;
pub(crate) mod trace;
