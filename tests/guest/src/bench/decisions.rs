// SPDX-License-Identifier: GPL-2.0

//! Instructions per decision, counted by the module `numaweave_bench`.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use serde::Serialize;

use crate::file;
use crate::kernel_table::KernelTable;
use crate::module::Module;
use crate::takeover::Takeover;
use crate::wait::wait_for;
use crate::weights::Weights;

const DECIDE: &str = "/sys/kernel/debug/numaweave_bench/decide";

/// Times that a count is taken; the least is what counts.
const REPETITIONS: u32 = 3;

/// Fewest decisions in one count, rounded up to whole cycles: what a new cursor costs should not
/// weigh.
const CALLS: u32 = 256;

/// How a decision is asked for.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Path {
    /// By the index of a page.
    Index,
    /// By the task's cursor.
    Task,
}

impl Path {
    const ALL: [Self; 2] = [Self::Index, Self::Task];

    /// Mainline's function.
    fn mainline(self) -> &'static str {
        match self {
            Self::Index => "weighted_interleave_nid",
            Self::Task => "weighted_interleave_nodes",
        }
    }

    /// What takes its place, by its symbol: the compiler has made that of the function's name.
    fn replacement(self) -> Result<String> {
        let name = self.mainline();
        let symbols = file::read("/proc/kallsyms")?;
        let of_patch = symbols
            .lines()
            .filter_map(|line| line.strip_suffix("\t[numaweave_livepatch]"));
        let found: Vec<&str> = of_patch
            .filter_map(|line| line.split(' ').nth(2))
            .filter(|symbol| symbol.ends_with(name))
            .collect();
        let [symbol] = found[..] else {
            bail!("numaweave_livepatch has {found:?}, not one function {name}");
        };
        Ok(format!("numaweave_livepatch:{symbol}"))
    }
}

/// One line of the result.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    nodes: u32,
    path: Path,
    /// `mainline` or `numaweave`.
    provider: &'static str,
    /// `direct`, or `livepatch`: by the address of mainline's function.
    way: &'static str,
    /// Whether there was a schedule; of numaweave only.
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<bool>,
    /// Instructions per decision, from the function's first one to its return.
    instructions: f64,
    /// The same with the call and the loop around it.
    with_call: f64,
    /// Instructions by which repetitions differed, of all calls together.
    spread: u64,
    calls: u32,
}

/// One count.
struct Count {
    /// Of all calls, in a loop.
    instructions: u64,
    /// Of the same loop around a function that only returns.
    overhead: u64,
}

/// What is called, and what it should choose.
struct Subject {
    nodes: u32,
    path: Path,
    function: String,
    weights: Weights,
    calls: u32,
}

impl Subject {
    fn new(nodes: u32, path: Path, function: &str, weights: &Weights) -> Result<Self> {
        let weights: Weights = weights
            .iter()
            .filter(|&(&node, _)| node < nodes)
            .map(|(&node, &weight)| (node, weight))
            .collect();
        ensure!(
            weights.len() == usize::try_from(nodes)?,
            "the machine has weights for {} of the first {nodes} nodes only",
            weights.len()
        );
        let calls = CALLS.next_multiple_of(weights.cycle());
        Ok(Self {
            nodes,
            path,
            function: function.to_owned(),
            weights,
            calls,
        })
    }

    /// Counts once, and checks that the function chose the nodes by their weights.
    fn count(&self) -> Result<Count> {
        let Self {
            nodes,
            function,
            calls,
            ..
        } = self;
        file::write(DECIDE, format!("{function} {nodes} {calls}\n"))?;
        let text = file::read(DECIDE)?;
        let mut lines = text.lines();
        let mut number = || lines.next()?.parse::<u64>().ok();
        let (instructions, overhead) = number()
            .zip(number())
            .with_context(|| format!("{DECIDE} holds {text:?}"))?;

        let mut chosen = BTreeMap::new();
        for node in lines.next().unwrap_or_default().split_whitespace() {
            *chosen.entry(node.parse::<u32>()?).or_insert(0) += 1;
        }
        let share = self.weights.share_of(*calls);
        ensure!(
            chosen == share,
            "{function} among {nodes} nodes should have chosen {share:?}, but chose {chosen:?}"
        );
        ensure!(
            instructions > overhead && overhead >= u64::from(*calls),
            "{function} took {instructions} cycles and an empty function {overhead} for {calls} \
             calls: this guest does not count instructions, see scripts/vm --icount"
        );
        Ok(Count {
            instructions,
            overhead,
        })
    }

