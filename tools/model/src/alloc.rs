// SPDX-License-Identifier: GPL-2.0

//! Memory, which is never short here.

use crate::execution;
use std::{
    alloc::Layout,
    ops::{Deref, DerefMut},
    panic::{catch_unwind, AssertUnwindSafe},
    slice,
};

/// No memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How to allocate.
#[derive(Clone, Copy, Debug)]
pub struct Flags;

/// May sleep.
pub const GFP_KERNEL: Flags = Flags;

/// A value on the heap, of which it is known whether it was freed.
///
/// # Invariants
///
/// The pointer comes from [`Box::into_raw`], and nobody else frees it.
#[derive(Debug)]
pub struct KBox<T>(*mut T);

// SAFETY: It owns its value as a `Box` does.
unsafe impl<T: Send> Send for KBox<T> {}
// SAFETY: As above.
unsafe impl<T: Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Moves `value` to the heap.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        // INVARIANT: Just so.
        let value = Box::into_raw(Box::new(value));
        execution::born(value.cast());
        Ok(Self(value))
    }

    /// Gives the value out of hand.
    #[must_use]
    pub fn into_raw(this: Self) -> *mut T {
        std::mem::ManuallyDrop::new(this).0
    }

    /// Takes a value back.
    ///
    /// # Safety
    ///
    /// `value` must come from [`KBox::into_raw`] and be taken back once.
    #[must_use]
    pub unsafe fn from_raw(value: *mut T) -> Self {
        // INVARIANT: By the contract.
        Self(value)
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &*self.0 }
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant.
        unsafe { &mut *self.0 }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        if execution::is_over() {
            return;
        }
        execution::died(self.0.cast(), Layout::new::<T>());
        // SAFETY: By the type invariant; `died()` has just found that this is the first time.
        let destroy = || unsafe { self.0.drop_in_place() };
        if let Err(failure) = catch_unwind(AssertUnwindSafe(destroy)) {
            execution::fail_later(failure);
        }
    }
}

/// A vector whose room is set when it is made.
#[derive(Debug)]
pub struct KVec<T>(Vec<T>);

impl<T> KVec<T> {
    /// An empty vector with room for `len` elements.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn with_capacity(len: usize, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(Vec::with_capacity(len)))
    }

    /// Adds an element.
    ///
    /// # Errors
    ///
    /// The element where there is no room.
    pub fn push_within_capacity(&mut self, element: T) -> Result<(), T> {
        if self.0.len() == self.0.capacity() {
            return Err(element);
        }
        self.0.push(element);
        Ok(())
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
