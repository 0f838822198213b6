// SPDX-License-Identifier: GPL-2.0

//! Counters of which each CPU has its own copy, so that counting costs no shared cache line.
//!
//! C header: `include/linux/percpu.h`

use super::ffi;
use core::ptr::NonNull;
use kernel::{bindings, prelude::*};

/// A row of counters that start at 0 and wrap around.
///
/// # Invariants
///
/// `base` is a per-CPU allocation of `len` 64-bit counters, and ours.
pub(crate) struct Counters {
    base: NonNull<c_void>,
    len: usize,
}

// SAFETY: Per-CPU memory may be used and freed from any thread.
unsafe impl Send for Counters {}
// SAFETY: Counters are only added to by per-CPU operations and read as single words.
unsafe impl Sync for Counters {}

impl Counters {
    /// Allocates `len` counters. May sleep.
    pub(crate) fn new(len: usize) -> Result<Self> {
        // SAFETY: Any number may be asked for.
        let base = unsafe { ffi::numaweave_percpu_alloc(len) };
        // INVARIANT: Just allocated, and zeroed.
        Ok(Self {
            base: NonNull::new(base).ok_or(ENOMEM)?,
            len,
        })
    }

    /// Returns the first counter as C sees it.
    pub(super) fn base(&self) -> *mut c_void {
        self.base.as_ptr()
    }

    /// Adds 1 to the counter at `index` on this CPU. Any context.
    #[inline]
    pub(crate) fn count(&self, index: usize) {
        if index < self.len {
            // SAFETY: By the type invariant there are more than `index` counters.
            unsafe { ffi::numaweave_percpu_inc(self.base.as_ptr(), index) };
        }
    }

    /// Returns the sum over all CPUs of the counter at `index`, 0 where there is none. Any context;
    /// what is counted meanwhile may or may not be in it.
    pub(crate) fn sum(&self, index: usize) -> u64 {
        if index >= self.len {
            return 0;
        }
        // SAFETY: By the type invariant there are more than `index` counters.
        unsafe { ffi::numaweave_percpu_sum(self.base.as_ptr(), index) }
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the allocation is ours.
        unsafe { bindings::free_percpu(self.base.as_ptr()) };
    }
}
