// SPDX-License-Identifier: GPL-2.0

//! `numaweave-plan`: shows which weights numaweave gives to nodes of some bandwidths, in which order
//! pages go to them, and how good that is on machines that are known.
//!
//! It runs the code of the module, so its answers are those of the module.

mod corpus;
mod evaluation;
mod failure;
mod machine;
mod node_list;
mod options;
mod order;
mod placement;
mod plan;
mod print;
mod rows;
mod topology;

use clap::Parser;
use evaluation::Evaluation;
use failure::Failure;
use options::{Command, Options};
use order::Order;
use plan::Plan;
use print::print;
use std::{io::ErrorKind, process::ExitCode};

fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        None => rows::for_each(&options.bandwidths, |row| {
            print(&Plan::new(row, options)?, options.json)
        }),
        Some(Command::Order(options)) => rows::for_each(&options.values, |row| {
            print(&Order::new(row, options)?, options.json)
        }),
        Some(Command::Evaluate(options)) => print(&Evaluation::new(options)?, options.json),
    }
}

fn main() -> ExitCode {
    let Err(failure) = run(&Options::parse()) else {
        return ExitCode::SUCCESS;
    };

    // A reader that has seen enough, such as head(1), is no reason to complain.
    if !matches!(&failure, Failure::Write(error) if error.kind() == ErrorKind::BrokenPipe) {
        eprintln!("numaweave-plan: {failure}");
    }
    failure.exit_code()
}
