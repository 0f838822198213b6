// SPDX-License-Identifier: GPL-2.0

//! Pages counted against the weights in force.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure, Context, Result};
use fastrand::Rng;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;

use super::model::Model;
use crate::file;
use crate::machine::{node_directory, Machine};
use crate::mapping::{Backing, Mapping};
use crate::mempolicy::{self, Meaning};
use crate::provider::Provider;
use crate::weights::Weights;

/// Huge pages that the smallest nodes have room for.
const HUGE_PAGES: u32 = 24;

/// Where the order is too long to be made at once, the first pages go by another than the later.
const TRIES: u32 = 5;

/// Faults whole cycles of memory of each kind under policies of all nodes and of some, from the CPUs
/// of some node, and expects exactly the share that the weights give each. Returns how many pages.
pub(super) fn expect(
    provider: &Provider,
    machine: &Machine,
    model: &Model,
    attached: bool,
    rng: &mut Rng,
) -> Result<u64> {
    let initiators: Vec<u32> = machine.cpu.iter().copied().collect();
    let initiator = rng.choice(initiators).context("a machine without CPUs")?;
    let all_cpus = sched_getaffinity(this_thread()).context("sched_getaffinity(2)")?;
    run_on(initiator)?;
    let weights = model.weights_for(provider, attached.then_some(initiator))?;
    let mut pages = 0;
    for backing in [Backing::Anonymous, Backing::Shmem, Backing::Thp] {
        for subset in [weights.clone(), some_of(&weights, rng)] {
            pages += expect_share(backing, &subset)
                .with_context(|| format!("{backing:?} from node {initiator}"))?;
        }
    }
    sched_setaffinity(this_thread(), &all_cpus).context("sched_setaffinity(2)")?;
    Ok(pages)
}

fn expect_share(backing: Backing, weights: &Weights) -> Result<u64> {
    let mut weights = weights.clone();
    if weights.values().all(|&weight| weight == 0) {
        weights.values_mut().for_each(|weight| *weight = 1);
    }
    let cycle = weights.cycle();
    let pages = match backing {
        Backing::Thp if cycle > HUGE_PAGES => return Ok(0),
        Backing::Thp => cycle,
        _ => 2 * cycle,
    };
    let mut share = weights.share_of(pages);
    share.retain(|_, pages| *pages != 0);
    let nodes: BTreeSet<u32> = weights.keys().copied().collect();
    let mut found = BTreeMap::new();
    for _ in 0..TRIES {
        let mapping = Mapping::new(backing, usize::try_from(pages)?)?;
        mempolicy::set_for_mapping(&mapping, &nodes, Meaning::Static)?;
        for page in 0..usize::try_from(pages)? {
            mapping.fault_page(page);
        }
        found.clear();
        for node in mapping.order()?.into_iter().flatten() {
            *found.entry(node).or_insert(0) += 1;
        }
        if found == share {
            return Ok(u64::from(pages));
        }
    }
    bail!("{pages} pages under {weights} should lie as {share:?}, but lie as {found:?}");
}

/// Some of the nodes, at least one.
fn some_of(weights: &Weights, rng: &mut Rng) -> Weights {
    let some: Weights = weights
        .iter()
        .filter(|_| rng.bool())
        .map(|(&node, &weight)| (node, weight))
        .collect();
    if some.is_empty() {
        weights.clone()
    } else {
        some
    }
}

/// Has this thread run on the CPUs of `node` alone.
pub(super) fn run_on(node: u32) -> Result<()> {
    let list = file::read(node_directory(node).join("cpulist"))?;
    let mut cpus = CpuSet::new();
    for cpu in file::parse_list(&list)? {
        cpus.set(usize::try_from(cpu)?)?;
    }
    ensure!(cpus != CpuSet::new(), "node {node} has no CPUs");
    sched_setaffinity(this_thread(), &cpus).with_context(|| format!("cannot run on node {node}"))
}

fn this_thread() -> Pid {
    Pid::from_raw(0)
}
