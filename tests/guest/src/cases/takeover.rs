// SPDX-License-Identifier: GPL-2.0

//! The takeover comes, decides page by page, and goes without a trace.

use std::io;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Result};
use nix::errno::Errno;
use nix::libc;

use crate::file;
use crate::ftrace;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::kernel_log::KernelLog;
use crate::kernel_table::{self, KernelTable};
use crate::machine::Coordinates;
use crate::module::{self, Module, RIVAL, RIVAL_TARGET};
use crate::provider::Provider;
use crate::takeover::{self, list, Patch, Takeover};
use crate::wait::{spin_until, wait_for};
use crate::weights::Weights;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "takeover",
    cases: &[
        Case::new("attached", Scope::Everywhere, attached),
        Case::new("restored", Scope::Everywhere, restored),
        Case::new("pinned", Scope::Everywhere, pinned),
        Case::new("rival", Scope::Everywhere, rival),
        Case::new("numactl", Scope::Everywhere, numactl),
        Case::new("order", Scope::Everywhere, order),
        Case::new("after_updates", Scope::FirmwareData, after_updates),
        Case::new("new_table", Scope::SeveralNodes, new_table),
        Case::new("counted", Scope::Everywhere, counted),
        Case::new("many_masks", Scope::SeveralNodes, many_masks),
        Case::new("kernel_weight", Scope::SeveralNodes, kernel_weight),
        Case::new("kernel_auto", Scope::SeveralNodes, kernel_auto),
        Case::new("kernel_race", Scope::SeveralNodes, kernel_race),
        Case::new("kernel_attach", Scope::SeveralNodes, kernel_attach),
        Case::new("unpublished", Scope::SeveralNodes, unpublished),
        Case::new("by_hand", Scope::Everywhere, by_hand),
        Case::new("zero", Scope::SeveralNodes, zero),
        Case::new("zero_detached", Scope::SeveralNodes, zero_detached),
    ],
};

fn attached(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("publish=false")?;
    provider.expect("attached", "none")?;
    provider.write("publish", "true")?;
    provider.expect("attached", "publish")?;
    let patch = Patch::load(&provider)?;
    provider.expect("attached", "livepatch")?;
    patch.remove()?;
    provider.expect("attached", "publish")?;
    provider.unload()
}

/// Another who wants the function that is replaced: who comes second is refused, and nothing is
/// replaced in part.
fn rival(_bench: &mut Bench<'_>) -> Result<()> {
    let busy = |what: &str, refused: anyhow::Error| {
        let errno = module::errno(&refused);
        ensure!(errno == Some(Errno::EBUSY), "{what}: {refused:#}");
        Ok(())
    };
    let provider = Provider::load("")?;
    let first = Module::load(RIVAL, "")?;
    match Patch::insert() {
        Ok(_) => bail!("the takeover shares a function with {RIVAL}"),
        Err(refused) => busy("the takeover", refused)?,
    }
    provider.expect("attached", "publish")?;
    first.unload()?;

    let patch = Patch::load(&provider)?;
    let attached = ftrace::attached_to(RIVAL_TARGET)?;
    ensure!(attached.contains("klp"), "{RIVAL_TARGET}: {attached}");
    match Module::load(RIVAL, "") {
        // 7.2's register_kprobe() keeps ftrace's refusal to itself, and the probe probes nothing.
        Ok(second) => {
            let now = ftrace::attached_to(RIVAL_TARGET)?;
            ensure!(now == attached, "{RIVAL} shares a function: {now}");
            second.unload()?;
        }
        Err(refused) => busy(RIVAL, refused)?,
    }
    let now = ftrace::attached_to(RIVAL_TARGET)?;
    ensure!(now == attached, "{RIVAL} leaves {now} for {attached}");
    workload::expect(&provider.weights()?)?;
    patch.remove()?;
    Module::load(RIVAL, "")?.unload()?;
    provider.unload()
}

