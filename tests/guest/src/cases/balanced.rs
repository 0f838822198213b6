// SPDX-License-Identifier: GPL-2.0

//! `balanced` in the kernel is what `numaweave-plan` computes outside of it.

use anyhow::{ensure, Context, Result};

use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::provider::Provider;
use crate::random;

pub(super) const SUITE: Suite = Suite {
    name: "balanced",
    cases: &[
        Case::new("settings", Scope::Everywhere, settings),
        Case::new("injected", Scope::Everywhere, injected),
        Case::new("default_limits", Scope::Everywhere, default_limits),
    ],
};

const METRICS: [&str; 3] = ["min", "read", "write"];

/// All metrics, several limits, on the bandwidths of the topology itself.
fn settings(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("publish=false")?;
    let nodes = u32::try_from(bench.machine.memory.len())?;
    for metric in METRICS {
        provider.write("metric", metric)?;
        for max_cycle in [nodes, nodes + 1, 2 * nodes + 3, 100.max(nodes), 4096] {
            provider.write("max_cycle", max_cycle.to_string())?;
            for target in [1, 900, 990, 1000] {
                provider.write("target", target.to_string())?;
                let weights = provider.expect_planned(bench.machine)?;
                ensure!(
                    weights.cycle() <= max_cycle,
                    "weights {weights} exceed max_cycle {max_cycle}"
                );
            }
        }
    }
    provider.unload()
}

/// Injected bandwidths of all magnitudes, with settings that change as well.
fn injected(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("publish=false")?;
    let nodes: Vec<u32> = bench.machine.memory.iter().copied().collect();
    let fewest = u32::try_from(nodes.len())?;
    for round in 1..=50 {
        let rng = &mut bench.rng;
        let node = *rng.choice(&nodes).context("no node has memory")?;
        let coordinates = random::coordinates(rng);
        let metric = *rng.choice(&METRICS).context("there is no metric")?;
        let max_cycle = rng.u32(fewest..=4096);
        let target = rng.u32(1..=1000);
        provider.write("metric", metric)?;
        provider.write("max_cycle", max_cycle.to_string())?;
        provider.write("target", target.to_string())?;
        provider
            .follow(&injector, node, coordinates)
            .and_then(|()| provider.expect_planned(bench.machine))
            .with_context(|| format!("injection {round}: node {node} with {coordinates}"))?;
    }
    provider.unload()
}

/// Without settings of its own the module does what the program does without options.
fn default_limits(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("publish=false")?;
    let machine = bench.machine;
    let bandwidths = provider.nodes()?.into_iter().map(|node| {
        let bandwidth = provider.bandwidth(node)?.by_metric("min");
        Ok((bandwidth, machine.cpu.contains(&node)))
    });
    let answer = crate::plan::ask(&crate::plan::Question {
        algorithm: "balanced".to_owned(),
        max_cycle: None,
        target: provider.number("target")?,
        nodes: bandwidths.collect::<Result<_>>()?,
    })?;
    let weights: Vec<u8> = provider.weights()?.values().copied().collect();
    ensure!(
        weights == answer.weights,
        "numaweave says {weights:?}, numaweave-plan {:?}",
        answer.weights
    );
    provider.unload()
}
