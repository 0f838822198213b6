// SPDX-License-Identifier: GPL-2.0

//! No panic path is emitted for the policy.

use crate::panics::{assembly, defines, panics};
use std::{fs, path::Path};

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
