// SPDX-License-Identifier: GPL-2.0

//! The parts of the torture: who disturbs, and how.
//!
//! Each part runs in a thread of its own and owns what it changes, so that what the state is in the
//! end does not depend on who came first. What all touch, `auto` and the weights by hand, is decided
//! when all have ended.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context, Result};
use clap::ValueEnum;
use fastrand::Rng;
use nix::libc;

use super::memory;
use super::monitor::Monitor;
use super::site::Site;
use crate::file;
use crate::ftrace;
use crate::injector::report;
use crate::kernel_table;
use crate::machine::{keeps_reports, Machine};
use crate::module::{self, Module, RIVAL};
use crate::provider::Provider;
use crate::random;
use crate::takeover;
use crate::wait::wait_for;
use crate::weights::Weights;

/// Who disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Part {
    /// Settings of all kinds are written.
    Settings,
    /// Bandwidths are overridden.
    Overrides,
    /// Weights are written by hand, and follow bandwidth again.
    Weights,
    /// Storms of bandwidth updates come in.
    Reports,
    /// An administrator writes into the kernel's own table.
    Kernel,
    /// A node's only memory comes and goes by its memory blocks.
    Memory,
    /// DIMMs are plugged in and pulled out by QEMU's monitor.
    Dimms,
    /// The takeover comes and goes.
    Takeover,
    /// numaweave itself comes and goes, and what others write meets it or not.
    Modules,
    /// Function tracing is turned off and on.
    Ftrace,
    /// Another probe wants the functions that the takeover replaces.
    Rival,
}

impl Part {
    /// What this guest can do.
    pub(super) fn possible(machine: &Machine) -> BTreeSet<Self> {
        let is_possible = |part: &Self| match part {
            Self::Memory => !machine.hotplug.is_empty(),
            Self::Dimms => Monitor::is_there(),
            Self::Takeover => module::is_there(takeover::MODULE),
            Self::Reports => machine.memory.iter().any(|&node| keeps_reports(node)),
            Self::Ftrace => ftrace::can_be_turned_off(),
            Self::Rival => module::is_there(RIVAL),
            Self::Settings | Self::Overrides | Self::Weights | Self::Kernel | Self::Modules => true,
        };
        let all = Self::value_variants().iter().copied();
        all.filter(is_possible).collect()
    }

    /// The word of the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it has a thread of its own in a round with or without `churn`.
    pub(super) fn acts(self, churn: bool) -> bool {
        match self {
            Self::Modules => churn,
            // With churn the modules part does it.
            Self::Takeover => !churn,
            _ => true,
        }
    }

    /// Whether what it has done is still open when it has ended: reports that nobody has heard, weights and
    /// tables that somebody has to take back.
    pub(super) fn leaves_more_to_do(self) -> bool {
        matches!(self, Self::Weights | Self::Kernel | Self::Ftrace)
    }

    /// Disturbs for a while.
    pub(super) fn act(self, site: &Site<'_>, rng: &mut Rng) -> Result<()> {
        match self {
            Self::Settings => settings(site, rng),
            Self::Overrides => overrides(site, rng),
            Self::Weights => weights(site, rng),
            Self::Reports => reports(site, rng),
            Self::Kernel => kernel(site, rng),
            Self::Memory => memory::blocks_come_and_go(site),
            Self::Dimms => memory::dimms_come_and_go(site, rng),
            Self::Takeover => take_over(site, rng),
            Self::Modules => churn(site, rng),
            Self::Ftrace => flip_ftrace(site, rng),
            Self::Rival => rival(site, rng),
        }
    }
}

/// A moment in which others do something.
pub(super) fn pause(rng: &mut Rng) {
    thread::sleep(Duration::from_micros(rng.u64(..8_000)));
}

/// One of a few.
pub(super) fn one_of<T>(rng: &mut Rng, choices: impl IntoIterator<Item = T>) -> Result<T> {
    let choices: Vec<T> = choices.into_iter().collect();
    rng.choice(choices).context("nothing to choose from")
}

