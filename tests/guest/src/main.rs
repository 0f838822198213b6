// SPDX-License-Identifier: GPL-2.0

//! `numaweave-guest`: everything that runs inside a guest to try numaweave.
//!
//! - `place` faults pages and counts them per node: the workload.

mod place;

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
    /// Fault anonymous 4 KiB pages in order and print `NODE COUNT` lines.
    ///
    /// Run it under the policy to be looked at: `numactl -w all numaweave-guest place --pages 900`.
    Place {
        /// Number of 4 KiB pages to map and fault.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        pages: u32,
        /// Print one line of JSON instead.
        #[arg(long)]
        json: bool,
    },
}

fn run() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Place { pages, json } => place::main(pages, json),
    }
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("numaweave-guest: {error:#}");
        ExitCode::FAILURE
    })
}
