// SPDX-License-Identifier: GPL-2.0

//! A real workload: `numactl -w all numaweave-guest place` in a process of its own.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{anyhow, ensure, Context, Result};
use serde::de::DeserializeOwned;

use crate::place::Placement;
use crate::wait::wait_for;
use crate::weights::Weights;
use crate::{file, machine};

/// Whole cycles that a check of placement faults.
const CYCLES: u32 = 4;

/// Runs the workload over all nodes under numactl and returns where its pages lie.
pub(crate) fn run(pages: u32) -> Result<Placement> {
    run_with(pages, &[])
}

/// As [`run`], with further `options` of `place`.
pub(crate) fn run_with(pages: u32, options: &[&str]) -> Result<Placement> {
    let placement = place(under_numactl()?, pages, options)?;
    let nodes = machine::memory_nodes()?.len();
    ensure!(
        nodes == 1 || placement.policy.starts_with("weighted interleave"),
        "the workload ran under the policy {:?}, not under weighted interleave",
        placement.policy
    );
    Ok(placement)
}

/// Runs the workload, which sets its policy itself by its `options`.
pub(crate) fn run_alone(pages: u32, options: &[&str]) -> Result<Placement> {
    place(Command::new(program()?), pages, options)
}

/// This program under weighted interleave over all nodes, its arguments to be added.
pub(crate) fn under_numactl() -> Result<Command> {
    let mut command = Command::new("numactl");
    command.args(["-w", "all"]).arg(program()?);
    Ok(command)
}

pub(crate) fn program() -> Result<PathBuf> {
    env::current_exe().context("cannot find this program's own file")
}

fn place(mut command: Command, pages: u32, options: &[&str]) -> Result<Placement> {
    command.args(["place", "--json", "--pages", &pages.to_string()]);
    json_of(command.args(options))
}

/// Runs `command` and returns the JSON it prints.
pub(crate) fn json_of<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "{command:?} printed {:?}",
            String::from_utf8_lossy(&output.stdout)
        )
    })
}

/// Runs the workload as [`run_alone`] does, and `between` after half of its pages.
pub(crate) fn run_in_halves(
    pages: u32,
    options: &[&str],
    between: impl FnOnce() -> Result<()>,
) -> Result<Placement> {
    let mut command = Command::new(program()?);
    command.args(["place", "--json", "--pause", "--pages", &pages.to_string()]);
    let mut child = command
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let mut half = String::new();
    let mut output = BufReader::new(child.stdout.take().context("no output")?);
    output.read_line(&mut half)?;
    let done = if half == "half\n" {
        between()
    } else {
        Err(anyhow!("{command:?} printed {half:?} in place of half"))
    };
    // Its end of input lets it go on, whatever has happened.
    drop(child.stdin.take());
    let mut text = String::new();
    output.read_to_string(&mut text)?;
    let ended = child.wait_with_output()?;
    done?;
    ensure!(
        ended.status.success(),
        "{command:?}: {}: {}",
        ended.status,
        String::from_utf8_lossy(&ended.stderr).trim()
    );
    serde_json::from_str(&text).with_context(|| format!("place printed {text:?}"))
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
