// SPDX-License-Identifier: GPL-2.0

//! Worked examples: what both algorithms make of some machines, with the default limits.
//!
//! The host's tests and the module's KUnit suites check the same table.

use super::Node;

/// A machine and what is expected for it.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What the machine is, or what it shows.
    pub name: &'static str,
    /// Its nodes with memory.
    pub nodes: &'static [Node],
    /// Weights by `mainline`.
    pub mainline: &'static [u8],
    /// Efficiency of `mainline` in parts per million.
    pub mainline_ppm: u32,
    /// Weights by `balanced`.
    pub balanced: &'static [u8],
    /// Efficiency of `balanced` in parts per million.
    pub balanced_ppm: u32,
}

/// A node with CPUs.
const fn node(bandwidth: u32) -> Node {
    Node {
        bandwidth,
        has_cpus: true,
    }
}

/// A node without CPUs.
const fn cpuless(bandwidth: u32) -> Node {
    Node {
        bandwidth,
        has_cpus: false,
    }
}

/// The examples.
pub const EXAMPLES: &[Example] = &[Example {
    name: "three tiers: 300, 100 and 50 GB/s",
    nodes: &[node(307_200), cpuless(102_400), cpuless(51_200)],
    mainline: &[21, 7, 3],
    mainline_ppm: 984_126,
    balanced: &[6, 2, 1],
    balanced_ppm: 1_000_000,
}];
