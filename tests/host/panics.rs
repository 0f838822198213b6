// SPDX-License-Identifier: GPL-2.0

//! Looks for panic paths in code that is compiled with the options that the kernel is built with.
//!
//! This is the early word. The last one is `nm` on the module: the kernel's own `core` is built
//! with overflow checks, so that some of its iterators panic there and not here.
//!
//! Shared by the tests of all code that the module has in common with the host.

use std::{fs, path::Path, process::Command};

/// The assembly of a library, as the kernel would have it compiled.
pub(crate) fn assembly(source: &Path, name: &str) -> String {
    let output = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(name)
        .with_extension("s");
    let status = Command::new("rustc")
        .args([
            "--edition=2021",
            "--crate-type=lib",
            "--emit=asm",
            "--crate-name",
            name,
        ])
        .args([
            "-Copt-level=2",
            "-Coverflow-checks=on",
            "-Cdebug-assertions=off",
        ])
        .args(["-Cpanic=abort", "-Ccodegen-units=1", "-o"])
        .args([&output, source])
        .status()
        .expect("rustc has to be in PATH");

    assert!(status.success(), "{} does not compile", source.display());
    fs::read_to_string(&output).unwrap()
}

/// Lines that call into the panic machinery.
pub(crate) fn panics(assembly: &str) -> Vec<&str> {
    assembly
        .lines()
        .filter(|line| ["panic", "_failed"].iter().any(|word| line.contains(word)))
        .collect()
}

/// Whether `symbol` is defined.
pub(crate) fn defines(assembly: &str, symbol: &str) -> bool {
    assembly.lines().any(|line| line == format!("{symbol}:"))
}
