// SPDX-License-Identifier: GPL-2.0

//! `numaweave-plan`: shows which weights numaweave gives to nodes of some bandwidths.
//!
//! It runs the code of the module, so its answers are those of the module.

mod node_list;
mod rows;

use clap::{
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser, Parser,
};
use node_list::NodeList;
use numaweave_policy::{
    compute, cycle, efficiency_ppm, Algorithm, Candidate, Limits, MaxCycle, Node, Target,
    MAX_CYCLE_LIMIT, TARGET_LIMIT,
};
use rows::{parse_fields, parse_line, BadRow};
use serde::Serialize;
use std::{
    fmt, io,
    io::{BufRead, IsTerminal, Write},
    process::ExitCode,
};

/// Show which interleave weights numaweave gives to NUMA nodes.
///
/// Each row is a machine, each column one of its nodes with memory, in ascending order of their
/// ids. Without arguments rows are read from standard input, one a line, with columns separated by
/// blanks or commas; blank lines and comments (# to the end of the line) are skipped.
///
/// Exit status: 0 on success, 1 if reading or writing fails, 2 if the input is wrong.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Options {
    /// How to compute the weights.
    #[arg(long, value_name = "NAME", default_value = Algorithm::default().name(),
        value_parser = algorithm_parser())]
    algorithm: Algorithm,

    /// Upper bound of the sum of weights in pages: at least the number of nodes, at most 4096
    /// [default: 255, or 8 pages a node where that is more]. Used by balanced.
    #[arg(long, value_name = "PAGES", value_parser = max_cycle_parser())]
    max_cycle: Option<MaxCycle>,

    /// Share of the aggregate bandwidth that is enough, in per mille [default: 990]. Used by
    /// balanced.
    #[arg(long, value_name = "PERMILLE", value_parser = target_parser())]
    target: Option<Target>,

    /// Nodes without CPUs: columns counted from 0, as in 1,3-5. It matters where a bandwidth is
    /// unknown (0): balanced takes a node with CPUs for as fast as the fastest one that is known,
    /// but gives one without CPUs a weight of 1 and leaves it out of the efficiency.
    #[arg(long, value_name = "LIST", value_parser = NodeList::parse)]
    cpuless: Option<NodeList>,

    /// Print a line of JSON for each row.
    #[arg(long)]
    json: bool,

    /// Bandwidth of each node in MB/s, 0 where it is unknown: one row.
    #[arg(value_name = "BANDWIDTH", allow_negative_numbers = true)]
    bandwidths: Vec<String>,
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

/// Why the program gives up.
#[derive(Debug)]
enum Failure {
    /// The input is wrong.
    Row(BadRow),
    /// Standard input has no row.
    NoRows,
    /// Standard input cannot be read.
    Read(io::Error),
    /// Standard output cannot be written.
    Write(io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Row(_) | Self::NoRows => 2,
            Self::Read(_) | Self::Write(_) => 1,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(bad) => bad.fmt(f),
            Self::NoRows => f.write_str(
                "standard input has no row: give the nodes' bandwidths in MB/s, one machine a line",
            ),
            Self::Read(error) => write!(f, "cannot read standard input: {error}"),
            Self::Write(error) => write!(f, "cannot write standard output: {error}"),
        }
    }
}

impl From<BadRow> for Failure {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}

/// What is printed for a row. The order of the fields is that of the JSON.
#[derive(Debug, Serialize)]
struct Plan {
    /// MB/s.
    bandwidth: Vec<u32>,
    weights: Vec<u8>,
    /// Pages.
    cycle: u32,
    efficiency_ppm: u32,
}

impl Plan {
    fn new(row: usize, bandwidth: Vec<u32>, options: &Options) -> Result<Self, BadRow> {
        let bad = |reason| BadRow {
            row,
            column: None,
            reason,
        };
        let limits = Limits {
            max_cycle: options.max_cycle,
            target: options.target.unwrap_or_default(),
        };
        let count = bandwidth.len();
        let max_cycle = limits.max_cycle(count).get();

        if u32::try_from(count).map_or(true, |count| count > max_cycle) {
            return Err(bad(format!(
                "{count} nodes do not fit into a cycle of {max_cycle} pages"
            )));
        }
        if let Some(id) = options
            .cpuless
            .as_ref()
            .and_then(NodeList::last)
            .filter(|&id| id >= count)
        {
            return Err(bad(format!("there is no node {id}, which --cpuless names")));
        }

        let nodes: Vec<_> = (0..)
            .zip(&bandwidth)
            .map(|(id, &bandwidth)| Node {
                bandwidth,
                has_cpus: !options
                    .cpuless
                    .as_ref()
                    .is_some_and(|list| list.contains(id)),
            })
            .collect();
        let mut weights = vec![0; count];

        compute(
            options.algorithm,
            &nodes,
            limits,
            &mut vec![Candidate::default(); count],
            &mut weights,
        )
        .map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            cycle: cycle(&weights),
            efficiency_ppm: efficiency_ppm(&nodes, &weights),
            bandwidth,
            weights,
        })
    }

    fn print(&self, json: bool, output: &mut impl Write) -> io::Result<()> {
        if json {
            serde_json::to_writer(&mut *output, self)?;
            writeln!(output)
        } else {
            writeln!(output, "{self}")
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} MB/s: weights {}, cycle {}, efficiency {} ppm",
            join(&self.bandwidth),
            join(&self.weights),
            self.cycle,
            self.efficiency_ppm
        )
    }
}

/// `values` as they are written in the field: with colons between.
fn join<T: ToString>(values: &[T]) -> String {
    values
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(":")
}

/// Prints the plan of each row of `input`.
fn plan_lines(
    options: &Options,
    input: impl BufRead,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let mut empty = true;

    for (row, line) in (1..).zip(input.split(b'\n')) {
        let line = line.map_err(Failure::Read)?;
        if let Some(bandwidth) = parse_line(row, &String::from_utf8_lossy(&line))? {
            let plan = Plan::new(row, bandwidth, options)?;
            plan.print(options.json, output).map_err(Failure::Write)?;
            empty = false;
        }
    }
    if empty {
        return Err(Failure::NoRows);
    }
    Ok(())
}

fn run(options: &Options) -> Result<(), Failure> {
    let mut output = io::stdout().lock();

    if options.bandwidths.is_empty() {
        if io::stdin().is_terminal() {
            eprintln!("numaweave-plan: reading rows of bandwidths from the terminal");
        }
        return plan_lines(options, io::stdin().lock(), &mut output);
    }
    let bandwidth = parse_fields(1, options.bandwidths.iter().map(String::as_str))?;
    let plan = Plan::new(1, bandwidth, options)?;
    plan.print(options.json, &mut output)
        .map_err(Failure::Write)
}

fn main() -> ExitCode {
    let Err(failure) = run(&Options::parse()) else {
        return ExitCode::SUCCESS;
    };

    // A reader that has seen enough, such as head(1), is no reason to complain.
    if !matches!(&failure, Failure::Write(error) if error.kind() == io::ErrorKind::BrokenPipe) {
        eprintln!("numaweave-plan: {failure}");
    }
    failure.exit_code()
}
