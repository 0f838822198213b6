// SPDX-License-Identifier: GPL-2.0

//! numaweave installed from its package: modprobe, parameters, loading at boot.

use std::fs;

use anyhow::{ensure, Context, Result};

use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::installed::kmod;
use crate::module;
use crate::provider::Provider;
use crate::takeover;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "installed",
    cases: &[
        Case::new("modprobe", Scope::Installed, modprobe),
        Case::new("parameters", Scope::Installed, parameters),
        Case::new("at_boot", Scope::Installed, at_boot),
        Case::new("takeover", Scope::Installed, takeover_by_dependency),
        Case::new("signed", Scope::Installed, signed),
    ],
};

/// What the package gives an administrator to edit.
const PARAMETERS: &str = "/etc/modprobe.d/numaweave.conf";
const AT_BOOT: &str = "/etc/modules-load.d/numaweave.conf";

/// `modprobe numaweave` gives the machine's weights, and `numactl -w` follows.
fn modprobe(bench: &mut Bench<'_>) -> Result<()> {
    kmod("modprobe", &["numaweave"])?;
    let provider = Provider::loaded()?;
    let weights = provider.expect_planned(bench.machine)?;
    workload::expect(&weights)?;
    provider.unload()
}

/// The options of the file are those of the module.
fn parameters(_bench: &mut Bench<'_>) -> Result<()> {
    let packaged = file::read(PARAMETERS)?;
    let changed = format!("{packaged}\noptions numaweave target=900 publish=false\n");
    fs::write(PARAMETERS, changed).with_context(|| format!("cannot write {PARAMETERS}"))?;
    let loaded = kmod("modprobe", &["numaweave"]);
    fs::write(PARAMETERS, format!("{packaged}\n"))?;
    loaded?;
    let provider = Provider::loaded()?;
    provider.expect("target", "900")?;
    provider.expect("publish", "false")?;
    provider.unload()
}

/// Loads what `systemd-modules-load.service` loads at boot.
fn at_boot(_bench: &mut Bench<'_>) -> Result<()> {
    let text = file::read(AT_BOOT)?;
    let names = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    for name in names {
        kmod("modprobe", &[name])?;
    }
    // As packaged that is numaweave, and not the takeover.
    ensure!(
        !module::is_loaded(takeover::MODULE),
        "{AT_BOOT} loads the takeover"
    );
    Provider::loaded()?.unload()
}

/// `modprobe numaweave_livepatch` brings numaweave with it.
fn takeover_by_dependency(_bench: &mut Bench<'_>) -> Result<()> {
    kmod("modprobe", &[takeover::MODULE])?;
    let provider = Provider::loaded()?;
    takeover::wait_until_attached(&provider)?;
    takeover::disable()?;
    kmod("rmmod", &[takeover::MODULE])?;
    provider.unload()
}

/// DKMS has signed both; without its key in the kernel that shows in the taint flags.
fn signed(_bench: &mut Bench<'_>) -> Result<()> {
    for name in ["numaweave", takeover::MODULE] {
        let signer = kmod("modinfo", &["--field", "signer", name])?;
        ensure!(!signer.is_empty(), "{name} is not signed");
    }
    kmod("modprobe", &["numaweave"])?;
    let provider = Provider::loaded()?;
    let taint = file::read("/sys/module/numaweave/taint")?;
    ensure!(taint == "OE", "numaweave taints the kernel as {taint:?}");
    provider.unload()
}
