// SPDX-License-Identifier: GPL-2.0

//! What every file of the module uses.

use crate::alloc::AllocError;
pub use crate::alloc::{Flags, KBox, KVec, GFP_KERNEL};

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(i32);

/// As in the kernel crate.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// No memory.
pub const ENOMEM: Error = Error(-12);

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        ENOMEM
    }
}
