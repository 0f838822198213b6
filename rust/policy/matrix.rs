// SPDX-License-Identifier: GPL-2.0

//! The bandwidth between one initiator and one target, when only the target's own is kept up to
//! date.
//!
//! Firmware says once what each initiator gets of each target: a row of coordinates for each
//! initiator. What comes later (updates, overrides) is said of the target alone, as its nearest
//! initiator sees it. A path from afar is bounded by a link on the way, where the row has less than
//! the nearest initiator gets, or by the device, where it has as much. Only the device has changed.

use super::Coordinates;

/// What an initiator gets of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// MB/s, as this initiator sees it.
    pub coordinates: Coordinates,
    /// What they were taken from.
    pub basis: Basis,
}

/// What the coordinates of a [`Cell`] were taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Basis {
    /// Nothing is known.
    #[default]
    None,
    /// The initiator's row alone.
    Row,
    /// The initiator's row, and for at least one side what the target has now.
    RowAndTarget,
    /// What the target has now, as the row says nothing of it.
    Target,
}

/// What an initiator gets of a target.
///
/// `row` is what firmware says of this initiator and this target, `local` the best that it says of
/// this target for any initiator (side by side, [`Coordinates::best`]), and `now` the coordinates
/// that the target has at present, as its nearest initiator sees it.
///
/// For each side: where the row says nothing, the target's own counts. The row's counts where
/// the target's is unknown or still what firmware said, and where firmware said nothing else of
/// the target. Where the device was the bound, it still is; where a link was, the smaller of both
/// counts.
#[must_use]
pub fn cell(row: Coordinates, local: Coordinates, now: Coordinates) -> Cell {
    let coordinates = Coordinates {
        read: side(row.read, local.read, now.read),
        write: side(row.write, local.write, now.write),
    };
    let basis = if !coordinates.is_known() {
        Basis::None
    } else if !row.is_known() {
        Basis::Target
    } else if coordinates == row {
        Basis::Row
    } else {
        Basis::RowAndTarget
    };

    Cell { coordinates, basis }
}

/// One side of a cell; all in MB/s, 0 is unknown.
fn side(row: u32, local: u32, now: u32) -> u32 {
    if row == 0 {
        now
    } else if now == 0 || local == 0 || now == local {
        row
    } else if row >= local {
        now
    } else {
        row.min(now)
    }
}
