// SPDX-License-Identifier: GPL-2.0

//! numaweave as an administrator sees it: `/sys/kernel/numaweave`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use numaweave_policy::{efficiency_ppm, Node};

use crate::file;
use crate::injector::Injector;
use crate::kernel_table::KernelTable;
use crate::machine::{Coordinates, Machine};
use crate::module::Module;
use crate::plan::{self, Answer, Question};
use crate::wait::wait_for;
use crate::weights::Weights;

/// Where the module shows itself.
pub(crate) const DIRECTORY: &str = "/sys/kernel/numaweave";

/// Content of every file below [`DIRECTORY`] by its name there, and the kernel's own table.
pub(crate) type State = BTreeMap<String, String>;

/// The loaded module; unloaded when dropped.
pub(crate) struct Provider {
    module: Module,
    directory: PathBuf,
}

impl Provider {
    /// Loads numaweave with `parameters`.
    pub(crate) fn load(parameters: &str) -> Result<Self> {
        Ok(Self {
            module: Module::load("numaweave", parameters)?,
            directory: PathBuf::from(DIRECTORY),
        })
    }

    /// Takes over numaweave that somebody else has loaded.
    pub(crate) fn loaded() -> Result<Self> {
        Ok(Self {
            module: Module::loaded("numaweave")?,
            directory: PathBuf::from(DIRECTORY),
        })
    }

    /// Unloads it, and says so when that fails.
    pub(crate) fn unload(self) -> Result<()> {
        self.module.unload()?;
        ensure!(
            !Path::new(DIRECTORY).exists(),
            "{DIRECTORY} is there after the module was unloaded"
        );
        Ok(())
    }

