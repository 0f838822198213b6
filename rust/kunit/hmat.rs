// SPDX-License-Identifier: GPL-2.0

//! The reader of the HMAT as compiled into the module. The host's tests look at all of its edges.

use crate::hmat::{Entry, Hmat, Malformed, Sides};
use kernel::prelude::*;

const fn word(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

/// Two initiators, one target: 300 and 150 GB/s.
const TABLE: [[u8; 4]; 22] = [
    *b"HMAT",
    word(88),
    // The revision.
    word(2),
    word(0),
    word(0),
    word(0),
    word(0),
    word(0),
    word(0),
    word(0),
    // Type and length of a structure, flags and data type, initiators, targets, reserved, unit.
    word(1),
    word(48),
    [0, 3, 0, 0],
    word(2),
    word(1),
    word(0),
    word(1024),
    word(0),
    // Proximity domains.
    word(4),
    word(5),
    word(6),
    // Values.
    [0x2c, 0x01, 0x96, 0x00],
];

#[kunit_tests(numaweave_hmat)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read() -> Result {
        let hmat = Hmat::new(TABLE.as_flattened()).map_err(|_| EINVAL)?;
        let mut entries = [None; 3];
        let mut slots = entries.iter_mut();
        hmat.bandwidths(|entry| {
            if let Some(slot) = slots.next() {
                *slot = Some(entry);
            }
        });

        let expected = |initiator, bandwidth| Entry {
            initiator,
            target: 6,
            sides: Sides::Both,
            bandwidth,
            is_too_large: false,
        };
        assert_eq!(
            entries,
            [Some(expected(4, 307_200)), Some(expected(5, 153_600)), None]
        );
        Ok(())
    }

    #[test]
    fn a_table_that_is_cut_short_is_refused() {
        let table = TABLE.as_flattened();
        for length in 0..table.len() {
            let cut = table.get(..length).unwrap_or_default();
            assert_eq!(Hmat::new(cut).err(), Some(Malformed::Header));
        }
    }

    #[test]
    fn a_structure_that_lies_is_refused() {
        for (place, lie) in [(11, 49), (11, 47), (11, 0), (13, 3), (14, u32::MAX)] {
            let mut lying = TABLE;
            if let Some(place) = lying.get_mut(place) {
                *place = word(lie);
            }
            let read = Hmat::new(lying.as_flattened());
            assert_eq!(read.err(), Some(Malformed::Structure));
        }
    }
}
