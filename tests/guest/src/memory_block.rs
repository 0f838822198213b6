// SPDX-License-Identifier: GPL-2.0

//! Memory blocks of a node: how its memory is put online and taken away.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::harness::faults;
use crate::machine::{memory_nodes, node_directory};
use crate::{file, workload};

/// The state files of all memory blocks of `node`.
fn blocks(node: u32) -> Result<Vec<PathBuf>> {
    let directory = node_directory(node);
    let entries =
        fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut blocks = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", directory.display()))?;
        if entry.file_name().to_string_lossy().starts_with("memory") {
            let state = entry.path().join("state");
            if state.exists() {
                blocks.push(state);
            }
        }
    }
    blocks.sort();
    Ok(blocks)
}

/// State of every memory block of `node`, by file.
pub(crate) fn states(node: u32) -> Result<BTreeMap<PathBuf, String>> {
    blocks(node)?
        .into_iter()
        .map(|block| Ok((block.clone(), file::read(block)?)))
        .collect()
}

/// Memory of a node that was put online; taken offline again when dropped.
#[must_use = "the memory goes offline at once"]
pub(crate) struct OnlineMemory {
    node: u32,
    online: bool,
}

impl OnlineMemory {
    /// Puts all memory of `node` online, for movable pages so that it can go again.
    pub(crate) fn add(node: u32) -> Result<Self> {
        let blocks = blocks(node)?;
        ensure!(
            !blocks.is_empty(),
            "node {node} has no memory block that could come online"
        );
        let memory = Self { node, online: true };
        for block in blocks {
            file::write(block, "online_movable")?;
        }
        ensure!(
            memory_nodes()?.contains(&node),
            "node {node} has no memory after its blocks came online"
        );
        workload::wait_for_allowed_node(node)?;
        Ok(memory)
    }

    /// Puts the first block of `node`'s memory online.
    pub(crate) fn first_block(node: u32) -> Result<Self> {
        let memory = Self { node, online: true };
        let block = blocks(node)?.into_iter().next();
        let block = block.with_context(|| format!("node {node} has no memory block"))?;
        file::write(block, "online_movable")?;
        Ok(memory)
    }

    /// Takes the memory away.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.offline()
    }

    fn offline(&mut self) -> Result<()> {
        self.online = false;
        for block in blocks(self.node)? {
            if file::read(&block)? != "offline" {
                offline(&block)?;
            }
        }
        ensure!(
            !memory_nodes()?.contains(&self.node),
            "node {} has memory after all its blocks went offline",
            self.node
        );
        Ok(())
    }
}

impl Drop for OnlineMemory {
    fn drop(&mut self) {
        if self.online {
            if let Err(error) = self.offline() {
                faults::report(&error);
            }
        }
    }
}

/// Takes one block offline; a page that is just in use makes the kernel say EBUSY for a moment.
pub(crate) fn offline(block: &PathBuf) -> Result<()> {
    for _ in 0..20 {
        if file::try_write(block, "offline").is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    file::write(block, "offline")
}
