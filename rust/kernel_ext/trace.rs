// SPDX-License-Identifier: GPL-2.0

//! The events of `ffi/numaweave_trace.h`. Any context.

use super::{ffi, node::NodeId};

/// Traces that the bandwidth of `node` is now `read` and `write` MB/s, by `origin`.
pub(crate) fn perf_update(node: NodeId, read: u32, write: u32, origin: &str) {
    let text = origin.as_ptr().cast();
    // SAFETY: `origin` has the length that is passed and outlives the call, which copies it.
    unsafe { ffi::numaweave_trace_perf_update(node.into(), read, write, text, origin.len()) };
}

/// Returns whether anybody listens to [`weights()`].
pub(crate) fn weights_enabled() -> bool {
    // SAFETY: The function has no requirements.
    unsafe { ffi::numaweave_trace_weights_enabled() }
}

/// Traces one node's row of the table `generation`; bandwidth in MB/s.
pub(crate) fn weights(generation: u64, node: NodeId, bandwidth: u32, weight: u8) {
    // SAFETY: The function has no requirements.
    unsafe { ffi::numaweave_trace_weights(generation, node.into(), bandwidth, weight) };
}
