// SPDX-License-Identifier: GPL-2.0

//! The kernel's C functions.

pub use crate::sync::rcu::{call_rcu, rcu_barrier, synchronize_rcu};

/// What RCU keeps of a value that is to be freed.
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Debug)]
pub struct callback_head {
    _nothing: [usize; 2],
}