/// After load and unload with some change in between the kernel's table is what it was.
fn restored(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let takeover = Takeover::load("")?;
    takeover.wait_for_mirror()?;
    let node = bench.machine.last_node();
    takeover
        .provider
        .write(&format!("node{node}/weight"), "9")?;
    takeover.wait_for_mirror()?;
    takeover.provider.write("auto", "true")?;
    takeover.wait_for_mirror()?;
    takeover.unload()?;
    let after = KernelTable::read()?;
    ensure!(
        after == before,
        "after the takeover the kernel's table is {after}, before it was {before}"
    );
    workload::expect(&before.weights)
}

/// numaweave stays as long as the takeover needs it.
fn pinned(_bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let error = module::unload("numaweave").err();
    let errno = error.as_ref().and_then(module::errno);
    // The kernel says EWOULDBLOCK where other modules use one.
    ensure!(
        errno == Some(Errno::EWOULDBLOCK),
        "unloading numaweave under the takeover ends with {error:?}"
    );
    takeover.unload()
}

/// What numactl places differs in order, and in nothing else.
fn numactl(_bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let weights = provider.weights()?;
    workload::expect(&weights)?;
    let takeover = Takeover::attach(provider)?;
    takeover.expect_shares(&weights)?;
    let provider = takeover.detach()?;
    workload::expect(&weights)?;
    provider.unload()
}

fn order(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let nodes = list(&bench.machine.memory);
    let weights = takeover.provider.weights()?;
    let options = ["--policy", "task", "--nodes", &nodes];
    takeover::expect(&takeover, &weights, 4, &options)?;
    takeover.unload()
}

fn after_updates(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let takeover = Takeover::load("")?;
    let nodes = list(&bench.machine.memory);
    let options = ["--policy", "task", "--nodes", &nodes];
    for bandwidth in [40_000, 400_000] {
        let node = bench.machine.last_node();
        let provider = &takeover.provider;
        provider.follow(&injector, node, Coordinates::both(bandwidth))?;
        takeover.wait_for_mirror()?;
        let weights = provider.expect_planned(bench.machine)?;
        takeover::expect(&takeover, &weights, 2, &options)?;
    }
    takeover.unload()?;
    injector.undo()
}

/// A new table holds for the very next page, whatever is cached.
fn new_table(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    for weight in 1..=6 {
        for (&node, weight) in bench.machine.memory.iter().zip((weight..).step_by(2)) {
            // Small, so that what is not cached is computed in the same order.
            let weight = weight % 3 + 1;
            takeover
                .provider
                .write(&format!("node{node}/weight"), weight.to_string())?;
        }
        workload::expect(&takeover.provider.weights()?)?;
    }
    takeover.unload()
}

/// `placed` counts what is placed, and `fallbacks` stands still once the order is there.
fn counted(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let nodes = list(&bench.machine.memory);
    let options = ["--policy", "task", "--nodes", &nodes];
    let weights = takeover.provider.weights()?;
    let pages = weights.cycle() * 3;
    takeover.warm_up(|| workload::run_alone(pages, &options).map(drop))?;
    let counts = || -> Result<Vec<u64>> {
        let nodes = bench.machine.memory.iter();
        nodes.map(|&node| takeover.placed(node)).collect()
    };
    let before = counts()?;
    let placement = workload::run_alone(pages, &options)?;
    let after = counts()?;
    for ((node, before), after) in bench.machine.memory.iter().zip(before).zip(after) {
        let pages = placement.nodes.get(node).copied().unwrap_or(0);
        // The process has pages of its own besides the ones it tells of.
        ensure!(
            after - before >= u64::from(pages),
            "{pages} pages went to node {node}, but {} were counted",
            after - before
        );
    }
    takeover.unload()
}

