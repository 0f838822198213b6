// SPDX-License-Identifier: GPL-2.0

//! The table that was in force while pages were placed.
//!
//! A look before and a look after: where both show the same, and nobody has changed anything in between,
//! the pages must lie as that table has it.

use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use numaweave_policy::reduce;
use numaweave_policy::schedule::{DIRECT_NODES, DIRECT_STEPS};

use super::site::Site;
use crate::kernel_table::KernelTable;
use crate::module::errno;
use crate::provider::Provider;
use crate::takeover;
use crate::weights::Weights;

/// One look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InForce {
    /// What the parts had done by then.
    changes: u64,
    /// Count of numaweave's tables: reports change it, a little later.
    generation: u32,
    /// Whether the takeover decides.
    pub(super) by_takeover: bool,
    weights: Weights,
}

impl InForce {
    /// Looks at what a task on a CPU of `initiator` goes by; [`None`] where something is just being
    /// changed.
    pub(super) fn look(
        site: &Site<'_>,
        provider: &Provider,
        initiator: u32,
    ) -> Result<Option<Self>> {
        let Some(changes) = site.quiet() else {
            return Ok(None);
        };
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
            KernelTable::read().map(|table| table.weights)
        };
        let weights = match weights {
            Ok(weights) => weights,
            // A node has gone while its file was read.
            Err(error) if matches!(errno(&error), Some(Errno::ENOENT | Errno::ENODEV)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let is_same = site.quiet() == Some(changes) && provider.number("generation")? == generation;
        Ok(is_same.then_some(Self {
            changes,
            generation,
            by_takeover,
            weights,
        }))
    }

    /// Expects pages that were placed one after another under a policy of `nodes` to have gone to the
    /// nodes in `placed` by these weights, from whatever place of a cycle on. Returns whether they could
    /// have been otherwise.
    pub(super) fn expect(&self, nodes: &BTreeSet<u32>, placed: &[u32]) -> Result<bool> {
        let weight = |node: &u32| self.weights.get(node).copied();
        let weights: Option<Vec<u8>> = nodes.iter().map(weight).collect();
        let mut weights = weights.with_context(|| format!("no weights of {nodes:?}: {self:?}"))?;
        if weights.iter().all(|&weight| weight == 0) {
            weights.fill(1);
        }
        let mut orders = 1;
        if self.by_takeover {
            reduce(&mut weights);
            let cycle: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
            let steps = u64::from(cycle) * u64::try_from(nodes.len())?;
            if nodes.len() > DIRECT_NODES || steps > DIRECT_STEPS.into() {
                // Runs, until the order is made; and again if it has to make room for others.
                orders = 3;
            }
        }
        let cycle = weights.iter().map(|&weight| usize::from(weight)).sum();
        let mut says_much = false;
        for (node, weight) in nodes.iter().zip(weights.into_iter().map(usize::from)) {
            let share = Share { weight, cycle };
            let found = placed.iter().filter(|place| *place == node).count();
            let (least, most) = share.bounds(placed.len(), orders);
            says_much |= least > 0 || most < placed.len();
            ensure!(
                (least..=most).contains(&found),
                "{found} of {} pages under {nodes:?} lie on node {node}, where {self:?} allows {least} \
                 to {most}: {placed:?}",
                placed.len()
            );
        }
        Ok(says_much)
    }
}

/// What one node has of a cycle, in whatever order.
struct Share {
    weight: usize,
    cycle: usize,
}

impl Share {
    /// The least and the most that it has of `pages` turns, by up to so many `orders` one after another.
    fn bounds(&self, pages: usize, orders: u32) -> (usize, usize) {
        let one = |turns| (self.least(turns), self.most(turns));
        let whole: Vec<_> = (0..=pages).map(one).collect();
        let mut bounds = whole.clone();
        for _ in 1..orders {
            let longer = |turns: usize| {
                let parts = bounds.iter().zip(whole.iter().take(turns + 1).rev());
                parts.fold((turns, 0), |(least, most), (first, second)| {
                    (least.min(first.0 + second.0), most.max(first.1 + second.1))
                })
            };
            bounds = (0..=pages).map(longer).collect();
        }
        bounds.last().copied().unwrap_or_default()
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
        assert_eq!(share.bounds(9, 1), (6, 6));
        assert_eq!(share.bounds(12, 1), (6, 9));
        assert_eq!(share.bounds(2, 1), (0, 2));
        assert_eq!(share.bounds(128, 1), (84, 86));
        // The three pages of the others by one order and again by the next, or the six of its own.
        assert_eq!(share.bounds(9, 2), (3, 9));
        assert_eq!(share.bounds(9, 3), (0, 9));
        let none = Share {
            weight: 0,
            cycle: 9,
        };
        assert_eq!(none.bounds(128, 3), (0, 0));
    }
}
