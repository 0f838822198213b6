// SPDX-License-Identifier: GPL-2.0

//! Many things at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{anyhow, ensure, Result};

use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::injector::{report, Injector};
use crate::machine::Coordinates;
use crate::provider::Provider;
use crate::random;

pub(super) const SUITE: Suite = Suite {
    name: "storm",
    cases: &[
        Case::new("updates", Scope::Everywhere, updates),
        Case::new("updates_and_writes", Scope::Everywhere, updates_and_writes),
    ],
};

/// What one node is told in a storm.
struct Reports {
    node: u32,
    some: Vec<Coordinates>,
    last: Coordinates,
}

/// Several threads report at once, each its own nodes; nothing is lost, and no more is computed
/// than was reported.
fn updates(bench: &mut Bench<'_>) -> Result<()> {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let mut storm = Vec::new();
    for &node in &bench.machine.memory {
        let rng = &mut bench.rng;
        storm.push(Reports {
            node,
            some: (0..EACH).map(|_| random::coordinates(rng)).collect(),
            last: Coordinates {
                read: rng.u32(1_000..100_000),
                write: rng.u32(1_000..100_000),
            },
        });
        // The injector undoes what goes through it, so something has to.
        provider.follow(&injector, node, Coordinates::both(999))?;
    }
    let before = provider.number("generation")?;

    thread::scope(|scope| {
        let threads: Vec<_> = storm
            .chunks(storm.len().div_ceil(THREADS))
            .map(|nodes| scope.spawn(|| report_all(nodes)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.map_err(|_| anyhow!("a reporting thread panicked"))?
        })
    })?;

    for Reports { node, last, .. } in &storm {
        provider.wait_for_bandwidth(*node, *last)?;
    }
    provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    let tables = provider.number("generation")? - before;
    let reports = storm.len() * (EACH + 1);
    note(&format!("{reports} reports led to {tables} tables"));
    ensure!(
        (1..=reports).contains(&usize::try_from(tables)?),
        "{reports} reports led to {tables} tables"
    );
    provider.unload()
}

/// The part of a storm that one thread reports, all its nodes in turn.
fn report_all(nodes: &[Reports]) -> Result<()> {
    let rounds = nodes.iter().map(|reports| reports.some.len()).max();
    for round in 0..rounds.unwrap_or(0) {
        for reports in nodes {
            if let Some(coordinates) = reports.some.get(round) {
                report(reports.node, *coordinates)?;
            }
        }
    }
    nodes
        .iter()
        .try_for_each(|reports| report(reports.node, reports.last))
}

/// Settings are written while reports come in: each write reads the coordinates anew or computes
/// with what is there, and none may bring an old report back.
fn updates_and_writes(bench: &mut Bench<'_>) -> Result<()> {
    const REPORTS: usize = 150;
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    let coordinates: Vec<Coordinates> = (0..REPORTS)
        .map(|_| random::coordinates(&mut bench.rng))
        .collect();
    let last = Coordinates::both(45_678);
    provider.follow(&injector, node, Coordinates::both(999))?;

    let over = AtomicBool::new(false);
    let write = |values: &[(&str, &str)]| -> Result<()> {
        let mut writes = values.iter().cycle();
        while !over.load(Ordering::Relaxed) {
            if let Some((name, value)) = writes.next() {
                provider.write(name, value)?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let writers = [
            scope.spawn(|| write(&[("auto", "true")])),
            scope.spawn(|| write(&[("metric", "read"), ("metric", "min")])),
            scope.spawn(|| write(&[("publish", "false"), ("publish", "true")])),
        ];
        let mut reports = coordinates.iter().chain([&last]);
        let reported = reports.try_for_each(|coordinates| report(node, *coordinates));
        over.store(true, Ordering::Relaxed);
        let ended = writers.into_iter().try_for_each(|writer| {
            let ended = writer.join();
            ended.map_err(|_| anyhow!("a writing thread panicked"))?
        });
        reported.and(ended)
    })?;

    for (name, value) in [("publish", "true"), ("metric", "min")] {
        provider.write(name, value)?;
    }
    provider.wait_for_bandwidth(node, last)?;
    provider.expect_planned(bench.machine)?;
    provider.expect_published()?;
    provider.unload()
}
