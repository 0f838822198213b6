// SPDX-License-Identifier: GPL-2.0

//! The algorithms that turn bandwidths into weights, and the limits a user can set.

use super::{balanced, mainline, Candidate, Node};
use core::{error, fmt, num::NonZeroU8};

/// Largest sum of weights that a user can ask for, in pages. It also bounds the number of nodes
/// that can be told apart: with more of them all weights are 1. (The kernel has at most 1024
/// nodes.)
pub const MAX_CYCLE_LIMIT: u16 = 4096;

/// Smallest upper bound of the cycle that is chosen by itself, in pages.
const DEFAULT_MAX_CYCLE: usize = 255;

/// Pages that each node adds to the bound of the cycle once [`DEFAULT_MAX_CYCLE`] is used up.
const DEFAULT_MAX_CYCLE_PER_NODE: usize = 8;

/// Largest target, in per mille.
pub const TARGET_LIMIT: u16 = 1000;

/// Target where the user gives none, in per mille.
pub const DEFAULT_TARGET: u16 = 990;

/// How weights are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// The shortest cycle that makes enough of the aggregate bandwidth usable.
    #[default]
    Balanced,
    /// What Linux 7.2 computes.
    Mainline,
}

impl Algorithm {
    /// All algorithms, in the order in which they are shown to users.
    pub const ALL: [Self; 2] = [Self::Balanced, Self::Mainline];

    /// The word that users read and write for this algorithm.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Mainline => "mainline",
        }
    }

    /// The algorithm with exactly this name (no blanks, no newline), [`None`] where there is none.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().as_bytes() == name)
    }
}

/// Upper bound of the sum of weights, in pages.
///
/// # Invariants
///
/// The value is in `1..=MAX_CYCLE_LIMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxCycle(u16);

impl MaxCycle {
    /// A bound of `pages`, [`None`] unless it is in `1..=`[`MAX_CYCLE_LIMIT`].
    ///
    /// A bound below the number of nodes with memory is useless, since each has a weight of at
    /// least 1; refuse it where it is entered. It still gets an answer here, as nodes can be added
    /// later.
    #[must_use]
    pub fn new(pages: u32) -> Option<Self> {
        // INVARIANT: the range was just checked.
        u16::try_from(pages)
            .ok()
            .filter(|pages| (1..=MAX_CYCLE_LIMIT).contains(pages))
            .map(Self)
    }

    /// The bound in pages.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.into()
    }
}

/// The bound of the cycle for `nodes` nodes with memory where the user gives none: 255 or 8 pages a
/// node, whichever is larger, but at most [`MAX_CYCLE_LIMIT`].
#[must_use]
pub fn default_max_cycle(nodes: usize) -> MaxCycle {
    let pages = nodes
        .saturating_mul(DEFAULT_MAX_CYCLE_PER_NODE)
        .max(DEFAULT_MAX_CYCLE);

    // INVARIANT: at least `DEFAULT_MAX_CYCLE` and at most `MAX_CYCLE_LIMIT`.
    MaxCycle(u16::try_from(pages).map_or(MAX_CYCLE_LIMIT, |pages| pages.min(MAX_CYCLE_LIMIT)))
}

/// Share of the aggregate bandwidth that is enough, in per mille.
///
/// # Invariants
///
/// The value is in `1..=TARGET_LIMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(u16);

impl Target {
    /// A target of `permille`, [`None`] unless it is in `1..=`[`TARGET_LIMIT`].
    #[must_use]
    pub fn new(permille: u32) -> Option<Self> {
        // INVARIANT: the range was just checked.
        u16::try_from(permille)
            .ok()
            .filter(|permille| (1..=TARGET_LIMIT).contains(permille))
            .map(Self)
    }

    /// The target in per mille.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.into()
    }
}

impl Default for Target {
    fn default() -> Self {
        // INVARIANT: the constant is in range.
        Self(DEFAULT_TARGET)
    }
}

/// What a user asks of the `balanced` algorithm; `mainline` knows no limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Upper bound of the cycle; [`None`] is [`default_max_cycle`] of the nodes at hand.
    pub max_cycle: Option<MaxCycle>,
    /// Efficiency that is enough.
    pub target: Target,
}

impl Limits {
    /// The bound of the cycle in force for `nodes` nodes with memory.
    #[must_use]
    pub fn max_cycle(&self, nodes: usize) -> MaxCycle {
        self.max_cycle.unwrap_or_else(|| default_max_cycle(nodes))
    }
}

/// The scratch space or the place for the result does not have the size that the input asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeMismatch;

impl fmt::Display for SizeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memory given does not have the size that the nodes ask for")
    }
}

impl error::Error for SizeMismatch {}

/// Computes the weight of each node.
///
/// `nodes` are the nodes with memory in ascending order of their ids, since ties go to the first.
/// The weight of each is stored at the same place in `weights`; what `weights` has beyond that
/// stays as it was. `scratch` is work space, its content does not matter.
///
/// Takes `O(max_cycle log nodes)` steps with `balanced`, `O(nodes)` with `mainline`.
///
/// # Errors
///
/// [`SizeMismatch`] if `scratch` or `weights` has fewer elements than `nodes`; nothing is changed
/// then.
pub fn compute(
    algorithm: Algorithm,
    nodes: &[Node],
    limits: Limits,
    scratch: &mut [Candidate],
    weights: &mut [u8],
) -> Result<(), SizeMismatch> {
    let scratch = scratch.get_mut(..nodes.len()).ok_or(SizeMismatch)?;
    let weights = weights.get_mut(..nodes.len()).ok_or(SizeMismatch)?;

    match algorithm {
        Algorithm::Balanced => balanced::compute(nodes, limits, scratch, weights),
        Algorithm::Mainline => mainline::compute(nodes, weights),
    }
    Ok(())
}

/// The sum of `weights`: after so many pages the pattern repeats.
#[must_use]
pub fn cycle(weights: &[u8]) -> u32 {
    weights
        .iter()
        .fold(0, |sum: u32, &weight| sum.saturating_add(weight.into()))
}

/// Divides `weights` by their greatest common divisor: the same shares in the shortest cycle. A
/// weight of 0 stays 0 and has no say.
pub fn reduce(weights: &mut [u8]) {
    if let Some(divisor) = divisor(weights.iter().copied()) {
        for weight in weights {
            *weight /= divisor;
        }
    }
}

/// Greatest common divisor of all `weights`, [`None`] where none is above 0.
#[must_use]
pub fn divisor(weights: impl Iterator<Item = u8>) -> Option<NonZeroU8> {
    NonZeroU8::new(weights.fold(0, gcd))
}

/// Greatest common divisor; that of 0 and a number is the number.
fn gcd(mut a: u8, mut b: u8) -> u8 {
    while let Some(divisor) = NonZeroU8::new(b) {
        (a, b) = (b, a % divisor);
    }
    a
}
