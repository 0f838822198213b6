// SPDX-License-Identifier: GPL-2.0

//! Policy: from node bandwidths to interleave weights, and from weights to the order of nodes.
//!
//! Pure code. It allocates nothing, takes no lock, never sleeps and cannot panic, so it may be
//! called from any context. It knows no kernel type: the same files are compiled into the module
//! and, as the crate `numaweave-policy`, into the host's tools and tests.
//!
//! Units: bandwidth is in MB/s as the kernel's `struct access_coordinate` has it, 0 being unknown;
//! a weight is the number of pages (1 to 255) that a node gets in one cycle; a cycle is the sum of
//! the weights.
//!
//! No panic path may be emitted, with overflow checks on. So slices are read through iterators and
//! `get()`, divisors are `NonZero`, and arithmetic is wrapping where wrapping is meant and
//! saturating elsewhere. The kernel's `core` has overflow checks too: `enumerate()`, `count()` and
//! at times `zip()` of two slices bring a panic along. With at most [`MAX_CYCLE_LIMIT`] nodes no
//! saturating operation ever saturates: bandwidths have 32 bits, their sum 44, weights 8, their sum
//! 20, per mille 10.

#![forbid(unsafe_code)]

mod balanced;
mod bandwidth;
mod dhondt;
mod efficiency;
pub mod examples;
mod heap;
mod mainline;
mod matrix;
mod node;
pub mod schedule;
mod scope;
mod weights;

pub use self::{
    bandwidth::{Coordinates, Metric, Source},
    dhondt::Candidate,
    efficiency::efficiency_ppm,
    mainline::mainline_weights,
    matrix::{cell, Basis, Cell},
    node::Node,
    scope::Scope,
    weights::{
        compute, cycle, default_max_cycle, divisor, reduce, Algorithm, Limits, MaxCycle,
        SizeMismatch, Target, DEFAULT_TARGET, MAX_CYCLE_LIMIT, TARGET_LIMIT,
    },
};
