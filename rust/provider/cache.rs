// SPDX-License-Identifier: GPL-2.0

//! A cache of few values that readers look into under RCU.
//!
//! A cache belongs to an owner that is replaced as a whole by one with an empty cache. So nothing that
//! was made for one owner can be found with another, if it is put in as [`while_current()`] says.
//!
//! `tests/host/model` checks this very file under all interleavings of a few threads.

use crate::kernel_ext::rcu::{RcuCell, RcuSlot, Retired};
use kernel::{
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        rcu::{self, Guard},
    },
};

/// Entries in a set, a power of two.
pub(crate) const WAYS: usize = 4;

/// What a cache has.
pub(crate) trait Entry: Send + Sync {
    /// Returns which set the entry is in; only the lower bits count.
    fn set(&self) -> usize;

    /// Returns whether a look-up that finds the one may as well find the other.
    fn is_same(&self, other: &Self) -> bool;
}

/// A cache of `SETS` sets, a power of two, of [`WAYS`] entries.
pub(crate) struct Cache<T: Entry, const SETS: usize> {
    /// By way and set: so a look-up finds the first way without a multiplication.
    ways: [[RcuSlot<T>; SETS]; WAYS],
    /// Which way of a full set gives place next.
    victim: Atomic<usize>,
}

impl<T: Entry, const SETS: usize> Cache<T, SETS> {
    /// Makes an empty cache.
    pub(crate) fn empty() -> Self {
        Self {
            ways: [(); WAYS].map(|()| [(); SETS].map(|()| RcuSlot::empty())),
            victim: Atomic::new(0),
        }
    }

    /// Finds the entry in a set that `is_it` says yes to. Any context.
    #[inline]
    pub(crate) fn find<'a>(
        &'a self,
        set: usize,
        is_it: impl Fn(&T) -> bool,
        guard: &'a Guard,
    ) -> Option<&'a T> {
        let look = |slot: &'a RcuSlot<T>| slot.load(guard).filter(|it| is_it(it));
        // Unrolled, so that the first way costs no loop.
        let [first, second, third, fourth] = self.set(set);
        look(first)
            .or_else(|| look(second))
            .or_else(|| look(third))
            .or_else(|| look(fourth))
    }

    /// Puts `entry` into its set. Returns what had to give place. One at a time; does not sleep.
    pub(crate) fn insert(&self, entry: KBox<T>, guard: &Guard) -> Option<Retired<T>> {
        let set = self.set(entry.set());
        let same = set
            .into_iter()
            .find(|slot| slot.load(guard).is_some_and(|it| it.is_same(&entry)));
        let free = || set.into_iter().find(|slot| slot.load(guard).is_none());
        let victim = || {
            let way = self.victim.load(Relaxed);
            self.victim.store(way.wrapping_add(1), Relaxed);
            set.get(way & (WAYS - 1)).copied()
        };
        same.or_else(free).or_else(victim)?.put(entry)
    }

    /// Returns the slots of a set.
    #[inline]
    fn set(&self, set: usize) -> [&RcuSlot<T>; WAYS] {
        // The mask changes nothing, but tells the compiler that there is such a set.
        self.ways.each_ref().map(|way| &way[set & (SETS - 1)])
    }
}

/// What carries a cache.
pub(crate) trait Owner: Send + Sync + 'static {
    /// Returns what tells owners apart that were present one after another.
    fn generation(&self) -> u64;
}

/// Hands the present owner to `insert`, if it is that of `generation` still, and so the one that the
/// entry to insert was made for. The caller holds the lock under which owners are replaced, and so
/// entries are inserted one at a time. Does not sleep, nor may `insert`.
pub(crate) fn while_current<T: Owner, R>(
    present: &RcuCell<T>,
    generation: u64,
    insert: impl FnOnce(&T, &Guard) -> Option<R>,
) -> Option<R> {
    let guard = rcu::read_lock();
    let owner = present.load(&guard);
    if owner.generation() != generation {
        return None;
    }
    insert(owner, &guard)
}
