// SPDX-License-Identifier: GPL-2.0

//! Schedules: the order of nodes inside a cycle, cached for each vector of weights and nodemask.
//!
//! A cache belongs to one table and is empty when that is published, so nothing stale can be found
//! in it. Readers look under RCU and never wait. What is not there is computed on the spot
//! ([`Choice`]): where that takes few steps it gives the very same order, otherwise mainline's, each
//! weight as one run. The shares of the nodes are the same either way.
//!
//! # Memory
//!
//! At most [`SETS`] x [`WAYS`](super::cache::WAYS) schedules of at most [`LONGEST_CYCLE`] turns, each of 8 bytes and 4
//! bytes more for each node id: 4.5 MiB at the very worst, with 1024 node ids; as a rule some
//! kilobytes.

use super::{
    cache::{Cache, Entry},
    table::{Table, VectorId},
};
use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId, NodeMask, SharedNodeMask},
        rcu::Retired,
        ring::Ring,
    },
    policy::{
        self,
        schedule::{self, Period, Scratch, Turn},
    },
};
use core::num::NonZeroU32;
use kernel::{prelude::*, sync::rcu::Guard};

/// Sets of the cache, a power of two.
const SETS: usize = 1 << SET_BITS;
const SET_BITS: u32 = 5;

/// Longest cycle that is cached, pages. With the weights of 0 to 255 that users can write, more
/// than 16 nodes can have a longer one.
const LONGEST_CYCLE: usize = policy::MAX_CYCLE_LIMIT as usize;

/// The place of a node's turns.
#[derive(Clone, Copy, Default)]
struct Turns {
    /// Where they begin in `next`.
    first: u16,
    /// How many there are in a cycle.
    count: u8,
}

impl Turns {
    /// Returns the place in `next` of the turn that has `remaining` left, from 1.
    fn place(self, remaining: u8) -> usize {
        usize::from(self.first).saturating_add(usize::from(remaining.saturating_sub(1)))
    }
}

/// The order of nodes for one vector of weights and one nodemask.
pub(crate) struct Schedule {
    vector: VectorId,
    nodes: NodeMask,
    /// By position in the cycle.
    turns: Ring<Turn>,
    /// By node id.
    by_node: KVec<Turns>,
    /// What follows each node's turns, from the last to the first in the cycle.
    next: KVec<Turn>,
}

impl Schedule {
    /// Returns the turn at `index`, cycle after cycle. Any context.
    #[inline]
    pub(crate) fn turn_at(&self, index: u64) -> Turn {
        self.turns.at(index)
    }

    /// Returns the turn that `cursor` stands for and the one after it. Any context.
    #[inline]
    pub(crate) fn step(&self, cursor: Turn) -> Option<(Turn, Turn)> {
        match self.after(cursor) {
            Some(next) => Some((cursor, next)),
            None => self.begin(cursor),
        }
    }

    /// Returns the turn after `cursor`, [`None`] where that is none of this order. Any context.
    #[inline]
    pub(crate) fn after(&self, cursor: Turn) -> Option<Turn> {
        let turns = self.by_node.get(usize::from(cursor.node))?;
        let left = cursor.remaining.checked_sub(1)?;
        if left >= turns.count {
            return None;
        }
        self.next.get(turns.place(cursor.remaining)).copied()
    }

    /// Does the same for a cursor that is no turn of this order.
    #[cold]
    #[inline(never)]
    fn begin(&self, cursor: Turn) -> Option<(Turn, Turn)> {
        let count = |node: NodeId| self.by_node.get(node.index()).map_or(0, |it| it.count);
        let nodes = self.nodes.iter().map(|node| (node, count(node)));
        let (node, Turn { remaining, .. }) = begin(nodes, cursor)?;
        let turn = Turn {
            node: node.into(),
            remaining,
        };
        Some((turn, self.after(turn)?))
    }

    #[inline]
    fn is_for(&self, vector: VectorId, nodes: &SharedNodeMask) -> bool {
        self.vector == vector && self.nodes.words().eq(nodes.words())
    }
}

impl Entry for Schedule {
    fn set(&self) -> usize {
        set(self.vector, self.nodes.words())
    }

    fn is_same(&self, other: &Self) -> bool {
        self.vector == other.vector && self.nodes == other.nodes
    }
}

/// What a schedule is made from: the nodes of a policy with their weights, and the table these are
/// of.
pub(crate) struct Plan {
    vector: VectorId,
    nodes: NodeMask,
    generation: u64,
    ids: KVec<u16>,
    weights: KVec<u8>,
}

impl Plan {
    /// Allocates a plan for `nodes`. May sleep.
    pub(crate) fn new(vector: VectorId, nodes: NodeMask) -> Result<Self> {
        let count = nodes.weight();
        Ok(Self {
            vector,
            nodes,
            generation: 0,
            ids: alloc::filled(0, count)?,
            weights: alloc::filled(0, count)?,
        })
    }