fn settings(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..16 {
        match rng.u32(..6) {
            0 => {
                let name = one_of(rng, ["balanced", "mainline"])?;
                site.write("algorithm", name)?;
                site.model().algorithm = name;
            }
            1 => {
                let name = one_of(rng, ["min", "read", "write"])?;
                site.write("metric", name)?;
                site.model().metric = name;
            }
            2 => {
                let name = one_of(rng, ["system", "initiator"])?;
                site.write("scope", name)?;
                site.model().scope = name;
            }
            3 => {
                // Room for each node, those that may come included.
                let pages = one_of(rng, [64, 100, 255, 700, 4096])?;
                site.write("max_cycle", &pages.to_string())?;
                site.model().max_cycle = Some(pages);
            }
            4 => {
                let target = one_of(rng, [1, 800, 950, 990, 999, 1000])?;
                site.write("target", &target.to_string())?;
                site.model().target = target;
            }
            _ => {
                let publish = rng.bool();
                site.write("publish", &publish.to_string())?;
                site.model().publish = publish;
            }
        }
        pause(rng);
    }
    Ok(())
}

fn overrides(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..16 {
        let node = *one_of(rng, &site.machine.memory)?;
        let initiator = if rng.bool() {
            Some(*one_of(rng, &site.machine.cpu)?)
        } else {
            None
        };
        let bandwidth = if rng.u32(..4) == 0 {
            0
        } else {
            random::bandwidth(rng)
        };
        let read = rng.bool();
        let seen_by = initiator.map_or_else(String::new, |it| format!("/initiator{it}"));
        let direction = if read { "read" } else { "write" };
        site.write(
            &format!("node{node}{seen_by}/{direction}_bandwidth"),
            &bandwidth.to_string(),
        )?;
        let mut model = site.model();
        let over = model.overrides.entry((node, initiator)).or_default();
        *if read {
            &mut over.read
        } else {
            &mut over.write
        } = bandwidth;
        drop(model);
        pause(rng);
    }
    Ok(())
}

/// What they come to is decided at rest.
fn weights(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..16 {
        if rng.u32(..3) == 0 {
            site.write("auto", &rng.bool().to_string())?;
        } else {
            let node = one_of(rng, &site.machine.memory)?;
            site.write(&format!("node{node}/weight"), &rng.u8(1..).to_string())?;
        }
        pause(rng);
    }
    Ok(())
}

/// Writes a weight for each node; with the takeover it may be 0.
pub(super) fn write_weights(
    provider: &Provider,
    machine: &Machine,
    attached: bool,
    rng: &mut Rng,
) -> Result<Weights> {
    let mut weights = Weights::default();
    for &node in &machine.memory {
        let weight = match rng.u32(..4) {
            0 if attached => 0,
            1 => rng.u8(1..),
            _ => rng.u8(1..8),
        };
        provider.write(&format!("node{node}/weight"), weight.to_string())?;
        weights.insert(node, weight);
    }
    Ok(weights)
}

fn reports(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    let nodes = site.machine.memory.iter().copied();
    let nodes: Vec<u32> = nodes.filter(|&node| keeps_reports(node)).collect();
    for number in 0..48 {
        let node = one_of(rng, nodes.iter().copied())?;
        let coordinates = random::coordinates(rng);
        let change = site.begin_change();
        report(node, coordinates)?;
        drop(change);
        site.model().reported.insert(node, coordinates);
        if number % 12 == 11 {
            pause(rng);
        }
    }
    Ok(())
}

fn kernel(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..10 {
        let change = site.begin_change();
        if rng.u32(..3) == 0 {
            kernel_table::set_auto(rng.bool())?;
        } else {
            let node = one_of(rng, &site.machine.memory)?;
            kernel_table::set_weight(*node, rng.u8(1..))?;
        }
        drop(change);
        pause(rng);
    }
    Ok(())
}

/// Targets with weights of their own each, on most machines.
const TARGETS: [&str; 3] = ["900", "999", "970"];

/// A weight that an administrator writes into the kernel's table, in the middle of changes of ours, stays
/// through them and later ones, until he turns `auto` on again.
pub(super) fn administrator_wins(
    provider: &Provider,
    machine: &Machine,
    attached: bool,
    rng: &mut Rng,
) -> Result<()> {
    let node = *one_of(rng, &machine.memory)?;
    let mut ours = BTreeSet::new();
    for target in TARGETS {
        provider.write("target", target)?;
        ours.insert(provider.number(&format!("node{node}/weight"))?);
    }
    // Another than ours, which would not be known for his.
    let his = one_of(
        rng,
        (1..=255_u8).filter(|&weight| !ours.contains(&weight.into())),
    )?;
    thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let mut targets = TARGETS.iter().cycle().take(3 * TARGETS.len());
            targets.try_for_each(|target| provider.write("target", target))
        });
        pause(rng);
        kernel_table::set_weight(node, his)?;
        publishing
            .join()
            .map_err(|_| anyhow!("a writer panicked"))?
    })?;
    provider.write("target", "987")?;
    if attached {
        takeover::wait_for_kernel_weight(provider, node, his)?;
    }
    let kernel: u8 = file::parse(kernel_table::weight_file(node))?;
    ensure!(
        kernel == his,
        "the administrator wrote weight {his} for node {node} over {ours:?}; there is {kernel}"
    );
    kernel_table::set_auto(true)?;
    provider.write("auto", "true")?;
    wait_for("the kernel's table with our weights again", || {
        let in_sync = provider.read("in_sync")?;
        Ok(if in_sync == "true" {
            Ok(())
        } else {
            Err(in_sync)
        })
    })
}

