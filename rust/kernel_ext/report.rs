// SPDX-License-Identifier: GPL-2.0

//! Reports access coordinates as drivers do.
//!
//! C header: `include/linux/node.h`

use super::node::{NodeId, NodeMask, NodeState};
use kernel::prelude::*;

/// Reports the bandwidth of `node` for the CPU access class, in MB/s with 0 for unknown, the way a
/// CXL region does when it comes up. Latencies are reported as unknown (0). May sleep; costs a grace
/// period while the kernel's weights are automatic.
///
/// # Errors
///
/// `ENODEV` where `node` is offline, `EOPNOTSUPP` where the kernel knows no coordinates.
///
/// # Safety
///
/// `node` must not go offline during the call: the kernel frees an offline node's device, and exports
/// no lock against that.
pub(crate) unsafe fn report_bandwidth(node: NodeId, read: u32, write: u32) -> Result {
    if !NodeMask::of(NodeState::Online).contains(node) {
        return Err(ENODEV);
    }
    // SAFETY: The node is online and by the contract stays so.
    unsafe { update_perf_attrs(node, read, write) }
}

/// # Safety
///
/// `node` must be online and stay so during the call.
#[cfg(CONFIG_HMEM_REPORTING)]
unsafe fn update_perf_attrs(node: NodeId, read: u32, write: u32) -> Result {
    let mut coordinate = kernel::bindings::access_coordinate {
        read_bandwidth: read,
        write_bandwidth: write,
        ..Default::default()
    };
    // SAFETY: By the contract the node's device exists; the callee reads the coordinate during the
    // call only.
    unsafe {
        kernel::bindings::node_update_perf_attrs(
            node.into(),
            &mut coordinate,
            kernel::bindings::access_coordinate_class_ACCESS_COORDINATE_CPU,
        )
    };
    Ok(())
}

/// # Safety
///
/// None; like its sibling for kernels with coordinates.
#[cfg(not(CONFIG_HMEM_REPORTING))]
unsafe fn update_perf_attrs(_node: NodeId, _read: u32, _write: u32) -> Result {
    Err(EOPNOTSUPP)
}
