// SPDX-License-Identifier: GPL-2.0

//! How good mainline's weights and numaweave's are on known machines.

mod table;

use crate::{
    failure::Failure,
    machine::{self, Machine, Row, Set, Target},
    options::{Evaluate, LimitOptions},
    placement::Placement,
};
use numaweave_policy::{cell, efficiency_ppm, Algorithm, Coordinates, Metric, Node};
use serde::Serialize;

/// All machines and what they come to. The order of the fields is that of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Evaluation {
    machines: Vec<Evaluated>,
    summaries: Vec<Summary>,
}

/// A machine and how good the weights are on it.
#[derive(Debug, Serialize)]
struct Evaluated {
    name: String,
    set: Set,
    /// Ids of the nodes with memory.
    nodes: Vec<usize>,
    /// Ids of the nodes whose rows are known.
    initiators: Vec<usize>,
    bandwidth: Bandwidths,
    schemes: Schemes<Scheme>,
}

/// What is known, in MB/s: the smaller of reads and writes of those that are known.
#[derive(Debug, Serialize)]
struct Bandwidths {
    /// By each node's nearest initiator.
    local: Vec<u32>,
    /// A row for each initiator.
    rows: Vec<Vec<u32>>,
}

/// Something for each way to choose weights.
#[derive(Debug, Serialize)]
struct Schemes<T> {
    /// As Linux does it.
    mainline: T,
    /// numaweave, one vector of weights for all.
    system: T,
    /// numaweave, a vector of weights for each initiator.
    initiator: T,
}

impl<T> Schemes<T> {
    fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> Schemes<U> {
        Schemes {
            mainline: change(&self.mainline),
            system: change(&self.system),
            initiator: change(&self.initiator),
        }
    }
}

/// Weights and how good they are. An efficiency is missing where fewer than two nodes are known.
#[derive(Debug, Serialize)]
struct Scheme {
    /// One, or one for each initiator.
    placements: Vec<Placement>,
    /// With the bandwidths of each node's nearest initiator. Missing where there is not one vector.
    local_ppm: Option<u32>,
    /// With each initiator's own bandwidths.
    rows_ppm: Vec<Option<u32>>,
    /// Of `rows_ppm`.
    mean_ppm: Option<u32>,
    /// Of `rows_ppm`.
    worst_ppm: Option<u32>,
}

/// What machines come to together.
#[derive(Debug, Serialize)]
struct Summary {
    set: Set,
    machines: usize,
    schemes: Schemes<Total>,
}

/// What one scheme comes to on several machines.
#[derive(Debug, Serialize)]
struct Total {
    /// Machines that have a `local_ppm`.
    local_machines: usize,
    local_mean_ppm: Option<u32>,
    local_worst_ppm: Option<u32>,
    /// Machines that have a `mean_ppm`.
    row_machines: usize,
    /// Mean over the machines of the mean over their initiators.
    mean_ppm: Option<u32>,
    /// The worst initiator of the worst machine.
    worst_ppm: Option<u32>,
    longest_run: usize,
    discrepancy: f64,
}

impl Evaluation {
    pub(crate) fn new(options: &Evaluate) -> Result<Self, Failure> {
        let mut machines = Vec::new();

        for path in &options.files {
            for machine in machine::read(path)? {
                let evaluated = Evaluated::new(machine, &options.limits)
                    .map_err(|reason| Failure::File(path.clone(), reason))?;
                machines.push(evaluated);
            }
        }
        let summaries = [Set::Topologies, Set::Corpus]
            .into_iter()
            .filter_map(|set| Summary::new(set, &machines))
            .collect();
        Ok(Self {
            machines,
            summaries,
        })
    }
}

impl Evaluated {
    fn new(machine: Machine, limits: &LimitOptions) -> Result<Self, String> {
        let Machine {
            name,
            set,
            targets,
            rows,
        } = machine;
        let wrong = |reason| format!("{name:?}: {reason}");

        limits.check(targets.len()).map_err(wrong)?;
        let vector = |algorithm, nodes: &[Node]| limits.weights(algorithm, nodes).map_err(wrong);
        let theirs = vector(
            Algorithm::Mainline,
            &nodes(&targets, |target| target.local.mainline()),
        )?;
        let ours = vector(Algorithm::Balanced, &local(&targets))?;
        let own = rows
            .iter()
            .map(|row| vector(Algorithm::Balanced, &seen_by(row, &targets)))
            .collect::<Result<Vec<_>, _>>()?;

        let one = |placement| Scheme::new(vec![placement], &targets, &rows, true);
        let schemes = Schemes {
            mainline: one(Placement::in_runs(theirs)),
            system: one(Placement::spread(ours).map_err(wrong)?),
            initiator: Scheme::new(
                own.into_iter()
                    .map(Placement::spread)
                    .collect::<Result<_, _>>()
                    .map_err(wrong)?,
                &targets,
                &rows,
                false,
            ),
        };
        Ok(Self {
            nodes: targets.iter().map(|target| target.id).collect(),
            initiators: rows.iter().map(|row| row.initiator).collect(),
            bandwidth: Bandwidths {
                local: targets
                    .iter()
                    .map(|target| balanced(target.local))
                    .collect(),
                rows: rows
                    .iter()
                    .map(|row| row.coordinates.iter().copied().map(balanced).collect())
                    .collect(),
            },
            schemes,
            name,
            set,
        })
    }
}

