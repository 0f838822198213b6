// SPDX-License-Identifier: GPL-2.0

//! Checks of `rust/sources/writes.rs`: what the work item makes of writes is what the last writes have
//! made of the kernel's table, whatever it does at the same time.

use super::writes::Writes;
use crate::{
    fails, holds,
    kernel_ext::{
        node::NodeId,
        table_writes::Written::{self, Auto, Weight},
    },
};
use kernel::{sync::Work, thread, Mutant};
use std::sync::Arc;

struct Look {
    writes: Writes,
    work: Work,
}

impl Look {
    /// As the module's probe does.
    fn write(&self, written: Written) {
        self.writes.put(written, || {
            let _ = self.work.enqueue();
        });
    }

    /// The wrong way round.
    fn write_too_late(&self, written: Written) {
        let _ = self.work.enqueue();
        self.writes.put(written, || ());
    }
}

/// What is known of a table: whether it is automatic, and the weights that were written since it was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    auto: bool,
    weights: [Option<u8>; 2],
}

impl Known {
    /// What the kernel does when it is written to, and numaweave when it is told.
    fn take(&mut self, written: Written) {
        match written {
            Auto(true) => {
                *self = Self {
                    auto: true,
                    weights: [None; 2],
                }
            }
            Auto(false) => self.auto = false,
            Weight(node, weight) => {
                self.auto = false;
                self.weights[node.index()] = Some(weight);
            }
        }
    }

    fn of(written: &[Written]) -> Self {
        let mut known = Self::default();
        for written in written {
            known.take(*written);
        }
        known
    }
}

fn weight(node: u16, weight: u8) -> Written {
    Weight(NodeId::new(node), weight)
}

/// Runs the work item up to twice while writers write, and then if it is queued. Returns what it then
/// knows.
fn known(writers: Vec<Vec<Written>>, write: fn(&Look, Written)) -> Known {
    let look = Arc::new(Look {
        writes: Writes::new().unwrap(),
        work: Work::new(),
    });
    let mut known = Known::default();
    let mut run = || {
        look.work
            .run(|| look.writes.take(&mut |written| known.take(written)));
    };
    let writers: Vec<_> = writers
        .into_iter()
        .map(|writes| {
            let look = look.clone();
            thread::spawn(move || {
                for written in writes {
                    write(&look, written);
                }
            })
        })
        .collect();
    run();
    run();
    for writer in writers {
        writer.join().unwrap();
    }
    run();
    known
}

/// One writer: in the end all is as it left it.
fn one_writer(writes: &[Written]) {
    let known = known(vec![writes.to_vec()], Look::write);
    assert_eq!(known, Known::of(writes), "a write is lost");
}

fn auto_and_then_a_weight() {
    // The first one has the work item run, and look at `auto` too early.
    one_writer(&[weight(1, 6), Auto(true), weight(0, 5)]);
}

fn weights_before_and_after() {
    one_writer(&[weight(0, 5), weight(1, 6), Auto(true), weight(1, 7)]);
}

#[test]
fn auto_does_not_do_away_with_a_later_weight() {
    holds(auto_and_then_a_weight);
}

#[test]
fn auto_does_away_with_the_weights_before_only() {
    holds(weights_before_and_after);
}

#[test]
fn what_was_automatic_for_a_moment_has_lost_its_weights() {
    holds(|| one_writer(&[weight(0, 5), Auto(true), Auto(false)]));
}

#[test]
fn what_was_manual_for_a_moment_is_automatic() {
    holds(|| one_writer(&[weight(0, 5), Auto(false), Auto(true)]));
}

#[test]
fn two_writers_end_as_one_after_the_other_would() {
    holds(|| {
        let (first, second) = (vec![Auto(true), weight(0, 5)], vec![weight(1, 6)]);
        let orders = [[0, 1, 2], [0, 2, 1], [2, 0, 1]];
        let all = [first.clone(), second.clone()].concat();
        let known = known(vec![first, second], Look::write);
        let possible = |order: &[usize; 3]| known == Known::of(&order.map(|place| all[place]));
        assert!(orders.iter().any(possible), "{known:?}");
    });
}

#[test]
#[should_panic = "a write is lost"]
fn writes_without_release_are_found() {
    fails(Mutant::NoRelease, weights_before_and_after);
}

#[test]
#[should_panic = "a write is lost"]
fn taking_without_acquire_is_found() {
    fails(Mutant::NoAcquire, weights_before_and_after);
}

#[test]
#[should_panic = "a write is lost"]
fn queueing_before_the_write_is_found() {
    fails(Mutant::Scenario, || {
        let writes = [weight(0, 5)];
        let known = known(vec![writes.to_vec()], Look::write_too_late);
        assert_eq!(known, Known::of(&writes), "a write is lost");
    });
}
