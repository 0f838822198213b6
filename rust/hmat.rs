// SPDX-License-Identifier: GPL-2.0

//! What the ACPI table HMAT says of the bandwidth between proximity domains.
//!
//! Pure code: it knows no kernel type, allocates nothing, never sleeps and cannot panic, whatever
//! the table holds. It is compiled into the module and, as the crate `numaweave-hmat`, into tests
//! on the host.
//!
//! The kernel reads the same table at boot (`drivers/acpi/numa/hmat.c`) for each memory's nearest
//! initiators only. Values are normalized as there, so that both can be compared: one that is
//! reserved, or does not fit into 32 bits, is unknown; revision 1 has tenths; and of structures
//! that contradict each other the last one holds. A table with a malformed structure is refused as
//! a whole, as there.

#![forbid(unsafe_code)]

use core::{error, fmt};

/// The header of every ACPI table and four reserved bytes.
const HEADER: usize = 40;

/// Type and length of a structure.
const STRUCTURE: usize = 8;

/// Type of the structures that have latencies and bandwidths.
const LOCALITY: u16 = 1;

/// Bits of a structure's flags that say which memory it is about; 0 is memory itself, all else
/// caches in front of it.
const HIERARCHY: u8 = 0x0f;

/// An entry that says that the initiator cannot reach the target.
const UNREACHABLE: u16 = 0xffff;

/// Why a table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is no HMAT, or shorter than its header says.
    Header,
    /// Its revision, which is neither 1 nor 2.
    Revision(u8),
    /// A structure is longer than the table, or too short for what it has to hold.
    Structure,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("it is no HMAT, or cut short"),
            Self::Revision(revision) => write!(f, "its revision {revision} is unknown"),
            Self::Structure => f.write_str("the length of a structure is wrong"),
        }
    }
}

impl error::Error for Malformed {}

/// The directions that an [`Entry`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// Reads and writes.
    Both,
    /// Reads alone.
    Read,
    /// Writes alone.
    Write,
}

impl Sides {
    /// Whether reads are among them.
    #[must_use]
    pub fn read(self) -> bool {
        matches!(self, Self::Both | Self::Read)
    }

    /// Whether writes are among them.
    #[must_use]
    pub fn write(self) -> bool {
        matches!(self, Self::Both | Self::Write)
    }
}

/// The bandwidth between an initiator and a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Proximity domain of the initiator.
    pub initiator: u32,
    /// Proximity domain of the memory.
    pub target: u32,
    /// What the bandwidth is about.
    pub sides: Sides,
    /// MB/s; 0 is unknown, and that too takes the place of what an earlier entry said.
    pub bandwidth: u32,
    /// Whether it is unknown because what the table says does not fit into 32 bits.
    pub is_too_large: bool,
}

/// What is wrong with a table whose structures are well-formed, gathered entry by entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// Whether any bandwidth of a node that exists is known.
    has_bandwidth: bool,
    has_too_large: bool,
    has_contradiction: bool,
}

impl Flaws {
    /// Notes an entry about nodes that exist. `is_new` says whether nothing else was said before
    /// of these nodes and sides.
    pub fn note(&mut self, entry: &Entry, is_new: bool) {
        self.has_bandwidth |= entry.bandwidth != 0;
        self.has_too_large |= entry.is_too_large;
        self.has_contradiction |= !is_new;
    }

    /// Whether there is anything to complain of.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.has_bandwidth || self.has_too_large || self.has_contradiction
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flaws = [
            (!self.has_bandwidth, "no bandwidth of any node"),
            (
                self.has_too_large,
                "bandwidths beyond 32 bits, which are taken as unknown",
            ),
            (
                self.has_contradiction,
                "several bandwidths for the same nodes, of which the last one counts",
            ),
        ];
        let mut separator = "";
        for (_, flaw) in flaws.iter().filter(|(is_there, _)| *is_there) {
            f.write_str(separator)?;
            f.write_str(flaw)?;
            separator = "; ";
        }
        Ok(())
    }
}

/// A table whose structures all have the lengths that they need.
#[derive(Clone, Copy, Debug)]
pub struct Hmat<'a> {
    revision: u8,
    /// What follows the header.
    structures: Reader<'a>,
}

impl<'a> Hmat<'a> {
    /// Checks a table, from the first byte of its header on. What is after its end does not matter;
    /// its checksum is not looked at.
    ///
    /// # Errors
    ///
    /// [`Malformed`] says why nothing in the table can be trusted.
    pub fn new(table: &'a [u8]) -> Result<Self, Malformed> {
        let (length, revision) = Reader(table).header().ok_or(Malformed::Header)?;
        if !matches!(revision, 1 | 2) {
            return Err(Malformed::Revision(revision));
        }
        let structures = table.get(HEADER..length).ok_or(Malformed::Header)?;
        let hmat = Self {
            revision,
            structures: Reader(structures),
        };
        let mut rest = hmat.structures;

        while !rest.is_at_end() {
            rest.structure().ok_or(Malformed::Structure)?;
        }
        Ok(hmat)
    }

