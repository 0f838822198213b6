// SPDX-License-Identifier: GPL-2.0

//! The machine as every case finds it and has to leave it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{ensure, Result};

use crate::file;
use crate::ftrace;
use crate::kernel_table::KernelTable;
use crate::machine::{reported, Coordinates, Machine};
use crate::memory_block;
use crate::module::{is_loaded, unload};
use crate::takeover;

/// In the order in which they can be unloaded.
const MODULES: [&str; 5] = [
    takeover::MODULE,
    "spread_pages",
    "numaweave_bench",
    "numaweave",
    "perf_injector",
];

/// What must not change from case to case.
pub(super) struct Baseline {
    kernel: KernelTable,
    reported: BTreeMap<u32, Coordinates>,
    blocks: BTreeMap<PathBuf, String>,
}

impl Baseline {
    /// Reads it at the start of the run.
    pub(super) fn read(machine: &Machine) -> Result<Self> {
        for module in MODULES {
            ensure!(
                !is_loaded(module),
                "{module} is loaded; the tests load and unload it themselves"
            );
        }
        let mut blocks = BTreeMap::new();
        for &node in &machine.hotplug {
            blocks.extend(memory_block::states(node)?);
        }
        let reported = machine
            .memory
            .iter()
            .map(|&node| (node, reported(node)))
            .collect();
        Ok(Self {
            kernel: KernelTable::read()?,
            reported,
            blocks,
        })
    }

    /// Fails with the first thing that is not as it was.
    pub(super) fn verify(&self) -> Result<()> {
        for module in MODULES {
            ensure!(!is_loaded(module), "{module} is still loaded");
        }
        let enabled = file::read(ftrace::ENABLED)?;
        ensure!(enabled == "1", "{} is {enabled}", ftrace::ENABLED);
        for (block, state) in &self.blocks {
            let now = file::read(block)?;
            ensure!(now == *state, "{} is {now}, was {state}", block.display());
        }
        for (&node, &before) in &self.reported {
            let now = reported(node);
            ensure!(now == before, "node {node} reports {now}, was {before}");
        }
        let kernel = KernelTable::read()?;
        ensure!(
            kernel == self.kernel,
            "the kernel's table is {kernel}, was {}",
            self.kernel
        );
        Ok(())
    }

    /// Brings back what can be brought back from here.
    pub(super) fn repair(&self) -> Result<()> {
        if takeover::is_enabled() {
            takeover::disable()?;
        }
        for module in MODULES {
            if is_loaded(module) {
                unload(module)?;
            }
        }
        file::write(ftrace::ENABLED, "1")?;
        for (block, state) in &self.blocks {
            if file::read(block)? != *state {
                file::write(block, state)?;
            }
        }
        self.kernel.restore()
    }
}
