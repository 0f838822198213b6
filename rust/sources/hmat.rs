// SPDX-License-Identifier: GPL-2.0

//! The firmware's matrix: the bandwidth of each node as each initiator sees it.
//!
//! The kernel keeps of it what the nearest initiators see. The whole is in the ACPI HMAT, whose
//! proximity domains the SRAT has given nodes to.

use crate::{
    hmat::{Entry, Hmat},
    kernel_ext::{acpi, node::NodeId},
};
use kernel::prelude::*;

/// Tells `found` what the firmware's matrix has of each initiator and node, the last word on each
/// last. May sleep.
pub(crate) fn scan(mut found: impl FnMut(NodeId, NodeId, Entry)) {
    let read = |table: &[u8]| {
        match Hmat::new(table) {
        Ok(hmat) => hmat.bandwidths(|entry| {
            let initiator = acpi::node_of(entry.initiator);
            if let (Some(initiator), Some(node)) = (initiator, acpi::node_of(entry.target)) {
                found(initiator, node, entry);
            }
        }),
        Err(malformed) => pr_warn!(
            "the firmware's HMAT is malformed ({malformed:?}): no initiator has weights of its own\n"
        ),
    }
    };
    if acpi::with_table(c"HMAT", read).is_none() {
        pr_debug!("firmware has no HMAT\n");
    }
}
