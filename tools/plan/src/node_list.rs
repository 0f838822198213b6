// SPDX-License-Identifier: GPL-2.0

//! Lists of node ids as numactl and the kernel write them: `1,3-5`.

use std::ops::RangeInclusive;

/// A set of node ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeList(Vec<RangeInclusive<usize>>);

impl NodeList {
    /// Reads a list such as `1,3-5`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(parse_range)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `node` is in the list.
    pub(crate) fn contains(&self, node: usize) -> bool {
        self.0.iter().any(|range| range.contains(&node))
    }

    /// The largest id in the list.
    pub(crate) fn last(&self) -> Option<usize> {
        self.0.iter().map(|range| *range.end()).max()
    }
}

/// Reads `3` or `3-5`.
fn parse_range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let id = |text: &str| {
        Some(text)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| format!("{text:?} is not a node id"))
    };
    let range = id(first)?..=id(last)?;

    if range.is_empty() {
        return Err(format!("the range {text} is empty"));
    }
    Ok(range)
}
