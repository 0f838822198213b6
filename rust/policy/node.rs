// SPDX-License-Identifier: GPL-2.0

//! A node as the algorithms see it, and what stands in for a bandwidth that nobody reported.

/// One node with memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Bandwidth in MB/s by the rule of the algorithm it is meant for
    /// ([`super::Coordinates::bandwidth`] for `balanced`, [`super::Coordinates::mainline`] for
    /// `mainline`); 0 is unknown.
    pub bandwidth: u32,
    /// Whether the node has CPUs. It matters only where the bandwidth is unknown.
    pub has_cpus: bool,
}

/// The bandwidth of each node in MB/s after the rule for unknown ones; 0 means that the node is
/// left out.
///
/// A node without a known bandwidth counts as the largest known one if it has CPUs: it is ordinary
/// memory that the firmware forgot. Without CPUs nothing can be said about it. Where no node is
/// known all are left out.
pub(super) fn usable_bandwidths(nodes: &[Node]) -> impl Iterator<Item = u32> + Clone + '_ {
    let largest = nodes.iter().map(|node| node.bandwidth).max().unwrap_or(0);

    nodes.iter().map(move |node| match node.bandwidth {
        0 if node.has_cpus => largest,
        known_or_zero => known_or_zero,
    })
}

/// Sum of bandwidths in MB/s.
pub(super) fn aggregate(bandwidths: impl Iterator<Item = u32>) -> u64 {
    bandwidths.fold(0, |sum: u64, bandwidth| {
        sum.saturating_add(bandwidth.into())
    })
}
