// SPDX-License-Identifier: GPL-2.0

//! The order of pages.

use crate::{printed, refused};
use serde_json::{json, Value};

/// What `order --json` prints for one row.
fn order(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[&["order", "--json"], arguments].concat(), "")).unwrap()
}

#[test]
fn bandwidths_are_placed_by_each_ones_own_weights() {
    let order = order(&["307200", "102400", "51200"]);
    assert_eq!(order["bandwidth"], json!([307_200, 102_400, 51_200]));
    assert_eq!(order["mainline"]["weights"], json!([21, 7, 3]));
    assert_eq!(order["mainline"]["cycle"], 31);
    assert_eq!(order["mainline"]["longest_run"], 21);
    // After 21 pages node 0 should have 21 * 21 / 31.
    let discrepancy = order["mainline"]["discrepancy"].as_f64().unwrap();
    assert!((discrepancy - 210.0 / 31.0).abs() < 1e-9, "{discrepancy}");
    assert_eq!(
        order["numaweave"],
        json!({
            "weights": [6, 2, 1],
            "cycle": 9,
            "longest_run": 2,
            // After 3 * 9 / 2 pages node 2 still has none.
            "discrepancy": 8.0 / 9.0,
            "order": [0, 0, 1, 0, 0, 1, 0, 0, 2],
        })
    );
}

#[test]
fn weights_are_placed_by_both() {
    let order = order(&["--weights", "3", "0", "2"]);
    assert_eq!(
        order,
        json!({
            "mainline": {
                "weights": [3, 0, 2],
                "cycle": 5,
                "longest_run": 3,
                "discrepancy": 6.0 / 5.0,
                "order": [0, 0, 0, 2, 2],
            },
            "numaweave": {
                "weights": [3, 0, 2],
                "cycle": 5,
                "longest_run": 2,
                "discrepancy": 3.0 / 5.0,
                "order": [0, 2, 0, 0, 2],
            },
        })
    );
}

#[test]
fn text_says_the_same() {
    assert_eq!(
        printed(&["order", "300", "100"], ""),
        "300:100 MB/s\n\
         mainline:  weights 3:1, cycle 4, longest run 3, discrepancy 0.750 pages\n  0 0 0 1\n\
         numaweave: weights 3:1, cycle 4, longest run 3, discrepancy 0.750 pages\n  0 0 0 1\n"
    );
    let text = printed(&["order", "--weights", "1", "1"], "");
    assert!(
        text.starts_with("mainline:  weights 1:1, cycle 2, longest run 1, "),
        "{text:?}"
    );
}

#[test]
fn rows_come_from_standard_input_too() {
    let text = printed(&["order", "--json"], "1 1\n# nothing\n2,1\n");
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["numaweave"]["order"], json!([0, 0, 1]));
}

#[test]
fn options_reach_the_algorithm() {
    let weights = |arguments: &[&str]| order(arguments)["numaweave"]["weights"].clone();
    assert_eq!(weights(&["8", "5"]), json!([8, 5]));
    assert_eq!(weights(&["--max-cycle", "12", "8", "5"]), json!([5, 3]));
    assert_eq!(weights(&["--target", "1", "8", "5"]), json!([1, 1]));
    assert_eq!(
        weights(&["--cpuless", "0", "0", "300", "100"]),
        json!([1, 3, 1])
    );
}

/// A single node has a run that never ends.
#[test]
fn one_node_has_all_pages() {
    for placed in ["mainline", "numaweave"] {
        let placement = &order(&["--weights", "0", "4"])[placed];
        assert_eq!(placement["longest_run"], 4);
        assert_eq!(placement["discrepancy"], 0.0);
    }
}

#[test]
fn many_nodes_of_the_largest_weight() {
    let row = "255 ".repeat(1024);
    let text = printed(&["order", "--weights", "--json"], &row);
    let order: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(order["mainline"]["longest_run"], 255);
    assert_eq!(order["numaweave"]["longest_run"], 1);
    assert!(order["mainline"]["discrepancy"].as_f64().unwrap() > 254.0);
    assert!(order["numaweave"]["discrepancy"].as_f64().unwrap() < 1.0);
}

#[test]
fn garbage_is_refused() {
    for (arguments, expected) in [
        (
            &["--weights", "1", "256"][..],
            "row 1, column 2: \"256\" is not a weight",
        ),
        (
            &["--weights", "-1"],
            "row 1, column 1: \"-1\" is not a weight",
        ),
        (&["--weights", "0", "0"], "row 1: there must be"),
        (&["300", "x"], "row 1, column 2: \"x\" is not a bandwidth"),
        (
            &["--max-cycle", "2", "1", "1", "1"],
            "row 1: 3 nodes do not fit",
        ),
        (&["--cpuless", "2", "1", "1"], "row 1: there is no node 2"),
        (&["--weights", "--target", "900", "1"], "--target"),
        (&["--algorithm", "mainline", "1"], "--algorithm"),
    ] {
        let (output, complaint) = refused(&[&["order"], arguments].concat(), b"");
        assert_eq!(output, "");
        assert!(
            complaint.contains(expected),
            "{complaint:?} should have {expected:?}"
        );
    }
    let (_, complaint) = refused(&["order", "--weights"], "1 ".repeat(1025).as_bytes());
    assert!(complaint.contains("1 to 1024 weights"), "{complaint:?}");
    let (_, complaint) = refused(&["order"], b"\n");
    assert!(
        complaint.contains("standard input has no row"),
        "{complaint:?}"
    );
    // Options go after the subcommand that they are for.
    refused(&["--json", "order", "1"], b"");
}
