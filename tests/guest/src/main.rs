// SPDX-License-Identifier: GPL-2.0

//! `numaweave-guest`: everything that runs inside a guest to try numaweave.
//!
//! - `place` faults pages and counts them per node: the workload.
//! - `test` proves the module on the topology it finds itself on (KTAP).
//! - `demo` shows it: the inside of `make run`.
//! - `torture` disturbs it in every way at once: the inside of `make torture`.
//! - `bench` measures it: the inside of `make bench`.

mod access;
mod bench;
mod cases;
mod cpuset;
mod demo;
mod exhaust;
mod fault_injection;
mod file;
mod firmware;
mod ftrace;
mod harness;
mod injector;
mod installed;
mod kernel_log;
mod kernel_table;
mod lockdown;
mod machine;
mod mapping;
mod memory_block;
mod mempolicy;
mod module;
mod place;
mod plan;
mod provider;
mod random;
mod takeover;
mod torture;
mod usage;
mod wait;
mod watch;
mod weights;
mod workload;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The command line.
#[derive(Parser)]
#[command(version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fault pages in order and print `NODE COUNT` lines.
    ///
    /// Run it under the policy to be looked at (`numactl -w all numaweave-guest place --pages 900`),
    /// or have it set one itself.
    Place {
        #[command(flatten)]
        order: place::Order,
        /// Print one line of JSON instead.
        #[arg(long)]
        json: bool,
    },
    /// Run the end-to-end cases that make sense on this topology; KTAP on stdout.
    Test {
        /// Run only cases whose `suite.case` name contains one of these texts.
        filters: Vec<String>,
        /// Print the plan for this topology and run nothing.
        #[arg(long)]
        list: bool,
        /// Seed of the pseudo-random inputs; printed by every run, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Show what numaweave does to page placement on this topology, and check it.
    Demo,
    /// Disturb numaweave in every way, at random and at once, and check it after each round.
    Torture(torture::Order),
    /// Write at random into all files, and look what is taken.
    Writes(torture::writes::Order),
    /// Try which files can be read and written from here; JSON on stdout.
    Access(access::Question),
    /// Measure; JSON on stdout.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn run() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Place { order, json } => place::main(&order, json),
        Command::Test {
            filters,
            list,
            seed,
        } => harness::main(&filters, list, seed),
        Command::Demo => demo::main(),
        Command::Torture(order) => torture::main(&order),
        Command::Writes(order) => torture::writes::main(&order),
        Command::Access(question) => access::main(&question),
        Command::Bench(what) => bench::main(&what),
    }
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("numaweave-guest: {error:#}");
        ExitCode::FAILURE
    })
}
