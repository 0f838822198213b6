// SPDX-License-Identifier: GPL-2.0

//! Torture: everything that may happen to numaweave, at once and at random, while pages are
//! allocated; and after each round a look at whether it is what it should be.
//!
//! A round loads numaweave, lets the chosen parts disturb it from a thread each while workers
//! allocate under weighted interleave, and then brings it to rest: a few last writes that decide
//! what the state has to be. The state is compared with the model, and pages that are faulted then
//! with the weights. What is random comes from the seed.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{anyhow, ensure, Context, Result};
use clap::Args;
use fastrand::Rng;
use serde::Serialize;

use crate::cases::leaks;
use crate::file;
use crate::ftrace;
use crate::harness::faults;
use crate::injector::Injector;
use crate::kernel_table::{self, KernelTable};
use crate::machine::{self, keeps_reports, Machine};
use crate::memory_block::{self, OnlineMemory};
use crate::provider::Provider;
use crate::takeover::{self, Patch};
use crate::usage::Usage;
use crate::wait::wait_for;

mod in_force;
mod memory;
mod model;
mod monitor;
mod pages;
mod parts;
mod site;
mod values;
mod workers;
pub(crate) mod writes;

use model::Model;
use parts::Part;
use site::Site;

/// What to do.
#[derive(Args, Debug)]
pub(crate) struct Order {
    /// What disturbs; everything that this guest can do where nothing is named.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Rounds.
    #[arg(long, default_value_t = 10)]
    rounds: u32,
    /// The round to begin with, to repeat one.
    #[arg(long, default_value_t = 1)]
    from: u32,
    /// Seed of everything random; printed by every run, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
}

/// What has been done, for the summary.
#[derive(Debug, Default, Serialize)]
struct Tally {
    rounds: u32,
    /// Changes: writes, reports, memory that came or went, modules loaded.
    changes: u64,
    /// Of these, the ones that were refused as they may be.
    refused: u64,
    /// Batches of pages that the workers have allocated meanwhile.
    batches: u64,
    /// Of these, the ones that were compared with the table in force, as none changed meanwhile.
    compared: u64,
    /// And those of them that the takeover has placed.
    by_takeover: u64,
    /// Pages that were counted against the weights after a round.
    pages: u64,
    /// Rounds that ended with the takeover.
    takeovers: u32,
}

/// Growth of a counter of kernel memory over all rounds but the first that is a leak; what other tasks keep was
/// up to 12. One object lost with each report makes 48 a round. What is lost with each load of the module
/// is looked for more closely by the suite `rounds`.
const LEAK: u64 = 32;

/// Entry of `numaweave-guest torture`.
pub(crate) fn main(order: &Order) -> Result<ExitCode> {
    let machine = Machine::read()?;
    let possible = Part::possible(&machine);
    let parts: BTreeSet<Part> = match order.parts.as_slice() {
        [] => possible.clone(),
        some => some.iter().copied().collect(),
    };
    let impossible: Vec<_> = parts.difference(&possible).collect();
    ensure!(
        impossible.is_empty(),
        "this guest cannot do {impossible:?}, only {possible:?}"
    );
    let seed = order.seed.unwrap_or_else(|| fastrand::u64(..));
    println!(
        "torture: topology {}, seed {seed}, {} rounds of {parts:?}",
        machine.topology.name, order.rounds
    );
    let mut tally = Tally::default();
    let done = Torture::new(&machine, parts, seed).run(order, &mut tally);
    let mut problems: Vec<String> = faults::take();
    if let Err(error) = done {
        problems.insert(0, format!("{error:#}"));
    }
    println!("{}", serde_json::to_string(&tally)?);
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for problem in problems {
        println!("torture: {problem}");
    }
    Ok(ExitCode::FAILURE)
}

/// One run.
struct Torture<'a> {
    machine: &'a Machine,
    parts: BTreeSet<Part>,
    seed: u64,
}

impl<'a> Torture<'a> {
    fn new(machine: &'a Machine, parts: BTreeSet<Part>, seed: u64) -> Self {
        Self {
            machine,
            parts,
            seed,
        }
    }

    fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn run(&self, order: &Order, tally: &mut Tally) -> Result<()> {
        // Every weight that is published waits for a grace period.
        file::write("/sys/kernel/rcu_expedited", "1")?;
        for &node in &self.machine.hotplug {
            if machine::node_directory(node).exists() {
                // What the kernel makes for a node when it has memory for the first time stays.
                OnlineMemory::add(node)?.remove()?;
            }
        }
        if self.removes_nodes() {
            memory::remove_nodes(self.machine)?;
        }
        leaks::begin()?;
        let table = KernelTable::read()?;
        let injector = Injector::load()?;
        let mut model = Model::new();
        for &node in &self.machine.memory {
            let known = machine::reported(node);
            model.reported.insert(node, known);
            if self.has(Part::Reports) && keeps_reports(node) {
                // From here on it is undone in the end.
                injector.inject(node, known)?;
            }
        }

        let mut before = None;
        for number in order.from..order.from.saturating_add(order.rounds) {
            let start = Instant::now();
            let line = self.round(number, &mut model, tally).with_context(|| {
                format!(
                    "round {number}; repeat it: numaweave-guest torture --seed {} --from {number} \
                         --rounds 1 {}",
                    self.seed,
                    self.names()
                )
            })?;
            tally.rounds += 1;
            println!(
                "round {number}: {line}; {:.1} s",
                start.elapsed().as_secs_f64()
            );
            if before.is_none() {
                // What the kernel makes once for all is there after the first.
                before = Some(Usage::floor()?);
            }
        }
        if let Some(before) = before {
            Self::expect_no_leak(&before, tally.rounds)?;
        }
        injector.undo()?;
        drop(injector);
        table.restore()?;
        let now = KernelTable::read()?;
        ensure!(
            now == table,
            "after all the kernel's table is {now}, was {table}"
        );
        if leaks::can_be_looked_for() {
            leaks::expect_none()?;
        }
        Ok(())
    }

    /// Whether nodes that wait for memory come and go themselves. Otherwise a part puts the memory that they
    /// have online and offline.
    fn removes_nodes(&self) -> bool {
        self.has(Part::Dimms) && !self.has(Part::Memory)
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.parts.iter().map(|part| part.name()).collect();
        names.join(" ")
    }

    /// One round; returns what it was like, in a few words.
    fn round(&self, number: u32, model: &mut Model, tally: &mut Tally) -> Result<String> {
        let mut rng = Rng::with_seed(self.seed ^ (u64::from(number) << 32));
        let modules = module_count()?;
        // numaweave comes and goes all the time, or it stays and others come and go.
        let is_alone = self.parts.len() == 1;
        let churn = self.has(Part::Modules) && (is_alone || rng.bool());
        model.forget_writes();
        let site = Site::new(self.machine, &self.parts, churn, model.clone());
        let provider = (!churn).then(|| Provider::load("")).transpose()?;
        let disturbed = thread::scope(|scope| {
            let workers = workers::spawn(scope, &site, provider.as_ref(), rng.fork());
            let parts: Vec<_> = self
                .parts
                .iter()
                .filter(|part| part.acts(churn))
                .map(|&part| {
                    let (site, mut rng) = (&site, rng.fork());
                    let act = move || {
                        part.act(site, &mut rng)
                            .with_context(|| format!("{part:?} while others disturb as well"))
                    };
                    scope.spawn(act)
                })
                .collect();
            let mut done = Ok(());
            for part in parts {
                let ended = part.join().map_err(|_| anyhow!("a part panicked"));
                done = done.and(ended.and_then(|done| done));
            }
            let batches = workers.stop();
            done.and(batches)
        });
        tally.batches += disturbed?;
        tally.changes += site.changes();
        tally.refused += site.refused();
        let (compared, by_takeover) = site.compared();
        tally.compared += compared;
        tally.by_takeover += by_takeover;
        let patch = site.take_patch();
        *model = site.into_model();

        file::write(ftrace::ENABLED, "1")?;
        let provider = if let Some(provider) = provider {
            provider
        } else {
            model.forget_writes();
            Provider::load("")?
        };
        let (patch, line) = self.come_to_rest(&provider, patch, churn, model, &mut rng, tally)?;
        let words = if churn { "churn, " } else { "" };
        if let Some(patch) = patch {
            tally.takeovers += 1;
            patch.remove()?;
        }
        provider.unload()?;
        self.expect_as_before(modules)?;
        Ok(format!("{words}{line}"))
    }

