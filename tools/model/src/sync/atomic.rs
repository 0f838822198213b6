// SPDX-License-Identifier: GPL-2.0

//! Atomics with the kernel crate's interface.

use crate::execution::{self, Mutant};
use loom::sync::atomic::{AtomicU64, Ordering};

/// An ordering.
pub trait Order: Copy {
    /// What `loom` calls it.
    fn ordering(self) -> Ordering;
}

/// No ordering.
#[derive(Clone, Copy, Debug)]
pub struct Relaxed;

/// Later accesses stay after this one.
#[derive(Clone, Copy, Debug)]
pub struct Acquire;

/// Earlier accesses stay before this one.
#[derive(Clone, Copy, Debug)]
pub struct Release;

/// Both. (The kernel promises more.)
#[derive(Clone, Copy, Debug)]
pub struct Full;

impl Order for Relaxed {
    fn ordering(self) -> Ordering {
        Ordering::Relaxed
    }
}

impl Order for Acquire {
    fn ordering(self) -> Ordering {
        if execution::is(Mutant::NoAcquire) {
            Ordering::Relaxed
        } else {
            Ordering::Acquire
        }
    }
}

impl Order for Release {
    fn ordering(self) -> Ordering {
        if execution::is(Mutant::NoRelease) {
            Ordering::Relaxed
        } else {
            Ordering::Release
        }
    }
}

impl Order for Full {
    fn ordering(self) -> Ordering {
        if execution::is(Mutant::NoRelease) {
            Ordering::Acquire
        } else if execution::is(Mutant::NoAcquire) {
            Ordering::Release
        } else {
            Ordering::AcqRel
        }
    }
}

/// What an [`Atomic`] can hold.
pub trait Value: Copy {
    /// The value as a number.
    fn to_word(self) -> u64;

    /// The value that a number stands for.
    fn from_word(word: u64) -> Self;
}

impl Value for u64 {
    fn to_word(self) -> u64 {
        self
    }

    fn from_word(word: u64) -> Self {
        word
    }
}

#[allow(clippy::as_conversions, reason = "the host has 64 bits")]
#[allow(clippy::cast_possible_truncation, reason = "the host has 64 bits")]
impl Value for usize {
    fn to_word(self) -> u64 {
        self as u64
    }

    fn from_word(word: u64) -> Self {
        word as Self
    }
}

impl Value for bool {
    fn to_word(self) -> u64 {
        self.into()
    }

    fn from_word(word: u64) -> Self {
        word != 0
    }
}

impl<T> Value for *mut T {
    fn to_word(self) -> u64 {
        self.expose_provenance().to_word()
    }

    fn from_word(word: u64) -> Self {
        core::ptr::with_exposed_provenance_mut(usize::from_word(word))
    }
}

/// A value that threads share.
#[derive(Debug)]
pub struct Atomic<T: Value> {
    word: AtomicU64,
    /// Where [`Atomic::get_mut()`] shows the value.
    shown: T,
}

/// As in the kernel crate.
pub type AtomicFlag = Atomic<bool>;

// SAFETY: As in the kernel crate: threads share the value, not what a pointer points to.
unsafe impl<T: Value> Send for Atomic<T> {}
// SAFETY: As above; `shown` is written with `&mut` only.
unsafe impl<T: Value> Sync for Atomic<T> {}

impl<T: Value> Atomic<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Self {
            word: AtomicU64::new(value.to_word()),
            shown: value,
        }
    }

    /// Reads the value.
    pub fn load(&self, order: impl Order) -> T {
        T::from_word(self.word.load(order.ordering()))
    }

    /// Reads a pointer as `rcu_dereference()` does.
    pub fn dereference(&self) -> T {
        let order = if execution::is(Mutant::NoDependency) {
            Ordering::Relaxed
        } else {
            Ordering::Acquire
        };
        T::from_word(self.word.load(order))
    }

    /// Writes the value.
    ///
    /// As an exchange, of which `loom` knows that it comes after what was written before: of a plain
    /// write it would not know that there is no room for it between what an exchange has read and what
    /// it wrote.
    pub fn store(&self, value: T, order: impl Order) {
        self.word.swap(value.to_word(), order.ordering());
    }

    /// Writes the value and returns the one before.
    pub fn xchg(&self, value: T, order: impl Order) -> T {
        T::from_word(self.word.swap(value.to_word(), order.ordering()))
    }

    /// The value, of which nobody else can know any more. What is written there is lost.
    pub fn get_mut(&mut self) -> &mut T {
        if !execution::is_over() {
            self.shown = T::from_word(self.word.with_mut(|word| *word));
        }
        &mut self.shown
    }
}

impl Atomic<u64> {
    /// Adds to the value and returns the one before.
    pub fn fetch_add(&self, value: u64, order: impl Order) -> u64 {
        self.word.fetch_add(value, order.ordering())
    }
}
