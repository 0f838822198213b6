// SPDX-License-Identifier: GPL-2.0

//! The evaluation of machines that files describe.

use crate::{plan, printed, refused};
use serde_json::{json, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The scripts' topologies.
fn topologies() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/topologies");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}

/// A file with `content`; `name` is used once.
fn file(name: &str, content: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What `evaluate --json` prints.
fn evaluate(files: &[&str]) -> Value {
    serde_json::from_str(&printed(&[&["evaluate", "--json"], files].concat(), "")).unwrap()
}

/// One of the scripts' topologies, evaluated.
fn topology(name: &str) -> Value {
    let path = topologies()
        .into_iter()
        .find(|path| Path::new(path).file_stem().unwrap() == name)
        .unwrap();
    evaluate(&[&path])["machines"][0].clone()
}

/// The first machine of a list that has this one.
fn listed(name: &str, machine: &Value) -> Value {
    evaluate(&[&file(name, &json!([machine]).to_string())])["machines"][0].clone()
}

/// The weights that a scheme has for each initiator, or for all.
fn weights(machine: &Value, scheme: &str) -> Vec<Value> {
    machine["schemes"][scheme]["placements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|placement| placement["weights"].clone())
        .collect()
}

#[test]
fn each_initiator_has_weights_of_its_own() {
    let machine = topology("dual-socket-cxl");
    assert_eq!(machine["name"], "dual-socket-cxl");
    assert_eq!(machine["set"], "topologies");
    assert_eq!(machine["initiators"], json!([0, 1]));
    assert_eq!(
        machine["bandwidth"],
        json!({
            "local": [307_200, 307_200, 102_400, 102_400],
            "rows": [[307_200, 153_600, 102_400, 51_200], [153_600, 307_200, 51_200, 102_400]],
        })
    );
    assert_eq!(weights(&machine, "mainline"), [json!([3, 3, 1, 1])]);
    assert_eq!(weights(&machine, "system"), [json!([3, 3, 1, 1])]);
    assert_eq!(
        weights(&machine, "initiator"),
        [json!([6, 3, 2, 1]), json!([3, 6, 1, 2])]
    );

    let schemes = &machine["schemes"];
    for scheme in ["mainline", "system"] {
        assert_eq!(schemes[scheme]["local_ppm"], 1_000_000);
        // 8 pages a cycle at 50 GB/s, of 600.
        assert_eq!(schemes[scheme]["rows_ppm"], json!([666_666, 666_666]));
        assert_eq!(schemes[scheme]["mean_ppm"], 666_666);
        assert_eq!(schemes[scheme]["worst_ppm"], 666_666);
    }
    assert_eq!(schemes["initiator"]["local_ppm"], Value::Null);
    assert_eq!(
        schemes["initiator"]["rows_ppm"],
        json!([1_000_000, 1_000_000])
    );
}

#[test]
fn orders_are_judged_too() {
    let machine = topology("three-tier");
    let placement = |scheme: &str| machine["schemes"][scheme]["placements"][0].clone();
    assert_eq!(placement("mainline")["weights"], json!([21, 7, 3]));
    assert_eq!(placement("mainline")["longest_run"], 21);
    assert!(placement("mainline")["discrepancy"].as_f64().unwrap() > 6.7);
    assert_eq!(placement("system")["weights"], json!([6, 2, 1]));
    assert_eq!(placement("system")["longest_run"], 2);
    assert_eq!(placement("system")["cycle"], 9);
}

#[test]
fn all_topologies_are_read_and_spread() {
    let paths = topologies();
    assert!(paths.len() >= 10);
    let files: Vec<&str> = paths.iter().map(String::as_str).collect();
    let evaluation = evaluate(&files);
    let machines = evaluation["machines"].as_array().unwrap();
    assert_eq!(machines.len(), paths.len());

    for machine in machines {
        for scheme in ["system", "initiator"] {
            for placement in machine["schemes"][scheme]["placements"].as_array().unwrap() {
                assert!(
                    placement["discrepancy"].as_f64().unwrap() < 1.0,
                    "{machine}"
                );
            }
        }
    }
    let summary = &evaluation["summaries"][0];
    assert_eq!(summary["set"], "topologies");
    assert_eq!(summary["machines"], paths.len());
    let total = |scheme: &str, value: &str| summary["schemes"][scheme][value].as_u64().unwrap();
    assert!(total("initiator", "mean_ppm") >= total("system", "mean_ppm"));
    assert!(total("system", "local_mean_ppm") > total("mainline", "local_mean_ppm"));
}

#[test]
fn nodes_without_memory_are_no_targets() {
    let machine = topology("memoryless");
    assert_eq!(machine["nodes"], json!([0, 2]));
    assert_eq!(machine["initiators"], json!([0, 1]));
    assert_eq!(
        machine["bandwidth"]["rows"],
        json!([[307_200, 102_400], [122_880, 61_440]])
    );
    // Room for a DIMM counts.
    assert_eq!(topology("hotplug")["nodes"], json!([0, 1, 2]));
}

#[test]
fn where_nothing_is_known_there_is_no_efficiency() {
    for name in ["no-hmat", "uma"] {
        let machine = topology(name);
        for scheme in ["mainline", "system", "initiator"] {
            let scheme = &machine["schemes"][scheme];
            for value in ["local_ppm", "mean_ppm", "worst_ppm"] {
                assert_eq!(scheme[value], Value::Null, "{name} {value}");
            }
        }
    }
    // Only the expander is known: nothing to weigh in the row, but by the module's own rule the
    // node with CPUs is as fast.
    let machine = topology("partial");
    assert_eq!(machine["schemes"]["mainline"]["local_ppm"], 515_625);
    assert_eq!(machine["schemes"]["system"]["local_ppm"], 1_000_000);
    assert_eq!(machine["schemes"]["mainline"]["mean_ppm"], Value::Null);
}

#[test]
fn reads_and_writes_are_told_apart() {
    let machine = topology("asymmetric-rw");
    // Of 300 and 240, 100 and 150, 40 and 12 GB/s the smaller.
    assert_eq!(
        machine["bandwidth"]["local"],
        json!([245_760, 102_400, 12_288])
    );
    // Writes are unknown: nothing to mainline.
    let machine = topology("read-only");
    assert_eq!(weights(&machine, "mainline"), [json!([1, 1])]);
    assert_eq!(weights(&machine, "system"), [json!([3, 1])]);
}

/// Two sockets, an expander that only the second one reaches, and a node that nobody does.
fn two_sockets() -> Value {
    json!({
        "name": "two sockets",
        "source": "made up",
        "nodes": [
            {"id": 4, "kind": "dram", "cpus": true},
            {"id": 2, "kind": "dram", "cpus": true},
            {"id": 9, "kind": "cxl", "cpus": false},
            {"id": 11, "kind": "gpu", "cpus": false},
        ],
        "initiators": [4, 2],
        "bandwidth_mb_s": [[100_000.4, 50_000, null, null], [30_000, 59_999.6, 20_000, null]],
        "matrix": "partial",
    })
}

#[test]
fn a_list_of_machines() {
    let machine = listed("list.json", &two_sockets());
    assert_eq!(machine["set"], "corpus");
    assert_eq!(machine["nodes"], json!([2, 4, 9]));
    assert_eq!(machine["initiators"], json!([4, 2]));
    assert_eq!(
        machine["bandwidth"],
        json!({
            // An initiator's own row for its own node, the best row for the expander.
            "local": [60_000, 100_000, 20_000],
            "rows": [[50_000, 100_000, 0], [60_000, 30_000, 20_000]],
        })
    );
    assert_eq!(weights(&machine, "system"), [json!([3, 5, 1])]);
    // What the first row does not know is taken from the node itself.
    assert_eq!(
        weights(&machine, "initiator"),
        [json!([5, 10, 2]), json!([6, 3, 2])]
    );
    // And is left out of the efficiency: 3 and 5 pages where 100 GB/s serve 5, of 150.
    assert_eq!(machine["schemes"]["system"]["rows_ppm"][0], 888_888);
    assert_eq!(
        machine["schemes"]["initiator"]["rows_ppm"],
        json!([1_000_000, 1_000_000])
    );
}

#[test]
fn a_row_of_local_bandwidths_is_nobodys_where_several_nodes_have_cpus() {
    let mut machine = two_sockets();
    machine["matrix"] = json!("local-only");
    machine["initiators"] = json!([4]);
    machine["bandwidth_mb_s"] = json!([[100_000, 100_000, 20_000, 20_000]]);
    let several = listed("several.json", &machine);
    assert_eq!(several["initiators"], json!([]));
    assert_eq!(several["schemes"]["system"]["local_ppm"], 1_000_000);
    assert_eq!(several["schemes"]["system"]["mean_ppm"], Value::Null);

    machine["nodes"][1]["cpus"] = json!(false);
    let one = listed("one.json", &machine);
    assert_eq!(one["initiators"], json!([4]));
    assert_eq!(one["schemes"]["system"]["mean_ppm"], 1_000_000);
}

#[test]
fn summaries_are_means_and_worsts_of_each_set() {
    let list = json!([
        {
            "name": "exact",
            "nodes": [{"id": 0, "cpus": true}, {"id": 1, "cpus": false}],
            "initiators": [0],
            "bandwidth_mb_s": [[300, 100]],
            "matrix": "full",
        },
        {
            "name": "slow tail",
            "nodes": [{"id": 0, "cpus": true}, {"id": 1, "cpus": false}],
            "initiators": [0],
            "bandwidth_mb_s": [[600, 15]],
            "matrix": "full",
        },
    ]);
    let list = file("summary.json", &list.to_string());
    let topologies = topologies();
    let three_tier = topologies
        .iter()
        .find(|path| path.ends_with("three-tier.toml"))
        .unwrap();
    let summaries = evaluate(&[&list, three_tier])["summaries"].clone();

    assert_eq!(summaries[0]["set"], "topologies");
    assert_eq!(summaries[1]["set"], "corpus");
    let mainline = &summaries[1]["schemes"]["mainline"];
    assert_eq!(mainline["local_machines"], 2);
    // 100 % and 78.0487 %.
    for mean in ["local_mean_ppm", "mean_ppm"] {
        assert_eq!(mainline[mean], 890_243);
    }
    for worst in ["local_worst_ppm", "worst_ppm"] {
        assert_eq!(mainline[worst], 780_487);
    }
    assert_eq!(mainline["longest_run"], 31);
}

#[test]
fn text_has_a_line_for_each_machine() {
    let paths = topologies();
    let text = printed(
        &[
            &["evaluate"],
            &paths.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ]
        .concat(),
        "",
    );
    let line = |name: &str| -> Vec<Vec<String>> {
        text.lines()
            .filter(|line| line.starts_with(name))
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect()
    };
    let three_tier = line("three-tier");
    assert_eq!(
        three_tier[0],
        [
            "three-tier",
            "98.41",
            "100.00",
            "98.41",
            "100.00",
            "100.00",
            "98.41",
            "100.00",
            "100.00"
        ]
    );
    assert_eq!(
        three_tier[1],
        ["three-tier", "21", "2", "2", "6.774", "0.889", "0.889"]
    );
    assert_eq!(line("topologies: ").len(), 3);
    assert!(text.lines().all(|line| line.len() <= 100));
}

#[test]
fn wrong_files_are_named() {
    let machine = |change: fn(&mut Value)| {
        let mut machine = two_sockets();
        change(&mut machine);
        json!([machine]).to_string()
    };
    let node = "[[node]]\nmemory = \"1G\"\ncpus = 1\n";
    for (name, content, expected) in [
        ("wrong.txt", String::new(), "must end with .toml"),
        ("syntax.json", "[".to_owned(), "line 1"),
        ("empty.json", "[]".to_owned(), "no machine"),
        (
            "rows.json",
            machine(|m| m["initiators"] = json!([4])),
            "a row of bandwidths for each",
        ),
        (
            "who.json",
            machine(|m| m["initiators"] = json!([4, 9])),
            "initiator 9",
        ),
        (
            "wide.json",
            machine(|m| m["bandwidth_mb_s"][1] = json!([1])),
            "4 bandwidths",
        ),
        (
            "negative.json",
            machine(|m| m["bandwidth_mb_s"][1][0] = json!(-1)),
            "a bandwidth must",
        ),
        (
            "large.json",
            machine(|m| m["bandwidth_mb_s"][1][0] = json!(1e10)),
            "a bandwidth must",
        ),
        (
            "kind.json",
            machine(|m| m["matrix"] = json!("half")),
            "half",
        ),
        (
            "local.json",
            machine(|m| m["matrix"] = json!("local-only")),
            "one row",
        ),
        ("syntax.toml", "[".to_owned(), "TOML"),
        ("key.toml", format!("{node}colour = 1"), "colour"),
        (
            "no-node.toml",
            "node = []\nbandwidth = [[1]]".to_owned(),
            "must have 0 rows",
        ),
        (
            "shape.toml",
            format!("bandwidth = [[1, 2]]\n{node}"),
            "must have 1 rows",
        ),
        (
            "unit.toml",
            format!("bandwidth = [[\"1G\"]]\n{node}"),
            "no bandwidth",
        ),
        (
            "sign.toml",
            format!("bandwidth = [[-1]]\n{node}"),
            "no bandwidth",
        ),
        (
            "distances.toml",
            format!("distances = [[10, 20]]\n{node}"),
            "distances",
        ),
        (
            "count.toml",
            format!("{node}count = 1000000000000"),
            "64 nodes",
        ),
        (
            "astray.toml",
            format!("{node}[[node]]\nmemory = \"1G\"\ninitiator = 1"),
            "node 1 hangs on no node",
        ),
    ] {
        let path = file(name, &content);
        let (output, complaint) = refused(&["evaluate", &path], b"");
        assert_eq!(output, "");
        assert!(
            complaint.contains(&path) && complaint.contains(expected),
            "{complaint:?} should have {expected:?}"
        );
    }
    refused(&["evaluate"], b"");
}

#[test]
fn a_file_that_is_not_there_is_another_failure() {
    let output = plan(&["evaluate", "/nonexistent/machines.json"], b"");
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("cannot read /nonexistent/machines.json"),
        "{complaint:?}"
    );
}

#[test]
fn limits_reach_the_algorithm() {
    let list = json!([{
        "name": "ratio 8:5",
        "nodes": [{"id": 0, "cpus": true}, {"id": 1, "cpus": false}],
        "initiators": [0],
        "bandwidth_mb_s": [[8, 5]],
        "matrix": "full",
    }]);
    let list = file("limits.json", &list.to_string());
    for (option, expected) in [
        ("--target=990", json!([8, 5])),
        ("--target=1", json!([1, 1])),
        ("--max-cycle=12", json!([5, 3])),
    ] {
        let text = printed(&["evaluate", "--json", option, &list], "");
        let evaluation: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            weights(&evaluation["machines"][0], "system"),
            [expected.clone()]
        );
        assert_eq!(weights(&evaluation["machines"][0], "initiator"), [expected]);
    }
    let (_, complaint) = refused(&["evaluate", "--max-cycle=1", &list], b"");
    assert!(complaint.contains("2 nodes do not fit"), "{complaint:?}");
}
