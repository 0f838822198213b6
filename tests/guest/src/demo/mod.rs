// SPDX-License-Identifier: GPL-2.0

//! The demonstration: what the kernel does alone, what it does with numaweave, and that all of it
//! is undone.
//!
//! Whatever is shown was read from the running kernel, and whatever is said about it is checked: a
//! statement that does not hold is repeated on stderr, and the exit status says so.

mod chart;
mod nodes;
mod picture;
mod style;
mod takeover;

use std::process::ExitCode;

use anyhow::{ensure, Context, Result};

use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::{Coordinates, Machine};
use crate::module::is_loaded;
use crate::provider::Provider;
use crate::workload;
use chart::Run;
use nodes::{bandwidth, percent, ratio, Nodes};
use style::Style;

/// Pages that the workload faults at least: enough to tell weights apart.
const FEWEST_PAGES: u32 = 1000;

/// Entry of `numaweave-guest demo`.
pub(crate) fn main() -> Result<ExitCode> {
    ensure!(
        !is_loaded("numaweave"),
        "numaweave is loaded; the demonstration loads it itself"
    );
    let machine = Machine::read()?;
    let mut demo = Demo {
        machine: &machine,
        style: Style::of_stdout(),
        wrong: Vec::new(),
    };
    demo.run()?;
    for statement in &demo.wrong {
        eprintln!("numaweave-guest: this does not hold: {statement}");
    }
    Ok(if demo.wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The demonstration as it goes on.
struct Demo<'a> {
    machine: &'a Machine,
    style: Style,
    /// Statements that do not hold.
    wrong: Vec<String>,
}

impl Demo<'_> {
    fn run(&mut self) -> Result<()> {
        let nodes = Nodes::read(self.machine)?;
        let before = KernelTable::read()?;
        self.heading(&format!("The machine: {}", self.machine.topology.name));
        picture::draw(self.machine, &nodes)?;

        // The injector has to go last: it reports the old bandwidths once more.
        let injector = Injector::load()?;
        let provider = Provider::load("publish=false")?;
        self.show_weights(&provider, &nodes, &before)?;
        self.show_placement(&provider, &nodes, &before)?;
        let provider = self.show_takeover(provider)?;
        self.show_update(&provider, &injector, &nodes)?;
        injector.undo()?;
        provider.unload()?;
        self.show_restored(&before)
    }

    fn heading(&self, text: &str) {
        println!("\n{}", self.style.bold(text));
    }

    /// Notes a statement that does not hold.
    fn claim(&mut self, holds: bool, statement: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(statement());
        }
    }

    /// The kernel's weights and numaweave's, and what each is worth.
    fn show_weights(
        &mut self,
        provider: &Provider,
        nodes: &Nodes,
        before: &KernelTable,
    ) -> Result<()> {
        let weights = provider.weights()?;
        let (alone, with) = (
            nodes.efficiency(&before.weights),
            nodes.efficiency(&weights),
        );
        self.heading("Weights: pages on each node in turn");
        println!(
            "  {:18}{:>22}{:>14}{:>20}",
            "", "weights", "cycle", "bandwidth in use"
        );
        for (who, weights, efficiency) in [
            ("the kernel alone", &before.weights, alone),
            ("numaweave", &weights, with),
        ] {
            println!(
                "  {who:18}{:>22}{:>14}{:>20}",
                ratio(weights),
                format!("{} pages", weights.cycle()),
                if efficiency == 0 {
                    "unknown".to_owned()
                } else {
                    percent(efficiency)
                },
            );
        }
        let untouched = KernelTable::read()?;
        self.claim(untouched == *before, || {
            format!("with publish=false the kernel's table stays {before}; it is {untouched}")
        });
        let shown = provider.number("efficiency")?;
        self.claim(shown == with, || {
            format!(
                "the weights use {with} ppm of the bandwidth; numaweave's efficiency is {shown}"
            )
        });
        let enough = provider.number("target")? * 1000;
        self.claim(with >= alone.min(enough), || {
            format!(
                "numaweave reaches the kernel's {alone} ppm or its target {enough}; it has {with}"
            )
        });
        Ok(())
    }

    /// A workload under the kernel's weights, and once more under numaweave's.
    fn show_placement(
        &mut self,
        provider: &Provider,
        nodes: &Nodes,
        before: &KernelTable,
    ) -> Result<()> {
        let weights = provider.weights()?;
        let pages = whole_cycles(before.weights.cycle(), weights.cycle())?;
        self.heading(&format!(
            "Placement: numactl -w all numaweave-guest place --pages {pages}"
        ));
        let alone = workload::run(pages)?.nodes;
        provider.write("publish", "true")?;
        let with = workload::run(pages)?.nodes;
        let run = |name, pages| Run { name, pages };
        let runs = [run("kernel", &alone), run("numaweave", &with)];
        chart::draw(self.style, nodes, &runs);

        for (who, weights, seen) in [
            ("the kernel", &before.weights, &alone),
            ("numaweave", &weights, &with),
        ] {
            let share = weights.share_of(pages);
            self.claim(*seen == share, || {
                format!(
                    "{pages} pages under {who}'s {weights} lie as {share:?}; they lie as {seen:?}"
                )
            });
        }
        let published = KernelTable::read()?;
        self.claim(published.weights == weights, || {
            format!("the kernel's table has numaweave's {weights}; it has {published}")
        });
        Ok(())
    }

    /// A driver reports other bandwidths, and weights and pages follow.
    fn show_update(
        &mut self,
        provider: &Provider,
        injector: &Injector,
        nodes: &Nodes,
    ) -> Result<()> {
        let old = provider.weights()?;
        self.heading("A driver reports a new bandwidth");
        for (node, coordinates) in nodes.update() {
            let was = match provider.bandwidth(node)? {
                known if known == Coordinates::default() => "unknown".to_owned(),
                known => bandwidth(known),
            };
            println!(
                "  node {node} now has {}, it was {was}",
                bandwidth(coordinates)
            );
            provider.follow(injector, node, coordinates)?;
        }

        let planned = provider.plan(self.machine)?.weights;
        let new = provider.weights()?;
        let kernel = KernelTable::read()?;
        println!("  weights follow: {} -> {}", ratio(&old), ratio(&new));
        self.claim(new.values().copied().eq(planned.iter().copied()), || {
            format!(
                "the weights after the update are {planned:?} by numaweave-plan; they are {new}"
            )
        });
        self.claim(kernel.weights == new, || {
            format!("the kernel's table follows to {new}; it has {kernel}")
        });

        let pages = whole_cycles(new.cycle(), 1)?;
        let seen = workload::run(pages)?.nodes;
        println!("  and so do {pages} pages:");
        let run = Run {
            name: "numaweave",
            pages: &seen,
        };
        chart::draw(self.style, &nodes.updated(), &[run]);
        let share = new.share_of(pages);
        self.claim(seen == share, || {
            format!("{pages} pages lie as {share:?} after the update; they lie as {seen:?}")
        });
        Ok(())
    }

    fn show_restored(&mut self, before: &KernelTable) -> Result<()> {
        let after = KernelTable::read()?;
        self.heading("numaweave is unloaded");
        let automatic = if after.auto { "automatic" } else { "manual" };
        let same = if after == *before { "as" } else { "NOT as" };
        println!(
            "  the kernel's own weights: {}, {automatic}, {same} before",
            ratio(&after.weights)
        );
        self.claim(after == *before, || {
            format!("the kernel's table is {before} again; it is {after}")
        });
        println!();
        Ok(())
    }
}

/// The smallest number of pages that is a whole number of both cycles and at least
/// [`FEWEST_PAGES`].
fn whole_cycles(one: u32, other: u32) -> Result<u32> {
    let multiple = (1..=other)
        .filter_map(|times| one.checked_mul(times))
        .find(|pages| pages.checked_rem(other) == Some(0))
        .with_context(|| format!("cycles of {one} and {other} pages have no common multiple"))?;
    Ok(multiple * FEWEST_PAGES.div_ceil(multiple))
}

#[cfg(test)]
mod tests {
    use super::whole_cycles;

    #[test]
    fn pages_are_whole_cycles_of_both() {
        assert_eq!(whole_cycles(31, 9).unwrap(), 1116);
        assert_eq!(whole_cycles(1, 1).unwrap(), 1000);
        assert_eq!(whole_cycles(4096, 4096).unwrap(), 4096);
        assert!(whole_cycles(0, 0).is_err());
    }
}
