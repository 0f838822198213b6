// SPDX-License-Identifier: GPL-2.0

//! What a well-formed table is complained of for.

use crate::table::entry;
use numaweave_hmat::{Entry, Flaws};

const TOO_LARGE: Entry = Entry {
    is_too_large: true,
    ..entry(0, 0, 0)
};

/// The complaint about a table with these entries, each with whether nothing else was said before.
fn complaint(entries: &[(Entry, bool)]) -> Option<String> {
    let mut flaws = Flaws::default();
    for (entry, is_new) in entries {
        flaws.note(entry, *is_new);
    }
    flaws.any().then(|| flaws.to_string())
}

#[test]
fn a_table_that_says_something_is_fine() {
    assert_eq!(complaint(&[(entry(0, 0, 9), true)]), None);
    // Firmware need not know everything.
    assert_eq!(
        complaint(&[(entry(0, 0, 9), true), (entry(0, 1, 0), true)]),
        None
    );
}

#[test]
fn one_that_says_nothing_is_not() {
    let nothing = Some("no bandwidth of any node".to_owned());
    assert_eq!(complaint(&[]), nothing);
    assert_eq!(complaint(&[(entry(0, 0, 0), true)]), nothing);
}

#[test]
fn each_flaw_is_named_once_in_one_line() {
    let good = (entry(0, 0, 9), true);
    for (entries, words) in [
        (vec![good, (TOO_LARGE, true)], vec!["beyond 32 bits"]),
        (vec![good, (entry(0, 0, 8), false)], vec!["several"]),
        (
            vec![(TOO_LARGE, true), (TOO_LARGE, false)],
            vec!["no bandwidth", "beyond 32 bits", "several"],
        ),
    ] {
        let complaint = complaint(&entries).unwrap();
        let named = |word: &&str| complaint.matches(*word).count() == 1;
        assert!(words.iter().all(named), "{complaint}");
        assert_eq!(complaint.split("; ").count(), words.len(), "{complaint}");
        assert_eq!(complaint.lines().count(), 1);
    }
}
