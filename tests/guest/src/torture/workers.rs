// SPDX-License-Identifier: GPL-2.0

//! Threads that allocate under weighted interleave in every way there is, until they are told to
//! stop.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::{anyhow, ensure, Context, Result};
use fastrand::Rng;

use super::in_force::InForce;
use super::pages;
use super::parts::one_of;
use super::site::Site;
use crate::cpuset::Cpuset;
use crate::machine::Machine;
use crate::mapping::{Backing, Mapping};
use crate::mempolicy::{self, Meaning};
use crate::provider::Provider;
use crate::takeover::list;
use crate::workload;

/// Threads that allocate, the one whose child's cpuset changes among them.
const WORKERS: usize = 8;

/// Pages of a batch.
const PAGES: usize = 128;
/// Huge pages of a batch.
const HUGE_PAGES: usize = 4;

/// Running workers.
pub(super) struct Workers<'scope> {
    stop: Arc<AtomicBool>,
    threads: Vec<ScopedJoinHandle<'scope, Result<u64>>>,
}

impl Workers<'_> {
    /// Tells them to stop; returns how many batches they have allocated.
    pub(super) fn stop(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut batches = 0;
        for thread in self.threads {
            let done = thread.join().map_err(|_| anyhow!("a worker panicked"))??;
            ensure!(done != 0, "a worker has allocated nothing");
            batches += done;
        }
        Ok(batches)
    }
}

/// Starts them; `provider` is numaweave if it stays.
pub(super) fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    site: &'scope Site<'_>,
    provider: Option<&'scope Provider>,
    mut rng: Rng,
) -> Workers<'scope> {
    let stop = Arc::new(AtomicBool::new(false));
    let threads = (0..WORKERS)
        .map(|index| {
            let (stop, mut rng) = (stop.clone(), rng.fork());
            scope.spawn(move || match index {
                0 => under_cpuset(&stop, site.machine, &mut rng),
                _ => batches(index, &stop, site, provider, &mut rng),
            })
        })
        .collect();
    Workers { stop, threads }
}

/// Allocates in this thread, and looks whether each page is on a node of the policy; and, where one
/// table was in force meanwhile and nothing else takes turns, whether each node has its share.
fn batches(
    index: usize,
    stop: &AtomicBool,
    site: &Site<'_>,
    provider: Option<&Provider>,
    rng: &mut Rng,
) -> Result<u64> {
    let all = &site.machine.memory;
    let by_task = index % 2 == 0;
    let backing = match index {
        1..=3 => Backing::Anonymous,
        4 | 5 => Backing::Shmem,
        _ => Backing::Thp,
    };
    let pages = if backing == Backing::Thp {
        HUGE_PAGES
    } else {
        PAGES
    };
    let mut done = 0;
    while done == 0 || !stop.load(Ordering::Relaxed) {
        let mut nodes: BTreeSet<u32> = all.iter().copied().filter(|_| rng.bool()).collect();
        if index < 3 || nodes.is_empty() {
            nodes.clone_from(all);
        }
        let meaning = rng.choice([Meaning::Remapped, Meaning::Static, Meaning::Relative]);
        let meaning = meaning.context("nothing to choose")?;
        if by_task {
            mempolicy::set_for_task(&nodes, meaning)?;
        }
        let initiator = *one_of(rng, &site.machine.cpu)?;
        pages::run_on(initiator)?;
        // Faults have an index, whosever the policy is, so no other page takes a turn of these. Four huge
        // ones say little.
        let is_exact = backing != Backing::Thp && meaning != Meaning::Relative;
        let look = || match provider.filter(|_| is_exact) {
            Some(provider) => InForce::look(site, provider, initiator),
            None => Ok(None),
        };
        let before = look()?;
        let epoch = site.moved();
        let mapping = Mapping::new(backing, pages)?;
        if !by_task {
            mempolicy::set_for_mapping(&mapping, &nodes, meaning)?;
        }
        for page in 0..pages {
            mapping.fault_page(page);
        }
        let after = look()?;
        let order = mapping.order()?;
        // Pages of a DIMM that is pulled go elsewhere.
        let moves = epoch % 2 != 0 || epoch != site.moved();
        let order: Vec<u32> = order.into_iter().flatten().collect();
        for node in &order {
            // The n-th of the allowed nodes need not be node n.
            let allowed = if meaning == Meaning::Relative {
                all
            } else {
                &nodes
            };
            ensure!(
                moves || allowed.contains(node),
                "a page of {backing:?} under a policy of {nodes:?} ({meaning:?}) lies on node {node}"
            );
        }
        // A page that is just being moved has no node.
        let is_whole = order.len() == pages && !moves;
        if let Some(table) = before.filter(|table| is_whole && after.as_ref() == Some(table)) {
            let owner = if by_task { "task" } else { "mapping" };
            let says_much = table.expect(&nodes, &order).with_context(|| {
                format!("{backing:?} by the {owner}'s policy ({meaning:?}) from node {initiator}")
            })?;
            if says_much {
                site.compare(table.by_takeover);
            }
        }
        done += 1;
    }
    Ok(done)
}

/// Has processes allocate in a cpuset that changes under them.
fn under_cpuset(stop: &AtomicBool, machine: &Machine, rng: &mut Rng) -> Result<u64> {
    const CHILD_PAGES: u32 = 600;

    let all = &machine.memory;
    let cpuset = Cpuset::new(all)?;
    let nodes = list(all);
    let mut done = 0;
    while done == 0 || !stop.load(Ordering::Relaxed) {
        let owner = if rng.bool() { "task" } else { "mapping" };
        let meaning = rng.choice(["remapped", "static", "relative"]);
        let meaning = meaning.context("nothing to choose")?;
        let options = cpuset.options(owner, meaning, &nodes)?;
        let left: BTreeSet<u32> = all.iter().copied().filter(|_| rng.bool()).collect();
        let change = || {
            if left.is_empty() {
                return Ok(());
            }
            cpuset.set(&left)
        };
        let placement = workload::run_in_halves(CHILD_PAGES, &options, change)?;
        let pages: u32 = placement.nodes.values().sum();
        ensure!(
            pages == CHILD_PAGES,
            "{pages} of {CHILD_PAGES} pages are there"
        );
        cpuset.set(all)?;
        done += 1;
    }
    Ok(done)
}
