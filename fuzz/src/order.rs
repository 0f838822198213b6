// SPDX-License-Identifier: GPL-2.0

//! Weights to the order of nodes.

use arbitrary::{Result, Unstructured};
use numaweave_policy::{
    cycle, divisor, reduce,
    schedule::{
        fill, run_after, run_at, turn_after, turn_at, Period, Scratch, Turn, DIRECT_NODES,
        DIRECT_STEPS,
    },
    SizeMismatch,
};
use std::num::NonZeroU32;

/// Steps that the discrepancy of all prefixes is looked at for, node by node.
const MOST_STEPS: u32 = 16_384;

/// Checks the order for some weights, at an index and at a cursor.
///
/// # Panics
///
/// If it breaks a guarantee.
pub fn check(data: &[u8]) {
    let Ok((index, cursor, pages, weights)) = draw(&mut Unstructured::new(data)) else {
        return;
    };
    check_period(pages, index);
    check_reduced(&weights);
    let turns = filled(&weights);
    check_turns(&weights, &turns);
    check_direct(&weights, &turns, index, cursor);
    check_runs(&weights, index, cursor);
}

fn draw(input: &mut Unstructured<'_>) -> Result<(u64, Turn, NonZeroU32, Vec<u8>)> {
    let index = input.arbitrary()?;
    let cursor = Turn {
        node: input.arbitrary::<u8>()?.into(),
        remaining: input.arbitrary()?,
    };
    let pages = NonZeroU32::new(input.arbitrary()?).unwrap_or(NonZeroU32::MIN);
    // More than can be told apart without memory.
    let weights = input.bytes(input.len().min(80))?.to_vec();
    Ok((index, cursor, pages, weights))
}

fn check_period(pages: NonZeroU32, index: u64) {
    let place = Period::new(pages).place(index);
    let pages = u64::from(pages.get());

    assert!(place < pages);
    if u128::from(index) * u128::from(pages) < 1 << 64 {
        assert_eq!(place, index % pages);
    }
}

fn check_reduced(weights: &[u8]) {
    let mut reduced = weights.to_vec();
    reduce(&mut reduced);
    match divisor(weights.iter().copied()) {
        None => assert_eq!(cycle(weights), 0),
        Some(divisor) => {
            assert!((divisor.get()..=255).all(|larger| {
                larger == divisor.get() || weights.iter().any(|weight| weight % larger != 0)
            }));
            for (weight, reduced) in weights.iter().zip(reduced) {
                assert_eq!(
                    u32::from(*weight),
                    u32::from(reduced) * u32::from(divisor.get())
                );
            }
        }
    }
}

/// The order as it is cached.
fn filled(weights: &[u8]) -> Vec<Turn> {
    let length = usize::try_from(cycle(weights)).unwrap();
    let mut scratch = vec![Scratch::default(); weights.len()];
    let mut turns = vec![Turn::default(); length + 1];

    assert_eq!(fill(weights, &mut scratch, &mut turns), Err(SizeMismatch));
    turns.pop();
    assert_eq!(fill(weights, &mut scratch, &mut turns), Ok(()));
    turns
}

/// Every turn is one that its node has, and every prefix has its share of each node, give or take
/// less than a page.
fn check_turns(weights: &[u8], turns: &[Turn]) {
    let length = i64::try_from(turns.len()).unwrap();
    let all = cycle(weights) * u32::try_from(weights.len()).unwrap() <= MOST_STEPS;
    let mut had = vec![0_u8; weights.len()];

    for (taken, turn) in (1_i64..).zip(turns) {
        let node = usize::from(turn.node);
        assert_eq!(turn.remaining, weights[node] - had[node]);
        had[node] += 1;
        let node_is_fair = |node: usize| {
            let off = i64::from(had[node]) * length - taken * i64::from(weights[node]);
            off.abs() < length
        };
        if all {
            assert!((0..weights.len()).all(node_is_fair));
        } else {
            assert!(node_is_fair(node));
        }
    }
    assert_eq!(had, weights);
}

/// What is computed without memory is the same order.
fn check_direct(weights: &[u8], turns: &[Turn], index: u64, cursor: Turn) {
    let nodes = u32::try_from(weights.len()).unwrap();
    let steps = u64::from(cycle(weights)) * u64::from(nodes);
    let at = turn_at(weights, index);
    let after = turn_after(weights, cursor);

    if turns.is_empty() || weights.len() > DIRECT_NODES || steps > DIRECT_STEPS.into() {
        assert_eq!((at, after), (None, None));
        return;
    }
    let place = usize::try_from(index % u64::from(cycle(weights))).unwrap();
    assert_eq!(at, Some(turns[place]));
    let place = turns.iter().position(|turn| *turn == cursor);
    assert_eq!(after, place.map(|place| turns[(place + 1) % turns.len()]));
}

/// Mainline's order: each weight as one run.
fn check_runs(weights: &[u8], index: u64, cursor: Turn) {
    let runs: Vec<Turn> = (0..)
        .zip(weights)
        .flat_map(|(node, &weight)| {
            (1..=weight)
                .rev()
                .map(move |remaining| Turn { node, remaining })
        })
        .collect();
    let place = |index: u64| usize::try_from(index % u64::try_from(runs.len()).unwrap()).unwrap();
    let at = run_at(weights.iter().copied(), index);
    let after = run_after(weights.iter().copied(), cursor);

    if runs.is_empty() {
        assert_eq!((at, after), (None, None));
        return;
    }
    assert_eq!(at, Some(runs[place(index)]));
    let now = runs.iter().position(|turn| *turn == cursor);
    assert_eq!(after, now.map(|now| runs[(now + 1) % runs.len()]));
}
