// SPDX-License-Identifier: GPL-2.0

//! Checks of `rust/sources/reports.rs`: whatever the work item and reporters do at the same time, the
//! last report of each node is the last one taken, and no two reports are mixed.

use super::reports::Reports;
use crate::{fails, holds, kernel_ext::node::NodeId, policy::Coordinates};
use kernel::{sync::Work, thread, Mutant};
use std::{cell::RefCell, sync::Arc};

struct Inbox {
    reports: Reports,
    work: Work,
}

impl Inbox {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            reports: Reports::new().unwrap(),
            work: Work::new(),
        })
    }

    /// As the module's probe does.
    fn report(&self, node: u16, number: u32) {
        self.reports.put(NodeId::new(node), both(number), || {
            let _ = self.work.enqueue();
        });
    }

    /// The wrong way round.
    fn report_too_late(&self, node: u16, number: u32) {
        let _ = self.work.enqueue();
        self.reports.put(NodeId::new(node), both(number), || ());
    }
}

fn both(number: u32) -> Coordinates {
    Coordinates {
        read: number,
        write: number,
    }
}

/// Runs the work item at up to `times` times while `reporters` report, and then as long as it is
/// queued. Returns what it has taken of each node, in order.
fn taken(inbox: &Arc<Inbox>, times: usize, reporters: Vec<fn(&Inbox)>) -> [Vec<u32>; 2] {
    let taken = RefCell::new([Vec::new(), Vec::new()]);
    let run = || {
        inbox.work.run(|| {
            inbox.reports.take(&mut |node, coordinates| {
                assert_eq!(coordinates.read, coordinates.write, "two are mixed");
                taken.borrow_mut()[node.index()].push(coordinates.read);
            });
        });
    };
    let reporters: Vec<_> = reporters
        .into_iter()
        .map(|reporter| {
            let inbox = inbox.clone();
            thread::spawn(move || reporter(&inbox))
        })
        .collect();
    for _ in 0..times {
        run();
    }
    for reporter in reporters {
        reporter.join().unwrap();
    }
    run();
    taken.into_inner()
}

fn ends_with(taken: &[u32], last: u32) {
    assert!(taken.is_sorted(), "an older report after a newer one");
    assert_eq!(taken.last(), Some(&last), "a report is lost");
}

/// One reporter: three reports of one node.
fn a_burst() {
    let inbox = Inbox::new();
    let [first, second] = taken(
        &inbox,
        2,
        vec![|inbox| {
            for number in 1..=3 {
                inbox.report(0, number);
            }
        }],
    );
    ends_with(&first, 3);
    assert!(second.is_empty());
}

/// Two reporters of a node each.
fn two_nodes() {
    let inbox = Inbox::new();
    let [first, second] = taken(
        &inbox,
        2,
        vec![
            |inbox| {
                inbox.report(0, 1);
                inbox.report(0, 2);
            },
            |inbox| inbox.report(1, 1),
        ],
    );
    ends_with(&first, 2);
    ends_with(&second, 1);
}

/// Two reporters of the same node: the one or the other is the last.
fn the_same_node() {
    let inbox = Inbox::new();
    let [first, _] = taken(
        &inbox,
        2,
        vec![|inbox| inbox.report(0, 1), |inbox| inbox.report(0, 2)],
    );
    assert!([1, 2].contains(first.last().expect("a report is lost")));
    // What is left in the slot is the last one that was written there, and it must have been taken.
    let left = RefCell::new(0);
    inbox.reports.put(NodeId::new(1), both(0), || ());
    inbox.reports.take(&mut |node, coordinates| {
        if node == NodeId::new(0) {
            left.replace(coordinates.read);
        }
    });
    assert_eq!(left.into_inner(), 0, "a report is left");
}

fn queued_before_it_is_there() {
    let inbox = Inbox::new();
    let [first, _] = taken(&inbox, 1, vec![|inbox| inbox.report_too_late(0, 1)]);
    ends_with(&first, 1);
}

#[test]
fn the_last_report_of_a_burst_is_taken() {
    holds(a_burst);
}

#[test]
fn the_last_report_of_each_node_is_taken() {
    holds(two_nodes);
}

#[test]
fn two_reporters_of_a_node_leave_nothing() {
    holds(the_same_node);
}

#[test]
#[should_panic = "a report is lost"]
fn a_flag_without_release_is_found() {
    fails(Mutant::NoRelease, a_burst);
}

#[test]
#[should_panic = "a report is lost"]
fn a_flag_without_acquire_is_found() {
    fails(Mutant::NoAcquire, a_burst);
}

#[test]
#[should_panic = "a report is lost"]
fn queueing_before_the_report_is_found() {
    fails(Mutant::Scenario, queued_before_it_is_there);
}
