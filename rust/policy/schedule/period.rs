// SPDX-License-Identifier: GPL-2.0

//! Places in an order that repeats, without a division.

use core::num::NonZeroU32;

/// Length of an order that repeats.
///
/// # Invariants
///
/// `reciprocal` is 2^64 / `pages`, rounded up, modulo 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pages: u64,
    reciprocal: u64,
}

impl Period {
    /// A period of `pages`.
    #[must_use]
    pub fn new(pages: NonZeroU32) -> Self {
        let pages = u64::from(pages.get());
        // INVARIANT: For 1 page it wraps to 0, which is 2^64; otherwise the quotient of 2^64 - 1
        // is the same as that of 2^64, but where the latter has no remainder: 1 more is right then
        // too.
        let reciprocal =
            core::num::NonZeroU64::new(pages).map_or(0, |pages| (u64::MAX / pages).wrapping_add(1));
        Self { pages, reciprocal }
    }

    /// The place of `index` in the period: its remainder where `index * pages` is below 2^64, and
    /// less than the period for any index. May be called from any context.
    ///
    /// A 64-bit division takes up to a hundred cycles of a processor, this about five. The page
    /// offsets of all addresses (52 bits) and cycles of up to 4096 pages are within the exact range;
    /// an index beyond it still has one place, the same each time.
    ///
    /// The reciprocal's product with the index, taken modulo 2^64, is the remainder in units of
    /// `2^64 / pages`: Lemire, Kaser, Kurz: Faster remainder by direct computation (2019).
    #[inline]
    #[must_use]
    pub fn place(self, index: u64) -> u64 {
        let fraction = self.reciprocal.wrapping_mul(index);
        let product = u128::from(fraction).wrapping_mul(u128::from(self.pages));
        // CAST: The upper half; it is below `pages`, as the fraction is below 2^64.
        #[allow(clippy::as_conversions, reason = "the upper half fits")]
        let place = (product >> 64) as u64;
        place
    }
}