    /// Decides what the state is to be, and looks whether it is.
    fn come_to_rest(
        &self,
        provider: &Provider,
        patch: Option<Patch>,
        churned: bool,
        model: &mut Model,
        rng: &mut Rng,
        tally: &mut Tally,
    ) -> Result<(Option<Patch>, String)> {
        let attached = self.has(Part::Takeover) && rng.bool();
        let patch = match (patch, attached) {
            (None, true) => Some(Patch::load(provider)?),
            (Some(patch), false) => {
                patch.remove()?;
                None
            }
            (patch, _) => patch,
        };
        if attached {
            // The part that loaded it has not waited.
            takeover::wait_until_attached(provider)?;
        }
        if !churned && !self.parts.iter().any(|part| part.leaves_more_to_do()) {
            // Without a word from here: the hook has told of all that was reported.
            self.expect_model(provider, model, attached)?;
        }
        if self.has(Part::Kernel) {
            // Its rows are ours again.
            kernel_table::set_auto(true)?;
        }
        // Reads anew what was reported while nobody listened.
        provider.write("auto", "true")?;
        model.manual = None;
        let mut line = String::from("auto");
        if self.has(Part::Weights) && rng.bool() {
            line = String::from("by hand");
            model.manual = Some(parts::write_weights(provider, self.machine, attached, rng)?);
        }
        let publish = model.publish;
        let shown = |yes, text| if yes { text } else { "" };
        line += shown(attached, ", takeover");
        line += shown(!publish, ", unpublished");

        self.expect_model(provider, model, attached)?;
        wait_for("the kernel's table", || {
            let kernel = KernelTable::read()?;
            let weights = provider.weights()?;
            let wrong = model.kernel_table_differs(&kernel, &weights, attached);
            Ok(match wrong {
                None => Ok(()),
                Some(what) => Err(format!("{what}: {kernel}; numaweave has {weights}")),
            })
        })?;
        if publish || attached {
            tally.pages += pages::expect(provider, self.machine, model, attached, rng)?;
        }
        if self.has(Part::Kernel) && publish {
            parts::administrator_wins(provider, self.machine, attached, rng)?;
            line += ", administrator won";
        }
        Ok((patch, line))
    }

    fn expect_model(&self, provider: &Provider, model: &Model, attached: bool) -> Result<()> {
        wait_for("the state that the model predicts", || {
            let differences = model.differences(provider, self.machine, attached)?;
            Ok(if differences.is_empty() {
                Ok(())
            } else {
                Err(differences.join("; "))
            })
        })
    }

    /// Modules and memory blocks are as they were.
    fn expect_as_before(&self, modules: usize) -> Result<()> {
        let now = module_count()?;
        ensure!(
            now == modules,
            "{now} modules are loaded, before the round it was {modules}"
        );
        let memory = machine::memory_nodes()?;
        ensure!(
            memory == self.machine.memory,
            "the nodes {memory:?} have memory, before it was {:?}",
            self.machine.memory
        );
        for &node in &self.machine.hotplug {
            if self.removes_nodes() {
                memory::expect_removed(node)?;
                continue;
            }
            for (block, state) in memory_block::states(node)? {
                ensure!(state == "offline", "{} is {state}", block.display());
            }
        }
        Ok(())
    }

    fn expect_no_leak(before: &Usage, rounds: u32) -> Result<()> {
        let mut after = Usage::floor()?;
        wait_for("kernel memory as it was after the first round", || {
            after.look_again()?;
            let grown = after.growth(before, LEAK);
            Ok(if grown.is_empty() {
                Ok(())
            } else {
                Err(format!("after {rounds} rounds {}", grown.join(", ")))
            })
        })
    }
}

fn module_count() -> Result<usize> {
    Ok(file::read("/proc/modules")?.lines().count())
}
