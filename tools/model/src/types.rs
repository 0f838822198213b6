// SPDX-License-Identifier: GPL-2.0

//! Types for C.

use core::{cell::UnsafeCell, mem::MaybeUninit};

/// A value that C works on.
#[derive(Debug)]
#[repr(transparent)]
pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

impl<T> Opaque<T> {
    /// One that C is to initialize.
    #[must_use]
    pub const fn uninit() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// The pointer that C works with.
    #[must_use]
    pub const fn cast_into(this: *const Self) -> *mut T {
        UnsafeCell::raw_get(this.cast::<UnsafeCell<MaybeUninit<T>>>()).cast::<T>()
    }
}
