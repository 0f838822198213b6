// SPDX-License-Identifier: GPL-2.0

//! What the kernel already knows: coordinates that firmware or drivers reported earlier.

use crate::{
    kernel_ext::{
        alloc, device_attribute,
        node::{nr_node_ids, NodeId, NodeMask, NodeState},
    },
    policy::Coordinates,
};
use kernel::prelude::*;

/// Reads the coordinates of all nodes that the kernel has any for, with memory or not. May sleep.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn scan() -> Result<KVec<(NodeId, Coordinates)>> {
    let mut known = alloc::with_capacity(usize::from(nr_node_ids()))?;
    for node in NodeMask::of(NodeState::Online).iter() {
        match device_attribute::bandwidth(node) {
            Ok(bandwidth) => {
                let coordinates = Coordinates {
                    read: bandwidth.read,
                    write: bandwidth.write,
                };
                known
                    .push_within_capacity((node, coordinates))
                    .map_err(|_| ENOMEM)?;
            }
            Err(error) if error == ENOMEM => return Err(error),
            // Nothing was reported, or the node is going away.
            Err(_) => {}
        }
    }
    Ok(known)
}
