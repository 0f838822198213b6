// SPDX-License-Identifier: GPL-2.0

//! Nodes of consecutive pages, as the kernel placed them.

use anyhow::Result;
use serde::Serialize;

use super::faults::{Touched, Work};
use crate::kernel_table::KernelTable;
use crate::takeover::Takeover;
use crate::weights::Weights;

/// A placement and the weights that were in force.
#[derive(Debug, Serialize)]
pub(super) struct Placed {
    /// Weight of each node, ascending by their ids.
    weights: Vec<u8>,
    /// Ids of these nodes.
    nodes: Vec<u32>,
    /// Interleave index of the first page.
    index: usize,
    /// Node of each page, as many as two cycles have.
    order: Vec<u32>,
}

/// Both placements.
#[derive(Debug, Serialize)]
pub(super) struct Orders {
    mainline: Placed,
    numaweave: Placed,
}

/// Places pages with and without the takeover.
pub(super) fn measure() -> Result<Orders> {
    let mainline = order(&KernelTable::read()?.weights)?;
    let takeover = Takeover::load("")?;
    let numaweave = order(&takeover.provider.weights()?)?;
    takeover.unload()?;
    Ok(Orders {
        mainline,
        numaweave,
    })
}

fn order(weights: &Weights) -> Result<Placed> {
    let Touched { index, order, .. } = Work::once(2 * weights.cycle()).under_numactl()?;
    Ok(Placed {
        weights: weights.values().copied().collect(),
        nodes: weights.keys().copied().collect(),
        index,
        order,
    })
}