/// More nodemasks than the cache has room for: each still has its own order.
fn many_masks(_bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let all = takeover::set_small_weights(&takeover.provider)?;
    let mut masks = 0;
    for bits in 1..512_u32 {
        let chosen = |place: usize| (bits >> (place % 9)) & 1 == 1;
        let subset: Weights = all
            .iter()
            .enumerate()
            .filter(|(place, _)| chosen(*place))
            .map(|(_, (&node, &weight))| (node, weight))
            .collect();
        // Each subset once.
        let is_new = bits < 1 << all.len().min(9);
        if subset.is_empty() || !is_new || masks == 160 {
            continue;
        }
        masks += 1;
        let pages = subset.cycle();
        let nodes = list(subset.keys());
        let placement = workload::run_alone(pages, &["--policy", "mapping", "--nodes", &nodes])?;
        ensure!(
            placement.nodes == subset.share_of(pages),
            "a cycle of {subset} lies as {:?}",
            placement.nodes
        );
        if masks % 8 == 0 {
            takeover::expect_order(&placement.order, &subset)?;
        }
    }
    takeover.unload()
}

/// A weight that an administrator writes into the kernel's own file wins, and stays.
fn kernel_weight(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let node = bench.machine.last_node();
    let takeover = Takeover::load("")?;
    takeover.wait_for_mirror()?;
    kernel_table::set_weight(node, 17)?;
    takeover.wait_for_kernel_weight(node, 17)?;
    takeover.wait_for_mirror()?;
    takeover.expect_shares(&takeover.provider.weights()?)?;
    takeover.unload()?;
    let after = KernelTable::read()?;
    ensure!(
        !after.auto && after.weights.get(&node) == Some(&17),
        "the administrator's weight 17 for node {node} is gone: {after}"
    );
    before.restore()
}

/// The kernel's `auto` and numaweave's are one.
fn kernel_auto(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let takeover = Takeover::load("")?;
    takeover.wait_for_mirror()?;
    let automatic = takeover.provider.weights()?;
    for turn_on_by_kernel in [true, false] {
        kernel_table::set_auto(false)?;
        wait_for("numaweave's auto false", || {
            let auto = takeover.provider.read("auto")?;
            Ok(if auto == "false" { Ok(()) } else { Err(auto) })
        })?;
        let node = bench.machine.last_node();
        takeover
            .provider
            .write(&format!("node{node}/weight"), "200")?;
        takeover.wait_for_mirror()?;
        if turn_on_by_kernel {
            kernel_table::set_auto(true)?;
        } else {
            takeover.provider.write("auto", "true")?;
        }
        wait_for("the automatic weights again", || {
            let weights = takeover.provider.weights()?;
            Ok(if weights == automatic {
                Ok(())
            } else {
                Err(weights.to_string())
            })
        })?;
        takeover.wait_for_mirror()?;
    }
    takeover.unload()?;
    // The administrator has ended the automatic table, and never turned it on again himself.
    let after = KernelTable::read()?;
    ensure!(
        !after.auto && after.weights == automatic,
        "the kernel's table should be manual with {automatic}; it is {after}"
    );
    before.restore()
}

/// What an administrator writes into the kernel's files while we write them too is never lost.
fn kernel_race(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let takeover = Takeover::load("")?;
    let (first, last) = (bench.machine.first_node(), bench.machine.last_node());
    let bandwidth = takeover
        .provider
        .path(&format!("node{first}/read_bandwidth"));
    for weight in 101..=112_u8 {
        takeover.provider.write("auto", "true")?;
        thread::scope(|scope| -> Result<()> {
            let updates = scope.spawn(|| -> Result<()> {
                for change in 1..=4_u32 {
                    let read = 30_000 * change + u32::from(weight);
                    file::write(&bandwidth, read.to_string())?;
                }
                Ok(())
            });
            // Somewhere among them.
            thread::sleep(Duration::from_millis(bench.rng.u64(..120)));
            kernel_table::set_weight(last, weight)?;
            updates
                .join()
                .map_err(|_| anyhow!("the updates panicked"))?
        })?;
        takeover.wait_for_kernel_weight(last, weight)?;
        takeover.wait_for_mirror()?;
    }
    file::write(&bandwidth, "0")?;
    takeover.unload()?;
    before.restore()
}