/// The bandwidth that numaweave takes, by its default metric.
fn balanced(coordinates: Coordinates) -> u32 {
    coordinates.bandwidth(Metric::default())
}

/// The targets with the bandwidths that `bandwidth` says.
fn nodes(targets: &[Target], bandwidth: impl Fn(&Target) -> u32) -> Vec<Node> {
    targets
        .iter()
        .map(|target| Node {
            bandwidth: bandwidth(target),
            has_cpus: target.has_cpus,
        })
        .collect()
}

/// The targets as numaweave sees them in the scope `system`.
fn local(targets: &[Target]) -> Vec<Node> {
    nodes(targets, |target| balanced(target.local))
}

/// The targets as numaweave sees them for the initiator of `row` in the scope `initiator`, while
/// nothing has changed since firmware spoke.
fn seen_by(row: &Row, targets: &[Target]) -> Vec<Node> {
    row.coordinates
        .iter()
        .zip(targets)
        .map(|(&coordinates, target)| Node {
            bandwidth: balanced(cell(coordinates, target.local, target.local).coordinates),
            has_cpus: target.has_cpus,
        })
        .collect()
}

/// The targets by what is known of them in `row`, and nothing that stands in for the rest.
fn known_in(row: &Row) -> Vec<Node> {
    row.coordinates
        .iter()
        .map(|&coordinates| Node {
            bandwidth: balanced(coordinates),
            has_cpus: false,
        })
        .collect()
}

/// The efficiency of `weights`, where there is a choice.
fn efficiency(nodes: &[Node], weights: &[u8]) -> Option<u32> {
    let is_known = nodes.iter().any(|node| node.bandwidth != 0);
    let counted = nodes
        .iter()
        .filter(|node| node.bandwidth != 0 || node.has_cpus && is_known)
        .count();
    (counted >= 2).then(|| efficiency_ppm(nodes, weights))
}

impl Scheme {
    /// `placements` is one that is shared, or one for each of `rows`.
    fn new(placements: Vec<Placement>, targets: &[Target], rows: &[Row], is_shared: bool) -> Self {
        let rows_ppm: Vec<_> = (0..)
            .zip(rows)
            .map(|(index, row)| {
                let placement = placements.get(if is_shared { 0 } else { index })?;
                efficiency(&known_in(row), &placement.weights)
            })
            .collect();
        let local_ppm = placements
            .first()
            .filter(|_| is_shared)
            .and_then(|placement| efficiency(&local(targets), &placement.weights));

        Self {
            local_ppm,
            mean_ppm: mean(rows_ppm.iter().flatten()),
            worst_ppm: rows_ppm.iter().flatten().min().copied(),
            rows_ppm,
            placements,
        }
    }

    fn longest_run(&self) -> Option<usize> {
        self.placements
            .iter()
            .map(|placement| placement.longest_run)
            .max()
    }

    fn discrepancy(&self) -> Option<f64> {
        self.placements
            .iter()
            .map(|placement| placement.discrepancy)
            .max_by(f64::total_cmp)
    }
}

/// The mean, rounded down.
fn mean<'a>(values: impl Iterator<Item = &'a u32> + Clone) -> Option<u32> {
    let count = u64::try_from(values.clone().count()).ok()?;
    let sum: u64 = values.copied().map(u64::from).sum();
    u32::try_from(sum.checked_div(count)?).ok()
}

impl Summary {
    /// [`None`] if there is no machine of this set.
    fn new(set: Set, machines: &[Evaluated]) -> Option<Self> {
        let machines: Vec<_> = machines
            .iter()
            .filter(|machine| machine.set == set)
            .collect();
        let total = |of: fn(&Schemes<Scheme>) -> &Scheme| {
            let schemes: Vec<_> = machines
                .iter()
                .map(|machine| of(&machine.schemes))
                .collect();
            Total::new(&schemes)
        };
        (!machines.is_empty()).then(|| Self {
            set,
            machines: machines.len(),
            schemes: Schemes {
                mainline: total(|schemes| &schemes.mainline),
                system: total(|schemes| &schemes.system),
                initiator: total(|schemes| &schemes.initiator),
            },
        })
    }
}

impl Total {
    fn new(schemes: &[&Scheme]) -> Self {
        let values = |of: fn(&Scheme) -> Option<u32>| -> Vec<u32> {
            schemes.iter().copied().filter_map(of).collect()
        };
        let local = values(|scheme| scheme.local_ppm);
        let means = values(|scheme| scheme.mean_ppm);
        Self {
            local_machines: local.len(),
            local_mean_ppm: mean(local.iter()),
            local_worst_ppm: local.iter().min().copied(),
            row_machines: means.len(),
            mean_ppm: mean(means.iter()),
            worst_ppm: values(|scheme| scheme.worst_ppm).into_iter().min(),
            longest_run: schemes
                .iter()
                .filter_map(|scheme| scheme.longest_run())
                .max()
                .unwrap_or(0),
            discrepancy: schemes
                .iter()
                .filter_map(|scheme| scheme.discrepancy())
                .fold(0.0, f64::max),
        }
    }
}
