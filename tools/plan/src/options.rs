// SPDX-License-Identifier: GPL-2.0

//! The command line.

use crate::{node_list::NodeList, rows::BadRow};
use clap::{
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser, Args, Parser, Subcommand,
};
use numaweave_policy::{
    compute, Algorithm, Candidate, Limits, MaxCycle, Node, Target, MAX_CYCLE_LIMIT, TARGET_LIMIT,
};
use std::path::PathBuf;

/// Show which interleave weights numaweave gives to NUMA nodes.
///
/// Each row is a machine, each column one of its nodes with memory, in ascending order of their
/// ids. Without arguments rows are read from standard input, one a line, with columns separated by
/// blanks or commas; blank lines and comments (# to the end of the line) are skipped.
///
/// Exit status: 0 on success, 1 if reading or writing fails, 2 if the input is wrong.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// How to compute the weights.
    #[arg(long, value_name = "NAME", default_value = Algorithm::default().name(),
        value_parser = algorithm_parser())]
    pub(crate) algorithm: Algorithm,

    #[command(flatten)]
    pub(crate) choice: Choice,

    /// Print a line of JSON for each row.
    #[arg(long)]
    pub(crate) json: bool,

    /// Bandwidth of each node in MB/s, 0 where it is unknown: one row.
    #[arg(value_name = "BANDWIDTH", allow_negative_numbers = true)]
    pub(crate) bandwidths: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Order(Order),
    Evaluate(Evaluate),
}

/// Show the order in which pages go to the nodes, mainline's and numaweave's.
///
/// Rows are read as without a subcommand. For each the weights, the order of one cycle, the longest
/// run of pages on one node, and the largest prefix discrepancy: the pages that any node is ahead of
/// or behind its share, k * weight / cycle, after any number k of pages.
#[derive(Debug, Args)]
pub(crate) struct Order {
    #[command(flatten)]
    pub(crate) choice: Choice,

    /// Rows are weights from 0 to 255, at most 1024 of them, and not bandwidths: mainline and
    /// numaweave both place by these.
    #[arg(long, conflicts_with_all = ["max_cycle", "target", "cpuless"])]
    pub(crate) weights: bool,

    /// Print a line of JSON for each row.
    #[arg(long)]
    pub(crate) json: bool,

    /// Bandwidth of each node in MB/s, 0 where it is unknown, or its weight: one row.
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) values: Vec<String>,
}

/// Evaluate mainline's weights and numaweave's on machines described in files.
///
/// A .toml file is a topology as scripts/vm boots it, a .json file a list of machines, each with
/// name, nodes (id, cpus), initiators, and a bandwidth matrix in MB/s with a row for each initiator.
///
/// mainline and system have one vector of weights for the machine, by what each node's nearest
/// initiator gets of it; initiator has one for each initiator, by its own row. Efficiency is the
/// share of the aggregate bandwidth that weights make usable: local counts the nearest initiators'
/// bandwidths, mean and worst are over the initiators, each with the bandwidths of its own row. What
/// a row does not know is left out there. There is no efficiency where fewer than two nodes are
/// known.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    pub(crate) limits: LimitOptions,

    /// Print JSON: all machines, and summaries of the topologies and of the lists.
    #[arg(long)]
    pub(crate) json: bool,

    /// Topologies and lists of machines.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// What weights are computed with.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    #[command(flatten)]
    pub(crate) limits: LimitOptions,

    /// Nodes without CPUs: columns counted from 0, as in 1,3-5. It matters where a bandwidth is
    /// unknown (0): balanced takes a node with CPUs for as fast as the fastest one that is known,
    /// but gives one without CPUs a weight of 1 and leaves it out of the efficiency.
    #[arg(long, value_name = "LIST", value_parser = NodeList::parse)]
    pub(crate) cpuless: Option<NodeList>,
}

/// What balanced is asked for.
#[derive(Debug, Args)]
pub(crate) struct LimitOptions {
    /// Upper bound of the sum of weights in pages: at least the number of nodes, at most 4096
    /// [default: 255, or 8 pages a node where that is more]. Used by balanced.
    #[arg(long, value_name = "PAGES", value_parser = max_cycle_parser())]
    max_cycle: Option<MaxCycle>,

    /// Share of the aggregate bandwidth that is enough, in per mille [default: 990]. Used by
    /// balanced.
    #[arg(long, value_name = "PERMILLE", value_parser = target_parser())]
    target: Option<Target>,
}

fn algorithm_parser() -> impl TypedValueParser<Value = Algorithm> {
    PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name))
        .try_map(|name| Algorithm::from_name(name.as_bytes()).ok_or("no such algorithm"))
}

fn max_cycle_parser() -> impl TypedValueParser<Value = MaxCycle> {
    value_parser!(u32)
        .range(1..=MAX_CYCLE_LIMIT.into())
        .try_map(|pages| MaxCycle::new(pages).ok_or("out of range"))
}

fn target_parser() -> impl TypedValueParser<Value = Target> {
    value_parser!(u32)
        .range(1..=TARGET_LIMIT.into())
        .try_map(|permille| Target::new(permille).ok_or("out of range"))
}

impl Choice {
    /// The nodes of `row` with these bandwidths, if they can be had with these options.
    pub(crate) fn nodes(&self, row: usize, bandwidths: &[u32]) -> Result<Vec<Node>, BadRow> {
        let count = bandwidths.len();
        let bad = |reason| BadRow::new(row, reason);

        self.limits.check(count).map_err(bad)?;
        if let Some(id) = self
            .cpuless
            .as_ref()
            .and_then(NodeList::last)
            .filter(|&id| id >= count)
        {
            return Err(bad(format!("there is no node {id}, which --cpuless names")));
        }
        Ok((0..)
            .zip(bandwidths)
            .map(|(id, &bandwidth)| Node {
                bandwidth,
                has_cpus: !self.cpuless.as_ref().is_some_and(|list| list.contains(id)),
            })
            .collect())
    }
}

impl LimitOptions {
    /// Says what is wrong if `count` nodes do not fit.
    pub(crate) fn check(&self, count: usize) -> Result<(), String> {
        let max_cycle = self.limits().max_cycle(count).get();

        if u32::try_from(count).map_or(true, |count| count > max_cycle) {
            return Err(format!(
                "{count} nodes do not fit into a cycle of {max_cycle} pages"
            ));
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        Limits {
            max_cycle: self.max_cycle,
            target: self.target.unwrap_or_default(),
        }
    }

    /// The weights of `nodes`.
    pub(crate) fn weights(&self, algorithm: Algorithm, nodes: &[Node]) -> Result<Vec<u8>, String> {
        let mut weights = vec![0; nodes.len()];

        compute(
            algorithm,
            nodes,
            self.limits(),
            &mut vec![Candidate::default(); nodes.len()],
            &mut weights,
        )
        .map_err(|error| error.to_string())?;
        Ok(weights)
    }
}
