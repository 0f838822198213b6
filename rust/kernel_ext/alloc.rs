// SPDX-License-Identifier: GPL-2.0

//! Allocation that a test can make fail.
//!
//! All memory that a change needs, and most of what start-up does, comes through this file, so that
//! a KUnit case can fail the n-th allocation of its own task and see that nothing changed. Outside of
//! KUnit kernels the check is compiled out.

use kernel::{alloc::AllocError, fmt, prelude::*, str::CString};

/// Allocates a vector of `len` times `value`. May sleep.
pub(crate) fn filled<T: Copy>(value: T, len: usize) -> Result<KVec<T>, AllocError> {
    gate()?;
    KVec::from_elem(value, len, GFP_KERNEL)
}

/// Allocates a vector of `len` times `value` that may be larger than a slab object. May sleep.
pub(crate) fn large<T: Copy>(value: T, len: usize) -> Result<KVVec<T>, AllocError> {
    gate()?;
    KVVec::from_elem(value, len, GFP_KERNEL)
}

/// Allocates an empty vector with room for `len` elements. May sleep.
pub(crate) fn with_capacity<T>(len: usize) -> Result<KVec<T>, AllocError> {
    gate()?;
    KVec::with_capacity(len, GFP_KERNEL)
}

/// Moves `value` to the heap. May sleep.
pub(crate) fn boxed<T>(value: T) -> Result<KBox<T>, AllocError> {
    gate()?;
    KBox::new(value, GFP_KERNEL)
}

/// Formats a C string. May sleep.
///
/// # Errors
///
/// `ENOMEM`, `EINVAL` where the text holds a NUL.
pub(crate) fn formatted(text: fmt::Arguments<'_>) -> Result<CString> {
    gate()?;
    CString::try_from_fmt(text)
}

#[cfg(not(CONFIG_KUNIT = "y"))]
fn gate() -> Result<(), AllocError> {
    Ok(())
}

#[cfg(CONFIG_KUNIT = "y")]
pub(crate) use fail_nth::{gate, FailNth};

#[cfg(CONFIG_KUNIT = "y")]
mod fail_nth {
    use kernel::{
        alloc::AllocError,
        current,
        sync::atomic::{Atomic, Relaxed},
    };

    /// The task whose allocations are counted; 0 is none.
    static TASK: Atomic<i32> = Atomic::new(0);
    /// How many of its allocations succeed before one fails.
    static REMAINING: Atomic<i32> = Atomic::new(0);

    /// Fails the allocation in the task and at the count that [`FailNth`] has set.
    pub(crate) fn gate() -> Result<(), AllocError> {
        let armed = TASK.load(Relaxed);
        if armed == 0 || armed != current!().pid() {
            return Ok(());
        }
        if REMAINING.fetch_sub(1, Relaxed) == 0 {
            Err(AllocError)
        } else {
            Ok(())
        }
    }

    /// While it lives, exactly one allocation of the current task fails.
    pub(crate) struct FailNth(());

    impl FailNth {
        /// Lets `succeed` allocations of the current task through and fails the next.
        pub(crate) fn after(succeed: i32) -> Self {
            REMAINING.store(succeed, Relaxed);
            TASK.store(current!().pid(), Relaxed);
            Self(())
        }

        /// Returns whether the allocation has been reached and failed.
        pub(crate) fn failed(&self) -> bool {
            REMAINING.load(Relaxed) < 0
        }
    }

    impl Drop for FailNth {
        fn drop(&mut self) {
            TASK.store(0, Relaxed);
        }
    }
}