    /// The path of a file of the module.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Reads a file of the module.
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        file::read(self.path(name))
    }

    /// Reads a number.
    pub(crate) fn number(&self, name: &str) -> Result<u32> {
        file::parse(self.path(name))
    }

    /// Reads the word in brackets of a file that shows all choices.
    pub(crate) fn chosen(&self, name: &str) -> Result<String> {
        let text = self.read(name)?;
        text.split_whitespace()
            .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))
            .map(str::to_owned)
            .with_context(|| {
                format!(
                    "{} holds {text:?}: no word in brackets",
                    self.path(name).display()
                )
            })
    }

    /// Writes a file of the module.
    pub(crate) fn write(&self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        file::write(self.path(name), value)
    }

    /// Expects `name` to hold `expected`.
    pub(crate) fn expect(&self, name: &str, expected: &str) -> Result<()> {
        let value = self.read(name)?;
        ensure!(
            value == expected,
            "{} holds {value:?}, expected {expected:?}",
            self.path(name).display()
        );
        Ok(())
    }

    /// Nodes that have a directory.
    pub(crate) fn nodes(&self) -> Result<BTreeSet<u32>> {
        let mut nodes = BTreeSet::new();
        let entries = fs::read_dir(&self.directory);
        for entry in entries.with_context(|| format!("cannot list {DIRECTORY}"))? {
            let name = entry
                .with_context(|| format!("cannot list {DIRECTORY}"))?
                .file_name();
            let node = name.to_str().and_then(|name| name.strip_prefix("node"));
            nodes.extend(node.and_then(|node| node.parse::<u32>().ok()));
        }
        Ok(nodes)
    }

    /// The weights it shows.
    pub(crate) fn weights(&self) -> Result<Weights> {
        let nodes = self.nodes()?.into_iter();
        nodes
            .map(|node| Ok((node, file::parse(self.path(&format!("node{node}/weight")))?)))
            .collect()
    }

    /// The weights it shows for the CPUs of `initiator`, or those for all.
    pub(crate) fn weights_for(&self, initiator: Option<u32>) -> Result<Weights> {
        let Some(initiator) = initiator else {
            return self.weights();
        };
        let weight = |node| self.path(&format!("node{node}/initiator{initiator}/weight"));
        let nodes = self.nodes()?.into_iter();
        nodes
            .map(|node| Ok((node, file::parse(weight(node))?)))
            .collect()
    }

    /// The bandwidth it shows for a node.
    pub(crate) fn bandwidth(&self, node: u32) -> Result<Coordinates> {
        Ok(Coordinates {
            read: self.number(&format!("node{node}/read_bandwidth"))?,
            write: self.number(&format!("node{node}/write_bandwidth"))?,
        })
    }

    /// Injects, and waits until the module shows what was injected.
    pub(crate) fn follow(
        &self,
        injector: &Injector,
        node: u32,
        coordinates: Coordinates,
    ) -> Result<()> {
        injector.inject(node, coordinates)?;
        self.wait_for_bandwidth(node, coordinates)
    }

    /// Waits until the module shows `coordinates` for `node`, and has published what follows from
    /// them.
    pub(crate) fn wait_for_bandwidth(&self, node: u32, coordinates: Coordinates) -> Result<()> {
        wait_for(
            &format!("node {node} with {coordinates} in {DIRECTORY}"),
            || {
                let shown = self.bandwidth(node)?;
                Ok(if shown == coordinates {
                    Ok(())
                } else {
                    Err(shown.to_string())
                })
            },
        )?;
        if self.read("publish")? == "false" {
            return Ok(());
        }
        // The new table is there to be read a moment before it is in the kernel's.
        wait_for("the kernel's table with the new weights", || {
            let kernel = KernelTable::read()?;
            let shown = self.weights()?;
            Ok(if kernel.weights == shown {
                Ok(())
            } else {
                Err(format!("{kernel}; {DIRECTORY} has {shown}"))
            })
        })
    }

    /// What `numaweave-plan` says for the bandwidths and settings that the module shows.
    pub(crate) fn plan(&self, machine: &Machine) -> Result<Answer> {
        let algorithm = self.chosen("algorithm")?;
        let metric = self.chosen("metric")?;
        let node = |node| {
            let coordinates = self.bandwidth(node)?;
            let bandwidth = match algorithm.as_str() {
                "mainline" => coordinates.by_mainline(),
                _ => coordinates.by_metric(&metric),
            };
            Ok((bandwidth, machine.cpu.contains(&node)))
        };
        let nodes = self.nodes()?.into_iter().map(node).collect::<Result<_>>()?;
        plan::ask(&Question {
            algorithm: algorithm.clone(),
            max_cycle: Some(self.number("max_cycle")?),
            target: self.number("target")?,
            nodes,
        })
    }

    /// Expects weights, cycle and efficiency to be what `numaweave-plan` says; returns the weights.
    pub(crate) fn expect_planned(&self, machine: &Machine) -> Result<Weights> {
        let answer = self.plan(machine)?;
        let planned: Weights = self
            .nodes()?
            .into_iter()
            .zip(answer.weights.iter().copied())
            .collect();
        let shown = self.weights()?;
        ensure!(
            shown == planned,
            "{DIRECTORY}/node*/weight say {shown}; numaweave-plan says {planned} for {}",
            self.describe()?
        );
        self.expect("cycle", &answer.cycle.to_string())?;
        if self.chosen("algorithm")? == "balanced" {
            // The program measures either algorithm by its own bandwidths, the module both by the
            // metric's.
            self.expect("efficiency", &answer.efficiency_ppm.to_string())?;
        }
        self.expect_efficiency(machine)?;
        Ok(shown)
    }

    /// Expects `efficiency` to be what the weights shown make of the bandwidths shown, by `metric`.
    pub(crate) fn expect_efficiency(&self, machine: &Machine) -> Result<()> {
        let metric = self.chosen("metric")?;
        let node = |node| {
            Ok(Node {
                bandwidth: self.bandwidth(node)?.by_metric(&metric),
                has_cpus: machine.cpu.contains(&node),
            })
        };
        let nodes: Vec<Node> = self.nodes()?.into_iter().map(node).collect::<Result<_>>()?;
        let weights: Vec<u8> = self.weights()?.values().copied().collect();
        self.expect("efficiency", &efficiency_ppm(&nodes, &weights).to_string())
            .with_context(|| self.describe().unwrap_or_default())
    }

    /// Expects the kernel's table to hold the weights shown, and `in_sync` to say so.
    pub(crate) fn expect_published(&self) -> Result<()> {
        let kernel = KernelTable::read()?;
        let shown = self.weights()?;
        ensure!(
            kernel.weights == shown,
            "the kernel's table has {kernel}; {DIRECTORY} says {shown} and should have published it"
        );
        self.expect("in_sync", "true")
    }

    /// Settings and bandwidths in one line, for messages.
    fn describe(&self) -> Result<String> {
        let mut parts = Vec::new();
        for name in ["algorithm", "metric", "max_cycle", "target", "auto"] {
            parts.push(format!("{name} {}", self.read(name)?));
        }
        for node in self.nodes()? {
            parts.push(format!("node {node}: {}", self.bandwidth(node)?));
        }
        Ok(parts.join(", "))
    }

    /// Everything there is to see: all files of the module, and the kernel's table.
    pub(crate) fn state(&self) -> Result<State> {
        let mut state = State::new();
        for name in file_names()? {
            let value = self.read(&name)?;
            state.insert(name, value);
        }
        state.insert(
            "the kernel's table".to_owned(),
            KernelTable::read()?.to_string(),
        );
        Ok(state)
    }
}

/// Names of all files below [`DIRECTORY`], such as `node0/weight`.
pub(crate) fn file_names() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut directories = vec![PathBuf::from(DIRECTORY)];
    while let Some(directory) = directories.pop() {
        let failed = || format!("cannot list {}", directory.display());
        for entry in fs::read_dir(&directory).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let path = entry.path();
            if entry.file_type().with_context(failed)?.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(DIRECTORY).unwrap_or(&path);
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

/// The files in which two states differ, with both values; empty where they are equal.
pub(crate) fn difference(before: &State, after: &State) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let value = |state: &State, name| state.get(name).map_or("absent", String::as_str).to_owned();
    names
        .into_iter()
        .filter(differs)
        .map(|name| {
            format!(
                "{name}: {:?} became {:?}",
                value(before, name),
                value(after, name)
            )
        })
        .collect()
}
