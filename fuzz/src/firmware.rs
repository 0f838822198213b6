// SPDX-License-Identifier: GPL-2.0

//! The ACPI HMAT: bytes as they are, and once more with a header that is right, so that mutations
//! get past it. The oracle reads by offsets in wide arithmetic.

use numaweave_hmat::{Entry, Hmat, Sides};

/// Checks that a table is accepted, and read, as the oracle does.
///
/// # Panics
///
/// If it is not.
pub fn check(data: &[u8]) {
    compare(data);
    if let Some((first, structures)) = data.split_first() {
        for (revision, extra) in [(1 + first % 2, 0), (*first, 0), (2, first % 8)] {
            compare(&with_header(revision, structures, extra.into()));
        }
    }
}

fn compare(table: &[u8]) {
    let mut entries = Vec::new();
    let read = Hmat::new(table).map(|hmat| hmat.bandwidths(|entry| entries.push(entry)));
    let expected = understood(table);

    assert_eq!(read.is_ok(), expected.is_some());
    assert_eq!(entries, expected.unwrap_or_default());
    assert!(
        entries.len() <= table.len() / 2,
        "each has bytes of its own"
    );
}

/// A table of which the last `extra` bytes are after its end.
fn with_header(revision: u8, structures: &[u8], extra: usize) -> Vec<u8> {
    let extra = extra.min(structures.len());
    let length = u32::try_from(40 + structures.len() - extra).unwrap();
    let mut table = b"HMAT".to_vec();
    table.extend(length.to_le_bytes());
    table.push(revision);
    table.resize(40, 0);
    table.extend(structures);
    table
}

/// The integer of `size` bytes at `offset`; [`None`] if that is not within `bytes`.
fn integer(bytes: &[u8], offset: u128, size: u128) -> Option<u128> {
    let at = |offset: u128| bytes.get(usize::try_from(offset).ok()?).copied();
    (0..size).try_fold(0, |sum, place| {
        Some(sum | u128::from(at(offset + place)?) << (8 * place))
    })
}

/// All that the table says, [`None`] where it must be refused.
fn understood(table: &[u8]) -> Option<Vec<Entry>> {
    let length = integer(table, 4, 4)?;
    let revision = integer(table, 8, 1)?;
    if !table.starts_with(b"HMAT") || !(1..=2).contains(&revision) {
        return None;
    }
    if length < 40 || length > u128::try_from(table.len()).unwrap() {
        return None;
    }
    let table = &table[..usize::try_from(length).unwrap()];
    let mut entries = Vec::new();
    let mut start = 40;

    // What is shorter than type and length is no structure.
    while length - start >= 8 {
        let size = integer(table, start + 4, 4)?;
        if size < 8 || size > length - start {
            return None;
        }
        if integer(table, start, 2)? == 1 {
            entries.extend(locality(table, start, size, revision)?);
        }
        start += size;
    }
    Some(entries)
}

/// What the locality structure at `start` says.
fn locality(table: &[u8], start: u128, size: u128, revision: u128) -> Option<Vec<Entry>> {
    let field = |offset, size| integer(table, start + offset, size);
    if size < 32 {
        return None;
    }
    let (flags, kind) = (field(8, 1)?, field(9, 1)?);
    let (rows, columns, unit) = (field(12, 4)?, field(16, 4)?, field(24, 8)?);
    if 32 + 4 * (rows + columns) + 2 * rows * columns > size {
        return None;
    }
    let sides = match kind {
        3 => Sides::Both,
        4 => Sides::Read,
        5 => Sides::Write,
        _ => return Some(Vec::new()),
    };
    if flags % 16 != 0 {
        return Some(Vec::new());
    }
    let mut entries = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let value = field(32 + 4 * (rows + columns) + 2 * (row * columns + column), 2)?;
            entries.push(Entry {
                initiator: u32::try_from(field(32 + 4 * row, 4)?).unwrap(),
                target: u32::try_from(field(32 + 4 * (rows + column), 4)?).unwrap(),
                sides,
                bandwidth: megabytes(value * unit, value, revision),
                is_too_large: value != 0xffff && u32::try_from(value * unit).is_err(),
            });
        }
    }
    Some(entries)
}

/// Reserved values and what does not fit are unknown; revision 1 has tenths, rounded up.
fn megabytes(product: u128, value: u128, revision: u128) -> u32 {
    let fits = u32::try_from(product).unwrap_or(0);
    match revision {
        _ if value == 0xffff => 0,
        1 if fits < 10 => 0,
        1 => fits.div_ceil(10),
        _ => fits,
    }
}
