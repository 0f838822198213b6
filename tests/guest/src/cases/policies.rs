// SPDX-License-Identifier: GPL-2.0

//! Every kind of memory, under every kind of policy, follows the takeover's weights page by page.

use anyhow::{ensure, Result};

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::machine::Coordinates;
use crate::provider::Provider;
use crate::takeover::{self, list, Takeover};
use crate::wait::wait_for;
use crate::weights::Weights;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "policies",
    cases: &[
        Case::new("anonymous", Scope::Everywhere, anonymous),
        Case::new("thp", Scope::Everywhere, thp),
        Case::new("shmem", Scope::Everywhere, shmem),
        Case::new("tmpfs", Scope::Everywhere, tmpfs),
        Case::new("hugetlb", Scope::Everywhere, hugetlb),
        Case::new("page_cache", Scope::Everywhere, page_cache),
        Case::new("next_node", Scope::Everywhere, next_node),
        Case::new("without_takeover", Scope::Everywhere, without_takeover),
        Case::new("subsets", Scope::SeveralNodes, subsets),
        Case::new("no_bandwidth", Scope::SeveralNodes, no_bandwidth),
    ],
};

/// Cycles that are faulted of each.
const CYCLES: u32 = 3;

/// Expects pages of `backing` to follow small weights, by the policies of `owners`.
fn follows(bench: &Bench<'_>, backing: &str, owners: &[&str]) -> Result<()> {
    let takeover = Takeover::load("")?;
    let weights = takeover::set_small_weights(&takeover.provider)?;
    let nodes = list(&bench.machine.memory);
    for owner in owners {
        let options = ["--backing", backing, "--policy", owner, "--nodes", &nodes];
        takeover::expect(&takeover, &weights, CYCLES, &options)?;
    }
    takeover.unload()
}

fn anonymous(bench: &mut Bench<'_>) -> Result<()> {
    follows(bench, "anonymous", &["task", "mapping"])
}

fn thp(bench: &mut Bench<'_>) -> Result<()> {
    follows(bench, "thp", &["task", "mapping"])
}

/// The policy of a shared mapping is that of the object.
fn shmem(bench: &mut Bench<'_>) -> Result<()> {
    follows(bench, "shmem", &["task", "mapping"])
}

fn tmpfs(bench: &mut Bench<'_>) -> Result<()> {
    follows(bench, "tmpfs", &["task", "mapping"])
}

/// Huge pages of a pool; it is emptied again.
fn hugetlb(bench: &mut Bench<'_>) -> Result<()> {
    let made = bench.machine.memory.iter().copied().try_for_each(fill_pool);
    let followed = made.and_then(|()| follows(bench, "hugetlb", &["task", "mapping"]));
    file::write("/proc/sys/vm/nr_hugepages", "0")?;
    followed
}

/// Makes as many huge pages on `node` as the largest of the small weights asks for, once what earlier
/// cases have left there is out of the way.
fn fill_pool(node: u32) -> Result<()> {
    let pool =
        format!("/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages");
    let wanted = 3 * (CYCLES + 1);
    wait_for("huge pages", || {
        file::write(&pool, wanted.to_string())?;
        let has: u32 = file::parse(&pool)?;
        if has == wanted {
            return Ok(Ok(()));
        }
        file::write("/proc/sys/vm/drop_caches", "3")?;
        file::write("/proc/sys/vm/compact_memory", "1")?;
        Ok(Err(format!("node {node} has {has} of {wanted}")))
    })
}

/// The page cache of a file without a policy goes by the task's, which keeps a cursor. A page for the
/// kernel itself, such as one of a page table, takes a turn in between at times.
fn page_cache(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let weights = takeover::set_small_weights(&takeover.provider)?;
    let nodes = list(&bench.machine.memory);
    let options = [
        "--backing",
        "page-cache",
        "--policy",
        "task",
        "--nodes",
        &nodes,
    ];
    let pages = weights.cycle() * CYCLES;
    takeover.warm_up(|| workload::run_alone(pages, &options).map(drop))?;
    let placement = workload::run_alone(pages, &options)?;
    ensure!(
        placement.order.len() == usize::try_from(pages)?,
        "{} of {pages} pages are known",
        placement.order.len()
    );
    takeover::expect_order_but_for(&placement.order, &weights, placement.order.len() / 10)?;
    takeover.unload()
}

/// `get_mempolicy(2)` names the node of the next page that goes by the task's cursor.
fn next_node(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let weights = takeover::set_small_weights(&takeover.provider)?;
    let nodes = list(&bench.machine.memory);
    let options = [
        "--backing",
        "page-cache",
        "--policy",
        "task",
        "--nodes",
        &nodes,
        "--predict",
    ];
    let placement = workload::run_alone(weights.cycle() * CYCLES, &options)?;
    // The kernel's own pages again.
    let pairs = placement.predicted.iter().zip(&placement.order);
    let named = pairs.filter(|(predicted, is)| predicted == is).count();
    ensure!(
        placement.predicted.len() == placement.order.len()
            && named * 10 >= placement.order.len() * 8,
        "the next node was named as {:?}, but pages went to {:?}",
        placement.predicted,
        placement.order
    );
    takeover.unload()
}

/// The same memory by the kernel's own table, which shows that what is counted here is not ours.
fn without_takeover(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let weights = takeover::set_small_weights(&provider)?;
    provider.expect_published()?;
    let nodes = list(&bench.machine.memory);
    for backing in ["anonymous", "thp", "shmem", "tmpfs"] {
        let options = [
            "--backing",
            backing,
            "--policy",
            "mapping",
            "--nodes",
            &nodes,
        ];
        let pages = weights.cycle() * CYCLES;
        let placement = workload::run_alone(pages, &options)?;
        ensure!(
            placement.nodes == weights.share_of(pages),
            "{backing}: {pages} pages lie as {:?}, not as {weights}",
            placement.nodes
        );
    }
    provider.unload()
}

/// A policy over some of the nodes goes by their weights alone.
fn subsets(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let all = takeover::set_small_weights(&takeover.provider)?;
    for _ in 0..6 {
        let subset: Weights = all
            .iter()
            .filter(|_| bench.rng.bool())
            .map(|(&node, &weight)| (node, weight))
            .collect();
        if subset.is_empty() {
            continue;
        }
        let nodes = list(subset.keys());
        for owner in ["task", "mapping"] {
            let options = ["--policy", owner, "--nodes", &nodes];
            takeover::expect(&takeover, &subset, CYCLES, &options)?;
        }
    }
    takeover.unload()
}

/// A node of which nothing is known takes part.
fn no_bandwidth(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let takeover = Takeover::load("")?;
    let nodes = list(&bench.machine.memory);
    // Some topologies have such nodes by themselves; all have after this.
    let node = bench.machine.last_node();
    takeover
        .provider
        .follow(&injector, node, Coordinates::default())?;
    takeover.wait_for_mirror()?;
    let weights = takeover.provider.expect_planned(bench.machine)?;
    let options = ["--policy", "task", "--nodes", &nodes];
    takeover::expect(&takeover, &weights, 2, &options)?;
    takeover.unload()?;
    injector.undo()
}
