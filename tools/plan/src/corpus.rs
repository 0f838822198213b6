// SPDX-License-Identifier: GPL-2.0

//! Lists of machines in JSON.

use crate::machine::{megabytes, Machine, Row, Set, Target};
use numaweave_policy::Coordinates;
use serde::Deserialize;

/// A machine of the list. What else the file says of it does not matter here.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    nodes: Vec<Node>,
    /// Ids of the nodes that the rows are about.
    initiators: Vec<usize>,
    /// MB/s; a row for each initiator, a column for each node; what is not known is null.
    bandwidth_mb_s: Vec<Vec<Option<f64>>>,
    matrix: Matrix,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: usize,
    cpus: bool,
}

/// What the rows are.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Matrix {
    Full,
    Partial,
    /// One row: what each node's nearest initiator gets.
    LocalOnly,
}

/// The machines that `text` lists.
pub(crate) fn parse(text: &str) -> Result<Vec<Machine>, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| error.to_string())?;

    if entries.is_empty() {
        return Err("it lists no machine".to_owned());
    }
    entries
        .into_iter()
        .map(|entry| machine(&entry).map_err(|reason| format!("{:?}: {reason}", entry.name)))
        .collect()
}

fn machine(entry: &Entry) -> Result<Machine, String> {
    let rows = entry
        .bandwidth_mb_s
        .iter()
        .map(|row| coordinates(row, entry.nodes.len()))
        .collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() || rows.len() != entry.initiators.len() {
        return Err("there must be a row of bandwidths for each initiator".to_owned());
    }
    if let Some(id) = entry
        .initiators
        .iter()
        .find(|&&id| !entry.nodes.iter().any(|node| node.id == id && node.cpus))
    {
        return Err(format!("the initiator {id} is no node with CPUs"));
    }
    if entry.matrix == Matrix::LocalOnly && rows.len() > 1 {
        return Err("a matrix that is local-only has one row".to_owned());
    }

    // A node that nobody reaches: the list does not say whether it has memory at all.
    let mut columns: Vec<usize> = (0..entry.nodes.len())
        .filter(|&column| rows.iter().any(|row| row[column].is_known()))
        .collect();
    columns.sort_by_key(|&column| entry.nodes[column].id);

    let targets = columns
        .iter()
        .map(|&column| {
            let node = &entry.nodes[column];
            let own = entry.initiators.iter().position(|&id| id == node.id);
            let best = || {
                rows.iter()
                    .fold(Coordinates::default(), |best, row| best.best(row[column]))
            };
            Target {
                id: node.id,
                has_cpus: node.cpus,
                local: own
                    .map(|own| rows[own][column])
                    .filter(|own| own.is_known())
                    .unwrap_or_else(best),
            }
        })
        .collect();

    // Where each node has initiators of its own, the one row is nobody's.
    let is_nobodys = entry.matrix == Matrix::LocalOnly
        && entry.nodes.iter().filter(|node| node.cpus).count() > 1;
    let rows = entry
        .initiators
        .iter()
        .zip(&rows)
        .filter(|_| !is_nobodys)
        .map(|(&initiator, row)| Row {
            initiator,
            coordinates: columns.iter().map(|&column| row[column]).collect(),
        })
        .collect();

    Ok(Machine {
        name: entry.name.clone(),
        set: Set::Corpus,
        targets,
        rows,
    })
}

/// The coordinates in a row of `width` bandwidths; the list does not tell reads from writes.
fn coordinates(row: &[Option<f64>], width: usize) -> Result<Vec<Coordinates>, String> {
    if row.len() != width {
        return Err(format!("each row must have {width} bandwidths, one a node"));
    }
    row.iter()
        .map(|bandwidth| {
            let bandwidth = bandwidth
                .map_or(Some(0), megabytes)
                .ok_or_else(|| format!("a bandwidth must be 0 to {} MB/s, or null", u32::MAX))?;
            Ok(Coordinates {
                read: bandwidth,
                write: bandwidth,
            })
        })
        .collect()
}
