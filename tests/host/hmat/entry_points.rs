// SPDX-License-Identifier: GPL-2.0

//! Calls everything that the reader offers, so that the compiler emits all of it.
//!
//! Not part of the tests' program: `no_panic.rs` compiles it by itself.

#![no_std]
#![allow(missing_docs)]

#[path = "../../../rust/hmat.rs"]
pub mod hmat;

use core::fmt;
use hmat::{Entry, Flaws, Hmat, Malformed};

#[no_mangle]
pub fn entry_new(table: &[u8]) -> Result<Hmat<'_>, Malformed> {
    Hmat::new(table)
}

#[no_mangle]
pub fn entry_bandwidths(hmat: &Hmat<'_>, found: &mut dyn FnMut(Entry, bool, bool)) {
    hmat.bandwidths(|entry| found(entry, entry.sides.read(), entry.sides.write()));
}

#[no_mangle]
pub fn entry_flaws(f: &mut fmt::Formatter<'_>, flaws: &mut Flaws, entry: &Entry) -> fmt::Result {
    flaws.note(entry, false);
    write!(f, "{flaws} {flaws:?} {}", flaws.any())
}

#[no_mangle]
pub fn entry_debug(
    f: &mut fmt::Formatter<'_>,
    hmat: &Hmat<'_>,
    entry: Entry,
    malformed: Malformed,
) -> fmt::Result {
    write!(f, "{hmat:?} {entry:?} {malformed:?} {malformed}")
}
