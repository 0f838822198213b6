// SPDX-License-Identifier: GPL-2.0

//! The kernel's own fault injection: exactly the n-th allocation of a task fails.
//!
//! `/proc/PID/task/TID/fail-nth` counts down with each allocation that the task makes, of slab objects
//! and of pages, and the one that takes it to 0 fails. What counts can be limited to allocations with a
//! module among their callers.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{ensure, Context, Result};

use crate::file;
use crate::harness::faults;

/// The two kinds of allocation that can be made to fail.
const KINDS: [&str; 2] = [
    "/sys/kernel/debug/failslab",
    "/sys/kernel/debug/fail_page_alloc",
];

/// Whether this kernel has it.
pub(crate) fn is_available() -> bool {
    Path::new("/proc/thread-self/fail-nth").exists()
        && KINDS.iter().all(|kind| Path::new(kind).exists())
}

/// Whose allocations fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// Those of the calling thread, all of them.
    Caller,
    /// Those of the calling thread in the start-up of a module that it loads, but for the probes'.
    Loader,
    /// Those of the calling thread, but for the probes'.
    Leaver,
    /// Those of the calling thread, but for those that take a live patch off its functions.
    Unpatcher,
    /// Those of the calling thread with numaweave among the callers.
    CallerInModule,
    /// Those of the kernel's workers with numaweave among the callers.
    WorkersInModule,
}

/// Set up to fail allocations of one victim; nothing fails any more when dropped.
pub(crate) struct Injection {
    victim: Victim,
    /// The thread's own switch.
    own: File,
}

/// A fault that waits for its allocation, for one thread or for several.
#[must_use = "nothing fails once it is dropped"]
pub(crate) struct Armed {
    switches: Vec<File>,
    nth: u32,
}

/// What became of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The n-th allocation was made, and failed.
    Failed,
    /// Allocations were made, but not as many.
    Counted,
    /// None was made.
    Nothing,
}

impl Injection {
    /// Has all allocations considered, whatever they are for, but for one part of the kernel.
    ///
    /// That is kmemleak, which has a pool to fall back on for its own records. Where probes are put in
    /// place or taken away it is these instead: Linux 7.2 does not get over a fault there. A graph
    /// probe that could not be registered can never be again (`register_ftrace_graph()` keeps its
    /// flag), and others end in a `WARN_ON()`. So does one where a live patch is taken off a function.
    pub(crate) fn new(victim: Victim) -> Result<Self> {
        let functions = functions()?;
        let (start, end) = match victim {
            Victim::Caller | Victim::Leaver | Victim::Unpatcher => (0, u64::MAX),
            Victim::Loader => functions.init,
            Victim::CallerInModule | Victim::WorkersInModule => {
                Symbols::read()?.module("numaweave")?
            }
        };
        let reject = match victim {
            Victim::Loader | Victim::Leaver => functions.probes,
            Victim::Unpatcher => functions.unpatching,
            _ => functions.kmemleak,
        };
        for kind in KINDS {
            let set = |name: &str, value: &str| file::write(Path::new(kind).join(name), value);
            set("ignore-gfp-wait", "0")?;
            set("probability", "0")?;
            set("verbose", "0")?;
            set("stacktrace-depth", "32")?;
            set("require-start", &start.to_string())?;
            set("require-end", &end.to_string())?;
            set("reject-start", &reject.0.to_string())?;
            set("reject-end", &reject.1.to_string())?;
        }
        file::write("/sys/kernel/debug/failslab/cache-filter", "0")?;
        file::write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "0")?;
        file::write("/sys/kernel/debug/fail_page_alloc/min-order", "0")?;
        Ok(Self {
            victim,
            own: open("/proc/thread-self/fail-nth")?,
        })
    }

    /// Has the `nth` allocation from now on fail, counted from 1.
    pub(crate) fn arm(&self, nth: u32) -> Result<Armed> {
        let switches = match self.victim {
            Victim::WorkersInModule => workers()?,
            _ => {
                vec![self.own.try_clone().context("cannot keep fail-nth open")?]
            }
        };
        let armed = Armed { switches, nth };
        let count = nth.to_string();
        for switch in &armed.switches {
            // Last of all for the calling thread: it makes no more allocation of its own here.
            set(switch, &count).or_else(|error| armed.unless_gone(&error))?;
        }
        Ok(armed)
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        for kind in KINDS {
            for (name, value) in [("require-end", u64::MAX), ("require-start", 0)] {
                if let Err(error) = file::write(Path::new(kind).join(name), value.to_string()) {
                    faults::report(&error);
                }
            }
        }
    }
}

