// SPDX-License-Identifier: GPL-2.0

//! Who may do what: the claims of `Documentation/security.md`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use nix::libc;

use crate::access::{ask, Access, Accesses, Who};
use crate::file;
use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::INJECT;
use crate::kernel_log::KernelLog;
use crate::lockdown;
use crate::module::{errno, Module};
use crate::provider::{file_names, Provider, DIRECTORY};
use crate::takeover::{self, Takeover};

/// Runs before anything else has tainted the kernel.
pub(super) const TAINT: Suite = Suite {
    name: "taint",
    cases: &[Case::new("at_load", Scope::Everywhere, taint_at_load)],
};

pub(super) const SUITE: Suite = Suite {
    name: "security",
    cases: &[
        Case::new("takeover_taint", Scope::Everywhere, takeover_taint),
        Case::new("user", Scope::Everywhere, user),
        Case::new("user_namespace", Scope::UserNamespaces, user_namespace),
        Case::new("read_only_sys", Scope::Everywhere, read_only_sys),
        Case::new("bare_root", Scope::Everywhere, bare_root),
        Case::new("samples", Scope::Everywhere, samples),
    ],
};

/// Runs last, for a kernel that is locked down stays so.
pub(super) const LOCKDOWN: Suite = Suite {
    name: "lockdown",
    cases: &[Case::new("levels", Scope::Lockdown, levels)],
};

const PARAMETERS: &str = "/sys/module/numaweave/parameters";
const TAINTED: &str = "/proc/sys/kernel/tainted";
/// Only kernels that check signatures have it.
const SIGNATURES: &str = "/sys/module/module/parameters/sig_enforce";

/// The taint flags that the modules bring, and their bits.
const FLAGS: [(char, u64); 3] = [('O', 1 << 12), ('E', 1 << 13), ('K', 1 << 15)];

fn tainted() -> Result<u64> {
    file::parse(TAINTED)
}

/// What `module` is said to taint the kernel with, as bits.
fn taint_of(module: &str) -> Result<u64> {
    let shown = file::read(format!("/sys/module/{module}/taint"))?;
    let bit = |flag| {
        let known = FLAGS.iter().find(|(known, _)| *known == flag);
        let bit = known.map(|(_, bit)| bit);
        bit.with_context(|| format!("{module} taints the kernel with {shown:?}"))
    };
    shown
        .chars()
        .try_fold(0, |bits, flag| Ok(bits | bit(flag)?))
}

fn bits(flags: &str) -> u64 {
    let is_in = |(flag, _): &&(char, u64)| flags.contains(*flag);
    FLAGS.iter().filter(is_in).map(|(_, bit)| bit).sum()
}

/// E where the kernel checks signatures: none of ours is by a key that it knows.
fn unsigned() -> &'static str {
    if fs::exists(SIGNATURES).unwrap_or(false) {
        "E"
    } else {
        ""
    }
}

/// Loading leaves O and, where signatures are checked, E, and nothing else; they stay.
fn taint_at_load(_bench: &mut Bench<'_>) -> Result<()> {
    let before = tainted()?;
    let provider = Provider::load("publish=false")?;
    let expected = bits("O") | bits(unsigned());
    let own = taint_of("numaweave")?;
    ensure!(own == expected, "numaweave has {own:#x}, not {expected:#x}");
    provider.unload()?;
    let after = tainted()?;
    ensure!(
        after == before | expected,
        "the kernel was tainted {before:#x} and now is {after:#x}"
    );
    Ok(())
}

/// The takeover adds K; its switch is root's.
fn takeover_taint(_bench: &mut Bench<'_>) -> Result<()> {
    let before = tainted()?;
    let takeover = Takeover::load("")?;
    let expected = bits("OK") | bits(unsigned());
    let own = taint_of(takeover::MODULE)?;
    ensure!(
        own == expected,
        "the takeover has {own:#x}, not {expected:#x}"
    );
    expect_roots(takeover::ENABLED, 0o644)?;
    takeover.unload()?;
    let after = tainted()?;
    ensure!(
        after == before | expected,
        "the kernel was tainted {before:#x} and now is {after:#x}"
    );
    Ok(())
}

/// Expects a file to be root's, with this mode.
fn expect_roots(path: &str, mode: u32) -> Result<()> {
    let meta = fs::metadata(path).with_context(|| path.to_owned())?;
    let found = (meta.uid(), meta.gid(), meta.permissions().mode() & 0o7777);
    ensure!(
        found == (0, 0, mode),
        "{path} has owner, group and mode {found:?}, expected mode {mode:o}"
    );
    Ok(())
}

