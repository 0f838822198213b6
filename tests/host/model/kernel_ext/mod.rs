// SPDX-License-Identifier: GPL-2.0

//! The module's RCU cell and slot, and what stands in for their neighbours.

pub(crate) mod alloc;
pub(crate) mod node;
mod pointer;
#[path = "../../../../rust/kernel_ext/rcu.rs"]
#[allow(
    clippy::all,
    clippy::pedantic,
    reason = "the module has lints of its own"
)]
pub(crate) mod rcu;
mod rcu_model;
pub(crate) mod table_writes;
