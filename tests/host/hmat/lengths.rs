// SPDX-License-Identifier: GPL-2.0

//! Tables that are cut short or lie about their lengths.

use crate::table::{entries, structure, table, with_length, Locality, ACCESS, READ};
use numaweave_hmat::{Hmat, Malformed};

/// A table with all that matters.
fn good() -> Vec<u8> {
    table(
        2,
        &[
            structure(0, &[0; 32]),
            Locality::bandwidth(READ, &[0, 1], [0, 1], &[[1, 2], [3, 4]]).bytes(),
            structure(2, &[0; 24]),
            Locality::bandwidth(ACCESS, &[0], [0, 1, 2], &[[5, 6, 7]]).bytes(),
        ],
    )
}

fn refusal(table: &[u8]) -> Option<Malformed> {
    Hmat::new(table).err()
}

#[test]
fn a_table_that_is_cut_short_is_refused_at_every_byte() {
    let good = good();
    assert_eq!(entries(&good).len(), 7);
    for length in 0..good.len() {
        assert_eq!(
            refusal(&good[..length]),
            Some(Malformed::Header),
            "{length}"
        );
    }
}

/// The header says how much is there, but the last structure has been cut.
#[test]
fn a_structure_that_is_cut_short_is_refused_at_every_byte() {
    let good = good();
    let mut starts = vec![40];
    while let Some(&start) = starts.last().filter(|&&start| start < good.len()) {
        let length: [u8; 4] = good[start + 4..start + 8].try_into().unwrap();
        starts.push(start + usize::try_from(u32::from_le_bytes(length)).unwrap());
    }
    assert_eq!(starts.len(), 5);

    for length in 40..good.len() {
        let start = *starts.iter().rfind(|&&start| start <= length).unwrap();
        // Less than a structure's own header is no structure.
        let expected = (length - start >= 8).then_some(Malformed::Structure);
        assert_eq!(
            refusal(&with_length(good[..length].to_vec())),
            expected,
            "{length}"
        );
    }
}

#[test]
fn what_follows_the_table_does_not_matter() {
    let good = good();
    let expected = entries(&good);
    let mut longer = good.clone();
    longer.extend([0xff; 100]);
    assert_eq!(entries(&longer), expected);
    // Nor what is left at its end and too short for a structure.
    for tail in 1..8 {
        let mut longer = good.clone();
        longer.extend(vec![0xff; tail]);
        assert_eq!(entries(&with_length(longer)), expected);
    }
}

#[test]
fn lengths_that_lie() {
    let good = good();
    // Of the table.
    for length in [0, 1, 39, good.len() + 1, u32::MAX.try_into().unwrap()] {
        let mut table = good.clone();
        table[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        assert_eq!(refusal(&table), Some(Malformed::Header), "{length}");
    }
    // Of a structure, whatever its type.
    for kind in [0, 1, 2, 3, 0xffff] {
        for length in [0, 1, 7, 41, 0x7fff_ffff, u32::MAX] {
            let mut bytes = structure(kind, &[0; 32]);
            bytes[4..8].copy_from_slice(&length.to_le_bytes());
            assert_eq!(
                refusal(&table(2, &[bytes])),
                Some(Malformed::Structure),
                "{length}"
            );
        }
    }
}

#[test]
fn numbers_of_domains_that_lie() {
    let locality = Locality::bandwidth(ACCESS, &[0, 1], [0, 1, 2], &[[1, 2, 3], [4, 5, 6]]);
    let with_counts = |initiators: u32, targets: u32| {
        let mut bytes = locality.bytes();
        bytes[12..16].copy_from_slice(&initiators.to_le_bytes());
        bytes[16..20].copy_from_slice(&targets.to_le_bytes());
        table(2, &[bytes])
    };

    assert_eq!(entries(&with_counts(2, 3)).len(), 6);
    // 32 bytes are there for 4 * (initiators + targets) + 2 * initiators * targets.
    for (initiators, targets) in [
        (3, 3),
        (2, 4),
        (8, 1),
        (0, 9),
        (9, 0),
        (0x8000_0000, 2),
        (2, 0x8000_0000),
        (0x4000_0000, 0),
        (0, 0x4000_0000),
        (0x1_0000, 0x1_0000),
        (u32::MAX, u32::MAX),
    ] {
        assert_eq!(
            refusal(&with_counts(initiators, targets)),
            Some(Malformed::Structure),
            "{initiators} {targets}"
        );
    }
    for (initiators, targets, pairs) in [(0, 8, 0), (8, 0, 0), (1, 1, 1), (3, 2, 6), (5, 0, 0)] {
        assert_eq!(entries(&with_counts(initiators, targets)).len(), pairs);
    }
}

#[test]
fn a_locality_that_has_no_room_for_its_own_header() {
    for length in 0..24 {
        assert_eq!(
            refusal(&table(2, &[structure(1, &vec![0; length])])),
            Some(Malformed::Structure),
            "{length}"
        );
    }
    assert_eq!(refusal(&table(2, &[structure(1, &[0; 24])])), None);
}

#[test]
fn other_tables_and_revisions() {
    for revision in [0, 3, 255] {
        assert_eq!(
            refusal(&table(revision, &[])),
            Some(Malformed::Revision(revision))
        );
    }
    let mut other = good();
    other[..4].copy_from_slice(b"SRAT");
    assert_eq!(refusal(&other), Some(Malformed::Header));
}

#[test]
fn a_refusal_says_why() {
    for (refusal, word) in [
        (Malformed::Header, "no HMAT"),
        (Malformed::Revision(3), "revision 3"),
        (Malformed::Structure, "structure"),
    ] {
        assert!(refusal.to_string().contains(word));
    }
}
