// SPDX-License-Identifier: GPL-2.0

//! Checks of `rust/kernel_ext/rcu.rs`: a reader sees a whole value that is not freed, every value is
//! freed once, and who drops a cell or takes a value out of a slot waits for that.

use super::{
    alloc::boxed,
    rcu::{RcuBox, RcuCell, RcuSlot},
};
use crate::{fails, holds, value::Value};
use kernel::{
    live,
    sync::rcu::{read_lock, run_callbacks},
    thread, Mutant,
};
use std::sync::Arc;

fn cell() -> Arc<RcuCell<Value>> {
    Arc::new(RcuCell::new(new(1)))
}

fn new(value: u64) -> RcuBox<Value> {
    RcuBox::new(Value::new(value)).unwrap()
}

/// Waits for `threads`, then drops the cell: nothing may be left.
fn finish<T>(threads: impl IntoIterator<Item = thread::JoinHandle<()>>, cell: Arc<T>) {
    for thread in threads {
        thread.join().unwrap();
    }
    drop(Arc::into_inner(cell).unwrap());
    assert_eq!(live(), 0, "dropped before everything was freed");
}

fn spawn<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    work: impl FnOnce(&T) + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || work(&shared))
}

/// Reads twice in one section: values do not go back, and the first one stays.
fn reads(cell: &RcuCell<Value>) {
    let guard = read_lock();
    let first = cell.load(&guard);
    let before = first.get();
    let second = cell.load(&guard).get();
    assert!(before <= second);
    assert_eq!(first.get(), before);
}

fn a_reader_and_a_writer() {
    let cell = cell();
    let threads = [
        spawn(&cell, reads),
        spawn(&cell, |_| run_callbacks()),
        spawn(&cell, |cell| cell.replace(new(2))),
    ];
    finish(threads, cell);
}

fn two_writers() {
    let cell = cell();
    let threads = [
        spawn(&cell, |cell| {
            cell.replace(new(2));
            run_callbacks();
        }),
        spawn(&cell, |cell| cell.replace(new(2))),
    ];
    reads(&cell);
    finish(threads, cell);
}

fn a_writer_that_goes_on() {
    let cell = cell();
    let threads = [spawn(&cell, reads), spawn(&cell, reads)];
    cell.replace(new(2));
    cell.replace(new(3));
    run_callbacks();
    finish(threads, cell);
}

fn callbacks_while_the_cell_is_dropped() {
    let cell = cell();
    let callbacks = thread::spawn(run_callbacks);
    cell.replace(new(2));
    finish([], cell);
    callbacks.join().unwrap();
}

/// Two threads put values into a slot and drop what was there, one reads.
fn a_slot() {
    let slot = Arc::new(RcuSlot::empty());
    let put =
        |value| move |slot: &RcuSlot<Value>| drop(slot.put(boxed(Value::new(value)).unwrap()));
    let threads = [spawn(&slot, put(1)), spawn(&slot, put(2))];
    {
        let guard = read_lock();
        let value = slot.load(&guard);
        assert!(value.is_none_or(|value| [1, 2].contains(&value.get())));
    }
    finish(threads, slot);
}

#[test]
fn readers_see_whole_values_that_are_not_freed() {
    holds(a_reader_and_a_writer);
}

#[test]
fn two_writers_free_each_value_once() {
    holds(two_writers);
}

#[test]
fn a_value_is_freed_after_its_readers() {
    holds(a_writer_that_goes_on);
}

#[test]
fn dropping_a_cell_waits_for_callbacks() {
    holds(callbacks_while_the_cell_is_dropped);
}

#[test]
fn a_slot_gives_back_what_nobody_reads() {
    holds(a_slot);
}

#[test]
#[should_panic = "Causality violation"]
fn publishing_without_release_is_found() {
    fails(Mutant::NoRelease, a_reader_and_a_writer);
}

#[test]
#[should_panic = "Causality violation"]
fn putting_without_release_is_found() {
    fails(Mutant::NoRelease, a_slot);
}

#[test]
#[should_panic = "Causality violation"]
fn reading_without_dependency_is_found() {
    fails(Mutant::NoDependency, a_reader_and_a_writer);
}

#[test]
#[should_panic]
fn freeing_without_a_grace_period_is_found() {
    fails(Mutant::NoGracePeriod, a_reader_and_a_writer);
}

#[test]
#[should_panic]
fn retiring_without_a_grace_period_is_found() {
    fails(Mutant::NoGracePeriod, a_slot);
}

#[test]
#[should_panic = "dropped before everything was freed"]
fn dropping_without_a_barrier_is_found() {
    fails(Mutant::NoBarrier, callbacks_while_the_cell_is_dropped);
}
