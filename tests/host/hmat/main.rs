// SPDX-License-Identifier: GPL-2.0

//! Tests of the module's reader of the ACPI HMAT.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod flaws;
mod lengths;
mod no_panic;
#[path = "../panics.rs"]
mod panics;
mod random;
mod table;
mod values;
