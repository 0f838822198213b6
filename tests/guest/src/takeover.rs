// SPDX-License-Identifier: GPL-2.0

//! The takeover, `numaweave_livepatch.ko`: put on, taken off, and the order that it gives pages.

use std::path::Path;

use anyhow::{ensure, Context, Result};
use numaweave_policy::schedule::{fill, Scratch, Turn};
use numaweave_policy::{cycle, reduce};

use crate::file;
use crate::harness::faults;
use crate::kernel_table::KernelTable;
use crate::module::Module;
use crate::provider::Provider;
use crate::wait::wait_for;
use crate::weights::Weights;
use crate::workload;

/// Name of the module, and of its patch.
pub(crate) const MODULE: &str = "numaweave_livepatch";
/// Its switch.
pub(crate) const ENABLED: &str = "/sys/kernel/livepatch/numaweave_livepatch/enabled";
const TRANSITION: &str = "/sys/kernel/livepatch/numaweave_livepatch/transition";
const USERS: &str = "/sys/module/numaweave_livepatch/refcnt";

/// numaweave with the takeover attached; both are unloaded when dropped.
pub(crate) struct Takeover {
    // Dropped in this order, as the one uses the other.
    pub(crate) patch: Patch,
    pub(crate) provider: Provider,
}

impl Takeover {
    /// Loads numaweave with `parameters`, and the takeover.
    pub(crate) fn load(parameters: &str) -> Result<Self> {
        Self::attach(Provider::load(parameters)?)
    }

    /// Loads the takeover.
    pub(crate) fn attach(provider: Provider) -> Result<Self> {
        Ok(Self {
            patch: Patch::load(&provider)?,
            provider,
        })
    }

    /// Takes the takeover off; numaweave stays.
    pub(crate) fn detach(self) -> Result<Provider> {
        self.patch.remove()?;
        Ok(self.provider)
    }

    /// Unloads both.
    pub(crate) fn unload(self) -> Result<()> {
        self.detach()?.unload()
    }

    /// Waits until the kernel's table says what the takeover makes it compute: the weights shown, 1
    /// for a weight of 0, and automatic if they are.
    pub(crate) fn wait_for_mirror(&self) -> Result<()> {
        wait_for("the kernel's own files with the takeover's weights", || {
            let auto = self.provider.read("auto")? == "true";
            let weights = self.provider.weights()?;
            let weights: Weights = weights.iter().map(|(&node, &w)| (node, w.max(1))).collect();
            let kernel = KernelTable::read()?;
            Ok(if kernel.auto == auto && kernel.weights == weights {
                Ok(())
            } else {
                Err(format!("{kernel}; numaweave has auto {auto}, {weights}"))
            })
        })
    }

    /// See [`wait_for_kernel_weight`].
    pub(crate) fn wait_for_kernel_weight(&self, node: u32, weight: u8) -> Result<()> {
        wait_for_kernel_weight(&self.provider, node, weight)
    }

    /// Has the orders that `place` will ask for made, so that no decision falls back: runs it until
    /// one run leaves `fallbacks` as they were.
    pub(crate) fn warm_up(&self, mut place: impl FnMut() -> Result<()>) -> Result<()> {
        wait_for("decisions that find their order cached", || {
            let before = self.fallbacks()?;
            place()?;
            let grown = self.fallbacks()? - before;
            Ok(if grown == 0 {
                Ok(())
            } else {
                Err(format!("{grown} more fell back"))
            })
        })
    }

    /// Has numactl place whole cycles of `weights` and expects exactly their share on each node, once
    /// the order is cached: until then, where it is too long to be computed, each weight is one run,
    /// and a cycle that begins so and ends otherwise has other shares.
    pub(crate) fn expect_shares(&self, weights: &Weights) -> Result<()> {
        self.warm_up(|| workload::run(weights.cycle()).map(drop))?;
        workload::expect(weights)
    }

