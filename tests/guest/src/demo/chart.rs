// SPDX-License-Identifier: GPL-2.0

//! Pages per node as bars.

use std::collections::BTreeMap;

use super::nodes::{label, percent, Described, Nodes};
use super::style::Style;

/// Groups of nodes up to which each bar has a line of its own.
const FEW: usize = 8;

/// Length of the longest bar where it has a line of its own, and where it shares one.
const LONG: u32 = 40;
const SHORT: u32 = 18;

/// Where the pages of one run of the workload lie.
pub(super) struct Run<'a> {
    /// Under whose weights it ran.
    pub(super) name: &'a str,
    /// Pages by node.
    pub(super) pages: &'a BTreeMap<u32, u32>,
}

impl Run<'_> {
    fn on(&self, node: &Described) -> u32 {
        self.pages.get(&node.id).copied().unwrap_or(0)
    }

    /// Its pages on `node` in percent of all its pages.
    fn share(&self, node: &Described) -> String {
        let all: u64 = self.pages.values().copied().map(u64::from).sum();
        percent(u64::from(self.on(node)) * 1_000_000 / all.max(1))
    }
}

/// Prints a bar for each run and each group of nodes that are alike.
pub(super) fn draw(style: Style, nodes: &Nodes, runs: &[Run<'_>]) {
    let most = runs.iter().flat_map(|run| run.pages.values()).max();
    let most = most.copied().unwrap_or(0).max(1);
    let bar = |length: u32, index: usize, count: u32| {
        let filled = (count * length).div_ceil(most);
        let repeat = |text: &str, times: u32| text.repeat(usize::try_from(times).unwrap_or(0));
        style.bar(index, &repeat("#", filled)) + &repeat(" ", length - filled)
    };
    let groups = nodes.groups(|node| {
        let counts: Vec<u32> = runs.iter().map(|run| run.on(node)).collect();
        (node.bandwidth, counts)
    });
    let shares = groups.iter().filter_map(|group| {
        let first = *group.first()?;
        Some((label(group), group.len() > 1, nodes.share(first), first))
    });

    if groups.len() > FEW {
        let names = runs.iter().map(|run| format!("  {:25}", run.name));
        println!(
            "  {:12}{:>9}{}",
            "",
            "bandwidth",
            names.collect::<Vec<_>>().concat()
        );
        for (label, _, share, first) in shares {
            let bars = runs.iter().enumerate().map(|(index, run)| {
                let count = run.on(first);
                format!("  {} {count:>6}", bar(SHORT, index, count))
            });
            let share = share.map_or_else(String::new, percent);
            println!("  {label:12}{share:>9}{}", bars.collect::<String>());
        }
        return;
    }
    for (label, several, share, first) in shares {
        let each = if several { " each" } else { "" };
        let share = share.map_or_else(String::new, |share| {
            format!(", {} of the bandwidth", percent(share))
        });
        println!("  {label}{share}{each}");
        for (index, run) in runs.iter().enumerate() {
            let count = run.on(first);
            println!(
                "    {:10} {} {count:>6} pages {:>8}",
                run.name,
                bar(LONG, index, count),
                run.share(first),
            );
        }
    }
}