/// Nor is what he writes there the moment that the takeover says it is attached.
fn kernel_attach(bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let node = bench.machine.last_node();
    for weight in 201..=206_u8 {
        let provider = Provider::load("")?;
        let is_attached = || Ok(provider.read("attached")? == "livepatch");
        let patch = thread::scope(|scope| -> Result<Patch> {
            let write = scope.spawn(|| {
                spin_until("the takeover attached", is_attached)?;
                kernel_table::set_weight(node, weight)
            });
            let patch = Patch::load(&provider)?;
            write.join().map_err(|_| anyhow!("the write panicked"))??;
            Ok(patch)
        })?;
        let takeover = Takeover { patch, provider };
        takeover.wait_for_kernel_weight(node, weight)?;
        takeover.wait_for_mirror()?;
        takeover.unload()?;
        let after = KernelTable::read()?;
        ensure!(
            !after.auto && after.weights.get(&node) == Some(&weight),
            "the administrator's weight {weight} for node {node} is gone: {after}"
        );
        before.restore()?;
    }
    Ok(())
}

/// Unpublished, the kernel's table holds mainline's weights while pages follow ours.
fn unpublished(_bench: &mut Bench<'_>) -> Result<()> {
    let kernel = KernelTable::read()?;
    let takeover = Takeover::load("publish=false")?;
    takeover.expect_shares(&takeover.provider.weights()?)?;
    kernel_table::set_auto(false)?;
    kernel_table::set_auto(true)?;
    let now = KernelTable::read()?;
    ensure!(
        now == kernel,
        "unpublished, the kernel's table should stay {kernel}; it is {now}"
    );
    takeover.provider.write("auto", "true")?;
    takeover.expect_shares(&takeover.provider.weights()?)?;
    takeover.unload()
}

/// Weights that were by hand before the takeover came are by hand in the kernel's table too, even
/// where it has computed the same; and it computes again when they are given back.
fn by_hand(_bench: &mut Bench<'_>) -> Result<()> {
    let before = KernelTable::read()?;
    let takeover = Takeover::load("auto=false")?;
    takeover.wait_for_mirror()?;
    takeover.unload()?;
    let after = KernelTable::read()?;
    ensure!(
        after == before,
        "the kernel's table should be {before} again; it is {after}"
    );
    Ok(())
}

/// A node of weight 0 takes no page while another can, and 1 each where none can.
fn zero(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    let weight = format!("node{node}/weight");
    let refused = file::try_write(provider.path(&weight), "0").err();
    ensure!(
        refused.as_ref().and_then(io::Error::raw_os_error) == Some(libc::EINVAL),
        "a weight of 0 without the takeover ends with {refused:?}, expected EINVAL"
    );
    let takeover = Takeover::attach(provider)?;
    takeover.provider.write(&weight, "0")?;
    takeover.wait_for_mirror()?;
    let weights = takeover.provider.weights()?;
    ensure!(weights.get(&node) == Some(&0), "{weights}");
    let nodes = list(&bench.machine.memory);
    for owner in ["task", "mapping"] {
        let options = ["--policy", owner, "--nodes", &nodes];
        takeover::expect(&takeover, &weights, 3, &options)?;
    }

    let alone = list([&node]);
    let placement = workload::run_alone(5, &["--policy", "mapping", "--nodes", &alone])?;
    ensure!(
        placement.nodes.get(&node) == Some(&5),
        "a policy of node {node} alone lies as {:?}",
        placement.nodes
    );
    takeover.provider.write("auto", "true")?;
    takeover.unload()
}

/// Without the takeover a weight of 0 becomes 1, and the log says so.
fn zero_detached(bench: &mut Bench<'_>) -> Result<()> {
    let takeover = Takeover::load("")?;
    let node = bench.machine.last_node();
    let file = format!("node{node}/weight");
    takeover.provider.write(&file, "0")?;
    let mut log = KernelLog::from_now_on()?;
    let provider = takeover.detach()?;
    provider.expect(&file, "1")?;
    provider.expect_published()?;
    let line = format!("node {node}: weight 0 becomes 1");
    let lines = log.lines()?;
    ensure!(
        lines.iter().any(|text| text.contains(&line)),
        "the log should say {line:?}, but says {lines:?}"
    );
    provider.unload()
}
