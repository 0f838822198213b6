// SPDX-License-Identifier: GPL-2.0

//! The order of nodes: what is promised of it, and that all ways to find a turn agree.

use crate::inputs;
use numaweave_policy::{
    cycle,
    examples::ORDERS,
    reduce,
    schedule::{
        fill, run_after, run_at, turn_after, turn_at, Scratch, Turn, DIRECT_NODES, DIRECT_STEPS,
        NODES_LIMIT,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};

/// The order of one cycle.
fn order(weights: &[u8]) -> Vec<Turn> {
    // Whatever is in the memory must not matter.
    let mut turns = vec![
        Turn {
            node: 7,
            remaining: 9
        };
        cycle(weights).try_into().unwrap()
    ];
    fill(
        weights,
        &mut vec![Scratch::default(); weights.len()],
        &mut turns,
    )
    .unwrap();
    turns
}

/// Whether turns may be found directly.
fn is_direct(weights: &[u8]) -> bool {
    let steps = u64::from(cycle(weights)) * u64::try_from(weights.len()).unwrap();
    weights.len() <= DIRECT_NODES && (1..=u64::from(DIRECT_STEPS)).contains(&steps)
}

/// The first breach of `|count_i(k) - k * w_i / W| < 1`, in exact arithmetic.
///
/// Looking at each node only where it has a turn, and just before, is enough: in between its count
/// stays, and the difference moves one way.
fn breach(weights: &[u8], turns: &[Turn]) -> Option<(usize, u16)> {
    let total = i64::from(cycle(weights));
    let mut counts = vec![0_i64; weights.len()];
    let apart = |count: i64, k: usize, weight: u8| {
        (count * total - i64::try_from(k).unwrap() * i64::from(weight)).abs()
    };

    for (k, turn) in turns.iter().enumerate() {
        let node = usize::from(turn.node);
        let before = apart(counts[node], k, weights[node]);
        counts[node] += 1;
        let after = apart(counts[node], k + 1, weights[node]);
        if before >= total || after >= total {
            return Some((k, turn.node));
        }
    }
    (0..=u16::MAX)
        .zip(counts.iter().zip(weights))
        .find_map(|(node, (&count, &weight))| {
            (count != i64::from(weight)).then_some((turns.len(), node))
        })
}

/// The same, by the definition: each node at each prefix.
fn breach_by_definition(weights: &[u8], turns: &[Turn]) -> bool {
    let total = i64::from(cycle(weights));
    let mut counts = vec![0_i64; weights.len()];

    (1..).zip(turns).any(|(k, turn)| {
        counts[usize::from(turn.node)] += 1;
        counts
            .iter()
            .zip(weights)
            .any(|(count, &weight)| (count * total - k * i64::from(weight)).abs() >= total)
    })
}

/// All that an order has to be.
fn check(weights: &[u8]) -> Result<(), TestCaseError> {
    let turns = order(weights);
    let mut left = weights.to_vec();

    prop_assert_eq!(breach(weights, &turns), None);
    for turn in &turns {
        let left = &mut left[usize::from(turn.node)];
        prop_assert_eq!(turn.remaining, *left);
        *left -= 1;
    }
    prop_assert!(left.iter().all(|&left| left == 0));
    Ok(())
}

/// Weights of all kinds, among them those that are hard to spread.
fn any_weights(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let primes = vec![2, 3, 5, 7, 11, 13, 17, 31, 61, 127, 191, 223, 239, 241, 251];
    prop_oneof![
        vec(any::<u8>(), 0..=most),
        vec(1..=9_u8, 0..=most),
        vec(prop_oneof![Just(0), Just(1), Just(255)], 0..=most),
        vec(select(primes), 0..=most),
        vec((0..8_u32).prop_map(|power| 1 << power), 0..=most),
        (1..=most, any::<u8>()).prop_map(|(nodes, weight)| vec![weight; nodes]),
        (1..=most, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(nodes, heavy, weight)| {
            let mut weights = vec![1; nodes];
            weights[heavy.index(nodes)] = weight;
            weights
        }),
    ]
}

/// Weights for which turns may be found directly.
fn any_direct_weights() -> impl Strategy<Value = Vec<u8>> {
    (any_weights(DIRECT_NODES), 1..=255_u8).prop_map(|(mut weights, divisor)| {
        for weight in &mut weights {
            *weight = weight.div_ceil(divisor);
        }
        while !weights.is_empty() && !is_direct(&weights) && cycle(&weights) > 0 {
            weights.pop();
        }
        weights
    })
}

/// The table that the module's KUnit suites check too.
#[test]
fn worked_orders() {
    assert!(!ORDERS.is_empty());
    for example in ORDERS {
        let nodes: Vec<u16> = order(example.weights)
            .iter()
            .map(|turn| turn.node)
            .collect();
        assert_eq!(nodes, example.nodes, "{:?}", example.weights);
    }
}

#[test]
fn adversarial_weights_of_many_nodes() {
    let nodes = 1024_u16;
    let primes: Vec<u8> = (2..=251_u8)
        .filter(|n| (2..*n).all(|divisor| n % divisor != 0))
        .collect();
    let all: [Vec<u8>; 8] = [
        vec![1; nodes.into()],
        vec![255; nodes.into()],
        (0..nodes)
            .map(|node| if node == 500 { 255 } else { 1 })
            .collect(),
        (0..nodes)
            .map(|node| if node == 500 { 1 } else { 255 })
            .collect(),
        (0..nodes).map(|node| 1 << (node % 8)).collect(),
        (0..nodes)
            .map(|node| u8::from(node % 3 == 0) * 254)
            .collect(),
        primes.iter().copied().cycle().take(nodes.into()).collect(),
        (0..nodes)
            .map(|node| u8::try_from(node % 256).unwrap())
            .collect(),
    ];
    for weights in all {
        check(&weights).unwrap();
    }
}

#[test]
fn small_weights_exhaustively() {
    for code in 0..8_u32.pow(4) {
        let weights: Vec<u8> = (0..4)
            .map(|node| u8::try_from((code >> (3 * node)) & 7).unwrap())
            .collect();
        let turns = order(&weights);
        assert!(!breach_by_definition(&weights, &turns), "{weights:?}");
        assert_eq!(breach(&weights, &turns), None, "{weights:?}");
        for (index, &turn) in (0..).zip(&turns) {
            assert_eq!(turn_at(&weights, index), Some(turn), "{weights:?}");
        }
    }
}

/// The judge finds what is wrong.
#[test]
fn a_breach_is_noticed() {
    for (weights, nodes) in [
        (&[3_u8, 3][..], &[0, 0, 0, 1, 1, 1][..]),
        (&[2, 2], &[0, 0, 1, 1]),
        (&[4, 1], &[0, 0, 0, 0, 0]),
        (&[1, 4], &[1, 1, 1, 1, 1]),
        (&[6, 2, 1], &[0, 0, 1, 1, 0, 0, 0, 0, 2]),
    ] {
        let turns: Vec<Turn> = nodes
            .iter()
            .map(|&node| Turn { node, remaining: 1 })
            .collect();
        assert!(breach(weights, &turns).is_some(), "{weights:?} {nodes:?}");
        assert!(
            breach_by_definition(weights, &turns),
            "{weights:?} {nodes:?}"
        );
    }
}

#[test]
fn as_many_nodes_as_can_be_told_apart() {
    let mut weights = vec![0; NODES_LIMIT];
    weights[3] = 255;
    weights[NODES_LIMIT - 1] = 254;
    let turns = order(&weights);
    assert_eq!(breach(&weights, &turns), None);
    assert_eq!(turns.last().unwrap().node, u16::MAX);

    // The largest product of the arithmetic.
    let weights = vec![255; NODES_LIMIT];
    let turns = order(&weights);
    assert_eq!(breach(&weights, &turns), None);

    weights_do_not_fit(&vec![0; NODES_LIMIT + 1], NODES_LIMIT + 1, 0);
}

fn weights_do_not_fit(weights: &[u8], scratch: usize, turns: usize) {
    let result = fill(
        weights,
        &mut vec![Scratch::default(); scratch],
        &mut vec![Turn::default(); turns],
    );
    assert!(result.is_err());
}

#[test]
fn memory_of_another_size_is_refused() {
    weights_do_not_fit(&[2, 1], 2, 2);
    weights_do_not_fit(&[2, 1], 2, 4);
    weights_do_not_fit(&[2, 1], 1, 3);
    weights_do_not_fit(&[2, 1], 0, 3);
    weights_do_not_fit(&[], 0, 1);
    assert_eq!(
        fill(
            &[2, 1],
            &mut [Scratch::default(); 9],
            &mut [Turn::default(); 3]
        ),
        Ok(())
    );
}

#[test]
fn direct_turns_have_limits() {
    let most = vec![1; DIRECT_NODES];
    assert!(is_direct(&most));
    assert!(turn_at(&most, 63).is_some() && turn_at(&[most, vec![0]].concat(), 0).is_none());
    // 4096 / 16 = 256 turns.
    let weights = [[17; 8], [15; 8]].concat();
    assert!(turn_at(&weights, 255).is_some());
    assert!(turn_after(&weights, turn_at(&weights, 255).unwrap()).is_some());
    let weights = [[17; 8], [16; 8]].concat();
    assert!(turn_at(&weights, 0).is_none());
    assert!(turn_after(
        &weights,
        Turn {
            node: 0,
            remaining: 17
        }
    )
    .is_none());
}

#[test]
fn nothing_to_choose_from() {
    for weights in [&[][..], &[0], &[0, 0, 0]] {
        let turn = Turn {
            node: 0,
            remaining: 0,
        };
        assert_eq!(turn_at(weights, 0), None);
        assert_eq!(turn_after(weights, turn), None);
        assert_eq!(run_at(weights.iter().copied(), 0), None);
        assert_eq!(run_after(weights.iter().copied(), turn), None);
    }
}

#[test]
fn runs_end_where_nodes_cannot_be_told_apart() {
    let mut weights = vec![0; NODES_LIMIT + 1];
    weights[NODES_LIMIT] = 1;
    assert_eq!(run_at(weights.iter().copied(), 0), None);
    weights[NODES_LIMIT - 1] = 1;
    let last = Turn {
        node: u16::MAX,
        remaining: 1,
    };
    assert_eq!(run_at(weights.iter().copied(), 0), Some(last));
    assert_eq!(run_after(weights.iter().copied(), last), Some(last));
    // Two nodes of the largest weight, far beyond 32 bits of turns.
    let weights = std::iter::repeat_n(255, 1 << 24);
    assert_eq!(
        run_at(weights, u64::MAX),
        run_at(std::iter::repeat_n(255, NODES_LIMIT), u64::MAX)
    );
}

/// Mainline's order, from its definition.
fn runs(weights: &[u8]) -> Vec<Turn> {
    (0..)
        .zip(weights)
        .flat_map(|(node, &weight)| {
            (1..=weight)
                .rev()
                .map(move |remaining| Turn { node, remaining })
        })
        .collect()
}

/// What `after` makes of each turn of `turns`, and of some that are none.
fn check_after(
    turns: &[Turn],
    weights: &[u8],
    after: impl Fn(Turn) -> Option<Turn>,
) -> Result<(), TestCaseError> {
    for (turn, next) in turns.iter().zip(turns.iter().cycle().skip(1)) {
        prop_assert_eq!(after(*turn), Some(*next), "after {:?}", turn);
    }
    for (node, &weight) in (0..).zip(weights) {
        prop_assert_eq!(after(Turn { node, remaining: 0 }), None);
        if let Some(remaining) = weight.checked_add(1) {
            prop_assert_eq!(after(Turn { node, remaining }), None);
        }
    }
    let node = u16::try_from(weights.len()).unwrap();
    prop_assert_eq!(after(Turn { node, remaining: 1 }), None);
    prop_assert_eq!(
        after(Turn {
            node: u16::MAX,
            remaining: 255
        }),
        None
    );
    Ok(())
}

proptest! {
    #![proptest_config(inputs::config(2_000))]

    #[test]
    fn every_node_keeps_to_its_share_at_every_prefix(weights in any_weights(64)) {
        check(&weights)?;
    }

    #[test]
    fn the_two_judges_agree(weights in any_weights(6), shuffle in any::<prop::sample::Index>()) {
        let mut turns = order(&weights);
        prop_assert!(!breach_by_definition(&weights, &turns));
        if turns.len() > 1 {
            // An order that may be wrong.
            let place = shuffle.index(turns.len() - 1);
            turns.swap(place, place + 1);
            prop_assert_eq!(breach_by_definition(&weights, &turns), breach(&weights, &turns).is_some());
        }
    }

    #[test]
    fn direct_turns_are_those_of_the_order(weights in any_direct_weights(), round in any::<u32>()) {
        let turns = order(&weights);
        let round = u64::from(round) * u64::from(cycle(&weights));
        for (index, &turn) in (0..).zip(&turns) {
            prop_assert_eq!(turn_at(&weights, index), Some(turn));
            prop_assert_eq!(turn_at(&weights, round + index), Some(turn));
        }
        check_after(&turns, &weights, |turn| turn_after(&weights, turn))?;
    }

    #[test]
    fn runs_are_mainlines_order(weights in any_weights(40), round in any::<u32>()) {
        let turns = runs(&weights);
        let round = u64::from(round) * u64::from(cycle(&weights));
        let weights_of = || weights.iter().copied();
        for (index, &turn) in (0..).zip(&turns) {
            prop_assert_eq!(run_at(weights_of(), index), Some(turn));
            prop_assert_eq!(run_at(weights_of(), round + index), Some(turn));
        }
        check_after(&turns, &weights, |turn| run_after(weights_of(), turn))?;
    }

    #[test]
    fn any_index_and_cursor_has_an_answer(
        weights in any_weights(80),
        index in any::<u64>(),
        node in prop_oneof![0..80_u16, any::<u16>()],
        remaining in any::<u8>(),
    ) {
        let cursor = Turn { node, remaining };
        let is_turn = remaining != 0 && weights.get(usize::from(node)).is_some_and(|&w| remaining <= w);
        let weights_of = || weights.iter().copied();

        prop_assert_eq!(turn_at(&weights, index).is_some(), is_direct(&weights));
        prop_assert_eq!(turn_after(&weights, cursor).is_some(), is_direct(&weights) && is_turn);
        prop_assert_eq!(run_at(weights_of(), index).is_some(), cycle(&weights) > 0);
        prop_assert_eq!(run_after(weights_of(), cursor).is_some(), is_turn);
    }

    /// A common divisor repeats the order, it does not change it.
    #[test]
    fn reduced_weights_have_the_same_order(weights in vec(0..=15_u8, 1..=12), factor in 1..=17_u8) {
        let mut reduced: Vec<u8> = weights.iter().map(|weight| weight * factor).collect();
        let long = order(&reduced);
        reduce(&mut reduced);
        let short = order(&reduced);
        prop_assert!(cycle(&reduced) <= cycle(&weights));
        prop_assert!(long
            .iter()
            .zip(short.iter().cycle())
            .all(|(one, other)| one.node == other.node));
    }

    #[test]
    fn reduced_weights_have_the_same_shares(weights in any_weights(12)) {
        let mut reduced = weights.clone();
        reduce(&mut reduced);
        let divides = |divisor: u8| reduced.iter().all(|weight| weight % divisor == 0);
        let (all, left) = (u64::from(cycle(&weights)), u64::from(cycle(&reduced)));

        prop_assert!(left == 0 || !(2..=255).any(divides), "{reduced:?}");
        for (&weight, &reduced) in weights.iter().zip(&reduced) {
            prop_assert_eq!(u64::from(weight) * left, u64::from(reduced) * all);
        }
        prop_assert_eq!(left == 0, all == 0);
    }
}

proptest! {
    #![proptest_config(inputs::config(40))]

    #[test]
    fn many_nodes_keep_to_their_shares(weights in any_weights(1024)) {
        check(&weights)?;
    }
}
