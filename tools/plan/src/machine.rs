// SPDX-License-Identifier: GPL-2.0

//! A machine as a file describes it.

use crate::{corpus, failure::Failure, topology};
use numaweave_policy::Coordinates;
use serde::Serialize;
use std::{fs, path::Path};

/// What kind of file a machine comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Set {
    /// A topology that scripts/vm boots.
    Topologies,
    /// A list of machines.
    Corpus,
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) set: Set,
    /// Its nodes with memory.
    pub(crate) targets: Vec<Target>,
    /// What is known of each initiator, as far as a file says it.
    pub(crate) rows: Vec<Row>,
}

/// A node with memory.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) id: usize,
    pub(crate) has_cpus: bool,
    /// What its nearest initiator gets of it.
    pub(crate) local: Coordinates,
}

/// What an initiator gets of each target.
#[derive(Debug)]
pub(crate) struct Row {
    /// Node id.
    pub(crate) initiator: usize,
    pub(crate) coordinates: Vec<Coordinates>,
}

/// The machines in the file at `path`.
pub(crate) fn read(path: &Path) -> Result<Vec<Machine>, Failure> {
    let text = || fs::read_to_string(path).map_err(|error| Failure::Open(path.to_owned(), error));
    let wrong = |reason| Failure::File(path.to_owned(), reason);

    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let machine = topology::parse(&name, &text()?).map_err(wrong)?;
            Ok(vec![machine])
        }
        Some("json") => corpus::parse(&text()?).map_err(wrong),
        _ => Err(wrong(
            "its name must end with .toml (a topology) or .json (a list of machines)".to_owned(),
        )),
    }
}

/// A bandwidth in whole MB/s, rounded. [`None`] if it is negative, too large, or no number.
pub(crate) fn megabytes(bandwidth: f64) -> Option<u32> {
    // There is no checked conversion from a float but this one.
    format!("{bandwidth:.0}").parse().ok()
}
