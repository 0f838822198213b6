// SPDX-License-Identifier: GPL-2.0

//! Bad input is refused with EINVAL and changes nothing; good input works with and without a
//! newline.

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;

use crate::file;
use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::machine::Machine;
use crate::provider::{difference, Provider};

pub(super) const SUITE: Suite = Suite {
    name: "input",
    cases: &[
        Case::new("bad", Scope::Everywhere, bad),
        Case::new("bad_in_manual_mode", Scope::Everywhere, bad_in_manual_mode),
        Case::new("empty_write", Scope::Everywhere, empty_write),
        Case::new("good", Scope::Everywhere, good),
    ],
};

/// A write that must be refused.
type Bad = (String, Vec<u8>);

/// Longer than any file takes, and longer than the page that sysfs passes on.
const OVERLONG: [usize; 2] = [300, 5000];

/// What no file takes, whatever it is for.
fn bad_everywhere(file: &str) -> Vec<Bad> {
    let mut bad: Vec<Vec<u8>> = [
        &b"\n"[..],
        b" ",
        b"\0",
        b"\0\n",
        b"?",
        b"--",
        b"\xff\xfe",
        b"\t\n",
    ]
    .into_iter()
    .map(<[u8]>::to_vec)
    .collect();
    bad.extend(OVERLONG.map(|length| vec![b'9'; length]));
    bad.extend(OVERLONG.map(|length| vec![b'x'; length]));
    bad.into_iter()
        .map(|input| (file.to_owned(), input))
        .collect()
}

/// What is wrong beside a good word or number.
fn bad_around(file: &str, good: &str) -> Vec<Bad> {
    [
        format!("{good} junk"),
        format!("{good}junk"),
        format!("{good} {good}"),
        format!("{good},{good}"),
        format!("{good}\n{good}"),
        format!("{good}\0"),
        format!("{good}\0\n"),
        format!("{good}\0junk"),
        format!("\0{good}"),
        format!("-{good}"),
        format!("{good}.0"),
        format!("\"{good}\""),
        format!("[{good}]"),
        format!("+{good}"),
        format!("{}{good}", "0".repeat(300)),
        // sysfs passes on a page at a time: the last digit comes alone.
        format!("{}{good}", "0".repeat(4096 - good.len())) + "5",
        good.repeat(2000),
        format!("{good}{}", " ".repeat(5000)),
    ]
    .into_iter()
    .map(|input| (file.to_owned(), input.into_bytes()))
    .collect()
}

/// Bad writes to every writable file.
fn bad_inputs(machine: &Machine) -> Vec<Bad> {
    let node = machine.last_node();
    let nodes = machine.memory.len();
    let too_few = (nodes - 1).to_string();
    let huge = [
        "4294967296",
        "18446744073709551616",
        "99999999999999999999999999",
        "1e3",
        "0x",
        "0xg",
        "1_0",
    ];
    let words = |file: &str, words: &[&str]| -> Vec<Bad> {
        words
            .iter()
            .map(|word| (file.to_owned(), word.as_bytes().to_vec()))
            .collect()
    };

    let mut bad = Vec::new();
    for (file, good, wrong) in [
        (
            "max_cycle".to_owned(),
            "100",
            vec![too_few.as_str(), "0", "4097", "-1"],
        ),
        ("target".to_owned(), "990", vec!["0", "1001", "-1", "65536"]),
        (
            format!("node{node}/weight"),
            "7",
            vec!["0", "256", "-1", "65537", "257"],
        ),
        (
            format!("node{node}/read_bandwidth"),
            "100000",
            vec!["-1", "-0x1"],
        ),
        (
            format!("node{node}/write_bandwidth"),
            "100000",
            vec!["-1", "-0x1"],
        ),
    ] {
        bad.extend(bad_everywhere(&file));
        bad.extend(bad_around(&file, good));
        bad.extend(words(&file, &wrong));
        bad.extend(words(&file, &huge));
        bad.extend(words(&file, &["true", "many"]));
    }
    for (file, good, wrong) in [
        (
            "algorithm",
            "mainline",
            ["fast", "Mainline", "balance", "0", "balanced mainline"],
        ),
        (
            "metric",
            "write",
            ["max", "Write", "rea", "1", "read write"],
        ),
    ] {
        bad.extend(bad_everywhere(file));
        bad.extend(bad_around(file, good));
        bad.extend(words(file, &wrong));
    }
    for file in ["auto", "publish"] {
        bad.extend(bad_everywhere(file));
        bad.extend(bad_around(file, "false"));
        bad.extend(words(
            file,
            &["maybe", "2", "-1", "10", "o", "ok", "truth", "balanced"],
        ));
    }
    bad
}

