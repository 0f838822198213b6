// SPDX-License-Identifier: GPL-2.0

//! `numaweave-plan`, the host program, as the oracle for weights.

use std::process::Command;

use anyhow::{ensure, Context, Result};
use serde::Deserialize;

/// What is asked.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// `balanced` or `mainline`.
    pub(crate) algorithm: String,
    /// Upper bound of the cycle in pages; none for the program's default.
    pub(crate) max_cycle: Option<u32>,
    /// Per mille.
    pub(crate) target: u32,
    /// Each node with memory in ascending order: bandwidth in MB/s, and whether it has CPUs.
    pub(crate) nodes: Vec<(u32, bool)>,
}

/// What the program answers: one line of its JSON.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// The bandwidths it was asked about.
    bandwidth: Vec<u32>,
    /// Weight of each node, in the order of the question.
    pub(crate) weights: Vec<u8>,
    /// Sum of the weights.
    pub(crate) cycle: u32,
    /// Parts per million.
    pub(crate) efficiency_ppm: u32,
}

/// Runs `numaweave-plan --json`.
pub(crate) fn ask(question: &Question) -> Result<Answer> {
    let mut command = Command::new("numaweave-plan");
    command.args(["--json", "--algorithm", &question.algorithm]);
    command.args(["--target", &question.target.to_string()]);
    if let Some(max_cycle) = question.max_cycle {
        command.args(["--max-cycle", &max_cycle.to_string()]);
    }
    let mut cpuless = Vec::new();
    for (column, (bandwidth, has_cpus)) in question.nodes.iter().enumerate() {
        if !has_cpus {
            cpuless.push(column.to_string());
        }
        command.arg(bandwidth.to_string());
    }
    if !cpuless.is_empty() {
        command.args(["--cpuless", &cpuless.join(",")]);
    }

    let output = command.output().context("cannot run numaweave-plan")?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Answer =
        serde_json::from_str(&text).with_context(|| format!("{command:?} printed {text:?}"))?;
    let asked = question.nodes.iter().map(|(bandwidth, _)| *bandwidth);
    ensure!(
        asked.eq(answer.bandwidth.iter().copied()),
        "{command:?} answers for the bandwidths {:?}",
        answer.bandwidth
    );
    Ok(answer)
}
