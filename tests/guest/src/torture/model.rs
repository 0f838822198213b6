// SPDX-License-Identifier: GPL-2.0

//! What the state has to be once all is at rest: kept beside the kernel, from what was written and
//! reported.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::kernel_table::KernelTable;
use crate::machine::{self, Coordinates, Machine};
use crate::plan::{self, Question};
use crate::provider::Provider;
use crate::weights::Weights;

/// Everything that was chosen or told. Each field is one part's own, so the order in which the parts
/// act does not matter.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) algorithm: &'static str,
    pub(super) metric: &'static str,
    pub(super) scope: &'static str,
    /// [`None`] as long as it was not written.
    pub(super) max_cycle: Option<u32>,
    pub(super) target: u32,
    pub(super) publish: bool,
    /// Read and write bandwidth by node, for all initiators or for one; 0 where there is no override.
    pub(super) overrides: BTreeMap<(u32, Option<u32>), Coordinates>,
    /// What the kernel was told, by node that had memory at the start.
    pub(super) reported: BTreeMap<u32, Coordinates>,
    /// The weights by hand; [`None`] while they follow bandwidth.
    pub(super) manual: Option<Weights>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            algorithm: "balanced",
            metric: "min",
            scope: "system",
            max_cycle: None,
            target: 990,
            publish: true,
            overrides: BTreeMap::new(),
            reported: BTreeMap::new(),
            manual: None,
        }
    }

    /// Forgets what a module that is loaded anew does not know. What was reported it finds out.
    pub(super) fn forget_writes(&mut self) {
        *self = Self {
            reported: std::mem::take(&mut self.reported),
            ..Self::new()
        };
    }

    fn overridden(&self, node: u32, initiator: Option<u32>) -> Coordinates {
        let over = self.overrides.get(&(node, initiator));
        over.copied().unwrap_or_default()
    }

    /// The bandwidth of `node`.
    fn coordinates(&self, node: u32) -> Coordinates {
        let reported = self.reported.get(&node).copied().unwrap_or_default();
        let over = self.overridden(node, None);
        by_side([over, reported], |[over, reported]| match over {
            0 => reported,
            over => over,
        })
    }

    /// The bandwidth of `node` as `initiator` sees it: what firmware says, as far as the node's own
    /// bandwidth, which may have changed, leaves it.
    fn sight(&self, machine: &Machine, initiator: u32, node: u32) -> Coordinates {
        let told = |initiator| machine.topology.bandwidth(initiator, node);
        let nearest = machine.topology.nearest_bandwidth(&machine.cpu, node);
        let now = self.coordinates(node);
        let over = self.overridden(node, Some(initiator));
        let sides = [over, told(initiator), nearest, now];
        by_side(sides, |sides| match sides {
            [0, 0, _, now] => now,
            [0, told, _, 0] => told,
            [0, told, nearest, now] if told == nearest => now,
            [0, told, _, now] => told.min(now),
            [over, ..] => over,
        })
    }

    /// The weights of the nodes that have memory now, for all initiators or for one; and their cycle.
    fn weights(&self, machine: &Machine, initiator: Option<u32>) -> Result<(Weights, u32)> {
        let nodes = machine::memory_nodes()?;
        if let Some(manual) = &self.manual {
            return Ok((manual.clone(), manual.cycle()));
        }
        let bandwidth = |node: u32| {
            let coordinates = match initiator {
                Some(initiator) => self.sight(machine, initiator, node),
                None => self.coordinates(node),
            };
            match self.algorithm {
                "mainline" => coordinates.by_mainline(),
                _ => coordinates.by_metric(self.metric),
            }
        };
        let answer = plan::ask(&Question {
            algorithm: self.algorithm.to_owned(),
            max_cycle: self.max_cycle,
            target: self.target,
            nodes: nodes
                .iter()
                .map(|&node| (bandwidth(node), machine.cpu.contains(&node)))
                .collect(),
        })?;
        let weights = nodes.into_iter().zip(answer.weights).collect();
        Ok((weights, answer.cycle))
    }

    /// The files whose content is not as predicted, with both.
    pub(super) fn differences(
        &self,
        provider: &Provider,
        machine: &Machine,
        attached: bool,
    ) -> Result<Vec<String>> {
        let (weights, cycle) = self.weights(machine, None)?;
        let mut expected = vec![
            ("auto".to_owned(), self.manual.is_none().to_string()),
            ("target".to_owned(), self.target.to_string()),
            ("publish".to_owned(), self.publish.to_string()),
            ("cycle".to_owned(), cycle.to_string()),
            (
                "attached".to_owned(),
                match (attached, self.publish) {
                    (true, _) => "livepatch",
                    (false, true) => "publish",
                    (false, false) => "none",
                }
                .to_owned(),
            ),
        ];
        expected.push(("hook".to_owned(), "active".to_owned()));
        if self.publish {
            expected.push(("in_sync".to_owned(), "true".to_owned()));
        }
        if let Some(pages) = self.max_cycle {
            expected.push(("max_cycle".to_owned(), pages.to_string()));
        }
        for (&node, weight) in weights.iter() {
            let coordinates = self.coordinates(node);
            let file = |name: &str| format!("node{node}/{name}");
            expected.push((file("weight"), weight.to_string()));
            expected.push((file("read_bandwidth"), coordinates.read.to_string()));
            expected.push((file("write_bandwidth"), coordinates.write.to_string()));
            if self.overridden(node, None) != Coordinates::default() {
                expected.push((file("source"), "override".to_owned()));
            }
        }
        for &initiator in &machine.cpu {
            for (&node, weight) in self.weights(machine, Some(initiator))?.0.iter() {
                let seen = self.sight(machine, initiator, node);
                let file = |name: &str| format!("node{node}/initiator{initiator}/{name}");
                expected.push((file("weight"), weight.to_string()));
                expected.push((file("read_bandwidth"), seen.read.to_string()));
                expected.push((file("write_bandwidth"), seen.write.to_string()));
            }
        }
        let mut differences = Vec::new();
        for (name, expected) in expected {
            let value = provider.read(&name)?;
            if value != expected {
                differences.push(format!("{name} is {value}, not {expected}"));
            }
        }
        for (name, expected) in [
            ("algorithm", self.algorithm),
            ("metric", self.metric),
            ("scope", self.scope),
        ] {
            let value = provider.chosen(name)?;
            if value != expected {
                differences.push(format!("{name} is {value}, not {expected}"));
            }
        }
        let nodes = provider.nodes()?;
        if nodes.iter().ne(weights.keys()) {
            differences.push(format!("there are directories of the nodes {nodes:?}"));
        }
        Ok(differences)
    }

    /// What is wrong with the kernel's table where numaweave shows `weights`.
    pub(super) fn kernel_table_differs(
        &self,
        kernel: &KernelTable,
        weights: &Weights,
        attached: bool,
    ) -> Option<&'static str> {
        if !self.publish {
            return None;
        }
        // The kernel's own interleaving knows no 0.
        let published: Weights = weights.iter().map(|(&node, &w)| (node, w.max(1))).collect();
        if kernel.weights != published {
            Some("not the weights")
        } else if attached && kernel.auto != self.manual.is_none() {
            Some("auto is not ours")
        } else {
            None
        }
    }

    /// The weights that decisions for `initiator`'s CPUs go by, as shown, once they are as predicted.
    pub(super) fn weights_for(
        &self,
        provider: &Provider,
        initiator: Option<u32>,
    ) -> Result<Weights> {
        provider.weights_for(initiator.filter(|_| self.scope == "initiator"))
    }
}

/// Has `choose` choose for reads and for writes.
fn by_side<const N: usize>(
    coordinates: [Coordinates; N],
    choose: impl Fn([u32; N]) -> u32,
) -> Coordinates {
    Coordinates {
        read: choose(coordinates.map(|it| it.read)),
        write: choose(coordinates.map(|it| it.write)),
    }
}
