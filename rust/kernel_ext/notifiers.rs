// SPDX-License-Identifier: GPL-2.0

//! Other modules that want to know of new tables, see `numaweave_register_notifier()`.

use super::ffi;

/// Calls all registered notifiers. May sleep, as they may.
pub(crate) fn call() {
    // SAFETY: The chain is static, and who registers keeps the contract in `include/numaweave.h`.
    unsafe { ffi::numaweave_call_notifiers() };
}
