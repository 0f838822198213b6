// SPDX-License-Identifier: GPL-2.0

//! Efficiency: the share of the aggregate bandwidth that weights make usable.
//!
//! A bandwidth-bound reader of pages placed by the weights `w` waits for the node with the smallest
//! `bw_i / w_i`; the others idle meanwhile. It gets `sum(w) * min_i(bw_i / w_i)` of the `sum(bw)`
//! that the nodes could deliver together:
//!
//! ```text
//! E(w) = sum(w) * min_i(bw_i / w_i) / sum(bw)
//! ```
//!
//! All of it is exact integer arithmetic: fractions are compared by cross-multiplication.

use super::{
    node::{aggregate, usable_bandwidths},
    Node, Target,
};
use core::num::{NonZeroU16, NonZeroU64};

/// Bandwidth over weight: the rate in cycles at which a node serves its pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotient {
    /// MB/s.
    pub(super) bandwidth: u32,
    /// Pages.
    pub(super) weight: NonZeroU16,
}

impl Quotient {
    /// Both quotients times the product of the weights, so that they can be compared.
    fn cross(self, other: Self) -> (u64, u64) {
        (
            u64::from(self.bandwidth).saturating_mul(other.weight.get().into()),
            u64::from(other.bandwidth).saturating_mul(self.weight.get().into()),
        )
    }

    /// Whether this quotient is larger than `other`.
    pub(super) fn exceeds(self, other: Self) -> bool {
        let (own, others) = self.cross(other);
        own > others
    }

    /// Whether this quotient equals `other`.
    pub(super) fn equals(self, other: Self) -> bool {
        let (own, others) = self.cross(other);
        own == others
    }
}

/// What a reader gets of nodes with some weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throughput {
    /// Sum of the weights, in pages.
    pub(super) cycle: u32,
    /// The smallest quotient of a node, which all others wait for.
    pub(super) slowest: Quotient,
}

impl Throughput {
    /// The throughput in MB/s times the weight of the slowest node.
    fn scaled(self) -> u64 {
        u64::from(self.cycle).saturating_mul(self.slowest.bandwidth.into())
    }

    /// Whether this is more than `other`.
    pub(super) fn exceeds(self, other: Self) -> bool {
        self.scaled()
            .saturating_mul(other.slowest.weight.get().into())
            > other
                .scaled()
                .saturating_mul(self.slowest.weight.get().into())
    }

    /// Whether this is at least `target` of the aggregate bandwidth `total` (MB/s).
    pub(super) fn reaches(self, target: Target, total: u64) -> bool {
        self.scaled().saturating_mul(1000)
            >= total
                .saturating_mul(self.slowest.weight.get().into())
                .saturating_mul(target.get().into())
    }

    /// The share of the aggregate bandwidth `total` (MB/s) in parts per million, rounded down.
    fn ppm(self, total: NonZeroU64) -> u32 {
        let divisor = total.saturating_mul(self.slowest.weight.into());
        let mut rest = self.scaled();
        let mut ppm = rest / divisor;

        // Long division, three decimal digits at a time: the whole product does not fit into 64
        // bits.
        for _ in 0..2 {
            rest = (rest % divisor).saturating_mul(1000);
            ppm = ppm.saturating_mul(1000).saturating_add(rest / divisor);
        }
        u32::try_from(ppm).unwrap_or(u32::MAX)
    }
}

/// The efficiency of `weights` in parts per million, rounded down.
///
/// It is taken over the nodes whose bandwidth is known or stood in for: a node of unknown bandwidth
/// counts as the largest known one if it has CPUs, else it is left out with its weight. 0 where no
/// node is known. A weight of 0 means a node that gets no page: its bandwidth counts as wasted.
///
/// `weights` belong to `nodes` place by place; the longer of the two is cut.
#[must_use]
pub fn efficiency_ppm(nodes: &[Node], weights: &[u8]) -> u32 {
    let nodes = nodes.get(..weights.len()).unwrap_or(nodes);
    let Some(total) = NonZeroU64::new(aggregate(usable_bandwidths(nodes))) else {
        return 0;
    };

    // Not `zip()`, which counts with an overflow panic where both sides are slices.
    let mut weights = weights.iter();
    usable_bandwidths(nodes)
        .map_while(|bandwidth| Some((bandwidth, *weights.next()?)))
        .filter(|&(bandwidth, _)| bandwidth != 0)
        .filter_map(|(bandwidth, weight)| {
            Some(Throughput {
                cycle: weight.into(),
                slowest: Quotient {
                    bandwidth,
                    weight: NonZeroU16::new(weight.into())?,
                },
            })
        })
        .reduce(|all, node| Throughput {
            cycle: all.cycle.saturating_add(node.cycle),
            slowest: if all.slowest.exceeds(node.slowest) {
                node.slowest
            } else {
                all.slowest
            },
        })
        .map_or(0, |throughput| throughput.ppm(total))
}