    /// Takes the weights from `table`. Does not sleep.
    pub(crate) fn take(&mut self, table: &Table) {
        self.generation = table.generation;
        let choice = Choice::new(table, self.vector, &self.nodes);
        let places = self.ids.iter_mut().zip(self.weights.iter_mut());
        for ((node, weight), place) in choice.weights().zip(places) {
            (*place.0, *place.1) = (node.into(), weight);
        }
        policy::reduce(&mut self.weights);
    }

    /// The generation of the table whose weights were taken.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Works out the order. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINVAL` where there are no nodes or the cycle is too long.
    pub(crate) fn schedule(self) -> Result<KBox<Schedule>> {
        let cycle = usize::try_from(policy::cycle(&self.weights))?;
        if cycle > LONGEST_CYCLE {
            return Err(EINVAL);
        }
        let mut scratch = alloc::filled(Scratch::default(), self.weights.len())?;
        let mut turns = alloc::filled(Turn::default(), cycle)?;
        schedule::fill(&self.weights, &mut scratch, &mut turns).map_err(|_| EINVAL)?;
        let mut by_node = alloc::filled(Turns::default(), usize::from(nr_node_ids()))?;
        let mut next = alloc::filled(Turn::default(), cycle)?;
        let mut first = 0u16;
        for (id, weight) in self.ids.iter().zip(&self.weights) {
            if let Some(place) = by_node.get_mut(usize::from(*id)) {
                *place = Turns {
                    first,
                    count: *weight,
                };
            }
            first = first.saturating_add((*weight).into());
        }
        for turn in turns.iter_mut() {
            turn.node = *self.ids.get(usize::from(turn.node)).ok_or(EINVAL)?;
        }
        for (turn, follower) in turns.iter().zip(turns.iter().cycle().skip(1)) {
            let turns = by_node.get(usize::from(turn.node)).ok_or(EINVAL)?;
            *next.get_mut(turns.place(turn.remaining)).ok_or(EINVAL)? = *follower;
        }
        Ok(alloc::boxed(Schedule {
            vector: self.vector,
            nodes: self.nodes,
            turns: Ring::new(turns).ok_or(EINVAL)?,
            by_node,
            next,
        })?)
    }
}

/// The schedules of one table that somebody has asked for.
pub(crate) struct Schedules(Cache<Schedule, SETS>);

impl Schedules {
    /// Makes an empty cache.
    pub(crate) fn empty() -> Self {
        Self(Cache::empty())
    }

    /// Finds a schedule. Any context.
    #[inline]
    pub(crate) fn find<'a>(
        &'a self,
        vector: VectorId,
        nodes: &SharedNodeMask,
        guard: &'a Guard,
    ) -> Option<&'a Schedule> {
        let is_it = |it: &Schedule| it.is_for(vector, nodes);
        self.0.find(set(vector, nodes.words()), is_it, guard)
    }

    /// Returns whether there is a schedule. Any context.
    pub(crate) fn has(&self, vector: VectorId, nodes: &NodeMask, guard: &Guard) -> bool {
        let is_it = |it: &Schedule| it.vector == vector && it.nodes == *nodes;
        self.0
            .find(set(vector, nodes.words()), is_it, guard)
            .is_some()
    }

    /// Puts `schedule` into its set. Returns what had to give place. One at a time; does not sleep.
    pub(crate) fn insert(
        &self,
        schedule: KBox<Schedule>,
        guard: &Guard,
    ) -> Option<Retired<Schedule>> {
        self.0.insert(schedule, guard)
    }
}

/// Returns the set for a vector and the words of a nodemask.
#[inline]
fn set(vector: VectorId, words: impl Iterator<Item = usize>) -> usize {
    // The golden ratio as a 64-bit fraction spreads neighbours far apart (Knuth, TAOCP 6.4).
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = words.fold(u64::from(vector.get()), |hash, word| {
        // CAST: A word has at most 64 bits.
        (hash ^ word as u64).wrapping_mul(FACTOR)
    });
    // CAST: The upper SET_BITS bits.
    (hash >> (u64::BITS - SET_BITS)) as usize
}

/// The nodes that a policy chooses from, where no schedule is at hand.
///
/// A node without weight, as it has no memory or weight 0, takes no page while another one can; where
/// all are so, each has weight 1.
pub(crate) struct Choice<'a> {
    table: &'a Table,
    vector: VectorId,
    nodes: &'a NodeMask,
    /// Whether a node has a weight.
    any: bool,
}

impl<'a> Choice<'a> {
    /// Looks at what `table` has of `nodes`. Any context.
    pub(crate) fn new(table: &'a Table, vector: VectorId, nodes: &'a NodeMask) -> Self {
        let any = nodes.iter().any(|node| table.weight(vector, node) != 0);
        Self {
            table,
            vector,
            nodes,
            any,
        }
    }

    /// Returns the vector of the weights.
    pub(crate) fn vector(&self) -> VectorId {
        self.vector
    }

    /// Returns the nodes of the policy.
    pub(crate) fn nodes(&self) -> &NodeMask {
        self.nodes
    }

