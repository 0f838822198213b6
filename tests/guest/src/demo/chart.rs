// SPDX-License-Identifier: GPL-2.0

//! Pages per node as bars.

use std::collections::BTreeMap;

use super::nodes::{label, percent, Nodes};
use super::style::Style;

/// Length of the longest bar.
const BAR: u32 = 40;

/// Prints, for each group of nodes that are alike, one bar for each of the named `placements` of
/// `pages` pages.
pub(super) fn draw(
    style: Style,
    nodes: &Nodes,
    pages: u32,
    placements: &[(&str, &BTreeMap<u32, u32>)],
) {
    let on = |placement: &BTreeMap<u32, u32>, node: u32| placement.get(&node).copied().unwrap_or(0);
    let most = placements
        .iter()
        .flat_map(|(_, placement)| placement.values())
        .max();
    let most = most.copied().unwrap_or(0).max(1);

    let alike = |placement: usize| {
        move |node: u32| {
            placements
                .get(placement)
                .map_or(0, |(_, placement)| on(placement, node))
        }
    };
    for group in nodes.groups(|node| {
        let counts: Vec<u32> = (0..placements.len())
            .map(|placement| alike(placement)(node.id))
            .collect();
        (node.bandwidth, counts)
    }) {
        let Some(first) = group.first() else { continue };
        let each = if group.len() > 1 { " each" } else { "" };
        match nodes.share(first) {
            Some(share) => println!(
                "  {}, {} of the bandwidth{each}",
                label(&group),
                percent(share)
            ),
            None => println!("  {}{each}", label(&group)),
        }
        for (index, (name, placement)) in placements.iter().enumerate() {
            let count = on(placement, first.id);
            let length = (count * BAR).div_ceil(most);
            let bar = "#".repeat(usize::try_from(length).unwrap_or(0));
            let share = u64::from(count) * 1_000_000 / u64::from(pages.max(1));
            println!(
                "    {name:10} {}{:width$} {count:>6} pages {:>8}",
                style.bar(index, &bar),
                "",
                percent(share),
                width = usize::try_from(BAR - length).unwrap_or(0),
            );
        }
    }
}
