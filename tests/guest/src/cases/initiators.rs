// SPDX-License-Identifier: GPL-2.0

//! Weights of initiators: the firmware's whole matrix, and pages by where the task runs.

use anyhow::{ensure, Context, Result};
use numaweave_policy::Source;

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::machine::{node_directory, Coordinates, Machine};
use crate::plan::{self, Question};
use crate::provider::Provider;
use crate::takeover::{self, list, Takeover};
use crate::weights::Weights;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "initiators",
    cases: &[
        Case::new("matrix", Scope::Everywhere, matrix),
        Case::new("weights", Scope::Everywhere, weights),
        Case::new("overrides", Scope::Everywhere, overrides),
        Case::new("updates", Scope::FirmwareData, updates),
        Case::new("by_hand", Scope::Everywhere, by_hand),
        Case::new("tasks", Scope::Everywhere, tasks),
        Case::new("scope", Scope::Everywhere, scope),
        Case::new("two_sockets", Scope::Only("dual-socket-cxl"), two_sockets),
    ],
};

/// What `initiator` sees of `node`.
pub(super) fn sight(provider: &Provider, initiator: u32, node: u32) -> Result<Coordinates> {
    let side = |side| provider.number(&format!("node{node}/initiator{initiator}/{side}_bandwidth"));
    Ok(Coordinates {
        read: side("read")?,
        write: side("write")?,
    })
}

fn source(provider: &Provider, initiator: u32, node: u32) -> Result<String> {
    provider.read(&format!("node{node}/initiator{initiator}/source"))
}

/// The weights of `initiator`.
pub(super) fn weights_of(provider: &Provider, initiator: u32) -> Result<Weights> {
    let nodes = provider.nodes()?.into_iter();
    let weight = |node| provider.number(&format!("node{node}/initiator{initiator}/weight"));
    nodes
        .map(|node| Ok((node, u8::try_from(weight(node)?)?)))
        .collect()
}

/// What the topology tells firmware to say of `node` as `initiator` sees it.
fn told(machine: &Machine, initiator: u32, node: u32) -> Coordinates {
    machine.topology.bandwidth(initiator, node)
}

/// Every cell is what the topology says; one that it leaves out is what holds for all.
fn matrix(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for &initiator in &bench.machine.cpu {
        for &node in &bench.machine.memory {
            let shown = sight(&provider, initiator, node)?;
            let source = source(&provider, initiator, node)?;
            let told = told(bench.machine, initiator, node);
            let system = provider.bandwidth(node)?;
            let side = |told, system| if told == 0 { system } else { told };
            let expected = Coordinates {
                read: side(told.read, system.read),
                write: side(told.write, system.write),
            };
            let expected_source = if told != Coordinates::default() {
                Source::Firmware
            } else if system != Coordinates::default() {
                Source::System
            } else {
                Source::None
            };
            ensure!(
                shown == expected && source == expected_source.name(),
                "node {node} as initiator {initiator} sees it has {shown} ({source}), expected \
                 {expected} ({})",
                expected_source.name()
            );
        }
    }
    provider.unload()
}

/// Expects the weights of each initiator to be what the algorithm makes of what it sees.
fn expect_planned(provider: &Provider, machine: &Machine) -> Result<()> {
    for &initiator in &machine.cpu {
        let node = |node| {
            let seen = sight(provider, initiator, node)?;
            Ok((seen.by_metric("min"), machine.cpu.contains(&node)))
        };
        let nodes = provider.nodes()?;
        let answer = plan::ask(&Question {
            algorithm: "balanced".to_owned(),
            max_cycle: Some(provider.number("max_cycle")?),
            target: provider.number("target")?,
            nodes: nodes.iter().copied().map(node).collect::<Result<_>>()?,
        })?;
        let planned: Weights = nodes.into_iter().zip(answer.weights).collect();
        let shown = weights_of(provider, initiator)?;
        ensure!(
            shown == planned,
            "initiator {initiator} has the weights {shown}; numaweave-plan says {planned}"
        );
    }
    Ok(())
}

fn weights(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    expect_planned(&provider, bench.machine)?;
    provider.unload()
}

fn overrides(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    for &initiator in &bench.machine.cpu {
        let before = sight(&provider, initiator, node)?;
        let said = source(&provider, initiator, node)?;
        let directory = format!("node{node}/initiator{initiator}");
        provider.write(&format!("{directory}/read_bandwidth"), "54321")?;
        let expected = Coordinates {
            read: 54_321,
            ..before
        };
        ensure!(sight(&provider, initiator, node)? == expected);
        ensure!(source(&provider, initiator, node)? == "override");
        expect_planned(&provider, bench.machine)?;
        provider.write(&format!("{directory}/read_bandwidth"), "0")?;
        ensure!(sight(&provider, initiator, node)? == before);
        ensure!(source(&provider, initiator, node)? == said);
    }
    expect_planned(&provider, bench.machine)?;
    provider.unload()
}

