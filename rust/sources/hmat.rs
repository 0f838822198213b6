// SPDX-License-Identifier: GPL-2.0

//! The firmware's matrix: the bandwidth of each node as each initiator sees it.
//!
//! The kernel keeps of it what the nearest initiators see. The whole is in the ACPI HMAT, whose
//! proximity domains the SRAT has given nodes to.
//!
//! Firmware can be wrong. One line in the log says so, and weights are then those of what is left.

use crate::{
    hmat::{Entry, Flaws, Hmat, Malformed},
    kernel_ext::{acpi, node::NodeId},
};
use core::fmt::Display;
use kernel::{fmt, prelude::*};

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Tells `found` what the firmware's matrix has of each initiator and node, the last word on each
/// last; it returns whether nothing else was said of that before. Returns whether what the kernel
/// has taken from the table can be used: it reads a structure that the table's end cuts off to its
/// own end, whatever is there. May sleep.
///
/// `is_taken` says whether the kernel has taken the table. It gives every node with memory
/// coordinates if it has, unknown ones too, and none if it has not, for it refuses more than what
/// can be seen here, and can be told to (`numa=nohmat`).
pub(crate) fn scan(is_taken: bool, mut found: impl FnMut(NodeId, NodeId, Entry) -> bool) -> bool {
    let read = |table: &[u8]| {
        let hmat = match Hmat::new(table) {
            Ok(_) if !is_taken => {
                pr_warn!(
                    "the kernel has not taken the firmware's HMAT, and neither is it here: no \
                     initiator has weights of its own\n"
                );
                return true;
            }
            Ok(hmat) => hmat,
            Err(malformed) => {
                pr_warn!(
                    "the firmware's HMAT is malformed ({malformed}): neither it nor what the \
                     kernel has taken from it is used, but bandwidths can be written\n"
                );
                return false;
            }
        };
        let mut flaws = Flaws::default();
        hmat.bandwidths(|entry| {
            // A domain without a node is none of ours: it may be that of a device.
            let initiator = acpi::node_of(entry.initiator);
            if let (Some(initiator), Some(node)) = (initiator, acpi::node_of(entry.target)) {
                let is_new = found(initiator, node, entry);
                flaws.note(&entry, is_new);
            }
        });
        if flaws.any() {
            pr_warn!("the firmware's HMAT has {flaws}\n");
        }
        true
    };
    acpi::with_table(c"HMAT", read).unwrap_or_else(|| {
        pr_debug!("firmware has no HMAT\n");
        true
    })
}