/// Expects every file to be read, and to be written as `write` says by its mode.
fn expect(accesses: &Accesses, write: impl Fn(u32) -> i32) -> Result<()> {
    ensure!(accesses.len() > 20, "only {} files", accesses.len());
    for (path, &access) in accesses {
        let meta = fs::metadata(path).with_context(|| path.display().to_string())?;
        let mode = meta.permissions().mode() & 0o7777;
        ensure!(
            (meta.uid(), meta.gid()) == (0, 0),
            "{} is not root's",
            path.display()
        );
        let expected = Access {
            read: 0,
            write: write(mode),
        };
        ensure!(
            access == expected,
            "{} ({mode:o}): {access:?}, expected {expected:?}",
            path.display()
        );
    }
    Ok(())
}

/// Both folders of the module, tried by `who`, and a write that changes something or does not.
fn expect_writes(who: Who, write: impl Fn(u32) -> i32) -> Result<()> {
    let provider = Provider::load("target=900")?;
    let accesses = ask(who, &[DIRECTORY, PARAMETERS])?;
    expect(&accesses, &write).with_context(|| format!("{who:?}"))?;
    let (status, expected) = (who.write(&provider.path("target"), "901")?, write(0o644));
    ensure!(
        status == expected,
        "{who:?} writes: {status}, expected {expected}"
    );
    provider.expect("target", if status == 0 { "901" } else { "900" })?;
    provider.unload()
}

const NOT_ALLOWED: i32 = libc::EACCES;

fn user(_bench: &mut Bench<'_>) -> Result<()> {
    expect_writes(Who::User(None), |_| NOT_ALLOWED)
}

/// The root of a user namespace is not the root that owns the files.
fn user_namespace(_bench: &mut Bench<'_>) -> Result<()> {
    expect_writes(Who::User(Some("user-namespace")), |_| NOT_ALLOWED)
}

/// What container runtimes do to /sys is enough, even for a root with all capabilities.
fn read_only_sys(_bench: &mut Bench<'_>) -> Result<()> {
    expect_writes(Who::Root(Some("read-only-sys")), |_| libc::EROFS)
}

/// Files ask for the owner, not for a capability.
fn bare_root(_bench: &mut Bench<'_>) -> Result<()> {
    expect_writes(Who::BareRoot, |mode| match mode {
        0o644 => 0,
        _ => NOT_ALLOWED,
    })
}

/// What the samples have in debugfs is root's alone.
fn samples(_bench: &mut Bench<'_>) -> Result<()> {
    let injector = Module::load("perf_injector", "")?;
    let refused = Access {
        read: NOT_ALLOWED,
        write: NOT_ALLOWED,
    };
    let accesses = ask(Who::User(None), &[INJECT])?;
    ensure!(
        accesses.values().eq([&refused]),
        "a user has {accesses:?} to the injector"
    );
    expect_roots(INJECT, 0o200)?;
    injector.unload()?;

    let provider = Provider::load("")?;
    let spread = Module::load("spread_pages", "pages=9")?;
    for name in ["nodes", "tables"] {
        expect_roots(&format!("/sys/kernel/debug/spread_pages/{name}"), 0o400)?;
    }
    expect_roots("/sys/kernel/debug", 0o700)?;
    spread.unload()?;
    provider.unload()
}

/// A numaweave that is loaded works on under each level, the takeover too, and once it is gone
/// neither comes back.
fn levels(bench: &mut Bench<'_>) -> Result<()> {
    let level = lockdown::level()?;
    ensure!(
        level == "none",
        "the kernel is locked down already ({level}), for good: boot another guest"
    );
    let injector = Module::load("perf_injector", "")?;
    let takeover = Takeover::load("")?;
    let provider = &takeover.provider;
    for level in ["integrity", "confidentiality"] {
        lockdown::raise(level)?;
        let works = || {
            for name in file_names()? {
                provider.read(&name)?;
            }
            provider.expect("hook", "active")?;
            provider.expect("attached", "livepatch")?;
            provider.write("target", "900")?;
            provider.expect_planned(bench.machine)?;
            provider.write("target", "990")?;
            let last = bench.machine.last_node();
            provider.write(&format!("node{last}/weight"), "9")?;
            takeover.expect_shares(&provider.weights()?)?;
            provider.write("auto", "true")?;
            takeover.expect_shares(&provider.expect_planned(bench.machine)?)
        };
        works().with_context(|| format!("under lockdown={level}"))?;
        let inject = ask(Who::Root(None), &[INJECT])?;
        let locked = inject.values().all(|access| access.write == libc::EPERM);
        ensure!(locked, "root has {inject:?} to debugfs under {level}");
    }
    takeover.unload()?;
    injector.unload()?;
    // The one is signed with a key that the kernel does not know, the other not at all.
    for name in ["numaweave", "perf_injector"] {
        let mut log = KernelLog::from_now_on()?;
        let Err(error) = Module::load(name, "") else {
            anyhow::bail!("{name} is loaded");
        };
        ensure!(errno(&error) == Some(Errno::EPERM), "{name}: {error:#}");
        let lines = log.lines()?;
        let said = "unsigned module loading is restricted";
        ensure!(
            lines.iter().any(|line| line.contains(said)),
            "{name} is refused, and the log says {lines:?}"
        );
    }
    Ok(())
}