    /// Decisions that fell back, since load.
    pub(crate) fn fallbacks(&self) -> Result<u64> {
        file::parse(self.provider.path("fallbacks"))
    }

    /// Decisions for `node`, since load.
    pub(crate) fn placed(&self, node: u32) -> Result<u64> {
        file::parse(self.provider.path(&format!("node{node}/placed")))
    }
}

/// The livepatch module alone; disabled and unloaded when dropped.
pub(crate) struct Patch {
    module: Option<Module>,
}

impl Patch {
    /// Loads it, and waits until `provider` knows.
    pub(crate) fn load(provider: &Provider) -> Result<Self> {
        let patch = Self::insert()?;
        wait_until_attached(provider)?;
        Ok(patch)
    }

    /// Loads it.
    pub(crate) fn insert() -> Result<Self> {
        Ok(Self::loaded(Module::load(MODULE, "")?))
    }

    /// Takes over the `module`, which is loaded.
    pub(crate) fn loaded(module: Module) -> Self {
        Self {
            module: Some(module),
        }
    }

    /// Disables and unloads it, and says so when that fails.
    pub(crate) fn remove(mut self) -> Result<()> {
        self.take_off()
    }

    /// Unloads it after it was disabled.
    pub(crate) fn unload_disabled(mut self) -> Result<()> {
        let module = self.module.take().context("it is not loaded")?;
        module.unload_when_unused()
    }

    fn take_off(&mut self) -> Result<()> {
        let Some(module) = self.module.take() else {
            return Ok(());
        };
        disable()?;
        // The kernel lets go of it a little later.
        module.unload_when_unused()
    }
}

impl Drop for Patch {
    fn drop(&mut self) {
        if let Err(error) = self.take_off() {
            faults::report(&error);
        }
    }
}

/// Waits until `provider` knows of the takeover.
pub(crate) fn wait_until_attached(provider: &Provider) -> Result<()> {
    wait_for("attached to say livepatch", || {
        let attached = provider.read("attached")?;
        Ok(if attached == "livepatch" {
            Ok(())
        } else {
            Err(attached)
        })
    })
}

/// Waits until `weight`, which an administrator has written into the kernel's file of `node`, is taken
/// as a weight by hand.
pub(crate) fn wait_for_kernel_weight(provider: &Provider, node: u32, weight: u8) -> Result<()> {
    wait_for("the weight of the kernel's file", || {
        let auto = provider.read("auto")?;
        let weights = provider.weights()?;
        let taken = auto == "false" && weights.get(&node) == Some(&weight);
        Ok(if taken {
            Ok(())
        } else {
            Err(format!(
                "node {node} should have {weight}; auto {auto}, {weights}"
            ))
        })
    })
}

/// Whether the patch is there.
pub(crate) fn is_enabled() -> bool {
    Path::new(ENABLED).exists()
}

/// Whether all tasks go by the patch, or none; [`None`] while they change over.
pub(crate) fn is_settled() -> Option<bool> {
    match file::read(TRANSITION) {
        Ok(transition) if transition == "0" => (file::read(ENABLED).ok()? == "1").then_some(true),
        Ok(_) => None,
        Err(_) => (!is_enabled()).then_some(false),
    }
}

/// Has the kernel's own functions back, and waits until nobody uses ours and the module can be
/// unloaded, which is a moment after the patch has gone from `/sys/kernel/livepatch`.
pub(crate) fn disable() -> Result<()> {
    begin_disable()?;
    wait_until_unused()
}

/// Asks for the kernel's own functions.
pub(crate) fn begin_disable() -> Result<()> {
    file::write(ENABLED, "0")
}

/// Waits until nobody uses ours any more.
pub(crate) fn wait_until_unused() -> Result<()> {
    wait_for("the kernel to let go of the livepatch module", || {
        let users = file::read(USERS)?;
        Ok(if users == "0" {
            Ok(())
        } else {
            Err(format!("{users} users"))
        })
    })?;
    // The kernel lets go of the module last.
    wait_for("the takeover without users", || {
        let users = file::read(format!("/sys/module/{MODULE}/refcnt"))?;
        Ok(if users == "0" { Ok(()) } else { Err(users) })
    })
}

