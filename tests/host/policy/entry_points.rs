// SPDX-License-Identifier: GPL-2.0

//! Calls everything that the policy offers, so that the compiler emits all of it.
//!
//! Not part of the tests' program: `no_panic.rs` compiles it by itself.

#![no_std]
#![allow(missing_docs)]

#[path = "../../../rust/policy/mod.rs"]
pub mod policy;

use core::{
    fmt,
    num::{NonZeroU32, NonZeroU8},
};
use policy::{
    examples::Example,
    schedule::{Period, Scratch, Turn},
    *,
};

#[no_mangle]
pub fn entry_compute(
    algorithm: Algorithm,
    nodes: &[Node],
    limits: Limits,
    scratch: &mut [Candidate],
    weights: &mut [u8],
) -> Result<(), SizeMismatch> {
    compute(algorithm, nodes, limits, scratch, weights)
}

#[no_mangle]
pub fn entry_weights(nodes: &[Node], weights: &[u8]) -> (u32, u32) {
    (efficiency_ppm(nodes, weights), cycle(weights))
}

#[no_mangle]
pub fn entry_reduce(weights: &mut [u8]) {
    reduce(weights);
}

#[no_mangle]
pub fn entry_fill(
    weights: &[u8],
    scratch: &mut [Scratch],
    turns: &mut [Turn],
) -> Result<(), SizeMismatch> {
    schedule::fill(weights, scratch, turns)
}

#[no_mangle]
pub fn entry_direct(weights: &[u8], index: u64, cursor: Turn) -> [Option<Turn>; 2] {
    [
        schedule::turn_at(weights, index),
        schedule::turn_after(weights, cursor),
    ]
}

#[no_mangle]
pub fn entry_runs(weights: &[u8], index: u64, cursor: Turn) -> [Option<Turn>; 2] {
    [
        schedule::run_at(weights.iter().copied(), index),
        schedule::run_after(weights.iter().copied(), cursor),
    ]
}

#[no_mangle]
pub fn entry_place(pages: NonZeroU32, index: u64) -> u64 {
    Period::new(pages).place(index)
}

#[no_mangle]
pub fn entry_streams(bandwidths: &[u32], weights: &[u8]) -> (Option<u8>, Option<NonZeroU8>) {
    (
        mainline_weights(bandwidths.iter().copied()).last(),
        divisor(weights.iter().copied()),
    )
}

#[no_mangle]
pub fn entry_scope(scope: Scope, name: &[u8]) -> (&'static str, Option<Scope>) {
    (scope.name(), Scope::from_name(name))
}

#[no_mangle]
pub fn entry_cell(row: Coordinates, local: Coordinates, now: Coordinates) -> Cell {
    cell(row, local.best(now), now)
}

#[no_mangle]
pub fn entry_limits(
    value: u32,
    nodes: usize,
    limits: &Limits,
) -> (Option<MaxCycle>, Option<Target>, MaxCycle, MaxCycle, Limits) {
    (
        MaxCycle::new(value),
        Target::new(value),
        default_max_cycle(nodes),
        limits.max_cycle(nodes),
        Limits::default(),
    )
}

#[no_mangle]
pub fn entry_values(max_cycle: MaxCycle, target: Target) -> (u32, u32, bool, bool) {
    (
        max_cycle.get(),
        target.get(),
        max_cycle < default_max_cycle(1),
        target < Target::default(),
    )
}

#[no_mangle]
pub fn entry_coordinates(
    coordinates: Coordinates,
    other: Coordinates,
    metric: Metric,
) -> (u32, u32, Coordinates, bool, bool) {
    (
        coordinates.bandwidth(metric),
        coordinates.mainline(),
        coordinates.overridden_by(other),
        coordinates.is_known(),
        coordinates == other,
    )
}

#[no_mangle]
pub fn entry_names(algorithm: Algorithm, metric: Metric, source: Source) -> [&'static str; 3] {
    [algorithm.name(), metric.name(), source.name()]
}

#[no_mangle]
pub fn entry_from_names(name: &[u8]) -> (Option<Algorithm>, Option<Metric>) {
    (Algorithm::from_name(name), Metric::from_name(name))
}

#[no_mangle]
pub fn entry_examples() -> &'static [Example] {
    examples::EXAMPLES
}

#[no_mangle]
pub fn entry_debug(
    f: &mut fmt::Formatter<'_>,
    choice: (Algorithm, Metric, Source),
    limits: Limits,
    coordinates: Coordinates,
    node: Node,
    example: &Example,
    order: (Scratch, Turn),
    cell: Cell,
) -> fmt::Result {
    write!(
        f,
        "{choice:?} {limits:?} {coordinates:?} {node:?} {example:?} {order:?} {cell:?} {SizeMismatch}"
    )
}