/// Half as much of a node: its nearest initiators see that, and those behind a slower link no more.
fn updates(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let mut known = None;
    for &node in &bench.machine.memory {
        let bandwidth = provider.bandwidth(node)?;
        if known.is_none() && bandwidth != Coordinates::default() {
            known = Some((node, bandwidth));
        }
    }
    let (node, before) = known.context("firmware has no data")?;
    let half = Coordinates {
        read: before.read / 2,
        write: before.write / 2,
    };
    provider.follow(&injector, node, half)?;
    for &initiator in &bench.machine.cpu {
        let told = told(bench.machine, initiator, node);
        let side = |told: u32, half: u32| match (told, half) {
            (known, 0) | (0, known) => known,
            (told, half) => told.min(half),
        };
        let expected = Coordinates {
            read: side(told.read, half.read),
            write: side(told.write, half.write),
        };
        let seen = sight(&provider, initiator, node)?;
        ensure!(
            seen == expected,
            "node {node} now has {half}; initiator {initiator} sees {seen}, expected {expected}"
        );
    }
    expect_planned(&provider, bench.machine)?;
    injector.undo()?;
    provider.wait_for_bandwidth(node, before)?;
    for &initiator in &bench.machine.cpu {
        let seen = sight(&provider, initiator, node)?;
        let told = told(bench.machine, initiator, node);
        ensure!(
            told == Coordinates::default() || seen == told,
            "{seen} is not {told} again"
        );
    }
    provider.unload()
}

/// A weight by hand is that of all initiators.
fn by_hand(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/weight"), "77")?;
    for &initiator in &bench.machine.cpu {
        let weight = weights_of(&provider, initiator)?.get(&node).copied();
        ensure!(weight == Some(77), "initiator {initiator} has {weight:?}");
    }
    provider.write("auto", "true")?;
    expect_planned(&provider, bench.machine)?;
    provider.unload()
}

/// The first CPU of `node`.
fn cpu_of(node: u32) -> Result<u32> {
    let cpus = file::parse_list(&file::read(node_directory(node).join("cpulist"))?)?;
    cpus.first().copied().context("a node without CPUs")
}

/// Pages of a task on each initiator follow its weights.
fn tasks(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("scope=initiator")?;
    let nodes = list(&bench.machine.memory);
    for &initiator in &bench.machine.cpu {
        let cpu = cpu_of(initiator)?.to_string();
        let weights = weights_of(&takeover.provider, initiator)?;
        for owner in ["task", "mapping"] {
            let options = ["--cpu", &cpu, "--policy", owner, "--nodes", &nodes];
            takeover::expect(&takeover, &weights, 2, &options)
                .with_context(|| format!("initiator {initiator}"))?;
        }
    }
    takeover.unload()
}

/// The scope can be changed at any time.
fn scope(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let provider = &takeover.provider;
    ensure!(provider.read("scope")? == "[system] initiator");
    let nodes = list(&bench.machine.memory);
    let Some(&initiator) = bench.machine.cpu.last() else {
        anyhow::bail!("a machine without CPUs");
    };
    let cpu = cpu_of(initiator)?.to_string();
    let options = ["--cpu", &cpu, "--policy", "task", "--nodes", &nodes];
    for _ in 0..2 {
        takeover::expect(&takeover, &provider.weights()?, 2, &options)?;
        provider.write("scope", "initiator")?;
        takeover::expect(&takeover, &weights_of(provider, initiator)?, 2, &options)?;
        provider.write("scope", "system")?;
    }
    takeover.unload()
}

/// What the issue is about: on two sockets with a CXL expander each.
fn two_sockets(_bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("scope=initiator")?;
    for (initiator, ratio) in [(0, "6:3:2:1"), (1, "3:6:1:2")] {
        let weights = weights_of(&takeover.provider, initiator)?;
        ensure!(
            weights.ratio() == ratio,
            "socket {initiator} has {}, expected {ratio}",
            weights.ratio()
        );
        let cpu = cpu_of(initiator)?.to_string();
        takeover.warm_up(|| workload::run_with(48, &["--cpu", &cpu]).map(drop))?;
        let placement = workload::run_with(48, &["--cpu", &cpu])?;
        ensure!(
            placement.nodes == weights.share_of(48),
            "numactl -w on socket {initiator} places {:?}",
            placement.nodes
        );
    }
    takeover.unload()
}
