// SPDX-License-Identifier: GPL-2.0

//! Reports access coordinates as drivers do.
//!
//! C header: `include/linux/node.h`

use super::node::{NodeId, NodeMask, NodeState};
use kernel::{bindings, prelude::*};

/// Reports the bandwidth of `node` for the CPU access class, in MB/s with 0 for unknown, the way a
/// CXL region does when it comes up. Latencies are reported as unknown (0). May sleep; costs a grace
/// period while the kernel's weights are automatic.
///
/// # Errors
///
/// `ENODEV` where `node` is offline.
pub(crate) fn report_bandwidth(node: NodeId, read: u32, write: u32) -> Result {
    if !NodeMask::of(NodeState::Online).contains(node) {
        return Err(ENODEV);
    }
    let mut coordinate = bindings::access_coordinate {
        read_bandwidth: read,
        write_bandwidth: write,
        ..Default::default()
    };
    // SAFETY: `node` is a possible node, and one that was online keeps its node structure; the
    // callee reads the coordinate during the call only.
    unsafe {
        bindings::node_update_perf_attrs(
            node.into(),
            &mut coordinate,
            bindings::access_coordinate_class_ACCESS_COORDINATE_CPU,
        )
    };
    Ok(())
}