/// The order of one cycle of `weights`, by the module's own code.
fn order(weights: &Weights) -> Result<Vec<u32>> {
    let nodes: Vec<u32> = weights.keys().copied().collect();
    let mut dense: Vec<u8> = weights.values().copied().collect();
    reduce(&mut dense);
    let mut turns = vec![Turn::default(); usize::try_from(cycle(&dense))?];
    fill(
        &dense,
        &mut vec![Scratch::default(); dense.len()],
        &mut turns,
    )?;
    let node = |turn: &Turn| nodes.get(usize::from(turn.node)).copied();
    turns
        .iter()
        .map(|turn| node(turn).context("a turn of no node"))
        .collect()
}

/// Expects the pages to follow the order of `weights` page by page, from whatever place of the cycle
/// on.
pub(crate) fn expect_order(pages: &[u32], weights: &Weights) -> Result<()> {
    let cycle = order(weights)?;
    let follows = |start: usize| {
        let expected = cycle.iter().cycle().skip(start);
        pages.iter().zip(expected).all(|(is, should)| is == should)
    };
    ensure!(
        (0..cycle.len()).any(follows),
        "pages should go to the nodes {cycle:?} again and again ({weights}), but went to {pages:?}"
    );
    Ok(())
}

/// Expects the pages to follow the order of `weights` from whatever place of the cycle on, where at
/// most `others` turns are taken by pages that are not among them.
pub(crate) fn expect_order_but_for(pages: &[u32], weights: &Weights, others: usize) -> Result<()> {
    let cycle = order(weights)?;
    let follows = |start: usize| {
        let mut turns = cycle.iter().cycle().skip(start);
        // As early a turn as can be for each page leaves the most for the next.
        let mut rest = others;
        pages.iter().all(|page| loop {
            match turns.next() {
                Some(turn) if turn == page => break true,
                Some(_) if rest > 0 => rest -= 1,
                _ => break false,
            }
        })
    };
    ensure!(
        (0..cycle.len()).any(follows),
        "pages should go to the nodes {cycle:?} again and again ({weights}) but for {others} turns, but \
         went to {pages:?}"
    );
    Ok(())
}

/// Places `cycles` whole cycles of `weights` with `options` of `place` and expects their order, after
/// it has been cached.
pub(crate) fn expect(
    takeover: &Takeover,
    weights: &Weights,
    cycles: u32,
    options: &[&str],
) -> Result<()> {
    let pages = weights.cycle() * cycles;
    takeover.warm_up(|| workload::run_alone(pages, options).map(drop))?;
    let placement = workload::run_alone(pages, options)?;
    let share = weights.share_of(pages);
    let share = share.into_iter().filter(|(_, pages)| *pages != 0).collect();
    ensure!(
        placement.nodes == share,
        "{pages} pages of {options:?} ({cycles} cycles of {weights}) should lie as {share:?}, but lie \
         as {:?}",
        placement.nodes
    );
    expect_order(&placement.order, weights).with_context(|| format!("{options:?}"))
}

/// Gives the nodes small weights that differ, by hand.
pub(crate) fn set_small_weights(provider: &Provider) -> Result<Weights> {
    for (node, weight) in provider.nodes()?.into_iter().zip([3, 1, 2].iter().cycle()) {
        provider.write(&format!("node{node}/weight"), weight.to_string())?;
    }
    provider.weights()
}

/// A list of nodes as `place` takes it.
pub(crate) fn list<'a>(nodes: impl IntoIterator<Item = &'a u32>) -> String {
    let nodes: Vec<String> = nodes.into_iter().map(u32::to_string).collect();
    nodes.join(",")
}
