// SPDX-License-Identifier: GPL-2.0

//! The samples: `perf_injector`, which the other cases rely on, and `spread_pages`.

use anyhow::{bail, ensure, Context, Result};
use fastrand::Rng;
use nix::errno::Errno;
use numaweave_policy::schedule::{DIRECT_NODES, DIRECT_STEPS};

use crate::file;
use crate::harness::{note, Bench, Case, Scope, Suite};
use crate::injector::{Injector, INJECT};
use crate::kernel_table::KernelTable;
use crate::machine::{keeps_reports, reported, Coordinates};
use crate::module::{self, Module};
use crate::provider::Provider;
use crate::random;
use crate::wait::wait_for;

pub(super) const SUITE: Suite = Suite {
    name: "perf_injector",
    cases: &[
        Case::new("reports", Scope::FirmwareData, reports),
        Case::new("refuses", Scope::Everywhere, refuses),
        Case::new("random_lines", Scope::FirmwareData, random_lines),
    ],
};

pub(super) const SPREAD_PAGES: Suite = Suite {
    name: "spread_pages",
    cases: &[Case::new("follows", Scope::Everywhere, follows)],
};

/// What is injected is what the kernel's node device shows.
fn reports(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let nodes = bench.machine.memory.iter().copied();
    for node in nodes.filter(|&node| keeps_reports(node)) {
        let coordinates = Coordinates {
            read: 1_234 + node,
            write: u32::MAX - node,
        };
        injector.inject(node, coordinates)?;
        let shown = reported(node);
        ensure!(
            shown == coordinates,
            "node {node} was injected with {coordinates} and reports {shown}"
        );
    }
    Ok(())
}

/// Bad lines are refused, and nothing is reported.
fn refuses(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let before = KernelTable::read()?;
    let node = bench.machine.first_node();
    for (line, errno) in [
        ("\n".to_owned(), Errno::EINVAL),
        ("many".to_owned(), Errno::EINVAL),
        (format!("{node}"), Errno::EINVAL),
        (format!("{node} 1"), Errno::EINVAL),
        (format!("{node} 1 2 3"), Errno::EINVAL),
        (format!("{node} 1 2 "), Errno::EINVAL),
        (format!("{node}  1 2"), Errno::EINVAL),
        (format!("{node} -1 2"), Errno::EINVAL),
        (format!("-{node} 1 2"), Errno::EINVAL),
        (format!("{node} 1 4294967296"), Errno::EINVAL),
        (format!("{node} 1 2\n3"), Errno::EINVAL),
        (format!("{node} 1 2{}", " ".repeat(200)), Errno::EINVAL),
        ("4294967295 1 2".to_owned(), Errno::ENODEV),
        ("63 1 2".to_owned(), Errno::ENODEV),
    ] {
        let refused = file::try_write(INJECT, &line).err();
        let seen = refused
            .and_then(|error| error.raw_os_error())
            .map(Errno::from_raw);
        ensure!(
            seen == Some(errno),
            "{line:?} written to {INJECT} gives {seen:?}, expected {errno}"
        );
    }
    let after = KernelTable::read()?;
    ensure!(after == before, "refused lines made {before} into {after}");
    drop(injector);
    Ok(())
}

/// What lines are made of.
const PIECES: [&str; 20] = [
    " ",
    " ",
    " ",
    "0",
    "1",
    "2",
    "7",
    "8",
    "9",
    "10",
    "0x",
    "0X",
    "f",
    "-",
    "+",
    "\n",
    "\t",
    "4294967295",
    "4294967296",
    "\u{e9}",
];

/// A number as the injector's description has it.
fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    // The library would take a sign.
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| plain)
}

/// Node and coordinates of a line, if it is one.
fn report_of(line: &str) -> Option<(u32, Coordinates)> {
    const LONGEST: usize = 64;

    let fields: Vec<&str> = line.strip_suffix('\n').unwrap_or(line).split(' ').collect();
    let &[node, read, write] = fields.as_slice() else {
        return None;
    };
    let (read, write) = (number(read)?, number(write)?);
    let report = (number(node)?, Coordinates { read, write });
    (line.len() <= LONGEST).then_some(report)
}