    /// Tells `found` of every bandwidth of memory, in the order of the table: where two entries are
    /// about the same initiator, target and side, the later one holds.
    pub fn bandwidths(&self, mut found: impl FnMut(Entry)) {
        let mut rest = self.structures;

        while let Some(structure) = rest.structure() {
            if let Structure::Locality(mut locality) = structure {
                locality.bandwidths(self.revision, &mut found);
            }
        }
    }
}

/// A structure of the table.
enum Structure<'a> {
    Locality(Locality<'a>),
    /// One that has nothing for us, not looked into.
    Other,
}

/// A structure of latencies or bandwidths: a value for each pair of an initiator and a target.
struct Locality<'a> {
    /// Whether it is about memory itself.
    is_memory: bool,
    /// Which values it has: 0 to 2 are latencies, 3 to 5 bandwidths of [`Sides`], as listed there.
    data_type: u8,
    /// MB/s that a value of 1 stands for.
    unit: u64,
    /// Proximity domains, 32 bits each.
    initiators: Reader<'a>,
    /// Proximity domains, 32 bits each.
    targets: Reader<'a>,
    /// Values of 16 bits, a row for each initiator, a column for each target.
    values: Reader<'a>,
}

impl Locality<'_> {
    /// Tells `found` of the bandwidths here, if it has any of memory.
    fn bandwidths(&mut self, revision: u8, found: &mut impl FnMut(Entry)) {
        let sides = match self.data_type {
            3 if self.is_memory => Sides::Both,
            4 if self.is_memory => Sides::Read,
            5 if self.is_memory => Sides::Write,
            _ => return,
        };

        while let Some(initiator) = self.initiators.u32() {
            let mut targets = self.targets;
            while let Some(target) = targets.u32() {
                let Some(value) = self.values.u16() else {
                    return;
                };
                let bandwidth = normalized(value, self.unit, revision);
                found(Entry {
                    initiator,
                    target,
                    sides,
                    bandwidth: bandwidth.unwrap_or(0),
                    is_too_large: bandwidth.is_none(),
                });
            }
        }
    }
}

/// The bandwidth in MB/s that `value` stands for, 0 if that is unknown, [`None`] if it does not fit.
fn normalized(value: u16, unit: u64, revision: u8) -> Option<u32> {
    if value == UNREACHABLE {
        return Some(0);
    }
    let bandwidth = u32::try_from(unit.checked_mul(value.into())?).ok()?;

    Some(match bandwidth {
        tenths if revision != 1 => tenths,
        0..10 => 0,
        tenths => tenths.div_ceil(10),
    })
}

/// Bytes that have not been read yet. Integers are little-endian.
#[derive(Clone, Copy, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The length and revision in the header of an HMAT.
    fn header(&mut self) -> Option<(usize, u8)> {
        let signature = self.array()?;
        let length = usize::try_from(self.u32()?).ok()?;
        let revision = self.u8()?;
        (signature == *b"HMAT").then_some((length, revision))
    }

    /// Whether nothing is left that could be a structure.
    fn is_at_end(&self) -> bool {
        self.0.len() < STRUCTURE
    }

    /// The next structure. [`None`] at the end, and if the length is wrong.
    fn structure(&mut self) -> Option<Structure<'a>> {
        let kind = self.u16()?;
        let _reserved = self.u16()?;
        let length = usize::try_from(self.u32()?).ok()?;
        let mut body = Self(self.bytes(length.checked_sub(STRUCTURE)?)?);

        if kind == LOCALITY {
            body.locality().map(Structure::Locality)
        } else {
            Some(Structure::Other)
        }
    }

    /// A locality, whose structure these bytes are.
    fn locality(&mut self) -> Option<Locality<'a>> {
        let [flags, data_type, _transfer, _reserved] = self.array()?;
        let initiators = usize::try_from(self.u32()?).ok()?;
        let targets = usize::try_from(self.u32()?).ok()?;
        let _reserved = self.u32()?;
        let unit = u64::from_le_bytes(self.array()?);

        Some(Locality {
            is_memory: flags & HIERARCHY == 0,
            data_type,
            unit,
            initiators: Self(self.bytes(initiators.checked_mul(4)?)?),
            targets: Self(self.bytes(targets.checked_mul(4)?)?),
            values: Self(self.bytes(initiators.checked_mul(targets)?.checked_mul(2)?)?),
        })
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}