    /// Returns whether the order can be cached. Any context.
    pub(crate) fn can_be_cached(&self) -> bool {
        self.cycle()
            .is_some_and(|cycle| cycle.get() <= policy::MAX_CYCLE_LIMIT.into())
    }

    /// Returns the pages after which the order repeats, [`None`] where there are no nodes.
    fn cycle(&self) -> Option<NonZeroU32> {
        let weights = || self.weights().map(|(_, weight)| weight);
        let cycle = weights().fold(0u32, |sum, weight| sum.saturating_add(weight.into()));
        NonZeroU32::new(cycle / NonZeroU32::from(policy::divisor(weights())?))
    }

    /// Returns the nodes with their weights.
    fn weights(&self) -> impl Iterator<Item = (NodeId, u8)> + Clone + '_ {
        self.nodes.iter().map(|node| {
            let weight = if self.any {
                self.table.weight(self.vector, node)
            } else {
                1
            };
            (node, weight)
        })
    }

    /// Returns the turn at `index`, [`None`] where there are no nodes. Any context.
    pub(crate) fn turn_at(&self, index: u64) -> Option<Turn> {
        let weights = || self.weights().map(|(_, weight)| weight);
        let index = Period::new(self.cycle()?).place(index);
        let turn = Few::new(weights())
            .and_then(|few| schedule::turn_at(few.weights(), index))
            .or_else(|| {
                // The place is one in a cycle of weights in lowest terms.
                let divisor = policy::divisor(weights())?;
                schedule::run_at(weights().map(|weight| weight / divisor), index)
            })?;
        self.named(turn)
    }

    /// Returns the turn that `cursor` stands for and the one after it, [`None`] where there are no
    /// nodes. Any context.
    pub(crate) fn step(&self, cursor: Turn) -> Option<(Turn, Turn)> {
        let few = Few::new(self.weights().map(|(_, weight)| weight));
        let few = few.as_ref().and_then(|few| {
            let nodes = self.nodes.iter().zip(few.weights().iter().copied());
            let (_, turn) = begin(nodes, cursor)?;
            Some((turn, schedule::turn_after(few.weights(), turn)?))
        });
        let many = || {
            let (_, turn) = begin(self.weights(), cursor)?;
            let weights = self.weights().map(|(_, weight)| weight);
            Some((turn, schedule::run_after(weights, turn)?))
        };
        let (turn, next) = few.or_else(many)?;
        Some((self.named(turn)?, self.named(next)?))
    }

    /// Returns `turn` with the id of the node in place of its place in the policy.
    fn named(&self, turn: Turn) -> Option<Turn> {
        let node = self.nodes.iter().nth(turn.node.into())?;
        Some(Turn {
            node: node.into(),
            ..turn
        })
    }
}

#[cfg(CONFIG_KUNIT = "y")]
impl Choice<'_> {
    /// Returns whether what is computed is in the order that a schedule has, and not in mainline's.
    pub(crate) fn is_computed_in_order(&self) -> bool {
        let nodes = u32::try_from(self.nodes.weight()).unwrap_or(u32::MAX);
        let cycle = self.cycle().map_or(0, NonZeroU32::get);
        self.nodes.weight() <= schedule::DIRECT_NODES
            && cycle.saturating_mul(nodes) <= schedule::DIRECT_STEPS
    }
}

/// The weights of few nodes in lowest terms, for computations without memory.
struct Few {
    weights: [u8; schedule::DIRECT_NODES],
    count: usize,
}

impl Few {
    /// Collects `weights` unless there are too many.
    fn new(weights: impl Iterator<Item = u8>) -> Option<Self> {
        let mut few = Self {
            weights: [0; schedule::DIRECT_NODES],
            count: 0,
        };
        for weight in weights {
            *few.weights.get_mut(few.count)? = weight;
            few.count = few.count.wrapping_add(1);
        }
        if let Some(weights) = few.weights.get_mut(..few.count) {
            policy::reduce(weights);
        }
        Some(few)
    }

    fn weights(&self) -> &[u8] {
        self.weights.get(..self.count).unwrap_or_default()
    }
}

/// Finds the turn that `cursor` stands for among `nodes` with their turns in a cycle. Where it has
/// nothing left, or its node takes no turns, that is the first turn of the next node that takes
/// some, as mainline has it. Returns the node and its turn by place among `nodes`.
fn begin(nodes: impl Iterator<Item = (NodeId, u8)>, cursor: Turn) -> Option<(NodeId, Turn)> {
    let mut first = None;
    let mut after = None;
    let mut place = 0u16;
    for (node, count) in nodes {
        if count != 0 {
            let id = u16::from(node);
            if id == cursor.node && cursor.remaining != 0 {
                let remaining = cursor.remaining.min(count);
                return Some((
                    node,
                    Turn {
                        node: place,
                        remaining,
                    },
                ));
            }
            let start = Some((
                node,
                Turn {
                    node: place,
                    remaining: count,
                },
            ));
            first = first.or(start);
            if id > cursor.node {
                after = after.or(start);
            }
        }
        place = place.saturating_add(1);
    }
    after.or(first)
}
