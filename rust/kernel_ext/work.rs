// SPDX-License-Identifier: GPL-2.0

//! What the kernel crate's work queues lack: waiting for a work item, and calling one off.
//!
//! C header: `include/linux/workqueue.h`

use kernel::{
    bindings, container_of,
    sync::Arc,
    workqueue::{HasDelayedWork, HasWork, Work},
};

/// Waits until `item`'s work neither runs nor is queued by anyone who had queued it before the
/// call. May sleep; must not be called from the work itself.
///
/// A module that no longer queues the item can go away after this: the work function has returned.
pub(crate) fn flush<T: HasWork<T, ID>, const ID: u64>(item: &Arc<T>) {
    // SAFETY: `item` is a valid `T`.
    let work = unsafe { T::raw_get_work(Arc::as_ptr(item).cast_mut()) };
    // SAFETY: `work` points into `item`, which is alive.
    let work = unsafe { Work::raw_get(work) };
    // SAFETY: `work` was initialized together with `item` and stays alive during the call, as the
    // caller's reference does.
    unsafe { bindings::flush_work(work) };
}

/// Calls `item` off if it is queued, and waits until it does not run; it cannot queue itself
/// meanwhile. May sleep; must not be called from the work itself.
pub(crate) fn cancel_delayed<T: HasDelayedWork<T, ID>, const ID: u64>(item: &Arc<T>) {
    // SAFETY: `item` is a valid `T`.
    let work = unsafe { T::raw_get_work(Arc::as_ptr(item).cast_mut()) };
    // SAFETY: `work` points into `item`, which is alive.
    let work = unsafe { Work::raw_get(work) };
    // SAFETY: That `T` implements `HasDelayedWork` says that it is part of a `delayed_work`.
    let delayed = unsafe { container_of!(work, bindings::delayed_work, work) };
    // SAFETY: `delayed` was initialized together with `item` and stays alive during the call, as the
    // caller's reference does.
    if unsafe { bindings::cancel_delayed_work_sync(delayed) } {
        // SAFETY: It was queued, for which `Arc::into_raw()` gave a reference away; it does not run
        // any more, and so nobody else takes it back.
        drop(unsafe { Arc::from_raw(Arc::as_ptr(item)) });
    }
}
