// SPDX-License-Identifier: GPL-2.0

//! What `rust/kernel_ext/table_writes.rs` tells.

use super::node::NodeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Auto(bool),
    Weight(NodeId, u8),
}
