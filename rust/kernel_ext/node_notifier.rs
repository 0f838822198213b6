// SPDX-License-Identifier: GPL-2.0

//! Notifications that a node got its first memory or lost its last.
//!
//! C header: `include/linux/node.h`

use super::{ffi, node::NodeId};
use core::marker::PhantomPinned;
use kernel::{bindings, container_of, error::to_result, prelude::*, types::Opaque};

/// What happened to the memory of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryEvent {
    /// The node has memory now and had none before.
    FirstAdded,
    /// The node has no memory any more.
    LastRemoved,
}

/// What is called when a node gets its first memory or loses its last.
pub(crate) trait MemoryHandler: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// Runs with the memory hotplug lock held for writing: it may sleep, must not wait for anything
    /// that takes this lock, and holds up all memory hotplug meanwhile.
    fn memory_event(&self, node: NodeId, event: MemoryEvent);
}

/// A registration for [`MemoryEvent`]s.
///
/// Dropping it waits for a running handler; may sleep.
///
/// # Invariants
///
/// `block` is on the kernel's chain from the end of the initializer until the drop.
#[pin_data(PinnedDrop)]
pub(crate) struct NodeNotifier<H: MemoryHandler> {
    #[pin]
    block: Opaque<bindings::notifier_block>,
    handler: H,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C struct may be unregistered from any thread, and `H` is `Send`.
unsafe impl<H: MemoryHandler> Send for NodeNotifier<H> {}
// SAFETY: Through a shared reference only `handler` can be used, and `H` is `Sync`.
unsafe impl<H: MemoryHandler> Sync for NodeNotifier<H> {}

impl<H: MemoryHandler> NodeNotifier<H> {
    /// Registers `handler`. Of several handlers that with the highest `priority` is called first;
    /// mempolicy's own has 0. May sleep.
    pub(crate) fn register(priority: i32, handler: H) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            handler,
            _pin: PhantomPinned,
            block <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                let block = bindings::notifier_block {
                    notifier_call: Some(Self::callback),
                    priority,
                    ..Default::default()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(block) };
                // SAFETY: `slot` is an initialized block in pinned memory with `handler`
                // initialized before it, so that the callback may run at once.
                to_result(unsafe { ffi::numaweave_register_node_notifier(slot.cast()) })
            }),
        }? Error)
    }

    /// Hands one notification to the handler.
    ///
    /// # Safety
    ///
    /// `block` must be the `block` of a live `NodeNotifier<H>` and `data` a `struct node_notify`.
    unsafe extern "C" fn callback(
        block: *mut bindings::notifier_block,
        action: usize,
        data: *mut c_void,
    ) -> c_int {
        const ADDED: usize = bindings::NODE_ADDED_FIRST_MEMORY as usize;
        const REMOVED: usize = bindings::NODE_REMOVED_LAST_MEMORY as usize;
        // CAST: A small constant.
        const OK: c_int = bindings::NOTIFY_OK as c_int;

        let event = match action {
            ADDED => MemoryEvent::FirstAdded,
            REMOVED => MemoryEvent::LastRemoved,
            _ => return OK,
        };
        // SAFETY: By the contract `data` is a `struct node_notify`.
        let nid = unsafe { (*data.cast::<bindings::node_notify>()).nid };
        let block = block.cast::<Opaque<bindings::notifier_block>>();
        // SAFETY: By the contract `block` is embedded in a `Self`.
        let this = unsafe { container_of!(block, Self, block) };
        // SAFETY: By the contract it is alive; nothing holds a mutable reference to a pinned,
        // registered notifier.
        let this = unsafe { &*this };
        if let Some(node) = NodeId::new(nid) {
            this.handler.memory_event(node, event);
        }
        OK
    }
}

#[pinned_drop]
impl<H: MemoryHandler> PinnedDrop for NodeNotifier<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the block is registered. The call takes the chain's lock
        // for writing, so no handler runs any more when it returns.
        unsafe { ffi::numaweave_unregister_node_notifier(self.block.get().cast()) };
    }
}
