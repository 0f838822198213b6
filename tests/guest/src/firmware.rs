// SPDX-License-Identifier: GPL-2.0

//! What is expected where the firmware's tables are handmade: `tests/harness/firmware.py` has put it
//! beside them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::file;

const EXPECTED: &str = "/copy/firmware.json";

/// What is to come of the firmware's table.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    /// Words of the warning that a load makes; none where it makes none.
    pub(crate) warning: Option<String>,
    /// By `system` or the id of an initiator.
    views: BTreeMap<String, View>,
}

/// Bandwidth and weight of each node with memory.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    /// MB/s, 0 is unknown.
    pub(crate) bandwidth: Vec<u32>,
    pub(crate) weights: Vec<u8>,
}

impl Expected {
    /// What is expected of `system` or an initiator.
    pub(crate) fn view(&self, name: &str) -> Result<&View> {
        let view = self.views.get(name);
        view.with_context(|| format!("nothing is expected of {name}"))
    }
}

/// Whether there are handmade tables.
pub(crate) fn is_handmade() -> bool {
    Path::new(EXPECTED).exists()
}

/// Reads what is expected.
pub(crate) fn expected() -> Result<Expected> {
    serde_json::from_str(&file::read(EXPECTED)?)
        .with_context(|| format!("{EXPECTED} is not what the harness writes"))
}
