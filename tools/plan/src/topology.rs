// SPDX-License-Identifier: GPL-2.0

//! Topologies in TOML, as scripts/vm boots them. `scripts/guest/topology.py` says what is in them,
//! and checks all of it; here only bandwidths matter.

use crate::machine::{megabytes, Machine, Row, Set, Target};
use numaweave_policy::Coordinates;
use serde::{de::IgnoredAny, Deserialize};

/// The distances where there is no table of them.
const LOCAL: u32 = 10;
const REMOTE: u32 = 20;

/// Most nodes that a topology has.
const MAX_NODES: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "description")]
    _description: IgnoredAny,
    #[serde(default, rename = "latency")]
    _latency: IgnoredAny,
    distances: Option<Vec<Vec<u32>>>,
    bandwidth: Option<Vec<Vec<Bandwidth>>>,
    read_bandwidth: Option<Vec<Vec<Bandwidth>>>,
    write_bandwidth: Option<Vec<Vec<Bandwidth>>>,
    node: Vec<Table>,
}

/// One node or several alike.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    memory: Option<String>,
    hotplug: Option<String>,
    #[serde(default)]
    cpus: u32,
    initiator: Option<usize>,
    count: Option<usize>,
}

impl Table {
    /// Whether the node has memory or room for it, an amount such as `128M`.
    fn has_memory(&self) -> bool {
        [&self.memory, &self.hotplug]
            .into_iter()
            .flatten()
            .any(|amount| amount.contains(|digit| matches!(digit, '1'..='9')))
    }
}

/// GB/s, or MB/s like `"55263M"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bandwidth {
    Gigabytes(f64),
    Megabytes(String),
}

impl Bandwidth {
    fn megabytes(&self) -> Result<u32, String> {
        match self {
            Self::Gigabytes(gigabytes) => megabytes(gigabytes * 1024.0),
            Self::Megabytes(text) => text.strip_suffix('M').and_then(|text| text.parse().ok()),
        }
        .ok_or_else(|| format!("{self:?} is no bandwidth: write GB/s, or MB/s like \"55263M\""))
    }
}

/// The machine that `text` describes: all nodes that have memory, or room for it.
pub(crate) fn parse(name: &str, text: &str) -> Result<Machine, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let nodes: Vec<&Table> = file
        .node
        .iter()
        .flat_map(|table| std::iter::repeat_n(table, table.count.unwrap_or(1)))
        .take(MAX_NODES + 1)
        .collect();
    if nodes.len() > MAX_NODES {
        return Err(format!("it has more than {MAX_NODES} nodes"));
    }
    let initiators: Vec<usize> = (0..nodes.len()).filter(|&id| nodes[id].cpus > 0).collect();
    let matrix = Matrix::new(&file, initiators.len(), nodes.len())?;

    if let Some(rows) = &file.distances {
        if rows.len() != nodes.len() || rows.iter().any(|row| row.len() != nodes.len()) {
            return Err(format!("distances must have {0} rows of {0}", nodes.len()));
        }
    }
    let distance = |initiator: usize, id: usize| match &file.distances {
        Some(rows) => rows[initiator][id],
        None if initiator == id => LOCAL,
        None => REMOTE,
    };
    // The row of the initiator that a node hangs on.
    let nearest = |id: usize| match nodes[id].initiator {
        _ if nodes[id].cpus > 0 => initiators.iter().position(|&initiator| initiator == id),
        Some(own) => initiators.iter().position(|&initiator| initiator == own),
        // The first of equals.
        None => (0..initiators.len()).min_by_key(|&row| distance(initiators[row], id)),
    };

    let ids: Vec<usize> = (0..nodes.len())
        .filter(|&id| nodes[id].has_memory())
        .collect();
    let targets = ids
        .iter()
        .map(|&id| {
            let row = nearest(id).ok_or_else(|| format!("node {id} hangs on no node with CPUs"))?;
            Ok(Target {
                id,
                has_cpus: nodes[id].cpus > 0,
                local: matrix.coordinates(row, id),
            })
        })
        .collect::<Result<_, String>>()?;
    let rows = (0..)
        .zip(&initiators)
        .map(|(row, &initiator)| Row {
            initiator,
            coordinates: ids.iter().map(|&id| matrix.coordinates(row, id)).collect(),
        })
        .collect();

    Ok(Machine {
        name: name.to_owned(),
        set: Set::Topologies,
        targets,
        rows,
    })
}

/// What firmware reports, in MB/s; rows are initiators, columns nodes. Without a matrix nothing.
struct Matrix {
    read: Option<Vec<Vec<u32>>>,
    write: Option<Vec<Vec<u32>>>,
}

impl Matrix {
    fn new(file: &File, height: usize, width: usize) -> Result<Self, String> {
        let side = |side: &Option<Vec<Vec<Bandwidth>>>| {
            let Some(rows) = side.as_ref().or(file.bandwidth.as_ref()) else {
                return Ok(None);
            };
            if rows.len() != height || rows.iter().any(|row| row.len() != width) {
                return Err(format!(
                    "a matrix of bandwidths must have {height} rows, one a node with CPUs, of \
                     {width} values, one a node"
                ));
            }
            rows.iter()
                .map(|row| row.iter().map(Bandwidth::megabytes).collect())
                .collect::<Result<_, _>>()
                .map(Some)
        };
        Ok(Self {
            read: side(&file.read_bandwidth)?,
            write: side(&file.write_bandwidth)?,
        })
    }

    fn coordinates(&self, row: usize, id: usize) -> Coordinates {
        let side = |side: &Option<Vec<Vec<u32>>>| side.as_ref().map_or(0, |rows| rows[row][id]);
        Coordinates {
            read: side(&self.read),
            write: side(&self.write),
        }
    }
}
