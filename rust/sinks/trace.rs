// SPDX-License-Identifier: GPL-2.0

//! Trace events: what came in and what went out. Any context.

use crate::{
    kernel_ext::{node::NodeId, trace},
    policy::{Coordinates, Source},
    provider::table::Table,
};

/// Traces that the bandwidth of `node` changed.
pub(crate) fn perf_update(node: NodeId, coordinates: Coordinates, source: Source) {
    trace::perf_update(node, coordinates.read, coordinates.write, source.name());
}

/// Traces all rows of a table about to be published.
pub(crate) fn weights(table: &Table) {
    if !trace::weights_enabled() {
        return;
    }
    for (node, row) in table.rows() {
        trace::weights(table.generation, node, row.bandwidth, row.weight);
    }
}
