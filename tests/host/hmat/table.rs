// SPDX-License-Identifier: GPL-2.0

//! Tables made by hand.

use numaweave_hmat::{Entry, Hmat, Sides};

/// A structure of latencies or bandwidths.
#[derive(Clone, Debug)]
pub(crate) struct Locality {
    pub(crate) flags: u8,
    pub(crate) data_type: u8,
    pub(crate) unit: u64,
    pub(crate) initiators: Vec<u32>,
    pub(crate) targets: Vec<u32>,
    /// Row by row.
    pub(crate) values: Vec<u16>,
}

/// The data type of access bandwidth.
pub(crate) const ACCESS: u8 = 3;
/// The data type of read bandwidth.
pub(crate) const READ: u8 = 4;
/// The data type of write bandwidth.
pub(crate) const WRITE: u8 = 5;

impl Locality {
    /// Bandwidths of memory in MB/s.
    pub(crate) fn bandwidth<const N: usize>(
        data_type: u8,
        initiators: &[u32],
        targets: [u32; N],
        rows: &[[u16; N]],
    ) -> Self {
        assert_eq!(initiators.len(), rows.len());
        Self {
            flags: 0,
            data_type,
            unit: 1,
            initiators: initiators.to_vec(),
            targets: targets.to_vec(),
            values: rows.concat(),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let count = |domains: &[u32]| u32::try_from(domains.len()).unwrap().to_le_bytes();
        let mut body = vec![self.flags, self.data_type, 0, 0];
        body.extend(count(&self.initiators));
        body.extend(count(&self.targets));
        body.extend([0; 4]);
        body.extend(self.unit.to_le_bytes());
        for domain in self.initiators.iter().chain(&self.targets) {
            body.extend(domain.to_le_bytes());
        }
        for value in &self.values {
            body.extend(value.to_le_bytes());
        }
        structure(1, &body)
    }
}

/// A structure of any type.
pub(crate) fn structure(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    let mut bytes = [kind.to_le_bytes(), [0; 2]].concat();
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes
}

/// A table of `structures`.
pub(crate) fn table(revision: u8, structures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"HMAT".to_vec();
    let structures = structures.concat();
    bytes.extend(u32::try_from(structures.len() + 40).unwrap().to_le_bytes());
    bytes.extend([revision, 0]);
    bytes.extend(b"NUMAWEHANDMADE");
    bytes.resize(40, 0xaa);
    bytes.extend(structures);
    bytes
}

/// A table or a structure with the length in its header made to fit.
pub(crate) fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// All that a table says, which must be well-formed.
pub(crate) fn entries(table: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    Hmat::new(table)
        .unwrap()
        .bandwidths(|entry| entries.push(entry));
    entries
}

/// An entry about reads and writes.
pub(crate) const fn entry(initiator: u32, target: u32, bandwidth: u32) -> Entry {
    Entry {
        initiator,
        target,
        sides: Sides::Both,
        bandwidth,
        is_too_large: false,
    }
}
