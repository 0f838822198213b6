// SPDX-License-Identifier: GPL-2.0

//! Reading pointers that are published under RCU.
//!
//! C header: `include/linux/rcupdate.h`

use core::ptr::NonNull;
use kernel::sync::{atomic::Atomic, rcu::Guard};

/// Reads a pointer as `rcu_dereference()` does: what it points to is seen as it was when the pointer
/// was published with release ordering.
#[inline]
pub(super) fn dereference<T>(pointer: &Atomic<*mut T>) -> *mut T {
    // ORDERING: The kernel's memory model orders accesses through a pointer after the volatile load
    // that it came from. (An acquire load would do too, but is a function call from Rust, and this
    // is what each decision of the page allocator runs through.)
    // SAFETY: The pointer is valid for reads, and all other accesses to it are atomic.
    unsafe { pointer.as_ptr().read_volatile() }
}

/// Returns the evidence that C code has made this call within an RCU read-side critical section.
///
/// # Safety
///
/// It has, and the section lasts for `'a`.
#[inline]
pub(crate) unsafe fn held<'a>() -> &'a Guard {
    const { assert!(size_of::<Guard>() == 0) };
    // SAFETY: Any well-aligned address will do for a value without size, and by the contract the
    // guard's invariant holds. The reference does not drop it.
    unsafe { NonNull::<Guard>::dangling().as_ref() }
}
