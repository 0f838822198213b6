// SPDX-License-Identifier: GPL-2.0

//! One execution after another, and what is known of each besides what its threads see.
//!
//! All threads of an execution are coroutines of one thread of the host's, so what is kept here, in
//! thread-local variables, orders nothing.

use crate::sync::rcu;
use std::{
    alloc::{dealloc, Layout},
    any::Any,
    cell::{Cell, RefCell},
    collections::HashSet,
    panic::resume_unwind,
};

/// Most preemptions of an execution that is tried.
pub const PREEMPTIONS: usize = 3;

/// A promise that is broken, so that a check has to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// None is.
    None,
    /// Release ordering, that of a full one included, is none.
    NoRelease,
    /// Acquire ordering, that of a full one included, is none.
    NoAcquire,
    /// A pointer is read without the order that its dependency gives.
    NoDependency,
    /// RCU does not wait for readers.
    NoGracePeriod,
    /// `rcu_barrier()` does not wait for callbacks.
    NoBarrier,
    /// A lock does not keep others out.
    NoLock,
    /// The scenario does something the wrong way round.
    Scenario,
}

thread_local! {
    static MUTANT: Cell<Mutant> = const { Cell::new(Mutant::None) };
    static EXECUTIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: RefCell<HashSet<usize>> = RefCell::default();
    static GRAVES: RefCell<Vec<(*mut u8, Layout)>> = const { RefCell::new(Vec::new()) };
    static FAILURE: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

/// Tries all executions of `scenario`, with a promise broken or not, and says how many there were.
///
/// # Panics
///
/// If one of them panics, or leaves a value on the heap.
pub fn check(mutant: Mutant, scenario: impl Fn() + Send + Sync + 'static) -> u64 {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 10_000;
    builder.checkpoint_file = None;
    EXECUTIONS.set(0);
    builder.check(move || {
        MUTANT.set(mutant);
        EXECUTIONS.set(EXECUTIONS.get() + 1);
        clear();
        rcu::begin();
        scenario();
        fail_now();
        assert_eq!(live(), 0, "values are left on the heap");
    });
    clear();
    EXECUTIONS.get()
}

/// The values on the heap.
#[must_use]
pub fn live() -> usize {
    LIVE.with_borrow(HashSet::len)
}

/// Whether `mutant` is what is broken.
pub(crate) fn is(mutant: Mutant) -> bool {
    MUTANT.get() == mutant
}

/// Whether a check has failed already: what is dropped on the way out must not fail once more, and
/// may be dropped outside of the execution.
pub(crate) fn is_over() -> bool {
    std::thread::panicking()
}

pub(crate) fn born(value: *mut u8) {
    LIVE.with_borrow_mut(|live| live.insert(value.addr()));
}

/// Notes that a value is destroyed.
pub(crate) fn died(value: *mut u8, layout: Layout) {
    let was_live = LIVE.with_borrow_mut(|live| live.remove(&value.addr()));
    assert!(was_live, "freed twice");
    GRAVES.with_borrow_mut(|graves| graves.push((value, layout)));
}

/// Keeps a failure back, as it cannot unwind through a callback with C's calling convention.
pub(crate) fn fail_later(failure: Box<dyn Any + Send>) {
    FAILURE.with_borrow_mut(|kept| kept.replace(failure));
}

/// Fails with what was kept back.
pub(crate) fn fail_now() {
    if let Some(failure) = FAILURE.with_borrow_mut(Option::take) {
        resume_unwind(failure);
    }
}

/// Buries what the last execution has left.
fn clear() {
    FAILURE.with_borrow_mut(Option::take);
    LIVE.with_borrow_mut(HashSet::clear);
    for (value, layout) in GRAVES.with_borrow_mut(std::mem::take) {
        if layout.size() != 0 {
            // SAFETY: It was allocated with this layout, is destroyed, and the execution in which it
            // could be reached is over.
            unsafe { dealloc(value, layout) };
        }
    }
}
