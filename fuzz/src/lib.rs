// SPDX-License-Identifier: GPL-2.0

//! What is checked of one input of each fuzz target: invariants and an oracle of its own, not only
//! that there is no panic. `fuzz/fuzz_targets` has the programs, `fuzz/run` runs them.
//!
//! The files under test are the module's, the very same.

#![forbid(unsafe_code)]

// `rust/input.rs` takes its errors from the kernel crate, for which this crate stands in.
extern crate self as kernel;

mod bandwidths;
mod firmware;
mod order;
mod text;
mod views;

#[path = "../../rust/input.rs"]
mod module_input;
#[path = "../../tests/host/policy/oracle.rs"]
#[allow(dead_code, reason = "the host tests use more of it")]
mod oracle;

#[path = "../../rust/kernel_ext/number.rs"]
mod number;

/// Where `rust/input.rs` finds it.
mod kernel_ext {
    pub(crate) use crate::number;
}

/// What `rust/input.rs` needs of the kernel crate.
pub mod prelude {
    /// An error number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Error(i32);

    /// As in the kernel crate.
    pub type Result<T, E = Error> = core::result::Result<T, E>;

    /// The only error of a parser.
    pub const EINVAL: Error = Error(-22);
}

pub use self::{
    bandwidths::check as weights, firmware::check as hmat, order::check as schedule,
    text::check as input, views::check as matrix,
};
