// SPDX-License-Identifier: GPL-2.0

//! The parts of the torture that have memory come and go.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context, Result};
use fastrand::Rng;

use super::monitor::Monitor;
use super::parts::{one_of, pause, Part};
use super::site::{is_away, Site};
use crate::file;
use crate::machine::{node_directory, Machine};
use crate::memory_block::OnlineMemory;
use crate::provider::DIRECTORY;
use crate::wait::wait_for;

/// Who holds a file of the node open has nothing of it once the node has gone.
pub(super) fn blocks_come_and_go(site: &Site<'_>) -> Result<()> {
    for &node in &site.machine.hotplug {
        for _ in 0..2 {
            let memory = OnlineMemory::add(node)?;
            let path = PathBuf::from(DIRECTORY).join(format!("node{node}/weight"));
            let open = || OpenOptions::new().read(true).write(true).open(&path);
            let mut held = match wait_for("the node's directory", || match open() {
                Ok(file) => Ok(Ok(file)),
                Err(error) if site.churn => bail!(error),
                Err(error) => Ok(Err(error.to_string())),
            }) {
                Ok(file) => Some(file),
                Err(_) if site.churn => None,
                Err(error) => return Err(error),
            };
            memory.remove()?;
            site.change();
            if let Some(file) = &mut held {
                let read = file.read(&mut [0; 8]);
                let written = file.write(b"3");
                for result in [read, written] {
                    ensure!(
                        result.as_ref().is_err_and(is_away),
                        "the open file of node {node}, which is gone, gives {result:?}"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Has the nodes that wait for memory lose their DIMMs for good, and the kernel the nodes: whoever plugs
/// one in brings the node.
pub(super) fn remove_nodes(machine: &Machine) -> Result<()> {
    let mut monitor = Monitor::open()?;
    for &node in &machine.hotplug {
        // Unless an earlier run in this guest has done so.
        if node_directory(node).exists() {
            monitor.pull_first(node)?;
            expect_removed(node)?;
        }
    }
    Ok(())
}

/// Waits until the kernel has no node of this id.
pub(super) fn expect_removed(node: u32) -> Result<()> {
    wait_for("a node without memory to be gone", || {
        let directory = node_directory(node);
        Ok(if directory.exists() {
            Err(format!("{} is there", directory.display()))
        } else {
            Ok(())
        })
    })
}

/// Plugs DIMMs in by ACPI, and pulls them out.
pub(super) fn dimms_come_and_go(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    let mut monitor = Monitor::open()?;
    let machine = site.machine;
    let mut nodes: Vec<u32> = machine.memory.iter().copied().skip(1).collect();
    if !site.has(Part::Memory) {
        // Nodes without memory, which that part has to itself.
        nodes.extend(&machine.hotplug);
    }
    for number in 0..2 {
        let node = one_of(rng, nodes.iter().copied())?;
        let id = format!("torture{number}");
        let before = blocks()?;
        monitor.plug(&id, node, machine.hotplug.len() + number)?;
        let new = wait_for("the blocks of a new DIMM", || {
            let new: Vec<PathBuf> = blocks()?.difference(&before).cloned().collect();
            Ok(if new.is_empty() {
                Err("none".to_owned())
            } else {
                Ok(new)
            })
        })?;
        for block in &new {
            file::write(block.join("state"), "online_movable")?;
        }
        site.change();
        expect_shown(site, node, true)?;
        pause(rng);
        let moving = site.begin_moving();
        for block in &new {
            wait_for("a block to be offline", || {
                Ok(file::try_write(block.join("state"), "offline")
                    .map_err(|error| error.to_string()))
            })?;
        }
        drop(moving);
        expect_shown(site, node, machine.memory.contains(&node))?;
        monitor.pull(&id)?;
        if machine.hotplug.contains(&node) {
            expect_removed(node)?;
        }
        site.change();
    }
    Ok(())
}

/// Waits until numaweave, if it stays, shows `node` or not.
fn expect_shown(site: &Site<'_>, node: u32, shown: bool) -> Result<()> {
    if site.churn {
        return Ok(());
    }
    let directory = Path::new(DIRECTORY).join(format!("node{node}"));
    wait_for("the nodes with memory to be shown", || {
        Ok(if directory.exists() == shown {
            Ok(())
        } else {
            Err(format!("node {node}: {}", directory.exists()))
        })
    })
}

/// All memory blocks.
fn blocks() -> Result<BTreeSet<PathBuf>> {
    let folder = "/sys/devices/system/memory";
    let mut blocks = BTreeSet::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {folder}"))? {
        let path = entry
            .with_context(|| format!("cannot list {folder}"))?
            .path();
        if path.join("state").exists() {
            blocks.insert(path);
        }
    }
    Ok(blocks)
}
