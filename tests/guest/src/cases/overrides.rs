// SPDX-License-Identifier: GPL-2.0

//! Bandwidths that an administrator knows better.

use anyhow::{ensure, Result};

use crate::harness::{Bench, Case, Scope, Suite};
use crate::injector::Injector;
use crate::machine::Coordinates;
use crate::provider::Provider;
use crate::workload;

pub(super) const SUITE: Suite = Suite {
    name: "override",
    cases: &[
        Case::new("each_side", Scope::Everywhere, each_side),
        Case::new("stays_over_updates", Scope::Everywhere, stays_over_updates),
        Case::new("decides_placement", Scope::SeveralNodes, decides_placement),
    ],
};

/// Each side is overridden and dropped on its own; what is underneath comes back.
fn each_side(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for &node in &bench.machine.memory {
        let file = |name: &str| format!("node{node}/{name}");
        let before = provider.bandwidth(node)?;
        let source = provider.read(&file("source"))?;
        let generation = provider.number("generation")?;

        provider.write(&file("read_bandwidth"), "54321")?;
        expect(
            &provider,
            node,
            Coordinates {
                read: 54_321,
                ..before
            },
            "override",
        )?;
        provider.write(&file("write_bandwidth"), "43210")?;
        expect(
            &provider,
            node,
            Coordinates {
                read: 54_321,
                write: 43_210,
            },
            "override",
        )?;
        provider.expect_planned(bench.machine)?;
        provider.expect_published()?;
        let after = provider.number("generation")?;
        ensure!(
            after > generation,
            "two overrides left generation at {after}"
        );

        provider.write(&file("read_bandwidth"), "0")?;
        expect(
            &provider,
            node,
            Coordinates {
                write: 43_210,
                ..before
            },
            "override",
        )?;
        provider.write(&file("write_bandwidth"), "0")?;
        expect(&provider, node, before, &source)?;
        provider.expect_planned(bench.machine)?;
        provider.expect_published()?;
    }
    provider.unload()
}

fn expect(provider: &Provider, node: u32, bandwidth: Coordinates, source: &str) -> Result<()> {
    let shown = provider.bandwidth(node)?;
    ensure!(
        shown == bandwidth,
        "node {node} is shown with {shown}, expected {bandwidth}"
    );
    provider.expect(&format!("node{node}/source"), source)
}

/// An update underneath an override is kept for later and changes nothing now.
fn stays_over_updates(bench: &mut Bench<'_>) -> Result<()> {
    let injector = Injector::load()?;
    let provider = Provider::load("")?;
    let node = bench.machine.last_node();
    provider.write(&format!("node{node}/read_bandwidth"), "90001")?;
    // The side that is not overridden shows that the update has arrived.
    injector.inject(
        node,
        Coordinates {
            read: 11_111,
            write: 22_222,
        },
    )?;
    provider.wait_for_bandwidth(
        node,
        Coordinates {
            read: 90_001,
            write: 22_222,
        },
    )?;
    provider.expect(&format!("node{node}/source"), "override")?;
    provider.expect_planned(bench.machine)?;
    provider.write(&format!("node{node}/read_bandwidth"), "0")?;
    expect(
        &provider,
        node,
        Coordinates {
            read: 11_111,
            write: 22_222,
        },
        "update",
    )?;
    provider.expect_planned(bench.machine)?;
    provider.unload()
}

/// Overrides alone are enough to make weights, whatever the firmware says.
fn decides_placement(bench: &mut Bench<'_>) -> Result<()> {
    let provider = Provider::load("")?;
    for (&node, bandwidth) in bench
        .machine
        .memory
        .iter()
        .zip([4000, 1000].into_iter().cycle())
    {
        for side in ["read_bandwidth", "write_bandwidth"] {
            provider.write(&format!("node{node}/{side}"), bandwidth.to_string())?;
        }
    }
    let weights = provider.expect_planned(bench.machine)?;
    let ratio: Vec<u8> = weights.values().copied().collect();
    let expected: Vec<u8> = [4, 1].into_iter().cycle().take(ratio.len()).collect();
    ensure!(
        ratio == expected,
        "overrides of 4000 and 1000 MB/s in turn give {weights}"
    );
    workload::expect(&weights)?;
    provider.unload()
}
