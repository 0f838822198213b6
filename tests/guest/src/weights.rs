// SPDX-License-Identifier: GPL-2.0

//! A weight for each node, however it was learnt.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Weight by node id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weights(pub(crate) BTreeMap<u32, u8>);

impl Weights {
    /// Pages in one round over all nodes.
    pub(crate) fn cycle(&self) -> u32 {
        self.values().map(|&weight| u32::from(weight)).sum()
    }

    /// What `pages` pages, a whole number of cycles, are expected to look like per node.
    pub(crate) fn share_of(&self, pages: u32) -> BTreeMap<u32, u32> {
        let cycles = pages.checked_div(self.cycle()).unwrap_or(0);
        self.iter()
            .map(|(&node, &weight)| (node, u32::from(weight) * cycles))
            .collect()
    }

    /// The weights alone, joined by colons, as people write them: `6:2:1`.
    pub(crate) fn ratio(&self) -> String {
        let weights: Vec<String> = self.values().map(u8::to_string).collect();
        weights.join(":")
    }
}

impl Deref for Weights {
    type Target = BTreeMap<u32, u8>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Weights {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<(u32, u8)> for Weights {
    fn from_iter<I: IntoIterator<Item = (u32, u8)>>(weights: I) -> Self {
        Self(weights.into_iter().collect())
    }
}

impl fmt::Display for Weights {
    /// `node 0: 6, node 1: 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights: Vec<String> = self
            .iter()
            .map(|(node, weight)| format!("node {node}: {weight}"))
            .collect();
        f.write_str(&weights.join(", "))
    }
}
