// SPDX-License-Identifier: GPL-2.0

//! What an administrator writes into the kernel's own table.
//!
//! With the takeover the kernel's files are a face of ours: a weight written there is a weight
//! written by hand. The handler notes what is written and queues work, which takes it from here.

use crate::{
    kernel_ext::{
        alloc,
        node::{nr_node_ids, NodeId},
        table_writes::{WriteHandler, Written},
        weighted_interleave::Watch,
        work,
    },
    provider::Provider,
};
use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::{
        atomic::{Acquire, Atomic, Full, Relaxed, Release},
        Arc,
    },
    workqueue::{self, Work, WorkItem},
};

/// The last write to each file.
///
/// A slot is 0 where there is none, otherwise the number of the write and, in its lowest byte, the
/// value: what is turned automatic does away with the weights written before, but not with those
/// after it.
pub(crate) struct Writes {
    /// The number of the last write.
    last: Atomic<u64>,
    auto: Atomic<u64>,
    /// A slot for each node id.
    weights: KVec<Atomic<u64>>,
}

impl Writes {
    /// Makes slots that are empty.
    pub(crate) fn new() -> Result<Self> {
        let ids = usize::from(nr_node_ids());
        let mut weights = alloc::with_capacity(ids)?;
        for _ in 0..ids {
            weights
                .push_within_capacity(Atomic::new(0))
                .map_err(|_| ENOMEM)?;
        }
        Ok(Self {
            last: Atomic::new(0),
            auto: Atomic::new(0),
            weights,
        })
    }

    /// Notes a write. Any context.
    pub(crate) fn put(&self, written: Written) {
        let number = self.last.fetch_add(1, Relaxed).wrapping_add(1) << 8;
        // ORDERING: Release, so that who finds this write finds those before it too.
        match written {
            Written::Auto(auto) => self.auto.store(number | u64::from(auto), Release),
            Written::Weight(node, weight) => {
                if let Some(slot) = self.weights.get(node.index()) {
                    slot.store(number | u64::from(weight), Release);
                }
            }
        }
    }

    /// Hands the last writes to `each` and forgets them: `auto` first, then what was written into
    /// weights since it was turned on. One at a time; does not sleep.
    pub(crate) fn take(&self, each: &mut dyn FnMut(Written)) {
        let auto = Self::take_slot(&self.auto);
        let mut since = 0;
        if let Some((number, value)) = auto {
            if value != 0 {
                since = number;
            }
            each(Written::Auto(value != 0));
        }
        for (node, slot) in NodeId::all().zip(&self.weights) {
            match Self::take_slot(slot) {
                Some((number, weight)) if number > since => each(Written::Weight(node, weight)),
                _ => {}
            }
        }
    }

    /// Empties a slot. Returns the number and the value of the write.
    fn take_slot(slot: &Atomic<u64>) -> Option<(u64, u8)> {
        // The cheap look first: most slots are empty.
        if slot.load(Acquire) == 0 {
            return None;
        }
        let word = slot.xchg(0, Full);
        // CAST: Takes the lowest byte.
        Some((word >> 8, word as u8))
    }
}

/// The work that looks at the table.
#[pin_data]
struct Look {
    provider: Arc<Provider>,
    writes: Writes,
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
        self.0.writes.put(written);
        // If it is queued already, it will see this write too.
        let _ = workqueue::system_long().enqueue(self.0.clone());
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
    flush: Flush,
}

impl KernelTableWatch {
    /// Tells `provider` of writes from now on. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOENT` where the kernel has no table, and where its functions cannot be probed the
    /// errors of fprobe.
    pub(crate) fn install(provider: Arc<Provider>) -> Result<Self> {
        let writes = Writes::new()?;
        let look = Arc::pin_init(
            pin_init!(Look {
                provider,
                writes,
                work <- new_work!("numaweave::look"),
            }),
            GFP_KERNEL,
        )?;
        let watch = look.provider.watch_kernel_table(Queue(look.clone()))?;
        let flush = Flush(look);
        Ok(Self {
            _watch: watch,
            flush,
        })
    }

    /// Returns what is written.
    pub(crate) fn writes(&self) -> &Writes {
        &self.flush.0.writes
    }
}
