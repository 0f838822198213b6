// SPDX-License-Identifier: GPL-2.0

//! `rust/kernel_ext/alloc.rs` without a test that makes it fail.

use kernel::{alloc::AllocError, prelude::*};

pub(crate) fn with_capacity<T>(len: usize) -> Result<KVec<T>, AllocError> {
    KVec::with_capacity(len, GFP_KERNEL)
}

pub(crate) fn boxed<T>(value: T) -> Result<KBox<T>, AllocError> {
    KBox::new(value, GFP_KERNEL)
}
