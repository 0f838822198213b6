// SPDX-License-Identifier: GPL-2.0

//! Faults pages in order and finds out where the kernel put each.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use nix::sched::{sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::file;
use crate::mapping::{Backing, Mapping};
use crate::mempolicy::{self, Meaning};
use crate::wait::{wait_for, Probe};

/// What to fault, and under which policy.
#[derive(Args, Clone, Debug)]
pub(crate) struct Order {
    /// Number of pages to map and fault.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pages: u32,
    /// What the memory is.
    #[arg(long, value_enum, default_value_t = Backing::Anonymous)]
    pub(crate) backing: Backing,
    /// Whose policy is weighted interleave.
    #[arg(long, value_enum, default_value_t = Owner::Caller)]
    pub(crate) policy: Owner,
    /// Nodes of the policy, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub(crate) nodes: Vec<u32>,
    /// What they mean when the allowed nodes change.
    #[arg(long, value_enum, default_value_t = Meaning::Remapped)]
    pub(crate) meaning: Meaning,
    /// CPU to run on.
    #[arg(long)]
    pub(crate) cpu: Option<usize>,
    /// Ask before each page which node the task's policy takes next.
    #[arg(long)]
    pub(crate) predict: bool,
    /// Join this control group first.
    #[arg(long)]
    pub(crate) cgroup: Option<PathBuf>,
    /// After half of the pages print a line, and go on when one is read.
    #[arg(long)]
    pub(crate) pause: bool,
}

/// Whose policy pages follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Owner {
    /// The one that the caller has set, such as numactl.
    Caller,
    /// The task.
    Task,
    /// The mapping; that of shared memory is a shared policy.
    Mapping,
}

/// Where the pages lie.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    /// Pages faulted.
    pub(crate) pages: u32,
    /// The policy of the mapping, in the words of `numa_maps`.
    pub(crate) policy: String,
    /// Pages on each node that has any.
    pub(crate) nodes: BTreeMap<u32, u32>,
    /// Node of each page, in the order of the faults.
    pub(crate) order: Vec<u32>,
    /// The node that the kernel had named for each page, where it was asked.
    pub(crate) predicted: Vec<u32>,
}

/// Entry of `numaweave-guest place`.
pub(crate) fn main(order: &Order, json: bool) -> Result<ExitCode> {
    let placement = place(order)?;
    if json {
        println!("{}", serde_json::to_string(&placement)?);
    } else {
        for (node, count) in &placement.nodes {
            println!("{node} {count}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Maps and faults the pages one after another and reads their nodes back, in two ways that must
/// agree.
fn place(order: &Order) -> Result<Placement> {
    if let Some(cgroup) = &order.cgroup {
        file::write(cgroup.join("cgroup.procs"), "0")?;
    }
    if let Some(cpu) = order.cpu {
        let mut cpus = CpuSet::new();
        cpus.set(cpu)?;
        sched_setaffinity(Pid::this(), &cpus).with_context(|| format!("cannot run on {cpu}"))?;
    }
    let policy: BTreeSet<u32> = order.nodes.iter().copied().collect();
    if order.policy == Owner::Task {
        mempolicy::set_for_task(&policy, order.meaning)?;
    }
    let mapping = Mapping::new(order.backing, usize::try_from(order.pages)?)?;
    if order.policy == Owner::Mapping {
        mempolicy::set_for_mapping(&mapping, &policy, order.meaning)?;
    }
    let mut predicted = Vec::new();
    for page in 0..usize::try_from(order.pages)? {
        if order.pause && page == usize::try_from(order.pages / 2)? {
            println!("half");
            io::stdin().lines().next().transpose()?;
        }
        if order.predict {
            predicted.push(mempolicy::next_node()?);
        }
        mapping.fault_page(page);
    }
    // Pages of a task whose cpuset changes may be on their way.
    wait_for("the nodes of the pages", || look(order, &mapping)).map(|placement| Placement {
        predicted,
        ..placement
    })
}

/// Looks where the pages of `mapping` are, in two ways that must agree.
fn look(order: &Order, mapping: &Mapping) -> Result<Probe<Placement>> {
    let Some(nodes_in_order) = mapping.order()?.into_iter().collect::<Option<Vec<u32>>>() else {
        return Ok(Err("a page without a node".to_owned()));
    };
    let nodes = count(&nodes_in_order);
    let (policy, listed) = mapping.numa_maps()?;
    // numa_maps counts huge pages of anonymous memory in small ones.
    let factor = match order.backing {
        Backing::Thp => 512,
        _ => 1,
    };
    let found = nodes.iter().map(|(node, pages)| (*node, pages * factor));
    let found: BTreeMap<u32, u32> = found.collect();
    Ok(if found == listed {
        Ok(Placement {
            pages: order.pages,
            policy,
            nodes,
            order: nodes_in_order,
            predicted: Vec::new(),
        })
    } else {
        Err(format!(
            "move_pages(2) finds pages per node {found:?}, numa_maps says {listed:?}"
        ))
    })
}

/// Pages by node.
fn count(order: &[u32]) -> BTreeMap<u32, u32> {
    let mut nodes = BTreeMap::new();
    for node in order {
        *nodes.entry(*node).or_insert(0) += 1;
    }
    nodes
}
