// SPDX-License-Identifier: GPL-2.0

//! Pseudo-random coordinates that visit every kind of value worth trying.

use fastrand::Rng;

use crate::machine::Coordinates;

/// A bandwidth in MB/s of any magnitude, corners included.
pub(crate) fn bandwidth(rng: &mut Rng) -> u32 {
    match rng.u32(0..12) {
        0 => 0,
        1 => 1,
        2 => u32::MAX,
        // 32 times this no longer fits 32 bits.
        3 => (1 << 27) - 1 + rng.u32(0..3),
        4 => rng.u32(..),
        5..=8 => rng.u32(1_000..1_000_000),
        _ => rng.u32(1..2) << rng.u32(0..28),
    }
}

/// Coordinates: two sides of their own, one side alone, or both equal.
pub(crate) fn coordinates(rng: &mut Rng) -> Coordinates {
    match rng.u32(0..8) {
        0 => Coordinates {
            read: bandwidth(rng),
            write: 0,
        },
        1 => Coordinates {
            read: 0,
            write: bandwidth(rng),
        },
        2..=4 => Coordinates::both(bandwidth(rng)),
        _ => Coordinates {
            read: bandwidth(rng),
            write: bandwidth(rng),
        },
    }
}