impl Armed {
    /// Calls it off, and says what became of it.
    pub(crate) fn end(self) -> Result<Reached> {
        let mut reached = Reached::Nothing;
        for switch in &self.switches {
            let mut buffer = [0; 16];
            // Before anything else: what this function does is not to be counted.
            let read = switch.read_at(&mut buffer, 0);
            let stopped = set(switch, "0");
            let Ok(length) = read else {
                continue;
            };
            stopped.or_else(|error| self.unless_gone(&error))?;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            let left: u32 = text
                .trim()
                .parse()
                .with_context(|| format!("fail-nth holds {text:?}"))?;
            if left == 0 {
                reached = Reached::Failed;
            } else if left < self.nth && reached == Reached::Nothing {
                reached = Reached::Counted;
            }
        }
        Ok(reached)
    }

    /// A worker may end at any time; the calling thread is there.
    fn unless_gone(&self, error: &std::io::Error) -> Result<()> {
        ensure!(self.switches.len() > 1, "cannot write fail-nth: {error}");
        Ok(())
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        for switch in &self.switches {
            // One that has gone has nothing to call off.
            let _ = set(switch, "0");
        }
    }
}

fn set(switch: &File, value: &str) -> std::io::Result<()> {
    switch.write_all_at(value.as_bytes(), 0)
}

fn open(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// The switches of all of the kernel's workers.
fn workers() -> Result<Vec<File>> {
    let mut switches = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc")? {
        let path = entry.context("cannot list /proc")?.path();
        let is_worker =
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("kworker/"));
        if let (true, Some(id)) = (is_worker, path.file_name()) {
            // It may have ended meanwhile.
            switches.extend(open(path.join("task").join(id).join("fail-nth")).ok());
        }
    }
    ensure!(switches.len() > 1, "this kernel has no workers");
    Ok(switches)
}

/// Where functions of the kernel begin and end.
#[derive(Clone, Copy)]
struct Functions {
    /// What allocates kmemleak's records.
    kmemleak: (u64, u64),
    /// What calls a module's start-up.
    init: (u64, u64),
    /// From graph tracing to fprobes, which are compiled one after another.
    probes: (u64, u64),
    /// What takes a live patch off its functions.
    unpatching: (u64, u64),
}

fn functions() -> Result<Functions> {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(*functions);
    }
    let symbols = Symbols::read()?;
    let probes = (
        symbols.function("register_ftrace_graph")?.0,
        symbols.function("register_fprobe_ips")?.1,
    );
    ensure!(
        probes.0 < probes.1,
        "this kernel has fprobes before graph tracing"
    );
    let kmemleak = symbols.function("__alloc_object")?;
    let init = symbols.function("do_init_module")?;
    let unpatching = symbols.function("__klp_unpatch_object")?;
    Ok(*FUNCTIONS.get_or_init(|| Functions {
        kmemleak,
        init,
        probes,
        unpatching,
    }))
}

/// The kernel's functions, and those of its modules, by address.
struct Symbols(String);

impl Symbols {
    fn read() -> Result<Self> {
        Ok(Self(file::read("/proc/kallsyms")?))
    }

    /// Address, name, and module in brackets where it is of one, of each function.
    fn functions(&self) -> impl Iterator<Item = Result<(u64, &str, Option<&str>)>> {
        self.0
            .lines()
            .filter_map(function)
            .map(|(address, name, module)| {
                let address = u64::from_str_radix(address, 16)
                    .with_context(|| format!("{address} is not an address"))?;
                Ok((address, name, module))
            })
    }

    /// Where the function `name` of the kernel begins and ends.
    fn function(&self, name: &str) -> Result<(u64, u64)> {
        let mut start = None;
        for function in self.functions() {
            match function? {
                (address, is, None) if is == name => start = Some(address),
                _ => {}
            }
        }
        let start = start.with_context(|| format!("the kernel has no function {name}"))?;
        let mut end = u64::MAX;
        for function in self.functions() {
            let (address, ..) = function?;
            if address > start {
                end = end.min(address);
            }
        }
        Ok((start, end))
    }

    /// Where the functions of a module begin and end: it has whole pages for them.
    fn module(&self, name: &str) -> Result<(u64, u64)> {
        let name = format!("[{name}]");
        let (mut start, mut end) = (u64::MAX, 0);
        for function in self.functions() {
            match function? {
                (address, _, Some(module)) if module == name => {
                    start = start.min(address);
                    end = end.max(address);
                }
                _ => {}
            }
        }
        ensure!(start < end, "{name} is not loaded");
        Ok((start, (end / PAGE + 1) * PAGE))
    }
}

const PAGE: u64 = 4096;

/// The fields of a line of `/proc/kallsyms`: address, name and module; [`None`] where it is no function.
fn function(line: &str) -> Option<(&str, &str, Option<&str>)> {
    let mut fields = line.split_whitespace();
    let (address, kind, name) = (fields.next()?, fields.next()?, fields.next()?);
    matches!(kind, "t" | "T").then_some((address, name, fields.next()))
}
