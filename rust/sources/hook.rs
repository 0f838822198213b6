// SPDX-License-Identifier: GPL-2.0

//! Updates as they happen: a probe on the function that tells mempolicy of coordinates.
//!
//! The probe's handler runs in the reporter's context with preemption off. It leaves the report in
//! a slot of its node and queues work; the work takes whatever the slots hold by then, so a storm
//! of reports costs few tables, and the last report of each node is always in the last one.
//!
//! The work is queued once more when mempolicy has dealt with the report: while the kernel's table
//! is automatic it has changed only now, perhaps after the first run had found it to be as wanted.

use super::reports::Reports;
use crate::{
    kernel_ext::{
        coordinates::{self, Bandwidth, CoordinatesHandler, Decode},
        fprobe::{self, CallHandler, Fprobe},
        node::NodeId,
        work,
    },
    policy::Coordinates,
    provider::Provider,
};
use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc,
    },
    workqueue::{self, Work, WorkItem},
};

/// How the hook is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookStatus {
    /// Updates arrive.
    Active,
    /// The hook is in place, but the kernel calls no probes at present.
    Silent,
    /// This kernel has no place for the hook.
    Absent,
}

impl HookStatus {
    /// The word that users read.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Silent => "silent",
            Self::Absent => "absent",
        }
    }
}

/// The slots of all nodes, and the work that empties them.
#[pin_data]
struct Inbox {
    reports: Reports,
    provider: Arc<Provider>,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Inbox { self.work }
}

impl WorkItem for Inbox {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.provider
            .take_reports(|deliver| this.reports.take(deliver));
    }
}

/// Puts reports into the inbox.
struct Collector(Arc<Inbox>);

impl CoordinatesHandler for Collector {
    fn reported(&self, node: NodeId, bandwidth: Bandwidth) {
        let Bandwidth { read, write } = bandwidth;
        let coordinates = Coordinates { read, write };
        self.0
            .reports
            .put(node, coordinates, || Inbox::queue(&self.0));
    }

    fn applied(&self) {
        Inbox::queue(&self.0);
    }
}

impl Inbox {
    /// Has the slots emptied.
    fn queue(this: &Arc<Self>) {
        // If it is queued already, it will see what is there now too.
        let _ = workqueue::system_long().enqueue(this.clone());
    }
}

/// Counts the canary's calls.
struct Counter(Atomic<u64>);

impl CallHandler for Counter {
    type Note = ();

    fn entry(&self, _arguments: &fprobe::Arguments) {
        self.0.add(1, Relaxed);
    }
}

/// Waits for the inbox's work when dropped.
struct Flush(Arc<Inbox>);

impl Drop for Flush {
    fn drop(&mut self) {
        work::flush(&self.0);
    }
}

/// The hook in place. Dropping it waits for work under way; may sleep.
pub(crate) struct Hook {
    // Dropped in this order: no report comes in any more, then those that did are worked off.
    _probe: Pin<KBox<Fprobe<Decode<Collector>>>>,
    flush: Flush,
    canary: Pin<KBox<Fprobe<Counter>>>,
}

impl Hook {
    /// Puts the hook in place: reports go to `provider` from now on. May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Fprobe::register()`].
    pub(crate) fn install(provider: Arc<Provider>) -> Result<Arc<Self>> {
        let reports = Reports::new()?;
        let inbox = Arc::pin_init(
            pin_init!(Inbox {
                reports,
                provider,
                work <- new_work!("numaweave::inbox"),
            }),
            GFP_KERNEL,
        )?;
        // Without the canary a silent hook would pass for an active one, so it is not optional.
        let canary = KBox::pin_init(
            Fprobe::register(fprobe::CANARY, Counter(Atomic::new(0))),
            GFP_KERNEL,
        )?;
        let flush = Flush(inbox.clone());
        let probe = KBox::pin_init(coordinates::watch(Collector(inbox)), GFP_KERNEL)?;
        Ok(Arc::new(
            Self {
                _probe: probe,
                flush,
                canary,
            },
            GFP_KERNEL,
        )?)
    }

    /// Has the reports taken that are waiting, if there are any.
    pub(crate) fn work_off(&self) {
        Inbox::queue(&self.flush.0);
    }

    /// Returns whether probes are called at present: the canary is, or is not. Both probes hang on
    /// the same switch of ftrace.
    pub(crate) fn status(&self) -> HookStatus {
        let calls = &self.canary.handler().0;
        let before = calls.load(Relaxed);
        fprobe::call_canary();
        if calls.load(Relaxed) == before {
            HookStatus::Silent
        } else {
            HookStatus::Active
        }
    }
}
