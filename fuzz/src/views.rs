// SPDX-License-Identifier: GPL-2.0

//! Coordinates, and what an initiator gets of a target.

use arbitrary::Unstructured;
use numaweave_policy::{cell, Basis, Coordinates, Metric};

/// Checks one row, local and present coordinates.
///
/// # Panics
///
/// If anything does not follow from the definitions.
pub fn check(data: &[u8]) {
    let mut input = Unstructured::new(data);
    // Equal values are what matters, so they are drawn from a few.
    let pool: [u32; 4] = std::array::from_fn(|_| input.arbitrary().unwrap_or(0));
    let mut side = || match input.int_in_range(0..=9_u8).unwrap_or(0) {
        place @ 0..=3 => pool[usize::from(place)],
        4 => u32::MAX,
        place @ 5..=7 => pool[usize::from(place - 5)].wrapping_add(1),
        _ => 0,
    };
    let mut coordinates = || Coordinates {
        read: side(),
        write: side(),
    };
    let (row, local, now) = (coordinates(), coordinates(), coordinates());

    for coordinates in [row, local, now] {
        check_metrics(coordinates);
    }
    check_pair(row, local);
    check_pair(local, now);
    check_cell(row, local, now);
}

fn check_metrics(it: Coordinates) {
    let known: Vec<u32> = [it.read, it.write]
        .into_iter()
        .filter(|&side| side != 0)
        .collect();
    let preferred = |side: u32| {
        known
            .iter()
            .copied()
            .find(|&known| known == side)
            .or(known.first().copied())
            .unwrap_or(0)
    };

    assert_eq!(it.is_known(), !known.is_empty());
    assert_eq!(
        it.bandwidth(Metric::Min),
        known.iter().copied().min().unwrap_or(0)
    );
    assert_eq!(it.bandwidth(Metric::Read), preferred(it.read));
    assert_eq!(it.bandwidth(Metric::Write), preferred(it.write));
    assert_eq!(
        it.mainline(),
        if known.len() == 2 {
            *known.iter().min().unwrap()
        } else {
            0
        }
    );
}

fn check_pair(one: Coordinates, other: Coordinates) {
    let over = one.overridden_by(other);
    let best = one.best(other);

    assert_eq!(over.overridden_by(other), over);
    assert_eq!(best, other.best(one));
    for (own, new, over, best) in [
        (one.read, other.read, over.read, best.read),
        (one.write, other.write, over.write, best.write),
    ] {
        assert!(over == new || new == 0 && over == own);
        assert!(best >= own && best >= new && (best == own || best == new));
    }
}

fn check_cell(row: Coordinates, local: Coordinates, now: Coordinates) {
    let seen = cell(row, local, now);

    for (row, local, now, seen) in [
        (row.read, local.read, now.read, seen.coordinates.read),
        (row.write, local.write, now.write, seen.coordinates.write),
    ] {
        // Never invented, never lost, and no more than the path or the device allows.
        assert!(seen == row || seen == now);
        assert_eq!(seen == 0, row == 0 && now == 0);
        if row == 0 {
            assert_eq!(seen, now);
        } else if now == local {
            assert_eq!(seen, row, "nothing is new");
        } else if local != 0 && row < local {
            assert!(seen <= row, "the link is the bound still");
        } else if local != 0 && now != 0 {
            assert_eq!(seen, now, "the device is the bound still");
        } else {
            assert_eq!(seen, row);
        }
    }
    let expected = match (seen.coordinates.is_known(), row.is_known()) {
        (false, _) => Basis::None,
        (true, false) => Basis::Target,
        (true, true) if seen.coordinates == row => Basis::Row,
        (true, true) => Basis::RowAndTarget,
    };
    assert_eq!(seen.basis, expected);
}
