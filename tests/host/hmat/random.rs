// SPDX-License-Identifier: GPL-2.0

//! Random tables: those that are well-formed are read as they were written, and no byte leads to a
//! panic.

use crate::table::{entries, structure, table, Locality};
use numaweave_hmat::{Entry, Hmat, Sides};
use proptest::{collection::vec, prelude::*};

/// Few cases are slow, and the seed of a failure is worth less than its smallest input, which is
/// printed.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn any_locality() -> impl Strategy<Value = Locality> {
    (
        prop_oneof![4 => Just(0), 1 => any::<u8>()],
        prop_oneof![4 => 3..=5_u8, 1 => any::<u8>()],
        prop_oneof![4 => 0..=2048_u64, 1 => any::<u64>()],
        vec(any::<u32>(), 0..6),
        vec(any::<u32>(), 0..6),
    )
        .prop_flat_map(|(flags, data_type, unit, initiators, targets)| {
            let pairs = initiators.len() * targets.len();
            vec(prop_oneof![4 => any::<u16>(), 1 => Just(0xffff)], pairs).prop_map(move |values| {
                Locality {
                    flags,
                    data_type,
                    unit,
                    initiators: initiators.clone(),
                    targets: targets.clone(),
                    values,
                }
            })
        })
}

/// A structure, and what it says of the bandwidth of memory.
fn any_structure() -> impl Strategy<Value = (Vec<u8>, Vec<Entry>)> {
    prop_oneof![
        4 => any_locality().prop_map(|locality| (locality.bytes(), said(&locality))),
        1 => (any::<u16>().prop_filter("no locality", |&kind| kind != 1), vec(any::<u8>(), 0..40))
            .prop_map(|(kind, body)| (structure(kind, &body), Vec::new())),
    ]
}

/// What `locality` says, in revision 2.
fn said(locality: &Locality) -> Vec<Entry> {
    let sides = match (locality.flags % 16, locality.data_type) {
        (0, 3) => Sides::Both,
        (0, 4) => Sides::Read,
        (0, 5) => Sides::Write,
        _ => return Vec::new(),
    };
    let pairs = locality.initiators.iter().flat_map(|&initiator| {
        locality
            .targets
            .iter()
            .map(move |&target| (initiator, target))
    });

    pairs
        .zip(&locality.values)
        .map(|((initiator, target), &value)| {
            let said = u128::from(value) * u128::from(locality.unit);
            let is_open = value == 0xffff;
            let bandwidth = u32::try_from(said).ok().filter(|_| !is_open);
            Entry {
                initiator,
                target,
                sides,
                bandwidth: bandwidth.unwrap_or(0),
                is_too_large: bandwidth.is_none() && !is_open,
            }
        })
        .collect()
}

/// Reads as far as the table allows.
fn read(table: &[u8]) {
    if let Ok(hmat) = Hmat::new(table) {
        let mut count = 0;
        hmat.bandwidths(|_| count += 1);
        assert!(count <= table.len() / 2, "each has two bytes of its own");
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn what_is_written_is_read(structures in vec(any_structure(), 0..6)) {
        let (bytes, said): (Vec<_>, Vec<_>) = structures.into_iter().unzip();
        prop_assert_eq!(entries(&table(2, &bytes)), said.concat());
    }

    #[test]
    fn no_byte_leads_to_a_panic(
        structures in vec(any_structure(), 0..4),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        revision in 1..=2_u8,
    ) {
        let bytes: Vec<_> = structures.into_iter().map(|(bytes, _)| bytes).collect();
        let mut table = table(revision, &bytes);
        for (place, byte) in changes {
            let place = place.index(table.len());
            table[place] = byte;
        }
        read(&table);
    }

    #[test]
    fn nor_do_random_bytes(bytes in vec(any::<u8>(), 0..600), revision in 1..=2_u8) {
        read(&bytes);
        // Past the header.
        read(&table(revision, &[bytes]));
    }
}
