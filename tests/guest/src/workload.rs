// SPDX-License-Identifier: GPL-2.0

//! A real workload: `numactl -w all numaweave-guest place` in a process of its own.

use std::env;
use std::process::Command;

use anyhow::{ensure, Context, Result};

use crate::place::Placement;
use crate::wait::wait_for;
use crate::weights::Weights;
use crate::{file, machine};

/// Whole cycles that a check of placement faults.
const CYCLES: u32 = 4;

/// Runs the workload over all nodes and returns where its pages lie.
pub(crate) fn run(pages: u32) -> Result<Placement> {
    let program = env::current_exe().context("cannot find this program's own file")?;
    let output = Command::new("numactl")
        .args(["-w", "all"])
        .arg(program)
        .args(["place", "--json", "--pages", &pages.to_string()])
        .output()
        .context("cannot run numactl")?;
    ensure!(
        output.status.success(),
        "numactl -w all numaweave-guest place --pages {pages}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let placement: Placement = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "place printed {:?}",
            String::from_utf8_lossy(&output.stdout)
        )
    })?;
    let nodes = machine::memory_nodes()?.len();
    ensure!(
        nodes == 1 || placement.policy.starts_with("weighted interleave"),
        "the workload ran under the policy {:?}, not under weighted interleave",
        placement.policy
    );
    Ok(placement)
}

/// Faults whole cycles of `weights` and expects exactly their share on each node.
pub(crate) fn expect(weights: &Weights) -> Result<()> {
    let pages = weights.cycle() * CYCLES;
    let placement = run(pages)?;
    let share = weights.share_of(pages);
    ensure!(
        placement.nodes == share,
        "{pages} pages ({CYCLES} cycles of {weights}) should lie as {share:?}, but lie as {:?}",
        placement.nodes
    );
    Ok(())
}

/// Waits until processes may use a node that just got memory: cpusets learn of it a little later.
pub(crate) fn wait_for_allowed_node(node: u32) -> Result<()> {
    wait_for(
        &format!("node {node} among the nodes a process may use"),
        || {
            let status = file::read("/proc/self/status")?;
            let allowed = status
                .lines()
                .find_map(|line| line.strip_prefix("Mems_allowed_list:"))
                .context("/proc/self/status has no Mems_allowed_list")?;
            let found = file::parse_list(allowed)?.contains(&node);
            Ok(if found {
                Ok(())
            } else {
                Err(allowed.trim().to_owned())
            })
        },
    )
}