fn take_over(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..3 {
        if let Some(patch) = site.load_patch()? {
            if rng.bool() {
                wait_for("all tasks to go by the patch", || {
                    let settled = takeover::is_settled();
                    Ok(if settled == Some(true) {
                        Ok(())
                    } else {
                        Err(format!("{settled:?}"))
                    })
                })?;
                // Time for pages that the takeover alone has placed.
                thread::sleep(Duration::from_millis(rng.u64(..200)));
            }
            pause(rng);
            patch.remove()?;
        }
        site.change();
    }
    if rng.bool() {
        let patch = site.load_patch()?;
        *site.patch.lock().unwrap_or_else(PoisonError::into_inner) = patch;
    }
    Ok(())
}

/// Loads and unloads numaweave, at times with the takeover, while others write to its files.
fn churn(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    let done = AtomicBool::new(false);
    let mut writer_rng = rng.fork();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                settings(site, &mut writer_rng)?;
                overrides(site, &mut writer_rng)?;
                weights(site, &mut writer_rng)?;
            }
            Ok(())
        });
        let churned = come_and_go(site, rng);
        done.store(true, Ordering::Relaxed);
        let written = writer.join().map_err(|_| anyhow!("the writer panicked"))?;
        churned.and(written)
    })
}

fn come_and_go(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for _ in 0..5 {
        let parameters = one_of(
            rng,
            [
                "",
                "scope=initiator",
                "publish=false",
                "auto=false",
                "algorithm=mainline",
            ],
        )?;
        let provider = Provider::load(parameters)?;
        site.change();
        pause(rng);
        if site.has(Part::Takeover) && rng.bool() {
            if let Some(patch) = site.load_patch()? {
                pause(rng);
                patch.remove()?;
            }
        }
        // Who has a file open, or writes to it, does not hold it up for long.
        provider.unload()?;
        pause(rng);
    }
    Ok(())
}

/// While ftrace is off nothing can be replaced, and where something is it cannot be turned off.
fn flip_ftrace(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for number in 0..6 {
        let held = site.hold_ftrace();
        match file::try_write(ftrace::ENABLED, "0") {
            Ok(_) => site.change(),
            // A livepatch needs it.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => site.refuse(),
            Err(error) => bail!("{}: {error}", ftrace::ENABLED),
        }
        if site.is_alone() && number == 0 {
            ensure!(site.load_patch()?.is_none(), "patched without ftrace");
        }
        pause(rng);
        file::write(ftrace::ENABLED, "1")?;
        if site.is_alone() && number == 0 {
            let patch = site.load_patch()?.context("refused with ftrace")?;
            let off = file::try_write(ftrace::ENABLED, "0");
            let off = off.err().and_then(|error| error.raw_os_error());
            ensure!(off == Some(libc::EBUSY), "ftrace is off: {off:?}");
            site.refuse();
            patch.remove()?;
        }
        drop(held);
        pause(rng);
    }
    Ok(())
}

/// Who comes second is refused, or without effect: see the case `takeover.rival`.
fn rival(site: &Site<'_>, rng: &mut Rng) -> Result<()> {
    for number in 0..6 {
        match Module::load(RIVAL, "") {
            Ok(module) => {
                site.change();
                if site.is_alone() && number < 2 {
                    ensure!(site.load_patch()?.is_none(), "patched beside a rival");
                }
                pause(rng);
                let _held = site.hold_ftrace();
                module.unload()?;
            }
            Err(error) if module::errno(&error) == Some(nix::errno::Errno::EBUSY) => site.refuse(),
            Err(error) => return Err(error),
        }
        pause(rng);
    }
    Ok(())
}
