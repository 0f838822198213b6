// SPDX-License-Identifier: GPL-2.0

//! A sequence that starts again where it ends.

use crate::policy::schedule::Period;
use core::num::NonZeroU32;
use kernel::prelude::*;

/// Elements that repeat for ever. An element is found without a branch or a division.
///
/// # Invariants
///
/// `period` is the number of elements.
pub(crate) struct Ring<T> {
    elements: KVec<T>,
    period: Period,
}

impl<T: Copy> Ring<T> {
    /// Makes a ring of `elements`, [`None`] where there are none or more than 2^32.
    pub(crate) fn new(elements: KVec<T>) -> Option<Self> {
        let count = u32::try_from(elements.len()).ok()?;
        // INVARIANT: Just taken from the elements, of which there never are more or fewer.
        Some(Self {
            period: Period::new(NonZeroU32::new(count)?),
            elements,
        })
    }

    /// Returns the element at `index`, counted on round after round; see [`Period::place()`]. Any
    /// context.
    #[inline]
    pub(crate) fn at(&self, index: u64) -> T {
        // CAST: The place of an element in memory.
        let place = self.period.place(index) as usize;
        // SAFETY: By the type invariant `place` is below the number of elements, as
        // [`Period::place()`] promises for any index.
        unsafe { *self.elements.get_unchecked(place) }
    }
}
