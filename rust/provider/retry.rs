// SPDX-License-Identifier: GPL-2.0

//! What was not done for lack of memory, and has nobody to be told, is done later.
//!
//! There is nothing to remember of it but that something is missing: [`Provider::catch_up()`] looks at
//! all there is and brings the rest in line with it. The first try comes after a moment, each further
//! one after twice the time, up to [`LONGEST`].
//!
//! What cannot wait, as there is no later, is tried a few times at once: see [`insist()`].

use super::Provider;
use crate::{kernel_ext::work, sinks::sysfs::Faces};
use kernel::{
    impl_has_delayed_work, new_delayed_work, new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
    time::{delay::fsleep, msecs_to_jiffies, Delta},
    workqueue::{self, DelayedWork, WorkItem},
};

/// Milliseconds until the first try.
const SHORTEST: u32 = 10;

/// Times that the delay doubles.
const DOUBLINGS: u32 = 10;

/// Milliseconds between tries at most.
const LONGEST: u32 = SHORTEST << DOUBLINGS;

/// The work item that tries again.
#[pin_data]
pub(crate) struct Retry {
    /// Who catches up, while retries are open.
    #[pin]
    provider: Mutex<Option<Arc<Provider>>>,
    /// Failures since all was done.
    failures: Atomic<u32>,
    #[pin]
    work: DelayedWork<Self>,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Retry { self.work }
}

impl Retry {
    /// Makes one that does nothing yet. May sleep.
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                provider <- new_mutex!(None, "numaweave::retry"),
                failures: Atomic::new(0),
                work <- new_delayed_work!("numaweave::retry"),
            }),
            GFP_KERNEL,
        )
    }

    /// Tries later. Returns whether this is the first failure since all was done, and so worth a
    /// line in the log.
    pub(super) fn later(this: &Arc<Self>) -> bool {
        let failures = this.failures.fetch_add(1, Relaxed);
        let delay = SHORTEST
            .checked_shl(failures.min(DOUBLINGS))
            .unwrap_or(LONGEST);
        // Under the lock: nothing is queued once retries are closed.
        let provider = this.provider.lock();
        if provider.is_none() {
            return true;
        }
        // If it waits already, it will see this too.
        let _ = workqueue::system_long().enqueue_delayed(this.clone(), msecs_to_jiffies(delay));
        failures == 0
    }
}

impl WorkItem for Retry {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let Some(provider) = this.provider.lock().clone() else {
            return;
        };
        let failures = this.failures.load(Relaxed);
        if Provider::catch_up(&provider).is_err() {
            Self::later(&this);
        } else if this.failures.cmpxchg(failures, 0, Relaxed).is_ok() {
            pr_info!("what waited for memory is done\n");
        }
    }
}

/// Retries are made until this is dropped; may sleep.
pub(crate) struct OpenRetries(Arc<Provider>);

impl OpenRetries {
    /// Has `provider` catch up from now on with what it could not do.
    pub(crate) fn new(provider: Arc<Provider>) -> Self {
        *provider.retry.provider.lock() = Some(provider.clone());
        Self(provider)
    }
}

impl Drop for OpenRetries {
    fn drop(&mut self) {
        let provider = self.0.retry.provider.lock().take();
        // Not under the lock, and not the last reference.
        drop(provider);
        work::cancel_delayed(&self.0.retry);
    }
}

impl Provider {
    /// Does what may have been left undone.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    fn catch_up(this: &Arc<Self>) -> Result {
        this.settle_takeover()?;
        this.take_kernel_table_writes()?;
        this.refresh()?;
        if let Some(hook) = &*this.hook.lock() {
            hook.work_off();
        }
        Faces::add_nodes(this)
    }

    /// Notes what failed with nobody to be told. Where memory was short it is done later.
    pub(super) fn failed(&self, what: kernel::fmt::Arguments<'_>, error: Error) {
        if error != ENOMEM || Retry::later(&self.retry) {
            pr_warn!("{what}: {error:?}\n");
        }
    }
}

/// Does `attempt` until it does not lack memory, a few times; for what cannot be done later. May
/// sleep.
pub(super) fn insist(mut attempt: impl FnMut() -> Result) -> Result {
    for milliseconds in [1, 4, 16, 64, 256] {
        match attempt() {
            Err(error) if error == ENOMEM => fsleep(Delta::from_millis(milliseconds)),
            done => return done,
        }
    }
    attempt()
}
