// SPDX-License-Identifier: GPL-2.0

//! The weights of one machine.

use crate::{
    options::Options,
    print::join,
    rows::{parse_bandwidth, BadRow, Row},
};
use numaweave_policy::{cycle, efficiency_ppm};
use serde::Serialize;
use std::fmt;

/// What is printed for a row. The order of the fields is that of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// MB/s.
    bandwidth: Vec<u32>,
    weights: Vec<u8>,
    /// Pages.
    cycle: u32,
    efficiency_ppm: u32,
}

impl Plan {
    pub(crate) fn new(row: &Row, options: &Options) -> Result<Self, BadRow> {
        let bandwidth = row.parse(parse_bandwidth)?;
        let nodes = options.choice.nodes(row.number, &bandwidth)?;
        let weights = options
            .choice
            .limits
            .weights(options.algorithm, &nodes)
            .map_err(|reason| BadRow::new(row.number, reason))?;

        Ok(Self {
            cycle: cycle(&weights),
            efficiency_ppm: efficiency_ppm(&nodes, &weights),
            bandwidth,
            weights,
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} MB/s: weights {}, cycle {}, efficiency {} ppm",
            join(&self.bandwidth, ":"),
            join(&self.weights, ":"),
            self.cycle,
            self.efficiency_ppm
        )
    }
}
