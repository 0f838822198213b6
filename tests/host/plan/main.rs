// SPDX-License-Identifier: GPL-2.0

//! `numaweave-plan` as its users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod evaluate;
mod order;
mod rows;

use std::{
    io::{ErrorKind, Write},
    process::{Command, Output, Stdio},
};

/// The program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_numaweave-plan");

/// Runs the program with `input` on standard input.
fn plan(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // From a thread, as the program may print before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();

    match writer.join().unwrap() {
        // It may also give up before.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{error}"),
        _ => output,
    }
}

/// What the program prints when all is well.
fn printed(arguments: &[&str], input: &str) -> String {
    let output = plan(arguments, input.as_bytes());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), complaint.as_str()),
        (Some(0), ""),
        "{arguments:?} {input:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What the program prints and complains of when the input is wrong.
fn refused(arguments: &[&str], input: &[u8]) -> (String, String) {
    let output = plan(arguments, input);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn help_names_all_options() {
    for (arguments, words) in [
        (
            &["--help"][..],
            &[
                "order",
                "evaluate",
                "--algorithm",
                "--max-cycle",
                "--target",
                "--cpuless",
                "--json",
                "default: 990",
            ][..],
        ),
        (
            &["order", "--help"],
            &[
                "--weights",
                "--max-cycle",
                "--target",
                "--cpuless",
                "--json",
            ],
        ),
        (
            &["evaluate", "--help"],
            &[
                "FILE",
                ".toml",
                ".json",
                "--max-cycle",
                "--target",
                "--json",
            ],
        ),
    ] {
        let help = printed(arguments, "");
        for word in words {
            assert!(help.contains(word), "{arguments:?} {word}");
        }
    }
}
