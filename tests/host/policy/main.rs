// SPDX-License-Identifier: GPL-2.0

//! Tests of the module's weight policy.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod balanced;
mod bandwidth;
mod efficiency;
mod examples;
mod guarantees;
mod inputs;
mod limits;
mod machines;
mod mainline;
mod matrix;
mod no_panic;
mod oracle;
#[path = "../panics.rs"]
mod panics;
mod period;
mod schedule;
