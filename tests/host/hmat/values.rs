// SPDX-License-Identifier: GPL-2.0

//! What a well-formed table says.

use crate::table::{entries, entry, structure, table, with_length, Locality, ACCESS, READ, WRITE};
use numaweave_hmat::{Entry, Sides};

/// The entry that one value becomes.
fn single(revision: u8, value: u16, unit: u64) -> Entry {
    let locality = Locality {
        unit,
        ..Locality::bandwidth(ACCESS, &[0], [0], &[[value]])
    };
    let entries = entries(&table(revision, &[locality.bytes()]));
    assert_eq!(entries.len(), 1);
    entries[0]
}

/// The bandwidth that one value stands for.
fn value(revision: u8, value: u16, unit: u64) -> u32 {
    single(revision, value, unit).bandwidth
}

#[test]
fn a_matrix_is_read_row_by_row() {
    let locality = Locality {
        unit: 1024,
        ..Locality::bandwidth(
            ACCESS,
            &[0, 7],
            [0, 7, 0x0102_0304],
            &[[300, 150, 100], [150, 300, 50]],
        )
    };
    assert_eq!(
        entries(&table(2, &[locality.bytes()])),
        [
            entry(0, 0, 307_200),
            entry(0, 7, 153_600),
            entry(0, 0x0102_0304, 102_400),
            entry(7, 0, 153_600),
            entry(7, 7, 307_200),
            entry(7, 0x0102_0304, 51_200),
        ]
    );
}

#[test]
fn sides_are_told_apart() {
    let structures = [READ, WRITE, ACCESS]
        .map(|data_type| Locality::bandwidth(data_type, &[0], [1], &[[data_type.into()]]).bytes());
    let sides = |sides, bandwidth| Entry {
        initiator: 0,
        target: 1,
        sides,
        bandwidth,
        is_too_large: false,
    };
    let all = entries(&table(2, &structures));
    assert_eq!(
        all,
        [
            sides(Sides::Read, 4),
            sides(Sides::Write, 5),
            sides(Sides::Both, 3)
        ]
    );
    let reads: Vec<bool> = all.iter().map(|entry| entry.sides.read()).collect();
    let writes: Vec<bool> = all.iter().map(|entry| entry.sides.write()).collect();
    assert_eq!(reads, [true, false, true]);
    assert_eq!(writes, [false, true, true]);
}

#[test]
fn what_is_no_bandwidth_of_memory_is_left_out() {
    let good = Locality::bandwidth(ACCESS, &[0], [0], &[[9]]);
    let mut structures = vec![
        structure(0, &[0; 32]),
        structure(2, &[0xff; 24]),
        structure(3, &[0xff; 5]),
        structure(0xffff, &[]),
    ];
    for data_type in (0..ACCESS).chain([6, 255]) {
        structures.push(
            Locality {
                data_type,
                ..good.clone()
            }
            .bytes(),
        );
    }
    for flags in 1..16 {
        structures.push(
            Locality {
                flags,
                ..good.clone()
            }
            .bytes(),
        );
    }
    assert_eq!(entries(&table(2, &structures)), []);

    structures.push(good.bytes());
    // Bits beyond the hierarchy say how it was measured.
    structures.push(
        Locality {
            flags: 0xf0,
            ..good
        }
        .bytes(),
    );
    assert_eq!(
        entries(&table(2, &structures)),
        [entry(0, 0, 9), entry(0, 0, 9)]
    );
}

#[test]
fn later_structures_are_told_later() {
    let structures =
        [[10, 20], [30, 0]].map(|row| Locality::bandwidth(ACCESS, &[0], [0, 1], &[row]).bytes());
    assert_eq!(
        entries(&table(2, &structures)),
        [
            entry(0, 0, 10),
            entry(0, 1, 20),
            entry(0, 0, 30),
            entry(0, 1, 0)
        ]
    );
}

#[test]
fn values_that_say_nothing() {
    assert_eq!(value(2, 0, 1024), 0);
    assert_eq!(value(2, 0xffff, 1), 0);
    assert_eq!(value(1, 0xffff, 100), 0);
    assert_eq!(value(2, 0xfffe, 0), 0);
    assert_eq!(value(2, 0, u64::MAX), 0);
}

#[test]
fn values_at_the_edge() {
    assert_eq!(value(2, 0xfffe, 1), 65_534);
    assert_eq!(value(2, 1, u32::MAX.into()), u32::MAX);
    assert_eq!(value(2, 1, 1 << 32), 0);
    assert_eq!(value(2, 0x8000, 0x1_ffff), 0xffff_8000);
    assert_eq!(value(2, 0x8000, 0x2_0000), 0);
    assert_eq!(value(2, 2, 1 << 63), 0);
    assert_eq!(value(2, 0xfffe, u64::MAX), 0);
}

/// What is too large is told from what the firmware leaves open.
#[test]
fn values_that_do_not_fit() {
    let too_large = |value, unit| single(2, value, unit).is_too_large;
    for (value, unit) in [
        (1, 1 << 32),
        (0x8000, 0x2_0000),
        (2, 1 << 63),
        (2, u64::MAX),
    ] {
        assert!(too_large(value, unit), "{value} {unit}");
    }
    for (value, unit) in [
        (1, 0xffff_ffff),
        (0, u64::MAX),
        (0xffff, u64::MAX),
        (0xfffe, 0),
    ] {
        assert!(!too_large(value, unit), "{value} {unit}");
    }
    // 32 bits bound the tenths.
    assert!(single(1, 1, 1 << 32).is_too_large);
}

#[test]
fn the_first_revision_has_tenths() {
    assert_eq!(value(1, 9, 1), 0);
    assert_eq!(value(1, 10, 1), 1);
    assert_eq!(value(1, 11, 1), 2);
    assert_eq!(value(1, 300, 10_240), 307_200);
    assert_eq!(value(1, 1, u32::MAX.into()), 429_496_730);
}

#[test]
fn a_table_may_have_no_structure() {
    assert_eq!(entries(&table(1, &[])), []);
    assert_eq!(entries(&table(2, &[])), []);
    let empty = |initiators: &[u32], targets: &[u32]| Locality {
        flags: 0,
        data_type: ACCESS,
        unit: 1,
        initiators: initiators.to_vec(),
        targets: targets.to_vec(),
        values: Vec::new(),
    };
    let structures = [empty(&[], &[]), empty(&[1, 2], &[]), empty(&[], &[1, 2])];
    assert_eq!(
        entries(&table(2, &structures.map(|empty| empty.bytes()))),
        []
    );
}

/// Firmware may round structures up.
#[test]
fn structures_may_be_longer_than_what_they_hold() {
    let good = Locality::bandwidth(ACCESS, &[0], [0], &[[9]]);
    let mut long = good.bytes();
    long.extend([0x55; 6]);
    assert_eq!(
        entries(&table(2, &[with_length(long), good.bytes()])),
        [entry(0, 0, 9); 2]
    );
}
