// SPDX-License-Identifier: GPL-2.0

//! The harness: a plan of cases for this topology, run one after another, reported as KTAP.
//!
//! Every case finds the machine as it was at the start of the run, and the harness checks after
//! each that the case left it so: no module of ours loaded, the kernel's table, the reported
//! bandwidths, the memory blocks and ftrace as they were. What a case leaves behind is a failure of
//! that case, and is cleared away for the next one.

use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail, ensure, Result};
use fastrand::Rng;

use crate::cases::{leaks, SUITES};
use crate::fault_injection;
use crate::file;
use crate::firmware;
use crate::ftrace;
use crate::installed;
use crate::lockdown;
use crate::machine::Machine;
use baseline::Baseline;

mod baseline;
pub(crate) mod faults;

/// Cases about one part of the module.
pub(crate) struct Suite {
    /// Name in the KTAP.
    pub(crate) name: &'static str,
    /// Cases in the order in which they run.
    pub(crate) cases: &'static [Case],
}

/// One case.
pub(crate) struct Case {
    /// Name in the KTAP.
    pub(crate) name: &'static str,
    /// Where it makes sense.
    pub(crate) scope: Scope,
    /// The case itself; it fails with what was expected and what was seen.
    pub(crate) run: fn(&mut Bench<'_>) -> Result<()>,
}

impl Case {
    /// A row of a suite's table.
    pub(crate) const fn new(
        name: &'static str,
        scope: Scope,
        run: fn(&mut Bench<'_>) -> Result<()>,
    ) -> Self {
        Self { name, scope, run }
    }
}

/// The topologies on which a case makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All.
    Everywhere,
    /// Those with several nodes that have memory.
    SeveralNodes,
    /// Those whose firmware reports a bandwidth.
    FirmwareData,
    /// Those whose firmware reports none.
    NoFirmwareData,
    /// Those with a node that has CPUs and no memory.
    MemorylessNode,
    /// Those with a node whose memory can be put online.
    Hotplug,
    /// The one of this name.
    Only(&'static str),
    /// All, where the kernel has a switch for function tracing: Linux 7.3 has none any more.
    FtraceSwitch,
    /// All, where the kernel can make its allocations fail.
    FaultInjection,
    /// All, where numaweave is installed from its package.
    Installed,
    /// All, where the kernel can say what memory nothing refers to.
    Kmemleak,
    /// Those whose firmware is handmade, and said to be so.
    Firmware,
    /// All, where users can have user namespaces.
    UserNamespaces,
    /// All, where the kernel can be locked down.
    Lockdown,
    /// Those that all of these are.
    Each(&'static [Scope]),
}

impl Scope {
    fn includes(self, machine: &Machine) -> bool {
        match self {
            Self::Everywhere => true,
            Self::SeveralNodes => machine.memory.len() > 1,
            Self::FirmwareData => machine.has_firmware_data(),
            Self::NoFirmwareData => !machine.has_firmware_data(),
            Self::MemorylessNode => !machine.cpu.is_subset(&machine.memory),
            Self::Hotplug => !machine.hotplug.is_empty(),
            Self::Only(name) => machine.topology.name == name,
            Self::FtraceSwitch => ftrace::can_be_turned_off(),
            Self::FaultInjection => fault_injection::is_available(),
            Self::Installed => installed::folder().exists(),
            Self::Kmemleak => leaks::can_be_looked_for(),
            Self::Firmware => firmware::is_handmade(),
            Self::UserNamespaces => Path::new("/proc/self/ns/user").exists(),
            Self::Lockdown => lockdown::is_there(),
            Self::Each(scopes) => scopes.iter().all(|scope| scope.includes(machine)),
        }
    }

    fn describe(self) -> String {
        let text = match self {
            Self::Everywhere => "everywhere",
            Self::SeveralNodes => "several nodes with memory",
            Self::FirmwareData => "bandwidth data from firmware",
            Self::NoFirmwareData => "a firmware without bandwidth data",
            Self::MemorylessNode => "a node with CPUs and no memory",
            Self::Hotplug => "a node with memory to put online",
            Self::Only(name) => name,
            Self::FtraceSwitch => "a kernel whose ftrace_enabled can be 0",
            Self::FaultInjection => "a kernel with fault injection",
            Self::Installed => "numaweave installed from its package",
            Self::Kmemleak => "a kernel with kmemleak",
            Self::Firmware => "an ACPI table made by hand",
            Self::UserNamespaces => "a kernel with user namespaces",
            Self::Lockdown => "a kernel that can be locked down",
            Self::Each(scopes) => {
                let scopes: Vec<String> = scopes.iter().map(|scope| scope.describe()).collect();
                return scopes.join(", ");
            }
        };
        text.to_owned()
    }
}

/// What a case works with.
pub(crate) struct Bench<'a> {
    /// The machine as it was at the start of the run.
    pub(crate) machine: &'a Machine,
    /// Pseudo-random numbers; seeded anew for each case, so that a case repeats alone as in the
    /// whole run.
    pub(crate) rng: Rng,
}

/// Entry of `numaweave-guest test`.
pub(crate) fn main(filters: &[String], list: bool, seed: Option<u64>) -> Result<ExitCode> {
    let machine = Machine::read()?;
    let chosen = |suite: &Suite, case: &Case| {
        let name = format!("{}.{}", suite.name, case.name);
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
    };
    let plan = Plan::new(&machine, |suite, case| {
        chosen(suite, case) || suite.name == leaks::SUITE.name
    });
    if list {
        plan.print();
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        plan.cases().any(|(suite, case)| chosen(suite, case)),
        "no case of this topology ({}) has {filters:?} in its name; see numaweave-guest test --list",
        machine.topology.name
    );
    leaks::begin()?;
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let failed = plan.run(&machine, seed)?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The cases to run, by suite.
struct Plan {
    suites: Vec<(&'static Suite, Vec<&'static Case>)>,
    /// Cases that make no sense on this topology.
    left_out: Vec<(&'static Suite, &'static Case)>,
}

impl Plan {
    fn new(machine: &Machine, wanted: impl Fn(&Suite, &Case) -> bool) -> Self {
        let mut plan = Self {
            suites: Vec::new(),
            left_out: Vec::new(),
        };
        for suite in SUITES {
            let (cases, left_out): (Vec<_>, Vec<_>) = suite
                .cases
                .iter()
                .filter(|case| wanted(suite, case))
                .partition(|case| case.scope.includes(machine));
            plan.left_out
                .extend(left_out.into_iter().map(|case| (suite, case)));
            if !cases.is_empty() {
                plan.suites.push((suite, cases));
            }
        }
        plan
    }

    fn cases(&self) -> impl Iterator<Item = (&Suite, &Case)> {
        self.suites
            .iter()
            .flat_map(|(suite, cases)| cases.iter().map(move |case| (*suite, *case)))
    }

    fn print(&self) {
        for (suite, case) in self.cases() {
            println!("{}.{}", suite.name, case.name);
        }
    }

    /// Runs everything and returns the number of cases that failed.
    fn run(&self, machine: &Machine, seed: u64) -> Result<usize> {
        println!("KTAP version 1");
        println!("1..{}", self.suites.len());
        println!(
            "# topology {}, nodes with memory {:?}, seed {seed}",
            machine.topology.name, machine.memory
        );
        for (suite, case) in &self.left_out {
            println!(
                "# not here: {}.{} (for {})",
                suite.name,
                case.name,
                case.scope.describe()
            );
        }

        // Every weight that is published waits for a grace period, and the cases publish thousands.
        file::write("/sys/kernel/rcu_expedited", "1")?;
        let baseline = Baseline::read(machine)?;
        let mut failed = 0;
        for (number, (suite, cases)) in (1..).zip(&self.suites) {
            println!(
                "    KTAP version 1\n    # Subtest: {}\n    1..{}",
                suite.name,
                cases.len()
            );
            let mut failed_here = 0;
            for (number, case) in (1..).zip(cases) {
                let mut bench = Bench {
                    machine,
                    rng: Rng::with_seed(seed),
                };
                let verdict = attempt(case, &mut bench, &baseline);
                let name = case.name;
                match &verdict {
                    Ok(()) => println!("    ok {number} {name}"),
                    Err(error) => {
                        failed_here += 1;
                        note(&format!("{}.{name}: {error:#}", suite.name));
                        note(&format!(
                            "repeat it: numaweave-guest test --seed {seed} {}.{name}",
                            suite.name
                        ));
                        println!("    not ok {number} {name}");
                    }
                }
                io::stdout().flush()?;
            }
            println!(
                "{} {number} {}",
                if failed_here == 0 { "ok" } else { "not ok" },
                suite.name
            );
            failed += failed_here;
        }
        Ok(failed)
    }
}

/// Prints diagnostics of the case that runs.
pub(crate) fn note(text: &str) {
    for line in text.lines() {
        println!("    # {line}");
    }
}

/// Runs one case and looks at what it left behind; a panic is a failure like any other.
fn attempt(case: &Case, bench: &mut Bench<'_>, baseline: &Baseline) -> Result<()> {
    let verdict = catch_unwind(AssertUnwindSafe(|| (case.run)(bench))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(anyhow!("the case panicked: {}", text.unwrap_or_default()))
    });

    let mut problems: Vec<String> = verdict
        .err()
        .map(|error| format!("{error:#}"))
        .into_iter()
        .collect();
    problems.extend(faults::take());
    if let Err(left_behind) = baseline.verify() {
        problems.push(format!("left behind: {left_behind:#}"));
        if let Err(error) = baseline.repair() {
            problems.push(format!("cannot be repaired: {error:#}"));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"))
}
