// SPDX-License-Identifier: GPL-2.0

//! Services that are reached under RCU by functions without an argument of their own.

use super::pointer::dereference;
use core::ops::Deref;
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{Atomic, Release},
        rcu::Guard,
        Arc, ArcBorrow,
    },
};

/// A place for a service that functions without an argument of their own reach under RCU.
///
/// # Invariants
///
/// The pointer is null or that of an [`Arc`] whose reference a live [`Registration`] holds until a
/// grace period after the pointer was cleared.
pub(crate) struct Registry<T: Send + Sync + 'static>(Atomic<*mut T>);

impl<T: Send + Sync + 'static> Registry<T> {
    /// Makes an empty place.
    pub(crate) const fn empty() -> Self {
        // INVARIANT: Null.
        Self(Atomic::new(core::ptr::null_mut()))
    }

    /// Returns what is registered; it stays alive while `guard` is held. Any context.
    #[inline]
    pub(crate) fn get<'a>(&'static self, _guard: &'a Guard) -> Option<ArcBorrow<'a, T>> {
        let service = dereference(&self.0);
        if service.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the pointer is that of an `Arc` that is not dropped before
        // the guard is.
        Some(unsafe { ArcBorrow::from_raw(service) })
    }

    /// Makes `service` reachable until the registration is dropped.
    ///
    /// # Errors
    ///
    /// `EBUSY` where there is one already.
    pub(crate) fn register(&'static self, service: Arc<T>) -> Result<Registration<T>> {
        let pointer = Arc::as_ptr(&service).cast_mut();
        // INVARIANT: The registration keeps the reference.
        // ORDERING: Release: who sees the pointer sees the service as it was made.
        self.0
            .cmpxchg(core::ptr::null_mut(), pointer, Release)
            .map_err(|_| EBUSY)?;
        Ok(Registration {
            registry: self,
            service,
        })
    }
}

/// Makes a service reachable; dropping it waits for those who are using it. May sleep.
pub(crate) struct Registration<T: Send + Sync + 'static> {
    registry: &'static Registry<T>,
    service: Arc<T>,
}

impl<T: Send + Sync + 'static> Deref for Registration<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.service
    }
}

impl<T: Send + Sync + 'static> Drop for Registration<T> {
    fn drop(&mut self) {
        // INVARIANT: The reference is dropped after this function, and so a grace period later.
        self.registry.0.store(core::ptr::null_mut(), Release);
        // SAFETY: Called from where sleeping is allowed, as documented.
        unsafe { bindings::synchronize_rcu() };
    }
}

#[kunit_tests(numaweave_registry)]
mod tests {
    use super::*;
    use kernel::sync::rcu;

    #[test]
    fn a_registry_holds_one_service_at_a_time() -> Result {
        static REGISTRY: Registry<u32> = Registry::empty();
        let first = REGISTRY.register(Arc::new(1, GFP_KERNEL)?)?;
        assert!(REGISTRY.register(Arc::new(2, GFP_KERNEL)?).is_err());
        let seen = REGISTRY.get(&rcu::read_lock()).map(|service| *service);
        assert_eq!(seen, Some(*first));
        drop(first);
        let gone = REGISTRY.get(&rcu::read_lock()).is_none();
        assert!(gone);
        assert_eq!(*REGISTRY.register(Arc::new(3, GFP_KERNEL)?)?, 3);
        Ok(())
    }
}
