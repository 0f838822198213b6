// SPDX-License-Identifier: GPL-2.0

//! The table that was in force while pages were placed.
//!
//! A look before and a look after: where both show the same, and nobody has changed anything in between,
//! the pages must lie as that table has it.

use std::collections::BTreeSet;

use anyhow::{ensure, Result};

use super::site::Site;
use crate::kernel_table::KernelTable;
use crate::provider::Provider;
use crate::takeover;
use crate::weights::Weights;

/// One look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InForce {
    /// What the parts had done by then, see [`Site::changes`].
    changes: u64,
    /// Count of numaweave's tables: reports change it, a little later.
    generation: u32,
    /// Whether the takeover decides. It may begin with another order than it goes on with.
    by_takeover: bool,
    weights: Weights,
}

impl InForce {
    /// Looks at what a task on a CPU of `initiator` goes by; [`None`] where that is just changing hands.
    pub(super) fn look(
        site: &Site<'_>,
        provider: &Provider,
        initiator: u32,
    ) -> Result<Option<Self>> {
        let changes = site.changes();
        let generation = provider.number("generation")?;
        // Waits for a table that is being written.
        provider.read("in_sync")?;
        let by_takeover = provider.read("attached")? == "livepatch";
        if takeover::is_settled() != Some(by_takeover) {
            return Ok(None);
        }
        let by_initiator = provider.chosen("scope")? == "initiator";
        let weights = if by_takeover {
            provider.weights_for(by_initiator.then_some(initiator))
        } else {
            Ok(KernelTable::read()?.weights)
        };
        // A node may have gone while its file was read.
        Ok(weights.ok().map(|weights| Self {
            changes,
            generation,
            by_takeover,
            weights,
        }))
    }

    /// Expects pages that were placed one after another under a policy of `nodes` to have gone to the
    /// nodes in `placed` by these weights, from whatever place of a cycle on.
    pub(super) fn expect(&self, nodes: &BTreeSet<u32>, placed: &[u32]) -> Result<()> {
        let weight = |node| self.weights.get(node).copied().unwrap_or(1);
        let is_zero = nodes.iter().all(|node| weight(node) == 0);
        let weight = |node| usize::from(if is_zero { 1 } else { weight(node) });
        let cycle: usize = nodes.iter().map(weight).sum();
        for node in nodes {
            let share = Share {
                weight: weight(node),
                cycle,
            };
            let found = placed.iter().filter(|place| *place == node).count();
            let (least, most) = share.bounds(placed.len(), self.by_takeover);
            ensure!(
                (least..=most).contains(&found),
                "{found} of {} pages under {nodes:?} lie on node {node}, where {self:?} allows {least} \
                 to {most}: {placed:?}",
                placed.len()
            );
        }
        Ok(())
    }
}

/// What one node has of a cycle, in whatever order.
struct Share {
    weight: usize,
    cycle: usize,
}

impl Share {
    /// The least and the most that it has of `pages` turns; if `in_two`, the order may have changed once
    /// among them.
    fn bounds(&self, pages: usize, in_two: bool) -> (usize, usize) {
        let last = if in_two { pages } else { 0 };
        let splits = (0..=last).map(|first| (self.least(first), self.most(first), pages - first));
        splits.fold((pages, 0), |(least, most), (low, high, rest)| {
            (
                least.min(low + self.least(rest)),
                most.max(high + self.most(rest)),
            )
        })
    }

    fn least(&self, turns: usize) -> usize {
        let rest = turns % self.cycle;
        turns / self.cycle * self.weight + (rest + self.weight).saturating_sub(self.cycle)
    }

    fn most(&self, turns: usize) -> usize {
        turns / self.cycle * self.weight + self.weight.min(turns % self.cycle)
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn bounds_are_those_of_any_order_from_any_place() {
        let share = Share {
            weight: 6,
            cycle: 9,
        };
        assert_eq!(share.bounds(9, false), (6, 6));
        assert_eq!(share.bounds(12, false), (6, 9));
        assert_eq!(share.bounds(2, false), (0, 2));
        assert_eq!(share.bounds(128, false), (84, 86));
        // 3 pages of a run of others, then 6 of its own, and the other way round.
        assert_eq!(share.bounds(9, true), (3, 9));
        let none = Share {
            weight: 0,
            cycle: 9,
        };
        assert_eq!(none.bounds(128, true), (0, 0));
    }
}
