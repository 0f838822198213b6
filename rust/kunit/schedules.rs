// SPDX-License-Identifier: GPL-2.0

//! Cached schedules against what is computed without them.
//!
//! Works with as many nodes as the machine can have, so each topology tries another number.

use crate::{
    kernel_ext::{
        node::{NodeId, NodeMask, SharedNodeMask},
        rcu::RcuBox,
    },
    policy::{self, schedule::Turn},
    provider::{
        schedules::{Choice, Plan, Schedule, Schedules},
        table::{Draft, Table, VectorId, Viewer},
    },
    sinks::exports,
};
use kernel::{prelude::*, sync::rcu};

/// Makes a table that gives the nodes the weights of `pattern`, again and again.
fn table(pattern: &[u8]) -> Result<RcuBox<Table>> {
    let mut draft = Draft::new()?;
    for (node, weight) in NodeId::all().zip(pattern.iter().cycle()) {
        draft.set_weight(node, *weight);
    }
    Ok(draft.into_table())
}

/// The nodes of the machine whose ids have the bits `which`.
fn nodes(which: u32) -> NodeMask {
    let mut mask = NodeMask::default();
    for node in NodeId::all().filter(|node| u32::from(*node) & which == which) {
        mask.insert(node);
    }
    mask
}

fn schedule(table: &Table, nodes: NodeMask) -> Result<KBox<Schedule>> {
    let mut plan = Plan::new(VectorId::SYSTEM, nodes)?;
    plan.take(table);
    plan.schedule()
}

/// Weights that tell the rules apart: a plain ratio, common factors, zeros, and zeros alone.
const PATTERNS: [&[u8]; 6] = [&[6, 2, 1], &[4, 2], &[3, 0, 1], &[0], &[1], &[255, 1]];

/// Weights that many nodes have too long a cycle of to compute it in order, one with a common factor.
const LONG_PATTERNS: [&[u8]; 2] = [&[255, 1], &[254, 252]];

/// Returns how many of the turns from the first on `node` has.
fn count(choice: &Choice<'_>, node: NodeId, turns: u32) -> usize {
    let is_its = |turn: &Turn| turn.node == u16::from(node);
    let turns = (0..turns).filter_map(|index| choice.turn_at(index.into()));
    turns
        .filter(is_its)
        .fold(0, |count: usize, _| count.saturating_add(1))
}

#[kunit_tests(numaweave_schedules)]
mod tests {
    use super::*;

    #[test]
    fn the_cached_order_is_the_computed_one() -> Result {
        for pattern in PATTERNS {
            let table = table(pattern)?;
            for which in [0, 1, 2] {
                let nodes = nodes(which);
                let choice = Choice::new(&table, VectorId::SYSTEM, &nodes);
                if !choice.is_computed_in_order() || !choice.can_be_cached() {
                    continue;
                }
                let schedule = schedule(&table, nodes)?;
                // From the first page on, and up to the last that a file can have.
                for first in [0, (u64::MAX >> 12) - 600] {
                    for index in first..=first + 600 {
                        assert_eq!(Some(schedule.turn_at(index)), choice.turn_at(index));
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_cycle_of_runs_has_the_share_of_each_node() -> Result {
        for pattern in LONG_PATTERNS {
            let table = table(pattern)?;
            let nodes = nodes(0);
            let choice = Choice::new(&table, VectorId::SYSTEM, &nodes);
            if choice.is_computed_in_order() {
                continue;
            }
            let weights = || {
                nodes
                    .iter()
                    .map(|node| table.weight(VectorId::SYSTEM, node))
            };
            let divisor = policy::divisor(weights()).ok_or(EINVAL)?;
            let turns = || weights().map(|weight| weight / divisor);
            let cycle = turns().fold(0u32, |sum, turns| sum.saturating_add(turns.into()));
            // Each is looked for among all: the first and the last are enough.
            let ends = || nodes.iter().zip(turns());
            for (node, turns) in [ends().next(), ends().last()].into_iter().flatten() {
                assert_eq!(count(&choice, node, cycle), usize::from(turns));
            }
        }
        Ok(())
    }

    #[test]
    fn a_cursor_walks_the_same_order() -> Result {
        for pattern in PATTERNS {
            let table = table(pattern)?;
            let nodes = nodes(0);
            let choice = Choice::new(&table, VectorId::SYSTEM, &nodes);
            if !choice.is_computed_in_order() {
                continue;
            }
            let schedule = schedule(&table, nodes)?;
            // What set_mempolicy(2) starts with.
            let mut cursor = Turn {
                node: u16::MAX,
                remaining: 0,
            };
            for _ in 0..600 {
                let cached = schedule.step(cursor);
                assert_eq!(cached, choice.step(cursor));
                let (turn, next) = cached.ok_or(EINVAL)?;
                assert!(next.remaining != 0);
                // The cursor names the node of the next page.
                assert!(cursor.remaining == 0 || turn == cursor);
                cursor = next;
            }
        }
        Ok(())
    }

    #[test]
    fn a_node_without_weight_takes_no_page_while_another_can() -> Result {
        let table = table(&[1, 0])?;
        let nodes = nodes(0);
        let schedule = schedule(&table, nodes)?;
        for index in 0..100 {
            let node = NodeId::new(schedule.turn_at(index).node).ok_or(EINVAL)?;
            assert_eq!(table.weight(VectorId::SYSTEM, node), 1);
        }
        Ok(())
    }

    #[test]
    fn an_empty_nodemask_has_no_turn() -> Result {
        let table = table(&[1])?;
        let nodes = NodeMask::default();
        let choice = Choice::new(&table, VectorId::SYSTEM, &nodes);
        assert_eq!(choice.turn_at(7), None);
        assert!(choice.step(Turn::default()).is_none());
        assert!(!choice.can_be_cached());
        assert!(schedule(&table, nodes).is_err());
        Ok(())
    }

    #[test]
    fn a_policy_without_nodes_gets_the_node_of_its_cpu() {
        let empty = SharedNodeMask::empty();
        let cursor = Turn {
            node: 3,
            remaining: 2,
        };
        let guard = rcu::read_lock();
        let by_index = exports::interleave_nid(&empty, Viewer::Local, 5, &guard);
        let (by_cursor, kept) = exports::next_nid(&empty, Viewer::System, cursor, &guard);
        drop(guard);
        assert!(NodeId::new(by_index).is_some());
        assert!(NodeId::new(by_cursor).is_some());
        assert!(kept == cursor);
    }

    #[test]
    fn the_cache_finds_what_was_put_in_and_nothing_else() -> Result {
        let table = table(&[6, 2, 1])?;
        let cache = Schedules::empty();
        let shared = SharedNodeMask::empty();
        // One nodemask a node, many times over, so that sets overflow on large machines.
        for node in NodeId::all() {
            let mut nodes = NodeMask::default();
            nodes.insert(node);
            shared.store(&nodes);
            let made = schedule(&table, nodes)?;
            let guard = rcu::read_lock();
            let before = cache.find(VectorId::SYSTEM, &shared, &guard).is_some();
            let retired = cache.insert(made, &guard);
            let found = cache
                .find(VectorId::SYSTEM, &shared, &guard)
                .map(|schedule| schedule.turn_at(0).node);
            let other = VectorId::of(node);
            let as_other = cache.find(other, &shared, &guard).is_some();
            drop(guard);
            drop(retired);
            assert!(!before);
            assert_eq!(found, Some(node.into()));
            assert!(!as_other);
        }
        Ok(())
    }
}
