// SPDX-License-Identifier: GPL-2.0

//! The weights of rows of bandwidths.

use crate::{printed, refused, PROGRAM};
use std::{
    io::Write,
    process::{Command, Stdio},
};

#[test]
fn a_row_of_arguments() {
    let bandwidths = ["307200", "102400", "51200"];
    assert_eq!(
        printed(&bandwidths, ""),
        "307200:102400:51200 MB/s: weights 6:2:1, cycle 9, efficiency 1000000 ppm\n"
    );
    assert_eq!(
        printed(&[&["--json"], &bandwidths[..]].concat(), ""),
        "{\"bandwidth\":[307200,102400,51200],\"weights\":[6,2,1],\"cycle\":9,\"efficiency_ppm\":1000000}\n"
    );
    assert_eq!(
        printed(&[&["--algorithm", "mainline", "--json"], &bandwidths[..]].concat(), ""),
        "{\"bandwidth\":[307200,102400,51200],\"weights\":[21,7,3],\"cycle\":31,\"efficiency_ppm\":984126}\n"
    );
}

#[test]
fn rows_on_standard_input() {
    let input = "# three tiers\n300 100 50\n\n  600,15  \r\n\t55263 ,\t55268 # noise\n4294967295";
    assert_eq!(
        printed(&["--json"], input),
        "{\"bandwidth\":[300,100,50],\"weights\":[6,2,1],\"cycle\":9,\"efficiency_ppm\":1000000}\n\
         {\"bandwidth\":[600,15],\"weights\":[40,1],\"cycle\":41,\"efficiency_ppm\":1000000}\n\
         {\"bandwidth\":[55263,55268],\"weights\":[1,1],\"cycle\":2,\"efficiency_ppm\":999954}\n\
         {\"bandwidth\":[4294967295],\"weights\":[1],\"cycle\":1,\"efficiency_ppm\":1000000}\n"
    );
    assert_eq!(
        printed(&[], "200 100\n1 1\n"),
        "200:100 MB/s: weights 2:1, cycle 3, efficiency 1000000 ppm\n\
         1:1 MB/s: weights 1:1, cycle 2, efficiency 1000000 ppm\n"
    );
}

#[test]
fn the_machines_of_the_tests_are_valid_input() {
    let machines = include_str!("../machines.txt");
    let rows = machines
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    assert_eq!(printed(&["--json"], machines).lines().count(), rows);
}

/// The weights that the program prints.
fn weights(arguments: &[&str]) -> String {
    let line = printed(arguments, "");
    let (_, rest) = line.split_once("weights ").unwrap();
    rest.split_once(',').unwrap().0.to_owned()
}

#[test]
fn options_reach_the_algorithm() {
    assert_eq!(weights(&["8", "5"]), "8:5");
    assert_eq!(weights(&["--max-cycle", "12", "8", "5"]), "5:3");
    assert_eq!(weights(&["--max-cycle=2", "8", "5"]), "1:1");
    assert_eq!(weights(&["--target", "980", "8", "5"]), "5:3");
    assert_eq!(weights(&["--target", "1", "8", "5"]), "1:1");
    assert_eq!(
        weights(&["--target", "1000", "55263", "55268", "--max-cycle", "4096"]),
        "1:1"
    );
    assert_eq!(weights(&["--algorithm", "balanced", "0", "64"]), "1:1");
    assert_eq!(weights(&["--algorithm", "mainline", "0", "64"]), "1:32");
}

#[test]
fn nodes_without_cpus_matter_where_nothing_is_known() {
    assert_eq!(weights(&["0", "300", "100"]), "3:3:1");
    assert_eq!(weights(&["--cpuless", "0", "0", "300", "100"]), "1:3:1");
    assert_eq!(weights(&["--cpuless", "1,2", "0", "300", "100"]), "3:3:1");
    assert_eq!(
        weights(&["--cpuless", "0-1", "0", "0", "300", "100"]),
        "1:1:3:1"
    );
    assert_eq!(
        weights(&["--cpuless", "0,2-3", "0", "300", "0", "100"]),
        "1:3:1:1"
    );
}

#[test]
fn an_unknown_machine_has_no_efficiency() {
    assert_eq!(
        printed(&["0", "0"], ""),
        "0:0 MB/s: weights 1:1, cycle 2, efficiency 0 ppm\n"
    );
}