/// Lines at random are taken for what they say, or refused.
fn random_lines(_bench: &mut Bench<'_>) -> Result<()> {
    const LINES: u32 = 5_000;

    let seed = fastrand::u64(..);
    note(&format!("seed {seed}"));
    let mut rng = Rng::with_seed(seed);
    let injector = Injector::load()?;
    let online = file::parse_list(&file::read("/sys/devices/system/node/online")?)?;
    for &node in &online {
        // From here on it is undone in the end.
        injector.inject(node, reported(node))?;
    }
    let mut taken = 0;
    for _ in 0..LINES {
        let mut field = || match rng.u32(..3) {
            0 => rng.u32(..4).to_string(),
            1 => random::bandwidth(&mut rng).to_string(),
            _ => (0..rng.u32(..4))
                .filter_map(|_| rng.choice(PIECES))
                .collect(),
        };
        let mut line = format!("{} {} {}", field(), field(), field());
        if rng.bool() {
            line.push('\n');
        }
        let result = file::try_write(INJECT, &line);
        let errno = result.as_ref().err().and_then(std::io::Error::raw_os_error);
        let is_whole = result.as_ref().map_or(true, |&length| length == line.len());
        let report = report_of(&line);
        let expected = match report {
            None => Some(Errno::EINVAL),
            Some((node, _)) if !online.contains(&node) => Some(Errno::ENODEV),
            Some(_) => None,
        };
        ensure!(
            is_whole && errno.map(Errno::from_raw) == expected,
            "{line:?} written to {INJECT} gives {result:?}, expected {expected:?}"
        );
        let Some((node, coordinates)) = report.filter(|_| expected.is_none()) else {
            continue;
        };
        taken += 1;
        let shown = reported(node);
        ensure!(
            shown == coordinates || !keeps_reports(node),
            "{line:?} was taken, and node {node} reports {shown}"
        );
    }
    note(&format!("{taken} of {LINES} lines taken"));
    ensure!(taken > LINES / 50, "only {taken} lines say anything");
    injector.undo()
}

/// The pages of the array are where the weights want them, before and after they change, and
/// numaweave stays as long as it is asked.
fn follows(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let spread = Module::load("spread_pages", &format!("pages={PAGES}"))?;
    expect_spread(&provider)?;

    for (table, weight) in [5, 1].iter().enumerate() {
        let node = bench.machine.first_node();
        provider.write(&format!("node{node}/weight"), format!("{weight}"))?;
        wait_for("a table that spread_pages follows", || {
            let tables: usize = file::parse("/sys/kernel/debug/spread_pages/tables")?;
            Ok(if tables > table {
                Ok(())
            } else {
                Err(format!("{tables} tables"))
            })
        })?;
        expect_spread(&provider)?;
    }

    let refused = module::unload("numaweave").err();
    ensure!(
        refused.as_ref().and_then(module::errno) == Some(Errno::EAGAIN),
        "numaweave is unloaded while spread_pages is loaded: {refused:?}"
    );
    spread.unload()?;
    provider.unload()
}

/// An odd number, and few enough for the smallest node of any topology.
const PAGES: u64 = 2_003;

/// Expects each node to have its share of the pages, give or take less than one. Where the order of
/// many nodes is not cached at first, pages are placed by mainline's until it is: one of its runs and
/// a page more then.
fn expect_spread(provider: &Provider) -> Result<()> {
    let weights = provider.weights()?;
    let cycle = u64::from(weights.cycle());
    let shown = file::read("/sys/kernel/debug/spread_pages/nodes")?;
    let nodes = weights.len();
    let steps = cycle * u64::try_from(nodes)?;
    let direct = nodes <= DIRECT_NODES && steps <= u64::from(DIRECT_STEPS);
    let mut sum = 0;
    let mut lines = 0;
    for line in shown.lines() {
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|number| number.parse().with_context(|| format!("{line:?}")))
            .collect::<Result<_>>()?;
        let &[node, pages, weight] = numbers.as_slice() else {
            bail!("spread_pages shows {line:?}");
        };
        let expected = weights.get(&u32::try_from(node)?).copied();
        ensure!(
            expected.map(u64::from) == Some(weight),
            "spread_pages shows weight {weight} for node {node}, numaweave {expected:?}"
        );
        let tolerance = if direct { 1 } else { weight + 2 };
        ensure!(
            (pages * cycle).abs_diff(PAGES * weight) < tolerance * cycle,
            "node {node} has {pages} of {PAGES} pages, with weights {weights}"
        );
        sum += pages;
        lines += 1;
    }
    ensure!(
        sum == PAGES && lines == nodes,
        "spread_pages shows {sum} pages on {lines} nodes: {shown:?}"
    );
    Ok(())
}
