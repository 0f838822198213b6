// SPDX-License-Identifier: GPL-2.0

//! Access coordinates: how fast CPUs reach a node's memory, and how drivers report it.
//!
//! C header: `include/linux/node.h`

use super::{
    fprobe::{Arguments, CallHandler, Fprobe},
    node::NodeId,
};
use kernel::{bindings, prelude::*, str::CStr};

/// Read and write bandwidth that a coordinate holds, in MB/s; 0 is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bandwidth {
    /// Read bandwidth, MB/s.
    pub(crate) read: u32,
    /// Write bandwidth, MB/s.
    pub(crate) write: u32,
}

/// What is called when mempolicy is told of a node's coordinates.
pub(crate) trait CoordinatesHandler: Send + Sync + 'static {
    /// Handles one report for the CPU access class, before mempolicy does. Runs in the reporter's
    /// context with preemption off: it must not sleep.
    fn reported(&self, node: NodeId, bandwidth: Bandwidth);

    /// Is told that mempolicy has dealt with a report; may be left out under load. Same context.
    fn applied(&self);
}

/// The function through which all coordinates of the CPU access class reach mempolicy: from the
/// HMAT by `node_set_perf_attrs()`, from CXL regions by `node_update_perf_attrs()`.
const SET_NODE_PERF: &CStr = c"mempolicy_set_node_perf";

/// Adapts a [`CoordinatesHandler`] to the arguments of [`SET_NODE_PERF`].
///
/// # Invariants
///
/// Only [`watch()`] makes one, so it handles calls of that function and no other.
pub(crate) struct Decode<H>(H);

impl<H: CoordinatesHandler> CallHandler for Decode<H> {
    type Note = ();

    fn entry(&self, arguments: &Arguments) {
        // The register's upper half is unspecified for an `unsigned int`.
        // CAST: Takes the lower half.
        let nid = arguments.get(0) as u32;
        let coordinates = arguments.get(1) as *const bindings::access_coordinate;
        // SAFETY: By the type invariant, and as `ffi/glue.c` asserts the prototype, the second
        // argument is a pointer to a coordinate that the function is about to read, so its caller
        // keeps it valid meanwhile.
        let coordinates = unsafe { coordinates.read() };
        if let Some(node) = NodeId::new(nid) {
            self.0.reported(
                node,
                Bandwidth {
                    read: coordinates.read_bandwidth,
                    write: coordinates.write_bandwidth,
                },
            );
        }
    }

    fn exit(&self, (): (), _result: isize) {
        self.0.applied();
    }
}

/// Calls `handler` for each report that reaches mempolicy from now on.
///
/// # Errors
///
/// Those of [`Fprobe::register()`].
pub(crate) fn watch<H: CoordinatesHandler>(handler: H) -> impl PinInit<Fprobe<Decode<H>>, Error> {
    // INVARIANT: The function is `SET_NODE_PERF`.
    Fprobe::register(SET_NODE_PERF, Decode(handler))
}
