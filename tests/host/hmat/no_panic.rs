// SPDX-License-Identifier: GPL-2.0

//! No panic path is emitted for the reader.

use crate::panics::{assembly, defines, panics};
use std::path::Path;

#[test]
fn the_reader_has_none() {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/host/hmat/entry_points.rs");
    let assembly = assembly(&source, "entry_points");

    assert!(defines(&assembly, "entry_flaws") && defines(&assembly, "entry_debug"));
    assert_eq!(panics(&assembly), [""; 0]);
}
