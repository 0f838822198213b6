// SPDX-License-Identifier: GPL-2.0

//! The host has no dependency ordering: see `tools/model`.

use kernel::sync::atomic::Atomic;

pub(super) fn dereference<T>(pointer: &Atomic<*mut T>) -> *mut T {
    pointer.dereference()
}
