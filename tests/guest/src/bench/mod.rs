// SPDX-License-Identifier: GPL-2.0

//! What `make bench` measures inside guests; JSON on stdout.

mod decisions;
mod faults;
mod orders;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Instructions per decision among the first nodes, mainline's and numaweave's. In a guest with
    /// one CPU that counts instructions (`scripts/vm --icount`).
    Decisions {
        /// Numbers of nodes.
        #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32,64")]
        nodes: Vec<u32>,
    },
    /// Instructions per page fault, with the takeover and without. As above.
    Faults {
        /// Rounds of faults for each kind of page.
        #[arg(long, default_value_t = 16)]
        rounds: u32,
    },
    /// Nodes of consecutive pages, with the takeover and without.
    Orders,
    /// What `faults` and `orders` run under numactl.
    #[command(hide = true)]
    Touch {
        #[command(flatten)]
        work: faults::Work,
    },
}

/// Entry of `numaweave-guest bench`.
pub(crate) fn main(what: &Bench) -> Result<ExitCode> {
    match what {
        Bench::Decisions { nodes } => print(&decisions::measure(nodes)?),
        Bench::Faults { rounds } => print(&faults::measure(*rounds)?),
        Bench::Orders => print(&orders::measure()?),
        Bench::Touch { work } => print(&work.run()?),
    }
}

fn print(value: &impl Serialize) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(value)?);
    Ok(ExitCode::SUCCESS)
}
