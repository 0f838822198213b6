// SPDX-License-Identifier: GPL-2.0

//! Work that any context may ask for, and that runs in an interrupt soon after.
//!
//! Work queues take locks that a caller in the page allocator may hold already; this takes none.
//!
//! C header: `include/linux/irq_work.h`

use super::ffi;
use core::marker::{PhantomData, PhantomPinned};
use kernel::{bindings, prelude::*, types::Opaque};

/// What an [`IrqWork`] does.
pub(crate) trait IrqWorkItem: 'static {
    /// Runs in hard interrupt context: must not sleep.
    fn run();
}

/// A piece of work that is asked for from any context, NMIs included.
///
/// Dropping it waits for a run under way; may sleep. Nobody can ask for it any more then.
#[pin_data(PinnedDrop)]
pub(crate) struct IrqWork<T: IrqWorkItem> {
    #[pin]
    work: Opaque<bindings::irq_work>,
    item: PhantomData<fn() -> T>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C struct may be queued and waited for from any thread, and holds no value of `T`.
unsafe impl<T: IrqWorkItem> Send for IrqWork<T> {}
// SAFETY: As above; queueing is thread-safe.
unsafe impl<T: IrqWorkItem> Sync for IrqWork<T> {}

impl<T: IrqWorkItem> IrqWork<T> {
    /// Prepares the work.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            work <- Opaque::ffi_init(|slot: *mut bindings::irq_work| {
                // SAFETY: `slot` is valid for writes and pinned.
                unsafe { ffi::numaweave_init_irq_work(slot.cast(), Some(Self::callback)) };
            }),
            item: PhantomData,
            _pin: PhantomPinned,
        })
    }

    /// Asks for a run; where one is asked for already, that one does. Any context.
    pub(crate) fn queue(&self) {
        // SAFETY: The work is initialized and stays alive until a run under way has ended, see
        // `drop()`.
        unsafe { bindings::irq_work_queue(self.work.get()) };
    }

    extern "C" fn callback(_work: *mut ffi::irq_work) {
        T::run();
    }
}

#[pinned_drop]
impl<T: IrqWorkItem> PinnedDrop for IrqWork<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The work is initialized.
        unsafe { bindings::irq_work_sync(self.work.get()) };
    }
}
