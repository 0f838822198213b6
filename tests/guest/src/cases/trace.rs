// SPDX-License-Identifier: GPL-2.0

//! Trace events in tracefs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};

use crate::file;
use crate::harness::{faults, Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::machine::Coordinates;
use crate::provider::Provider;

pub(super) const SUITE: Suite = Suite {
    name: "trace",
    cases: &[
        Case::new("formats", Scope::Everywhere, formats),
        Case::new("perf_update", Scope::Everywhere, perf_update),
        Case::new("weights", Scope::Everywhere, weights),
    ],
};

const TRACEFS: &str = "/sys/kernel/tracing";

/// One event of the trace: its `name=value` fields.
type Event = BTreeMap<String, String>;

/// All events of numaweave recorded as long as this lives.
struct Recording {
    trace: PathBuf,
}

impl Recording {
    fn start() -> Result<Self> {
        let trace = Path::new(TRACEFS).join("trace");
        file::write(format!("{TRACEFS}/events/numaweave/enable"), "1")?;
        // Opening the file for truncation empties the buffer.
        File::create(&trace).context("cannot empty the trace buffer")?;
        Ok(Self { trace })
    }

    /// The events called `name` recorded so far.
    fn events(&self, name: &str) -> Result<Vec<Event>> {
        let trace = file::read(&self.trace)?;
        let marker = format!(": {name}: ");
        let lines = trace.lines().filter(|line| !line.starts_with('#'));
        Ok(lines
            .filter_map(|line| line.split_once(&marker))
            .map(|(_, fields)| {
                let fields = fields
                    .split_whitespace()
                    .filter_map(|field| field.split_once('='));
                fields
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect()
            })
            .collect())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Err(error) = file::write(format!("{TRACEFS}/events/numaweave/enable"), "0") {
            faults::report(&error);
        }
    }
}

/// An event with these fields.
fn event(fields: &[(&str, String)]) -> Event {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

/// Both events exist and declare their fields.
fn formats(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for (name, expected) in [
        ("perf_update", ["node", "read", "write", "origin"]),
        ("weights", ["generation", "node", "bandwidth", "weight"]),
    ] {
        let format = file::read(format!("{TRACEFS}/events/numaweave/{name}/format"))?;
        let fields: BTreeSet<&str> = format
            .lines()
            .filter_map(|line| line.trim().strip_prefix("field:")?.split(';').next())
            .filter_map(|field| field.rsplit([' ', '\t']).next())
            .map(|field| field.split('[').next().unwrap_or(field))
            .filter(|field| !field.starts_with("common_"))
            .collect();
        ensure!(
            fields == BTreeSet::from(expected),
            "numaweave:{name} has the fields {fields:?}, expected {expected:?}"
        );
    }
    provider.unload()
}

/// Every report and every override leaves one event, with the values and their origin.
fn perf_update(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let recording = Recording::start()?;
    let mut expected = Vec::new();
    for &node in &bench.machine.memory {
        let (read, write) = (20_000 + node, 10_000 + node);
        provider.follow(&injector, node, Coordinates { read, write })?;
        expected.push((node, read, write, "update"));
    }
    let node = bench.machine.first_node();
    for _ in 0..2 {
        // The second one changes nothing, and says nothing.
        provider.write(&format!("node{node}/read_bandwidth"), "54321")?;
    }
    expected.push((node, 54_321, 10_000 + node, "override"));
    let expected: Vec<Event> = expected
        .into_iter()
        .map(|(node, read, write, origin)| {
            event(&[
                ("node", node.to_string()),
                ("read", read.to_string()),
                ("write", write.to_string()),
                ("origin", origin.to_owned()),
            ])
        })
        .collect();
    let seen = recording.events("perf_update")?;
    ensure!(
        seen == expected,
        "perf_update events {seen:?}, expected {expected:?}"
    );
    drop(recording);
    provider.unload()
}

/// A new table leaves one event for each node, with what sysfs shows.
fn weights(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let recording = Recording::start()?;
    provider.follow(
        &injector,
        bench.machine.last_node(),
        Coordinates {
            read: 40_001,
            write: 40_000,
        },
    )?;
    let generation = provider.read("generation")?;
    let mut expected = Vec::new();
    for (node, weight) in provider.weights()?.iter() {
        let bandwidth = provider.bandwidth(*node)?.by_metric("min");
        expected.push(event(&[
            ("generation", generation.clone()),
            ("node", node.to_string()),
            ("bandwidth", bandwidth.to_string()),
            ("weight", weight.to_string()),
        ]));
    }
    let mut seen = recording.events("weights")?;
    seen.retain(|event| event.get("generation") == Some(&generation));
    ensure!(
        seen == expected,
        "weights events {seen:?}, expected {expected:?}"
    );
    drop(recording);
    provider.unload()
}
