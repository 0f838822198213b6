// SPDX-License-Identifier: GPL-2.0

//! Locks.

use crate::execution::{self, Mutant};

/// A lock around nothing: what it guards is for the scenario to know.
#[derive(Debug)]
pub struct Mutex(loom::sync::Mutex<()>);

impl Mutex {
    /// A lock that nobody holds.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it belongs to an execution")]
    pub fn new() -> Self {
        Self(loom::sync::Mutex::new(()))
    }

    /// Does `work` with the lock held.
    ///
    /// # Panics
    ///
    /// If somebody has panicked with the lock held.
    pub fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held =
            (!execution::is(Mutant::NoLock)).then(|| self.0.lock().expect("no panic before"));
        work()
    }
}
