// SPDX-License-Identifier: GPL-2.0

//! Checks of `rust/provider/cache.rs`: with the present table no order of an older one is found, no
//! order is in there twice, and each is freed once, when nobody reads it any more.

use super::cache::{while_current, Cache, Entry, Owner, WAYS};
use crate::{
    fails, holds,
    kernel_ext::{
        alloc::boxed,
        rcu::{RcuBox, RcuCell, Retired},
    },
    value::Value,
};
use kernel::{
    live,
    sync::{
        rcu::{read_lock, run_callbacks, Guard},
        Mutex,
    },
    thread, Mutant,
};
use std::sync::Arc;

/// An order of nodes, as it was made for the table of `generation`.
struct Order {
    key: u64,
    generation: Value,
}

impl Entry for Order {
    fn set(&self) -> usize {
        0
    }

    fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

struct Table {
    generation: u64,
    /// Whether tables are told apart.
    tells: bool,
    orders: Cache<Order, 1>,
}

impl Owner for Table {
    fn generation(&self) -> u64 {
        if self.tells {
            self.generation
        } else {
            0
        }
    }
}

/// What the module's provider has of this.
struct Provider {
    state: Mutex,
    table: RcuCell<Table>,
    tells: bool,
}

impl Provider {
    fn new(tells: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(),
            table: RcuCell::new(table(1, tells)),
            tells,
        })
    }

    /// As `Provider::swap()`.
    fn replace(&self) {
        let next = table(2, self.tells);
        self.state.with(|| self.table.replace(next));
    }

    /// As `Provider::add_schedule()`.
    fn add(&self, key: u64) {
        let (generation, token) = {
            let guard = read_lock();
            let table = self.table.load(&guard);
            if find(table, key, &guard).is_some() {
                return;
            }
            (table.generation, table.generation())
        };
        let order = boxed(Order {
            key,
            generation: Value::new(generation),
        })
        .unwrap();
        let retired: Option<Retired<Order>> = self.state.with(|| {
            while_current(&self.table, token, |table, guard| {
                table.orders.insert(order, guard)
            })
        });
        drop(retired);
    }

    /// As a decision.
    fn look(&self, key: u64) {
        let guard = read_lock();
        let table = self.table.load(&guard);
        if let Some(generation) = find(table, key, &guard) {
            assert_eq!(generation, table.generation, "an order of another table");
        }
    }
}

fn table(generation: u64, tells: bool) -> RcuBox<Table> {
    RcuBox::new(Table {
        generation,
        tells,
        orders: Cache::empty(),
    })
    .unwrap()
}

fn find(table: &Table, key: u64, guard: &Guard) -> Option<u64> {
    table
        .orders
        .find(0, |order| order.key == key, guard)
        .map(|order| order.generation.get())
}

fn spawn(provider: &Arc<Provider>, work: fn(&Provider)) -> thread::JoinHandle<()> {
    let provider = provider.clone();
    thread::spawn(move || work(&provider))
}

fn finish(threads: impl IntoIterator<Item = thread::JoinHandle<()>>, provider: Arc<Provider>) {
    for thread in threads {
        thread.join().unwrap();
    }
    provider.look(1);
    drop(Arc::into_inner(provider).unwrap());
    assert_eq!(live(), 0, "dropped before everything was freed");
}

fn a_new_table_meanwhile(tells: bool) {
    let provider = Provider::new(tells);
    let threads = [
        spawn(&provider, |provider| {
            provider.replace();
            run_callbacks();
        }),
        spawn(&provider, |provider| provider.look(1)),
    ];
    provider.add(1);
    finish(threads, provider);
}

/// Two add the same order: a table with one way less for it tells.
fn the_same_order_twice() {
    let provider = Provider::new(true);
    let threads = [spawn(&provider, |provider| provider.add(1))];
    provider.add(1);
    for thread in threads {
        thread.join().unwrap();
    }
    // The table itself and one order.
    assert_eq!(live(), 2, "an order is in the cache twice");
    finish([], provider);
}

/// A full set gives up an order that somebody reads.
fn a_full_set() {
    let provider = Provider::new(true);
    for key in 1..=u64::try_from(WAYS).unwrap() {
        provider.add(key);
    }
    let threads = [spawn(&provider, |provider| provider.look(1))];
    provider.add(9);
    finish(threads, provider);
}

#[test]
fn no_order_of_an_older_table_is_found() {
    holds(|| a_new_table_meanwhile(true));
}

#[test]
fn no_order_is_cached_twice() {
    holds(the_same_order_twice);
}

#[test]
fn an_order_that_gives_place_is_freed_after_its_readers() {
    holds(a_full_set);
}

#[test]
#[should_panic = "an order of another table"]
fn tables_that_look_the_same_are_found() {
    fails(Mutant::Scenario, || a_new_table_meanwhile(false));
}

#[test]
#[should_panic = "an order is in the cache twice"]
fn adding_without_the_lock_is_found() {
    fails(Mutant::NoLock, the_same_order_twice);
}

#[test]
#[should_panic = "Causality violation"]
fn a_cache_without_release_is_found() {
    fails(Mutant::NoRelease, || a_new_table_meanwhile(true));
}

#[test]
#[should_panic]
fn giving_place_without_a_grace_period_is_found() {
    fails(Mutant::NoGracePeriod, a_full_set);
}
