// SPDX-License-Identifier: GPL-2.0

//! Work items.

use loom::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire},
};

/// Whether a work item is queued. As in the kernel, it is no more so when its run begins, so that it
/// can be queued again meanwhile, and it never runs twice at a time.
#[derive(Debug)]
pub struct Work {
    pending: AtomicBool,
}

impl Work {
    /// Work that is not queued.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it belongs to an execution")]
    pub fn new() -> Self {
        Self {
            pending: AtomicBool::new(false),
        }
    }

    /// Queues the work. Returns whether it was not queued already.
    #[must_use]
    pub fn enqueue(&self) -> bool {
        // The kernel orders this fully, whether it queues or not.
        !self.pending.swap(true, AcqRel)
    }

    /// Runs the work if it is queued. For one thread only, that of the work queue.
    pub fn run(&self, work: impl FnOnce()) {
        // The look spares an execution for each place of an exchange that changes nothing.
        if self.pending.load(Acquire) && self.pending.swap(false, AcqRel) {
            work();
        }
    }
}