/// Writes everything bad, and expects EINVAL and an untouched state each time.
fn refuse_all(bench: &Bench<'_>, provider: &Provider) -> Result<()> {
    let before = provider.state()?;
    let inputs = bad_inputs(bench.machine);
    ensure!(inputs.len() >= 60, "only {} bad inputs", inputs.len());
    let mut wrong = Vec::new();
    for (name, input) in &inputs {
        let shown = shorten(input);
        match file::try_write(provider.path(name), input) {
            Ok(taken) => wrong.push(format!("{name} takes {taken} bytes of {shown}")),
            Err(error) if error.raw_os_error().map(Errno::from_raw) == Some(Errno::EINVAL) => {}
            Err(error) => wrong.push(format!(
                "{name} answers {shown} with {error}, expected EINVAL"
            )),
        }
        let after = provider.state()?;
        let changed = difference(&before, &after);
        if !changed.is_empty() {
            wrong.push(format!(
                "{shown} written to {name} changed {}",
                changed.join("; ")
            ));
            // Everything after this would be compared with a state that is gone.
            break;
        }
    }
    note(&format!("{} bad inputs", inputs.len()));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Input as text for a message.
fn shorten(input: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(input).chars().take(40).collect();
    format!("{text:?} ({} bytes)", input.len())
}

fn bad(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    refuse_all(bench, &provider)?;
    provider.unload()
}

/// Nor does bad input bring automatic weights back, or touch an override.
fn bad_in_manual_mode(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/read_bandwidth"), "1234")?;
    provider.write(&format!("node{node}/weight"), "11")?;
    refuse_all(bench, &provider)?;
    provider.unload()
}

/// A write of no bytes is not passed on by sysfs: it ends well and does nothing.
fn empty_write(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    let before = provider.state()?;
    for name in [
        "auto",
        "publish",
        "algorithm",
        "metric",
        "max_cycle",
        "target",
    ] {
        file::write(provider.path(name), "")?;
    }
    for name in ["weight", "read_bandwidth", "write_bandwidth"] {
        file::write(provider.path(&format!("node{node}/{name}")), "")?;
    }
    let changed = difference(&before, &provider.state()?);
    ensure!(
        changed.is_empty(),
        "empty writes changed {}",
        changed.join("; ")
    );
    provider.unload()
}

/// Values in range, at both ends, with and without a newline.
fn good(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    let fewest = bench.machine.memory.len().to_string();
    let of_node = |name: &str| format!("node{node}/{name}");
    for (name, value, shown) in [
        ("algorithm".to_owned(), "mainline", "balanced [mainline]"),
        ("algorithm".to_owned(), "balanced", "[balanced] mainline"),
        ("metric".to_owned(), "read", "min [read] write"),
        ("metric".to_owned(), "write", "min read [write]"),
        ("metric".to_owned(), "min", "[min] read write"),
        ("max_cycle".to_owned(), fewest.as_str(), fewest.as_str()),
        ("max_cycle".to_owned(), "4096", "4096"),
        ("max_cycle".to_owned(), "0x200", "512"),
        ("target".to_owned(), "1", "1"),
        ("target".to_owned(), "1000", "1000"),
        ("publish".to_owned(), "off", "false"),
        ("publish".to_owned(), "yes", "true"),
        ("publish".to_owned(), "Disabled", "false"),
        ("publish".to_owned(), "ENABLE", "true"),
        ("publish".to_owned(), "0", "false"),
        ("publish".to_owned(), "1", "true"),
        ("auto".to_owned(), "N", "false"),
        ("auto".to_owned(), "on", "true"),
        (of_node("read_bandwidth"), "1", "1"),
        (of_node("read_bandwidth"), "4294967295", "4294967295"),
        (of_node("write_bandwidth"), "1", "1"),
        (of_node("write_bandwidth"), "4294967295", "4294967295"),
        (of_node("weight"), "1", "1"),
        (of_node("weight"), "255", "255"),
        ("auto".to_owned(), "true", "true"),
    ] {
        for ending in ["", "\n"] {
            let failed = || format!("{value:?} written to {name}");
            provider.write(&name, format!("{value}{ending}"))?;
            provider.expect(&name, shown).with_context(failed)?;
            if provider.read("publish")? == "true" {
                provider.expect_published().with_context(failed)?;
            }
        }
    }
    provider.expect_planned(bench.machine)?;
    provider.unload()
}
