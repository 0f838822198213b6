// SPDX-License-Identifier: GPL-2.0

//! What an initiator gets of a target whose own bandwidth has changed.

use crate::inputs;
use numaweave_policy::{cell, Basis, Cell, Coordinates};
use proptest::prelude::*;

fn both(bandwidth: u32) -> Coordinates {
    Coordinates {
        read: bandwidth,
        write: bandwidth,
    }
}

/// The cell where both sides are the same.
fn of(row: u32, local: u32, now: u32) -> (u32, Basis) {
    let Cell { coordinates, basis } = cell(both(row), both(local), both(now));
    assert_eq!(coordinates.read, coordinates.write);
    (coordinates.read, basis)
}

#[test]
fn an_unchanged_target_has_its_row() {
    assert_eq!(of(100, 100, 100), (100, Basis::Row));
    assert_eq!(of(40, 100, 100), (40, Basis::Row));
    assert_eq!(of(40, 100, 0), (40, Basis::Row));
    assert_eq!(of(40, 0, 0), (40, Basis::Row));
}

#[test]
fn a_device_that_is_the_bound_takes_its_row_along() {
    assert_eq!(of(100, 100, 60), (60, Basis::RowAndTarget));
    assert_eq!(of(100, 100, 160), (160, Basis::RowAndTarget));
}

#[test]
fn a_link_stays_the_bound_until_the_device_is_slower() {
    assert_eq!(of(40, 100, 200), (40, Basis::Row));
    assert_eq!(of(40, 100, 60), (40, Basis::Row));
    assert_eq!(of(40, 100, 30), (30, Basis::RowAndTarget));
}

#[test]
fn a_silent_row_leaves_the_targets_own() {
    assert_eq!(of(0, 100, 70), (70, Basis::Target));
    assert_eq!(of(0, 0, 70), (70, Basis::Target));
    assert_eq!(of(0, 100, 0), (0, Basis::None));
    assert_eq!(of(0, 0, 0), (0, Basis::None));
}

#[test]
fn sides_are_told_apart() {
    let row = Coordinates {
        read: 100,
        write: 0,
    };
    let local = Coordinates {
        read: 100,
        write: 50,
    };
    let now = Coordinates {
        read: 100,
        write: 45,
    };
    assert_eq!(
        cell(row, local, now),
        Cell {
            coordinates: Coordinates {
                read: 100,
                write: 45
            },
            basis: Basis::RowAndTarget
        }
    );
    assert_eq!(
        row.best(Coordinates { read: 7, write: 8 }),
        Coordinates {
            read: 100,
            write: 8
        }
    );
}

proptest! {
    #![proptest_config(inputs::config(10_000))]

    #[test]
    fn a_cell_is_one_of_what_is_known(
        (row, local, now) in prop_oneof![
            (0..4_u32, 0..4_u32, 0..4_u32),
            (any::<u32>(), any::<u32>(), any::<u32>()),
        ],
    ) {
        let (bandwidth, basis) = of(row, local, now);

        prop_assert!(bandwidth == row || bandwidth == now);
        prop_assert_eq!(bandwidth == 0, row == 0 && now == 0);
        prop_assert_eq!(basis == Basis::None, bandwidth == 0);
        prop_assert_eq!(basis == Basis::Target, row == 0 && now != 0);
        prop_assert_eq!(basis == Basis::Row, row != 0 && bandwidth == row);
        // No initiator gets more of a device that has become slower than the device has.
        prop_assert!(row == 0 || now == 0 || local <= now || row > local || bandwidth <= now);
        // One that became faster lets no one have less.
        prop_assert!(now < local || bandwidth >= row.min(local));
    }
}
