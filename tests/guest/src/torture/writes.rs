// SPDX-License-Identifier: GPL-2.0

//! Random writes to all files, and random parameters at load: what is good is taken as it was meant,
//! what is not is refused and changes nothing, and the state makes sense all along.

use std::io;
use std::process::ExitCode;

use anyhow::{bail, ensure, Context, Result};
use clap::Args;
use fastrand::Rng;
use nix::errno::Errno;
use nix::libc;

use super::values::{Kind, Value};
use crate::file;
use crate::machine::Machine;
use crate::module;
use crate::provider::{difference, file_names, Provider};
use crate::takeover::{self, Patch};

/// How many.
#[derive(Args, Debug)]
pub(crate) struct Order {
    /// Writes.
    #[arg(long, default_value_t = 1_000_000)]
    count: u32,
    /// Seed of everything random; printed by every run, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
}

/// Writes between two looks at everything.
const LOOK: u32 = 512;
/// Of as many writes one has all files read before and after it.
const WHOLE: u32 = 1024;
/// Writes between two loads.
const LOAD: u32 = 5_000;
/// Writes between two lines of progress.
const PROGRESS: u32 = 50_000;

/// The settings, which are parameters of the module and files, and what they take.
fn settings(machine: &Machine) -> Result<[(&'static str, Kind); 7]> {
    let nodes = u64::try_from(machine.memory.len())?;
    Ok([
        ("auto", Kind::Boolean),
        ("publish", Kind::Boolean),
        ("algorithm", Kind::Word(&["balanced", "mainline"])),
        ("metric", Kind::Word(&["min", "read", "write"])),
        ("scope", Kind::Word(&["system", "initiator"])),
        ("max_cycle", Kind::Number(nodes, 4096)),
        ("target", Kind::Number(1, 1000)),
    ])
}

/// What was counted.
#[derive(Default)]
struct Tally {
    taken: u32,
    refused: u32,
    loaded: u32,
    not_loaded: u32,
    takeovers: u32,
}

/// Entry of `numaweave-guest writes`.
pub(crate) fn main(order: &Order) -> Result<ExitCode> {
    let machine = Machine::read()?;
    let seed = order.seed.unwrap_or_else(|| fastrand::u64(..));
    println!(
        "writes: topology {}, seed {seed}, {} writes",
        machine.topology.name, order.count
    );
    file::write("/sys/kernel/rcu_expedited", "1")?;
    let takes_over = module::is_there(takeover::MODULE);
    let mut tally = Tally::default();
    let mut rng = Rng::with_seed(seed);
    let mut done = 0;
    let result = (|| -> Result<()> {
        while done < order.count {
            let provider = load(&machine, &mut rng, &mut tally)?;
            let patch = (takes_over && rng.bool()).then(|| Patch::load(&provider));
            let patch = patch.transpose()?;
            let attached = patch.is_some();
            if attached {
                // Publishes, if that has not been done yet.
                provider.write("auto", "true")?;
            }
            let files = files(&machine, attached)?;
            let until = order.count.min(done + LOAD);
            while done < until {
                write(&provider, &files, &mut rng, &mut tally)?;
                done += 1;
                if done % LOOK == 0 {
                    look(&provider, attached)?;
                }
                if done % PROGRESS == 0 {
                    println!("writes: {done} of {}", order.count);
                }
            }
            provider.expect_efficiency(&machine)?;
            if let Some(patch) = patch {
                tally.takeovers += 1;
                patch.remove()?;
                look(&provider, false)?;
            }
            provider.unload()?;
        }
        Ok(())
    })();
    println!(
        "{{\"writes\":{done},\"taken\":{},\"refused\":{},\"loads\":{},\"loads_refused\":{},\
         \"takeovers\":{}}}",
        tally.taken, tally.refused, tally.loaded, tally.not_loaded, tally.takeovers
    );
    result.with_context(|| {
        format!("after {done} writes; repeat it: numaweave-guest writes --seed {seed}")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Loads numaweave with random parameters until they are all good.
fn load(machine: &Machine, rng: &mut Rng, tally: &mut Tally) -> Result<Provider> {
    loop {
        let mut parameters = Vec::new();
        let mut is_good = true;
        for (name, kind) in &settings(machine)? {
            if rng.u32(..3) != 0 {
                continue;
            }
            let value = Value::random(kind, rng);
            // What the kernel itself takes apart, or does not take, is not ours to judge.
            let text = value.bytes.iter().all(u8::is_ascii_graphic);
            let fits = (1..16).contains(&value.bytes.len()) && !value.bytes.contains(&b'"');
            if text && fits {
                is_good &= kind.reads(&value.bytes).is_some();
                parameters.push(format!("{name}={}", String::from_utf8_lossy(&value.bytes)));
            }
        }
        let parameters = parameters.join(" ");
        match Provider::load(&parameters) {
            Ok(provider) => {
                ensure!(is_good, "numaweave takes the parameters {parameters:?}");
                tally.loaded += 1;
                return Ok(provider);
            }
            Err(error) if !is_good && module::errno(&error) == Some(Errno::EINVAL) => {
                tally.not_loaded += 1;
            }
            Err(error) => bail!("with the parameters {parameters:?}: {error:#}"),
        }
    }
}

/// A file and what it takes; [`None`] where it takes nothing.
type File = (String, Option<Kind>);

/// All files.
fn files(machine: &Machine, attached: bool) -> Result<Vec<File>> {
    let settings = settings(machine)?;
    let kind = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        let at_initiator = name.contains("initiator");
        match last {
            "weight" if !at_initiator => Some(Kind::Number(u64::from(!attached), 255)),
            "read_bandwidth" | "write_bandwidth" => Some(Kind::Number(0, u32::MAX.into())),
            "weight" => None,
            _ => {
                let setting = settings.iter().find(|(known, _)| *known == last);
                setting.map(|(_, kind)| *kind)
            }
        }
    };
    let names = file_names()?.into_iter();
    Ok(names.map(|name| (name.clone(), kind(&name))).collect())
}

/// One write.
fn write(provider: &Provider, files: &[File], rng: &mut Rng, tally: &mut Tally) -> Result<()> {
    let (name, kind) = rng.choice(files).context("there are no files")?;
    let other = Kind::Number(0, u32::MAX.into());
    let value = Value::random(kind.as_ref().unwrap_or(&other), rng);
    let expected = kind.as_ref().and_then(|kind| kind.reads(&value.bytes));
    let whole = if rng.u32(..WHOLE) == 0 {
        Some(provider.state()?)
    } else {
        None
    };
    let before = provider.read(name)?;
    let written = file::try_write(provider.path(name), &value.bytes);
    let after = provider.read(name)?;
    match (&written, &expected) {
        (Ok(length), Some(meant)) if *length == value.bytes.len() => {
            tally.taken += 1;
            let shown = match kind {
                Some(Kind::Word(_)) => provider.chosen(name)?,
                _ => after,
            };
            // An override that is dropped shows what is underneath.
            let is_dropped = name.ends_with("bandwidth") && meant == "0";
            ensure!(
                shown == *meant || is_dropped,
                "{name} took {value} and shows {shown:?}"
            );
        }
        (Err(error), None) if is_refusal(error, kind.is_some()) => {
            tally.refused += 1;
            // What is counted, and what others follow, changes by itself.
            let moving = ["placed", "fallbacks"];
            let moves = moving.iter().any(|end| name.ends_with(end));
            ensure!(
                after == before || moves,
                "{name} refused {value}, and {before:?} became {after:?}"
            );
            if let Some(whole) = whole {
                let mut changes = difference(&whole, &provider.state()?);
                changes.retain(|change| !moving.iter().any(|name| change.contains(name)));
                ensure!(
                    changes.is_empty(),
                    "{name} refused {value}, but {}",
                    changes.join(", ")
                );
            }
        }
        _ => bail!("{name} says {written:?} to {value}, which should be {expected:?}"),
    }
    Ok(())
}

fn is_refusal(error: &io::Error, is_writable: bool) -> bool {
    match error.raw_os_error() {
        Some(libc::EINVAL) => true,
        // There is no way to write it at all.
        Some(libc::EACCES | libc::EPERM | libc::EIO) => !is_writable,
        _ => false,
    }
}

/// Whether a file of this name may show this value, by its entry in `Documentation/ABI`.
fn is_documented(name: &str, value: &str, attached: bool) -> bool {
    let number = |from, to| {
        let number = value.parse::<u64>();
        number.is_ok_and(|number| (from..=to).contains(&number))
    };
    let words: &[&str] = match name {
        "auto" | "publish" | "in_sync" => &["true", "false"],
        "algorithm" => &["[balanced] mainline", "balanced [mainline]"],
        "metric" => &["[min] read write", "min [read] write", "min read [write]"],
        "scope" => &["[system] initiator", "system [initiator]"],
        "attached" if attached => &["livepatch"],
        "attached" => &["none", "publish"],
        "hook" => &["active"],
        "source" => &["firmware", "update", "override", "system", "none"],
        "weight" => return number(u64::from(!attached), 255),
        "read_bandwidth" | "write_bandwidth" => return number(0, u32::MAX.into()),
        "cycle" => return number(u64::from(!attached), u64::MAX),
        "max_cycle" => return number(1, 4096),
        "target" => return number(1, 1000),
        "efficiency" => return number(0, 1_000_000),
        "generation" | "placed" | "fallbacks" => return number(0, u64::MAX),
        _ => return false,
    };
    words.contains(&value)
}

/// Everything makes sense.
fn look(provider: &Provider, attached: bool) -> Result<()> {
    let weights = provider.weights()?;
    for name in file_names()? {
        let value = provider.read(&name)?;
        let last = name.rsplit('/').next().unwrap_or(&name);
        ensure!(is_documented(last, &value, attached), "{name} is {value:?}");
    }
    provider.expect("cycle", &weights.cycle().to_string())?;
    let efficiency = provider.number("efficiency")?;
    ensure!(efficiency <= 1_000_000, "an efficiency of {efficiency} ppm");
    if provider.read("auto")? == "true" && provider.chosen("algorithm")? == "balanced" {
        let bound = provider.number("max_cycle")?;
        ensure!(
            weights.cycle() <= bound,
            "a cycle of {} pages, at most {bound} are wanted",
            weights.cycle()
        );
    }
    Ok(())
}
