// SPDX-License-Identifier: GPL-2.0

//! What the kernel crate's work queues lack: waiting for a work item.
//!
//! C header: `include/linux/workqueue.h`

use kernel::{
    bindings,
    sync::Arc,
    workqueue::{HasWork, Work},
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
