// SPDX-License-Identifier: GPL-2.0

//! RCU: what it promises, and nothing besides.
//!
//! Of a grace period and a reader's section either the section ends before the grace period does, or
//! the grace period begins before the section. As in user-space RCU, a reader says that it is there
//! and then has a fence, and a grace period has a fence and then waits for those who are. A grace
//! period orders nothing for readers that were there before it began.
//!
//! Callbacks run when [`run_callbacks()`] is called, by a thread for nothing else, or in
//! [`rcu_barrier()`].

use crate::{
    bindings::callback_head,
    execution::{self, Mutant},
};
use loom::{
    sync::atomic::{
        fence, AtomicBool,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
    },
    thread::yield_now,
};
use std::cell::{Cell, RefCell};

/// Most sections, and most callbacks, of an execution. None is used twice.
const MOST: usize = 20;

loom::lazy_static! {
    static ref RCU: Rcu = Rcu {
        inside: std::array::from_fn(|_| AtomicBool::new(false)),
        queued: std::array::from_fn(|_| AtomicBool::new(false)),
        done: std::array::from_fn(|_| AtomicBool::new(false)),
    };
}

struct Rcu {
    /// By section: whether a reader is inside.
    inside: [AtomicBool; MOST],
    /// By callback: whether it was queued.
    queued: [AtomicBool; MOST],
    /// By callback: whether it has run.
    done: [AtomicBool; MOST],
}

type Function = unsafe extern "C" fn(*mut callback_head);

/// A callback, and whether somebody has taken it upon himself to run it.
#[derive(Clone, Copy)]
struct Callback {
    head: *mut callback_head,
    function: Function,
    taken: bool,
}

thread_local! {
    static SECTIONS: Cell<usize> = const { Cell::new(0) };
    static CALLBACKS: RefCell<Vec<Callback>> = const { RefCell::new(Vec::new()) };
}

/// Begins an execution, before its threads do.
pub(crate) fn begin() {
    SECTIONS.set(0);
    CALLBACKS.with_borrow_mut(Vec::clear);
    RCU.inside[0].load(Relaxed);
}

/// A reader's section.
#[derive(Debug)]
pub struct Guard(usize);

/// Begins a reader's section.
#[must_use]
pub fn read_lock() -> Guard {
    let section = SECTIONS.get();
    SECTIONS.set(section + 1);
    RCU.inside[section].store(true, Relaxed);
    fence(SeqCst);
    Guard(section)
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !execution::is_over() {
            RCU.inside[self.0].store(false, Release);
        }
    }
}

/// Waits for a grace period.
///
/// # Safety
///
/// None here.
pub unsafe fn synchronize_rcu() {
    if !execution::is_over() {
        grace_period();
    }
}

fn grace_period() {
    if execution::is(Mutant::NoGracePeriod) {
        return;
    }
    fence(SeqCst);
    for inside in &RCU.inside[..SECTIONS.get()] {
        while inside.load(Acquire) {
            yield_now();
        }
    }
}

/// Has `function` called after a grace period.
///
/// # Safety
///
/// `function` must be safe to call with `head` after a grace period.
///
/// # Panics
///
/// If there is no function.
pub unsafe fn call_rcu(head: *mut callback_head, function: Option<Function>) {
    let callback = CALLBACKS.with_borrow_mut(|callbacks| {
        callbacks.push(Callback {
            head,
            function: function.expect("a function"),
            // Not before it says so.
            taken: true,
        });
        callbacks.len() - 1
    });
    RCU.queued[callback].store(true, Release);
    CALLBACKS.with_borrow_mut(|callbacks| callbacks[callback].taken = false);
}

/// Runs the callbacks that are known here, after a grace period.
pub fn run_callbacks() {
    let count = CALLBACKS.with_borrow(Vec::len);
    let known: Vec<usize> = (0..count)
        .filter(|&callback| RCU.queued[callback].load(Acquire))
        .collect();
    run(&known);
}

fn run(callbacks: &[usize]) {
    let mine: Vec<(usize, Callback)> = CALLBACKS.with_borrow_mut(|all| {
        let free = |&&callback: &&usize| !std::mem::replace(&mut all[callback].taken, true);
        let mine: Vec<usize> = callbacks.iter().filter(free).copied().collect();
        mine.into_iter().map(|place| (place, all[place])).collect()
    });
    if mine.is_empty() {
        return;
    }
    grace_period();
    for (place, callback) in mine {
        // SAFETY: A grace period has passed, and nobody else has taken it.
        unsafe { (callback.function)(callback.head) };
        execution::fail_now();
        RCU.done[place].store(true, Release);
    }
}

/// Waits for all callbacks that were asked for.
///
/// # Safety
///
/// None here.
pub unsafe fn rcu_barrier() {
    if execution::is_over() || execution::is(Mutant::NoBarrier) {
        return;
    }
    execution::fail_now();
    let count = CALLBACKS.with_borrow(Vec::len);
    for queued in &RCU.queued[..count] {
        while !queued.load(Acquire) {
            yield_now();
        }
    }
    run(&(0..count).collect::<Vec<_>>());
    for done in &RCU.done[..count] {
        while !done.load(Acquire) {
            yield_now();
        }
    }
}