#[test]
fn garbage_is_named_by_row_and_column() {
    let cases: &[(&[u8], &str)] = &[
        (b"x", "row 1, column 1: \"x\""),
        (b"300 100\n300 x 50\n", "row 2, column 2: \"x\""),
        (b"# comment\n\n1 2 -3\n", "row 3, column 3: \"-3\""),
        (b"1,,2", "row 1, column 2: \"\""),
        (b"1 2,", "row 1, column 3: \"\""),
        (b",1", "row 1, column 1: \"\""),
        (b"+1", "row 1, column 1: \"+1\""),
        (b"1.5", "row 1, column 1: \"1.5\""),
        (b"300G", "row 1, column 1: \"300G\""),
        (b"0x10", "row 1, column 1: \"0x10\""),
        (b"1;2", "row 1, column 1: \"1;2\""),
        (b"4294967295 4294967296", "row 1, column 2: \"4294967296\""),
        (
            b"99999999999999999999999",
            "row 1, column 1: \"99999999999999999999999\"",
        ),
        (b"1 \0", "row 1, column 2: \"\\0\""),
        (b"1\n2 \xff\n", "row 2, column 2: \"\u{fffd}\""),
        ("1 \u{664}".as_bytes(), "row 1, column 2: \"\u{664}\""),
    ];
    for &(input, expected) in cases {
        for options in [&["--json"][..], &[]] {
            let (_, complaint) = refused(options, input);
            assert!(
                complaint.contains(expected),
                "{complaint:?} should have {expected:?}"
            );
            assert_eq!(complaint.lines().count(), 1, "{complaint:?}");
        }
    }
}

#[test]
fn garbage_in_arguments_is_in_row_1() {
    for (arguments, expected) in [
        (["300", "x"], "row 1, column 2: \"x\""),
        (["-5", "1"], "row 1, column 1: \"-5\""),
        (["1", ""], "row 1, column 2: \"\""),
        (["1,2", "3"], "row 1, column 1: \"1,2\""),
    ] {
        let (output, complaint) = refused(&arguments, b"");
        assert_eq!(output, "");
        assert!(
            complaint.contains(expected),
            "{complaint:?} should have {expected:?}"
        );
    }
}

#[test]
fn rows_before_the_bad_one_are_printed() {
    let (output, _) = refused(&[], b"2 1\nx\n3 1\n");
    assert_eq!(
        output,
        "2:1 MB/s: weights 2:1, cycle 3, efficiency 1000000 ppm\n"
    );
}

#[test]
fn no_row_is_an_error() {
    for input in ["", "\n", "  \n\t\r\n", "# nothing\n"] {
        let (output, complaint) = refused(&[], input.as_bytes());
        assert_eq!(output, "");
        assert!(
            complaint.contains("standard input has no row"),
            "{complaint:?}"
        );
    }
}

#[test]
fn a_row_has_to_fit_into_the_cycle() {
    let (_, complaint) = refused(&["--max-cycle", "2"], b"1 1\n1 1 1\n");
    assert!(
        complaint.contains("row 2: 3 nodes do not fit into a cycle of 2 pages"),
        "{complaint:?}"
    );

    let row = "1 ".repeat(4096);
    assert!(printed(&[], &row).contains("cycle 4096, efficiency 1000000 ppm"));
    let (_, complaint) = refused(&[], "1 ".repeat(4097).as_bytes());
    assert!(
        complaint.contains("row 1: 4097 nodes do not fit into a cycle of 4096 pages"),
        "{complaint:?}"
    );
}

#[test]
fn a_node_without_cpus_has_to_exist() {
    let (_, complaint) = refused(&["--cpuless", "2"], b"1 1 1\n1 1\n");
    assert!(
        complaint.contains("row 2: there is no node 2, which --cpuless names"),
        "{complaint:?}"
    );
    refused(&["--cpuless", "0-99999999999", "1"], b"");
}

#[test]
fn options_out_of_range_are_refused() {
    for (option, values) in [
        (
            "--max-cycle",
            &["0", "4097", "-1", "x", "", "65537", "4294967297"][..],
        ),
        ("--target", &["0", "1001", "-1", "x", "", "65537", "99.5"]),
        ("--algorithm", &["Balanced", "x", ""]),
        (
            "--cpuless",
            &[
                "x",
                "",
                "1,",
                "2-1",
                "-1",
                "1-",
                "+1",
                "99999999999999999999999",
            ],
        ),
    ] {
        for value in values {
            let (output, complaint) = refused(&[&format!("{option}={value}"), "1"], b"");
            assert_eq!(output, "");
            assert!(
                complaint.contains(option),
                "{option}={value}: {complaint:?}"
            );
        }
    }
    refused(&["--no-such-option", "1"], b"");
}

#[test]
fn a_reader_that_has_enough_is_no_error_to_report() {
    let mut child = Command::new(PROGRAM)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    // The program may be gone before it has read all.
    let _ = stdin.write_all("2 1\n".repeat(100).as_bytes());
    drop(stdin);

    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"");
}
