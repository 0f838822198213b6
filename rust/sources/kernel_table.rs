// SPDX-License-Identifier: GPL-2.0

//! What an administrator writes into the kernel's own table.
//!
//! With the takeover the kernel's files are a face of ours: a weight written there is a weight
//! written by hand. The handler notes what is written and queues work, which takes it from here.

use crate::{
    kernel_ext::{
        table_writes::{WriteHandler, Written},
        weighted_interleave::Watch,
        work,
    },
    provider::Provider,
};
use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::Arc,
    workqueue::{self, Work, WorkItem},
};

/// The work that looks at the table.
#[pin_data]
struct Look {
    provider: Arc<Provider>,
    #[pin]
    work: Work<Self>,
}

impl_has_work! {
    impl HasWork<Self> for Look { self.work }
}

impl WorkItem for Look {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.provider.kernel_table_written();
    }
}

/// Queues the work after each write.
#[derive(Clone)]
struct Queue(Arc<Look>);

impl WriteHandler for Queue {
    fn written(&self, written: Written) {
        self.0.provider.writes().put(written, || {
            // If it is queued already, it will see this write too.
            let _ = workqueue::system_long().enqueue(self.0.clone());
        });
    }
}

/// Waits for the work when dropped.
struct Flush(Arc<Look>);

impl Drop for Flush {
    fn drop(&mut self) {
        work::flush(&self.0);
    }
}

/// Tells the provider of writes to the kernel's table. Dropping it waits for work under way; may
/// sleep.
pub(crate) struct KernelTableWatch {
    // Dropped in this order: no write is seen any more, then those that were are worked off.
    _watch: Watch<Queue>,
    _flush: Flush,
}

impl KernelTableWatch {
    /// Tells `provider` of writes from now on. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOENT` where the kernel has no table, and where its functions cannot be probed the
    /// errors of fprobe.
    pub(crate) fn install(provider: Arc<Provider>) -> Result<Self> {
        let look = Arc::pin_init(
            pin_init!(Look {
                provider,
                work <- new_work!("numaweave::look"),
            }),
            GFP_KERNEL,
        )?;
        let watch = look.provider.watch_kernel_table(Queue(look.clone()))?;
        Ok(Self {
            _watch: watch,
            _flush: Flush(look),
        })
    }
}
