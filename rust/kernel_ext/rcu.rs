// SPDX-License-Identifier: GPL-2.0

//! Values that readers see under RCU and writers replace as a whole.
//!
//! `tests/host/model` checks this very file under all interleavings of a few threads. So what it takes
//! of the kernel is no more than what stands in for it there.
//!
//! C header: `include/linux/rcupdate.h`

use super::{alloc, pointer::dereference};
use core::ops::{Deref, DerefMut};
use kernel::{
    alloc::AllocError,
    bindings, container_of,
    prelude::*,
    sync::{
        atomic::{Atomic, Full},
        rcu::Guard,
    },
    types::Opaque,
};

/// A value on the heap that an [`RcuCell`] can hold.
pub(crate) struct RcuBox<T>(KBox<Inner<T>>);

/// `value` comes first: readers are led to it, and `head` matters to writers only.
#[repr(C)]
struct Inner<T> {
    value: T,
    head: Opaque<bindings::callback_head>,
}

impl<T> RcuBox<T> {
    /// Moves `value` to the heap. May sleep.
    pub(crate) fn new(value: T) -> Result<Self, AllocError> {
        Ok(Self(alloc::boxed(Inner {
            head: Opaque::uninit(),
            value,
        })?))
    }
}

impl<T> Deref for RcuBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> DerefMut for RcuBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}

/// A pointer to an immutable value that is read under RCU.
///
/// Readers never wait and never see a value half replaced. Writers never wait either: the old value
/// is dropped after a grace period, from RCU's callback, so dropping a `T` must not sleep.
///
/// # Invariants
///
/// The pointer comes from [`KBox::into_raw`], is never null, and whoever takes it out of the cell
/// owns it and drops it no earlier than a grace period later.
pub(crate) struct RcuCell<T: Send + Sync + 'static>(Atomic<*mut Inner<T>>);

impl<T: Send + Sync + 'static> RcuCell<T> {
    /// Makes a cell that holds `value`.
    pub(crate) fn new(value: RcuBox<T>) -> Self {
        // INVARIANT: The pointer comes from `into_raw`.
        Self(Atomic::new(KBox::into_raw(value.0)))
    }

    /// Returns the present value; it stays valid while `guard` is held. Any context.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _guard: &'a Guard) -> &'a T {
        let inner = dereference(&self.0);
        // SAFETY: By the type invariant `inner` points to a live `Inner`, and whoever replaces it
        // waits for a grace period before dropping it, which the guard holds up.
        unsafe { &(*inner).value }
    }

    /// Puts `value` in place of the present one, which is dropped after a grace period. Does not
    /// sleep.
    pub(crate) fn replace(&self, value: RcuBox<T>) {
        // INVARIANT: The new pointer comes from `into_raw`, and the exchange makes us the owner of
        // the old one.
        let old = self.0.xchg(KBox::into_raw(value.0), Full);
        // SAFETY: By the type invariant `old` is valid; `head` is not in use, as a value is
        // replaced at most once.
        let head = unsafe { Opaque::cast_into(&raw const (*old).head) };
        // SAFETY: `head` lies in the allocation that `free` takes back, which stays alive until
        // then; `free` is the callback for just this `T`, and its code outlives the call as the
        // cell waits for all callbacks when it is dropped.
        unsafe { bindings::call_rcu(head, Some(Self::free)) };
    }

    /// Drops a value that no reader can see any more.
    ///
    /// # Safety
    ///
    /// `head` must be the `head` of an [`Inner<T>`] that came from [`KBox::into_raw`] and that
    /// nothing else uses.
    unsafe extern "C" fn free(head: *mut bindings::callback_head) {
        let head = head.cast::<Opaque<bindings::callback_head>>();
        // SAFETY: By the contract `head` is embedded in an `Inner<T>`.
        let inner = unsafe { container_of!(head, Inner<T>, head) };
        // SAFETY: By the contract the pointer comes from `into_raw` and is ours alone.
        drop(unsafe { KBox::from_raw(inner) });
    }
}

impl<T: Send + Sync + 'static> Drop for RcuCell<T> {
    /// May sleep: waits for the values that were replaced before, so that a module can go away
    /// with its last cell.
    fn drop(&mut self) {
        let last = *self.0.get_mut();
        // SAFETY: By the type invariant the pointer comes from `into_raw`, and with `&mut self` no
        // reader can have a reference.
        drop(unsafe { KBox::from_raw(last) });
        // SAFETY: Called from where sleeping is allowed, as documented.
        unsafe { bindings::rcu_barrier() };
    }
}

/// A pointer to an immutable value, or to none, that is read under RCU.
///
/// Unlike an [`RcuCell`] it leaves the wait for readers to whoever takes a value out, so it has no
/// callback that could outlive its owner.
///
/// # Invariants
///
/// The pointer is null or comes from [`KBox::into_raw`], and whoever takes it out of the slot owns
/// it and drops it no earlier than a grace period later.
pub(crate) struct RcuSlot<T: Send + Sync>(Atomic<*mut T>);

