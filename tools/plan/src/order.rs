// SPDX-License-Identifier: GPL-2.0

//! The order of pages on one machine.

use crate::{
    options,
    placement::Placement,
    print::join,
    rows::{parse_bandwidth, parse_weight, BadRow, Row},
};
use numaweave_policy::Algorithm;
use serde::Serialize;
use std::fmt;

/// Most weights in a row: the kernel has no more nodes.
const MAX_NODES: usize = 1024;

/// What is printed for a row. The order of the fields is that of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Order {
    /// MB/s, where the row has bandwidths.
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<Vec<u32>>,
    mainline: Ordered,
    numaweave: Ordered,
}

/// A placement and its order.
#[derive(Debug, Serialize)]
struct Ordered {
    #[serde(flatten)]
    placement: Placement,
    order: Vec<u16>,
}

impl Order {
    pub(crate) fn new(row: &Row, options: &options::Order) -> Result<Self, BadRow> {
        let bad = |reason| BadRow::new(row.number, reason);

        let (bandwidth, theirs, ours) = if options.weights {
            let weights = row.parse(parse_weight)?;
            if weights.len() > MAX_NODES || weights.iter().all(|&weight| weight == 0) {
                return Err(bad(format!(
                    "there must be 1 to {MAX_NODES} weights, and one that is not 0"
                )));
            }
            (None, weights.clone(), weights)
        } else {
            let bandwidth = row.parse(parse_bandwidth)?;
            let nodes = options.choice.nodes(row.number, &bandwidth)?;
            let weights = |algorithm| {
                options
                    .choice
                    .limits
                    .weights(algorithm, &nodes)
                    .map_err(bad)
            };
            (
                Some(bandwidth),
                weights(Algorithm::Mainline)?,
                weights(Algorithm::Balanced)?,
            )
        };
        Ok(Self {
            bandwidth,
            mainline: Placement::in_runs(theirs).into(),
            numaweave: Placement::spread(ours).map_err(bad)?.into(),
        })
    }
}

impl From<Placement> for Ordered {
    fn from(mut placement: Placement) -> Self {
        Self {
            order: std::mem::take(&mut placement.order),
            placement,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bandwidth) = &self.bandwidth {
            writeln!(f, "{} MB/s", join(bandwidth, ":"))?;
        }
        writeln!(f, "mainline:  {}", self.mainline)?;
        writeln!(f, "numaweave: {}", self.numaweave)
    }
}

impl fmt::Display for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Placement {
            weights,
            cycle,
            longest_run,
            discrepancy,
            ..
        } = &self.placement;
        write!(
            f,
            "weights {}, cycle {cycle}, longest run {longest_run}, discrepancy {discrepancy:.3} \
             pages\n  {}",
            join(weights, ":"),
            join(&self.order, " ")
        )
    }
}
