// SPDX-License-Identifier: GPL-2.0

//! No panic path is emitted for the policy, with the options the kernel is built with.
//!
//! This is the early word. The last one is `nm` on the module: the kernel's own `core` is built
//! with overflow checks, so that some of its iterators panic there and not here.

use std::{fs, path::Path, process::Command};

/// The assembly of a library, as the kernel would have it compiled.
fn assembly(source: &Path, name: &str) -> String {
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
fn panics(assembly: &str) -> Vec<&str> {
    assembly
        .lines()
        .filter(|line| ["panic", "_failed"].iter().any(|word| line.contains(word)))
        .collect()
}

/// Whether `symbol` is defined.
fn defines(assembly: &str, symbol: &str) -> bool {
    assembly.lines().any(|line| line == format!("{symbol}:"))
}

#[test]
fn the_policy_has_none() {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/host/policy/entry_points.rs");
    let assembly = assembly(&source, "entry_points");

    assert!(defines(&assembly, "entry_compute") && defines(&assembly, "entry_debug"));
    assert_eq!(panics(&assembly), [""; 0]);
}

/// What is searched for is found where it is.
#[test]
fn a_panic_is_noticed() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panics.rs");

    for (number, body) in [
        "a[b]",
        "u8::try_from(b).unwrap()",
        "(b + 1) as u8",
        "(1 / b) as u8",
    ]
    .iter()
    .enumerate()
    {
        fs::write(
            &source,
            format!("#[no_mangle] pub fn entry(a: &[u8], b: usize) -> u8 {{ let _ = a; {body} }}"),
        )
        .unwrap();
        let assembly = assembly(&source, &format!("panics{number}"));
        assert!(defines(&assembly, "entry"));
        assert!(!panics(&assembly).is_empty(), "{body}");
    }
}