impl<T: Send + Sync> RcuSlot<T> {
    /// Makes an empty slot.
    pub(crate) fn empty() -> Self {
        // INVARIANT: Null.
        Self(Atomic::new(core::ptr::null_mut()))
    }

    /// Returns the present value; it stays valid while `guard` is held. Any context.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _guard: &'a Guard) -> Option<&'a T> {
        let value = dereference(&self.0);
        // SAFETY: By the type invariant the pointer is null or points to a value that is dropped
        // only a grace period after it was taken out, which the guard holds up.
        unsafe { value.as_ref() }
    }

    /// Puts `value` into the slot and returns what was there. Does not sleep; dropping what is
    /// returned does.
    pub(crate) fn put(&self, value: KBox<T>) -> Option<Retired<T>> {
        // INVARIANT: The new pointer comes from `into_raw`, and the exchange makes us the owner of
        // the old one.
        let old = self.0.xchg(KBox::into_raw(value), Full);
        // SAFETY: By the type invariant an old pointer comes from `into_raw` and is ours now.
        (!old.is_null()).then(|| Retired(Some(unsafe { KBox::from_raw(old) })))
    }
}

impl<T: Send + Sync> Drop for RcuSlot<T> {
    fn drop(&mut self) {
        let last = *self.0.get_mut();
        if !last.is_null() {
            // SAFETY: By the type invariant the pointer comes from `into_raw`, and with `&mut self`
            // no reader can have a reference.
            drop(unsafe { KBox::from_raw(last) });
        }
    }
}

/// A value that readers may still see. Dropping it waits for a grace period; may sleep.
pub(crate) struct Retired<T>(Option<KBox<T>>);

impl<T> Drop for Retired<T> {
    fn drop(&mut self) {
        // SAFETY: Called from where sleeping is allowed, as documented.
        unsafe { bindings::synchronize_rcu() };
        self.0 = None;
    }
}

#[cfg(CONFIG_KUNIT = "y")]
#[kunit_tests(numaweave_rcu)]
mod tests {
    use super::*;
    use kernel::sync::{atomic::Relaxed, rcu, Arc};

    struct Counted(u32, Arc<Atomic<i32>>);

    impl Counted {
        fn tracked(value: u32, alive: &Arc<Atomic<i32>>) -> Self {
            alive.add(1, Relaxed);
            Self(value, alive.clone())
        }

        fn new(value: u32, alive: &Arc<Atomic<i32>>) -> Result<RcuBox<Self>> {
            Ok(RcuBox::new(Self::tracked(value, alive))?)
        }
    }

    fn boxed(value: u32, alive: &Arc<Atomic<i32>>) -> Result<KBox<Counted>> {
        Ok(KBox::new(Counted::tracked(value, alive), GFP_KERNEL)?)
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Relaxed);
        }
    }

    #[test]
    fn readers_see_the_last_value() -> Result {
        let alive = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let cell = RcuCell::new(Counted::new(1, &alive)?);
        let mut seen = cell.load(&rcu::read_lock()).0;
        assert_eq!(seen, 1);
        for value in 2..100 {
            cell.replace(Counted::new(value, &alive)?);
            seen = cell.load(&rcu::read_lock()).0;
            assert_eq!(seen, value);
        }
        Ok(())
    }

    #[test]
    fn a_reader_keeps_the_value_it_loaded() -> Result {
        let alive = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let cell = RcuCell::new(Counted::new(1, &alive)?);
        let next = Counted::new(2, &alive)?;
        let guard = rcu::read_lock();
        let before = cell.load(&guard);
        cell.replace(next);
        let (before, after) = (before.0, cell.load(&guard).0);
        drop(guard);
        assert_eq!((before, after), (1, 2));
        Ok(())
    }

    #[test]
    fn every_value_is_dropped_once() -> Result {
        let alive = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let cell = RcuCell::new(Counted::new(0, &alive)?);
        for value in 1..50 {
            cell.replace(Counted::new(value, &alive)?);
        }
        drop(cell);
        assert_eq!(alive.load(Relaxed), 0);
        Ok(())
    }

    #[test]
    fn a_slot_gives_back_what_it_held() -> Result {
        let alive = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let slot = RcuSlot::empty();
        let empty = slot.load(&rcu::read_lock()).is_none();
        assert!(empty);
        assert!(slot.put(boxed(1, &alive)?).is_none());
        let retired = slot.put(boxed(2, &alive)?);
        assert!(retired.is_some());
        drop(retired);
        assert_eq!(alive.load(Relaxed), 1);
        let seen = slot.load(&rcu::read_lock()).map(|value| value.0);
        assert_eq!(seen, Some(2));
        drop(slot);
        assert_eq!(alive.load(Relaxed), 0);
        Ok(())
    }

    #[test]
    fn no_memory_is_an_error() {
        let fail = alloc::FailNth::after(0);
        let refused = RcuBox::new(0u32).is_err();
        drop(fail);
        assert!(refused);
    }
}
