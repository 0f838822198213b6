// SPDX-License-Identifier: GPL-2.0

//! An operation, again and again: each time another one of its allocations fails.
//!
//! What is refused has to leave everything as it was, and to work when done again. What is not refused,
//! as something else helped or is going to be done later, has to end as if nothing had failed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;

use crate::fault_injection::{Injection, Reached, Victim};
use crate::file;
use crate::harness::note;
use crate::kernel_table::KernelTable;
use crate::module::errno;
use crate::provider::{self, difference, State};
use crate::wait::wait_for;

/// No operation makes as many allocations.
const LIMIT: u32 = 20_000;

/// Times that a worker may have been new, and so not be waited for.
const ATTEMPTS: u32 = 5;

/// Points after which to say how far it has come.
const PROGRESS: u32 = 50;

/// All points of the run so far.
static TOTAL: AtomicU32 = AtomicU32::new(0);

/// Files that count what others do as well.
const COUNTERS: [&str; 3] = ["generation", "fallbacks", "placed"];

/// Returns the number of points of the run so far.
pub(crate) fn total() -> u32 {
    TOTAL.load(Ordering::Relaxed)
}

/// Something that allocates, and its undoing.
pub(crate) struct Operation<'a> {
    name: &'a str,
    victim: Victim,
    run: Action<'a>,
    finish: Action<'a>,
    undo: Action<'a>,
}

type Action<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

impl<'a> Operation<'a> {
    /// `run` is what allocations fail in; `undo` makes everything as it was before. For a caller as the
    /// victim `run` has to be one call that matters: an error is taken for a refusal.
    pub(crate) fn new(
        name: &'a str,
        victim: Victim,
        run: impl FnMut() -> Result<()> + 'a,
        undo: impl FnMut() -> Result<()> + 'a,
    ) -> Self {
        Self {
            name,
            victim,
            run: Box::new(run),
            finish: Box::new(|| Ok(())),
            undo: Box::new(undo),
        }
    }

    /// Has `finish` wait for what follows from a success.
    pub(crate) fn then(mut self, finish: impl FnMut() -> Result<()> + 'a) -> Self {
        self.finish = Box::new(finish);
        self
    }

    /// Fails the first allocation, then the second, until there are no more. Prints the number of
    /// points; none at all is an error.
    pub(crate) fn exhaust(self) -> Result<()> {
        let Self {
            name,
            victim,
            mut run,
            mut finish,
            mut undo,
        } = self;
        let named = |error: anyhow::Error| error.context(name.to_owned());
        let before = observe()?;
        run().map_err(named)?;
        finish().map_err(named)?;
        let after = steady()?;
        undo().map_err(named)?;
        let mut exactly = settle(&before).with_context(|| format!("{name}, undone"))?;

        let mut refused = 0;
        let mut done = 0;
        let mut attempts = 0;
        let injection = Injection::new(victim)?;
        while attempts < ATTEMPTS {
            ensure!(done < LIMIT, "{name}: there is no end of allocations");
            let nth = done + 1;
            let at = || format!("{name}, allocation {nth}");
            let armed = injection.arm(nth)?;
            let ran = run();
            let reached = armed.end()?;
            let failed = reached == Reached::Failed;
            match ran {
                Err(error) if failed && errno(&error) == Some(Errno::ENOMEM) => {
                    let changes = changes(&exactly, &observe()?);
                    ensure!(
                        changes.is_empty(),
                        "{}: refused, but {}",
                        at(),
                        changes.join(", ")
                    );
                    refused += 1;
                    run().with_context(|| format!("{}: once more", at()))?;
                }
                ran => ran.with_context(|| format!("{} ({reached:?})", at()))?,
            }
            finish().with_context(at)?;
            settle(&after).with_context(at)?;
            undo().with_context(|| format!("{}: the undoing", at()))?;
            exactly = settle(&before).with_context(|| format!("{}: the undoing", at()))?;
            match reached {
                Reached::Failed => {
                    (done, attempts) = (done + 1, 0);
                    if done % PROGRESS == 0 {
                        note(&format!("{name}: {done} points so far"));
                    }
                }
                Reached::Counted => break,
                // Perhaps it was done by a worker that is new, and was not armed.
                Reached::Nothing => attempts += 1,
            }
        }
        drop(injection);
        ensure!(done > 0, "{name}: no allocation was made to fail");
        TOTAL.fetch_add(done, Ordering::Relaxed);
        note(&format!(
            "points: {name}: {done}, of which {refused} refused"
        ));
        Ok(())
    }
}

/// Everything there is to see: the module's files, the kernel's table, modules and their users,
/// livepatches.
fn observe() -> Result<State> {
    let mut state = State::new();
    if Path::new(provider::DIRECTORY).exists() {
        for name in provider::file_names()? {
            let value = file::read(Path::new(provider::DIRECTORY).join(&name))?;
            state.insert(name, value);
        }
    }
    state.insert(
        "the kernel's table".to_owned(),
        KernelTable::read()?.to_string(),
    );
    for line in file::read("/proc/modules")?.lines() {
        let mut fields = line.split(' ');
        let (name, users) = (fields.next(), fields.nth(1));
        let (name, users) = (name.unwrap_or_default(), users.unwrap_or_default());
        state.insert(format!("module {name}, users"), users.to_owned());
    }
    let patches = fs::read_dir("/sys/kernel/livepatch").context("cannot list livepatches")?;
    for patch in patches {
        let name = patch.context("cannot list livepatches")?.file_name();
        state.insert(
            format!("livepatch {}", name.to_string_lossy()),
            String::new(),
        );
    }
    Ok(state)
}

/// What is seen once it does not change any more.
fn steady() -> Result<State> {
    let mut last = observe()?;
    wait_for("a state that stays", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let next = observe()?;
        let changes = changes(&last, &next);
        last = next;
        Ok(if changes.is_empty() {
            Ok(())
        } else {
            Err(changes.join(", "))
        })
    })?;
    Ok(last)
}

/// Waits until everything but counters is as in `expected`; returns what is seen then.
fn settle(expected: &State) -> Result<State> {
    wait_for("the state without a fault", || {
        // A directory may go while it is being read.
        let seen = match observe() {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(format!("{error:#}"))),
        };
        let differs = changes(&without_counters(expected), &without_counters(&seen));
        Ok(if differs.is_empty() {
            Ok(seen)
        } else {
            Err(differs.join(", "))
        })
    })
}

fn changes(before: &State, after: &State) -> Vec<String> {
    // With the takeover decisions are made all the time.
    let is_decision = |line: &String| line.contains("fallbacks") || line.contains("placed");
    let mut lines = difference(before, after);
    lines.retain(|line| !is_decision(line));
    lines
}

fn without_counters(state: &State) -> State {
    let is_counter = |name: &str| COUNTERS.iter().any(|counter| name.ends_with(counter));
    let kept = state.iter().filter(|(name, _)| !is_counter(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
