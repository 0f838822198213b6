// SPDX-License-Identifier: GPL-2.0

//! Places in an order that repeats: a remainder without a division.

use core::num::NonZeroU32;
use numaweave_policy::{schedule::Period, MAX_CYCLE_LIMIT};
use proptest::prelude::*;

fn place(pages: u32, index: u64) -> u64 {
    Period::new(NonZeroU32::new(pages).unwrap()).place(index)
}

#[test]
fn all_cycles_that_are_cached_at_the_ends_of_the_page_offsets() {
    let last = u64::MAX >> 12;
    for pages in 1..=u32::from(MAX_CYCLE_LIMIT) {
        let period = u64::from(pages);
        for near in [0, period, 2 * period, last / 2, last - last % period, last] {
            for index in near.saturating_sub(2)..=(near + 2).min(last) {
                assert_eq!(place(pages, index), index % period, "{index} of {pages}");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_remainder_of_every_page_offset(
        pages in 1..=u32::from(MAX_CYCLE_LIMIT),
        index in 0..=u64::MAX >> 12,
    ) {
        prop_assert_eq!(place(pages, index), index % u64::from(pages));
    }

    #[test]
    fn exact_where_the_product_fits(pages: u32, index: u64) {
        let pages = pages.max(1);
        if index.checked_mul(pages.into()).is_some() {
            prop_assert_eq!(place(pages, index), index % u64::from(pages));
        }
    }

    #[test]
    fn never_outside(pages in 1..=u32::MAX, index: u64) {
        prop_assert!(place(pages, index) < pages.into());
    }
}
