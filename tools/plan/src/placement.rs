// SPDX-License-Identifier: GPL-2.0

//! How pages are placed: weights and an order, and how evenly they spread.

use numaweave_policy::{
    cycle,
    schedule::{self, Scratch, Turn},
};
use serde::Serialize;

/// Weights and what they give in some order.
#[derive(Debug, Serialize)]
pub(crate) struct Placement {
    pub(crate) weights: Vec<u8>,
    /// Pages.
    pub(crate) cycle: u32,
    /// The most pages in a row on one node, if another node follows; the pages of a cycle if none
    /// does.
    pub(crate) longest_run: usize,
    /// The most pages that any node is ahead of or behind its share, at any number of pages.
    pub(crate) discrepancy: f64,
    /// Place of the node that has each page of a cycle.
    #[serde(skip)]
    pub(crate) order: Vec<u16>,
}

impl Placement {
    /// Each weight as one run, as mainline does it.
    pub(crate) fn in_runs(weights: Vec<u8>) -> Self {
        let runs = (0..)
            .zip(&weights)
            .flat_map(|(node, &weight)| std::iter::repeat_n(node, weight.into()));
        let order = runs.collect();
        Self::new(weights, order)
    }

    /// Spread, as numaweave does it.
    pub(crate) fn spread(weights: Vec<u8>) -> Result<Self, String> {
        let pages = usize::try_from(cycle(&weights)).unwrap_or(usize::MAX);
        let mut turns = vec![Turn::default(); pages];

        schedule::fill(
            &weights,
            &mut vec![Scratch::default(); weights.len()],
            &mut turns,
        )
        .map_err(|error| error.to_string())?;
        let order = turns.iter().map(|turn| turn.node).collect();
        Ok(Self::new(weights, order))
    }

    fn new(weights: Vec<u8>, order: Vec<u16>) -> Self {
        Self {
            cycle: cycle(&weights),
            longest_run: longest_run(&order),
            discrepancy: discrepancy(&weights, &order),
            weights,
            order,
        }
    }
}

/// The most pages in a row on one node, where cycle follows upon cycle.
fn longest_run(order: &[u16]) -> usize {
    let longest = |pages: &[u16]| {
        pages
            .chunk_by(|one, next| one == next)
            .map(<[u16]>::len)
            .max()
            .unwrap_or(0)
    };
    // Two cycles have every run in full, but for the one that never ends.
    longest(&[order, order].concat()).min(order.len())
}

/// The most pages by which the count of any node differs from its share after any number of pages.
fn discrepancy(weights: &[u8], order: &[u16]) -> f64 {
    let pages = i64::from(cycle(weights));
    let mut counts = vec![0_i64; weights.len()];
    let mut largest = 0;

    for (place, &node) in (0..).zip(order) {
        let node = usize::from(node);
        // Between two turns of a node its count stays and its share grows: the extremes are just
        // before a turn and just after it. What follows the last turn is before the first one of
        // the next cycle.
        let apart = |count: i64, place: i64| count * pages - place * i64::from(weights[node]);
        largest = largest.max(apart(counts[node], place).abs());
        counts[node] += 1;
        largest = largest.max(apart(counts[node], place + 1).abs());
    }
    // Both have at most 27 bits.
    match (u32::try_from(largest), u32::try_from(pages)) {
        (Ok(largest), Ok(pages)) if pages > 0 => f64::from(largest) / f64::from(pages),
        _ => 0.0,
    }
}
