// SPDX-License-Identifier: GPL-2.0

//! A value that tells when it is read half made or after it was destroyed.

use kernel::UnsafeCell;

const DESTROYED: u64 = u64::MAX;

/// A number. Accesses to it are checked for races: it is written when it is made and when it is
/// dropped.
pub(crate) struct Value(UnsafeCell<u64>);

// SAFETY: It is written with `&mut` only, and if others read it all the same the check fails.
unsafe impl Sync for Value {}

impl Value {
    pub(crate) fn new(value: u64) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(crate) fn get(&self) -> u64 {
        // SAFETY: What is pointed to stays allocated to the end of the execution, and nobody writes at
        // the same time, or the check fails.
        let value = self.0.with(|value| unsafe { *value });
        assert_ne!(value, DESTROYED, "used after it was freed");
        value
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: As in `get()`.
            self.0.with_mut(|value| unsafe { *value = DESTROYED });
        }
    }
}
