// SPDX-License-Identifier: GPL-2.0

//! The nodes of a policy change, or go, while it is in use: the takeover goes on with what is left.

use std::collections::BTreeSet;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{anyhow, ensure, Context, Result};

use super::hotplug::hotplug_node;
use crate::cpuset::Cpuset;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::memory_block::OnlineMemory;
use crate::takeover::{self, list, Takeover};
use crate::weights::Weights;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "rebinding",
    cases: &[
        Case::new("cpuset", Scope::SeveralNodes, cpuset),
        Case::new("cpuset_changes", Scope::SeveralNodes, cpuset_changes),
        Case::new("cpuset_storm", Scope::SeveralNodes, cpuset_storm),
        Case::new("node_goes_offline", Scope::Hotplug, node_goes_offline),
        Case::new("all_nodes_gone", Scope::Hotplug, all_nodes_gone),
    ],
};

/// Cycles that are faulted of each.
const CYCLES: u32 = 3;

const MEANINGS: [&str; 3] = ["remapped", "static", "relative"];
const OWNERS: [&str; 2] = ["task", "mapping"];

/// The part of `weights` that is about `nodes`.
fn of(weights: &Weights, nodes: &BTreeSet<u32>) -> Weights {
    let kept = weights.iter().filter(|(node, _)| nodes.contains(node));
    kept.map(|(&node, &weight)| (node, weight)).collect()
}

/// The nodes that are left when the first goes, and when all but the last do.
fn restrictions(nodes: &BTreeSet<u32>) -> [BTreeSet<u32>; 2] {
    [
        nodes.iter().skip(1).copied().collect(),
        nodes.last().copied().into_iter().collect(),
    ]
}

/// A task in a cpuset goes by the weights of the nodes that are left to it.
fn cpuset(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let weights = takeover::set_small_weights(&takeover.provider)?;
    let nodes = list(&bench.machine.memory);
    for allowed in restrictions(&bench.machine.memory) {
        let cpuset = Cpuset::new(&allowed)?;
        for owner in OWNERS {
            for meaning in MEANINGS {
                let options = cpuset.options(owner, meaning, &nodes)?;
                takeover::expect(&takeover, &of(&weights, &allowed), CYCLES, &options)?;
            }
        }
    }
    takeover.unload()
}

/// A cpuset that changes under a policy: the pages that come later go by what is left.
fn cpuset_changes(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let weights = takeover::set_small_weights(&takeover.provider)?;
    let all = &bench.machine.memory;
    let nodes = list(all);
    for allowed in restrictions(all) {
        let left = of(&weights, &allowed);
        let pages = left.cycle() * 2 * CYCLES;
        for owner in OWNERS {
            for meaning in MEANINGS {
                let cpuset = Cpuset::new(all)?;
                let options = cpuset.options(owner, meaning, &nodes)?;
                let change = || cpuset.set(&allowed);
                let placement = workload::run_in_halves(pages, &options, change)?;
                let later = placement.order.get(placement.order.len() / 2..);
                takeover::expect_order(later.unwrap_or_default(), &left)
                    .with_context(|| format!("{owner}, {meaning}, left {allowed:?}"))?;
            }
        }
    }
    takeover.unload()
}

/// Policies of all kinds while their cpuset keeps changing: mainline has divided by zero there.
fn cpuset_storm(bench: &mut Bench<'_>) -> Result<()> {
    const PAGES: u32 = 3000;

    let takeover = Takeover::load("")?;
    let all = &bench.machine.memory;
    let nodes = list(all);
    let cpuset = Cpuset::new(all)?;
    thread::scope(|scope| {
        let place = |owner: &'static str, meaning: &'static str| {
            let (cpuset, nodes) = (&cpuset, &nodes);
            scope.spawn(move || workload::run_alone(PAGES, &cpuset.options(owner, meaning, nodes)?))
        };
        let workers: Vec<_> = MEANINGS
            .into_iter()
            .flat_map(|meaning| OWNERS.map(|owner| place(owner, meaning)))
            .collect();
        while !workers.iter().all(ScopedJoinHandle::is_finished) {
            for allowed in restrictions(all) {
                cpuset.set(&allowed)?;
            }
            cpuset.set(all)?;
        }
        for worker in workers {
            let placement = worker.join().map_err(|_| anyhow!("a worker panicked"))??;
            let pages: u32 = placement.nodes.values().sum();
            let on_nodes: BTreeSet<u32> = placement.nodes.keys().copied().collect();
            ensure!(
                pages == PAGES && on_nodes.is_subset(all),
                "{PAGES} pages lie as {:?}, but {all:?} have memory",
                placement.nodes
            );
        }
        Ok(())
    })?;
    takeover.unload()
}

/// A node that goes offline under a running policy takes no more pages, the others go on.
fn node_goes_offline(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let takeover = Takeover::load("")?;
    for owner in OWNERS {
        let memory = OnlineMemory::add(node)?;
        let weights = takeover::set_small_weights(&takeover.provider)?;
        let nodes = list(weights.keys());
        let left = of(&weights, &bench.machine.memory);
        let pages = left.cycle() * 2 * CYCLES;
        let options = ["--policy", owner, "--nodes", &nodes];
        let placement = workload::run_in_halves(pages, &options, || memory.remove())?;
        let later = placement.order.get(placement.order.len() / 2..);
        takeover::expect_order(later.unwrap_or_default(), &left).context(owner)?;
    }
    takeover.unload()
}

/// A policy whose only node goes away gets pages from elsewhere.
fn all_nodes_gone(bench: &mut Bench<'_>) -> Result<()> {
    let node = hotplug_node(bench.machine)?;
    let takeover = Takeover::load("")?;
    for owner in OWNERS {
        for meaning in MEANINGS {
            let memory = OnlineMemory::add(node)?;
            let alone = list([&node]);
            let options = ["--policy", owner, "--nodes", &alone, "--meaning", meaning];
            let placement = workload::run_in_halves(40, &options, || memory.remove())?;
            ensure!(
                !placement.nodes.contains_key(&node),
                "pages lie on node {node}, which has no memory: {:?}",
                placement.nodes
            );
        }
    }
    takeover.unload()
}