    fn row(
        &self,
        provider: &'static str,
        way: &'static str,
        cached: Option<bool>,
        counts: &[Count],
    ) -> Result<Row> {
        let all = || counts.iter().map(|count| count.instructions);
        let (least, most) = all().min().zip(all().max()).context("no count")?;
        let overhead = counts.iter().map(|count| count.overhead).min().unwrap_or(0);
        let each = |instructions: u64| -> Result<f64> {
            Ok(f64::from(u32::try_from(instructions)?) / f64::from(self.calls))
        };
        Ok(Row {
            nodes: self.nodes,
            path: self.path,
            provider,
            way,
            cached,
            // An empty function returns too, and its return is the one that was subtracted.
            instructions: each(least - overhead)? + 1.0,
            with_call: each(least)?,
            spread: most - least,
            calls: self.calls,
        })
    }
}

/// Counts for the first 1, 2, ... nodes, as `sizes` says.
pub(super) fn measure(sizes: &[u32]) -> Result<Vec<Row>> {
    let bench = Module::load("numaweave_bench", "")?;
    let mut rows = Vec::new();
    let mainline = KernelTable::read()?.weights;
    for &nodes in sizes {
        for path in Path::ALL {
            let subject = Subject::new(nodes, path, path.mainline(), &mainline)?;
            let counts = (0..REPETITIONS).map(|_| subject.count());
            let counts = counts.collect::<Result<Vec<_>>>()?;
            rows.push(subject.row("mainline", "direct", None, &counts)?);
        }
    }

    let takeover = Takeover::load("")?;
    for &nodes in sizes {
        for path in Path::ALL {
            for (way, function) in [
                ("direct", path.replacement()?.as_str()),
                ("livepatch", path.mainline()),
            ] {
                let weights = takeover.provider.weights()?;
                let subject = Subject::new(nodes, path, function, &weights)?;
                let (uncached, cached) = both(&subject, &takeover)?;
                rows.push(subject.row("numaweave", way, Some(true), &cached)?);
                rows.push(subject.row("numaweave", way, Some(false), &uncached)?);
            }
        }
    }
    takeover.unload()?;
    bench.unload()?;
    Ok(rows)
}

/// Counts without a schedule and with one.
fn both(subject: &Subject, takeover: &Takeover) -> Result<(Vec<Count>, Vec<Count>)> {
    let mut uncached = Vec::new();
    let mut cached = Vec::new();
    for _ in 0..REPETITIONS {
        forget(takeover)?;
        // Interrupts are off during a count: the schedule that it asks for comes after it.
        let (count, fallbacks) = watched(subject, takeover)?;
        ensure!(
            fallbacks == u64::from(subject.calls),
            "{fallbacks} of {} decisions by {} were computed directly, after a new table",
            subject.calls,
            subject.function
        );
        uncached.push(count);
        let count = wait_for("a schedule for the nodes that were asked for", || {
            let (count, fallbacks) = watched(subject, takeover)?;
            if fallbacks == 0 {
                return Ok(Ok(count));
            }
            thread::sleep(Duration::from_millis(10));
            Ok(Err(format!("{fallbacks} decisions computed directly")))
        })?;
        cached.push(count);
    }
    Ok((uncached, cached))
}

/// Counts, and also the decisions for which there was no schedule.
fn watched(subject: &Subject, takeover: &Takeover) -> Result<(Count, u64)> {
    let before = takeover.fallbacks()?;
    let count = subject.count()?;
    Ok((count, takeover.fallbacks()?.wrapping_sub(before)))
}

/// Has a new table published, with the same weights and no schedules.
fn forget(takeover: &Takeover) -> Result<()> {
    let provider = &takeover.provider;
    let generation = || provider.number("generation");
    let before = generation()?;
    provider.write("algorithm", "mainline")?;
    provider.write("algorithm", "balanced")?;
    ensure!(
        generation()? != before,
        "two writes of algorithm led to no new table"
    );
    Ok(())
}
