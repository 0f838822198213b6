// SPDX-License-Identifier: GPL-2.0

//! Worked examples: what both algorithms make of some machines, with the default limits, and the
//! order of nodes that some weights give.
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
pub const EXAMPLES: &[Example] = &[
    Example {
        name: "300, 100 and 50 GB/s",
        nodes: &[node(307_200), cpuless(102_400), cpuless(51_200)],
        mainline: &[21, 7, 3],
        mainline_ppm: 984_126,
        balanced: &[6, 2, 1],
        balanced_ppm: 1_000_000,
    },
    Example {
        name: "two sockets of four nodes and four CXL nodes",
        nodes: &[
            node(117_760),
            node(117_760),
            node(117_760),
            node(117_760),
            node(117_760),
            node(117_760),
            node(117_760),
            node(117_760),
            cpuless(26_624),
            cpuless(26_624),
            cpuless(26_624),
            cpuless(26_624),
        ],
        mainline: &[3, 3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 1],
        mainline_ppm: 710_937,
        balanced: &[9, 9, 9, 9, 9, 9, 9, 9, 2, 2, 2, 2],
        balanced_ppm: 998_263,
    },
    Example {
        name: "a slow tail: 600 and 15 GB/s",
        nodes: &[node(614_400), cpuless(15_360)],
        mainline: &[31, 1],
        mainline_ppm: 780_487,
        balanced: &[40, 1],
        balanced_ppm: 1_000_000,
    },
    Example {
        name: "two nodes that differ by measurement noise",
        nodes: &[node(55_263), node(55_268)],
        mainline: &[15, 16],
        mainline_ppm: 968_793,
        balanced: &[1, 1],
        balanced_ppm: 999_954,
    },
    Example {
        name: "only the node without CPUs reports",
        nodes: &[node(0), cpuless(65_536)],
        mainline: &[1, 32],
        mainline_ppm: 515_625,
        balanced: &[1, 1],
        balanced_ppm: 1_000_000,
    },
    Example {
        name: "one node without CPUs does not report",
        nodes: &[node(307_200), cpuless(0), cpuless(102_400)],
        mainline: &[24, 1, 8],
        mainline_ppm: 1_000_000,
        balanced: &[3, 1, 1],
        balanced_ppm: 1_000_000,
    },
    Example {
        name: "nobody reports",
        nodes: &[node(0), cpuless(0)],
        mainline: &[1, 1],
        mainline_ppm: 0,
        balanced: &[1, 1],
        balanced_ppm: 0,
    },
    Example {
        name: "mainline's product wraps at 2^27 MB/s",
        nodes: &[node(134_217_728), node(1), node(1)],
        mainline: &[1, 1, 1],
        mainline_ppm: 0,
        balanced: &[253, 1, 1],
        balanced_ppm: 1,
    },
];

/// Weights and the order that they give.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Weights; 0 has no turn.
    pub weights: &'static [u8],
    /// Place of the node that has each turn of the cycle.
    pub nodes: &'static [u16],
}

/// Examples of orders. Deadlines in brackets: equal ones go to the first node.
pub const ORDERS: &[Order] = &[
    Order {
        weights: &[],
        nodes: &[],
    },
    Order {
        weights: &[0, 0],
        nodes: &[],
    },
    Order {
        weights: &[3],
        nodes: &[0, 0, 0],
    },
    Order {
        weights: &[1, 1, 1],
        nodes: &[0, 1, 2],
    },
    Order {
        weights: &[2, 2],
        nodes: &[0, 1, 0, 1],
    },
    // Node 0 has (4/3, 8/3, 4), node 1 has (4).
    Order {
        weights: &[3, 1],
        nodes: &[0, 0, 0, 1],
    },
    // Node 1 has (3/2, 3), node 3 has (3).
    Order {
        weights: &[0, 2, 0, 1],
        nodes: &[1, 1, 3],
    },
    // Node 0 has (3/2, 3, 9/2, 6, 15/2, 9), node 1 has (9/2, 9), node 2 has (9).
    Order {
        weights: &[6, 2, 1],
        nodes: &[0, 0, 1, 0, 0, 1, 0, 0, 2],
    },
    // Node 0 has a deadline at each even turn, node 1 at (4, 8, 12), node 2 at (6, 12), node 3 at
    // (12); the third turn of node 1 may not be before the ninth.
    Order {
        weights: &[6, 3, 2, 1],
        nodes: &[0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 3],
    },
];
