// SPDX-License-Identifier: GPL-2.0

//! What `numaweave.ko` offers to other modules in Rust: safe functions around `include/numaweave.h`,
//! which has them in detail.
//!
//! A module takes this file in by its path, and is built with the `Module.symvers` of `numaweave.ko`:
//!
//! ```text
//! #[path = ".../numaweave/include/numaweave.rs"]
//! mod numaweave;
//! ```
//!
//! Context: any for the look-ups, which neither sleep nor allocate; registrations may sleep.

#![allow(dead_code, reason = "each module uses what it needs")]

use core::marker::PhantomPinned;
use kernel::{
    bindings::{self, nodemask_t, notifier_block},
    container_of,
    error::to_result,
    prelude::*,
    types::Opaque,
};

extern "C" {
    fn numaweave_node_weight(node: c_int, initiator: c_int) -> c_int;
    fn numaweave_interleave_nid(nodes: *const nodemask_t, initiator: c_int, ilx: c_ulong)
        -> c_uint;
    fn numaweave_next_nid(
        nodes: *const nodemask_t,
        initiator: c_int,
        cursor: *mut numaweave_cursor,
    ) -> c_uint;
    fn numaweave_register_notifier(nb: *mut notifier_block) -> c_int;
    fn numaweave_unregister_notifier(nb: *mut notifier_block) -> c_int;
}

/// Whose weights a look-up goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Initiator(c_int);

impl Initiator {
    /// Those that are the same for all CPUs.
    pub(crate) const SYSTEM: Self = Self(bindings::NUMA_NO_NODE);
    /// Those of the node that the calling CPU belongs to where `scope` says `initiator`, else
    /// [`Self::SYSTEM`].
    pub(crate) const LOCAL: Self = Self(-2);

    /// Those of node `id`; [`Self::SYSTEM`] where it has no CPUs.
    pub(crate) fn node(id: u16) -> Self {
        Self(c_int::from(id))
    }
}

/// A set of nodes to choose from. It may change while it is looked at.
#[repr(transparent)]
pub(crate) struct Nodes(Opaque<nodemask_t>);

impl Nodes {
    /// Looks at the mask that `nodes` points to.
    ///
    /// # Safety
    ///
    /// `nodes` must be valid for `'a`. Who writes it meanwhile writes whole words.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(nodes: *const nodemask_t) -> &'a Self {
        // SAFETY: By the contract; `Self` has the layout of the mask, and is as open to changes.
        unsafe { &*nodes.cast() }
    }

    /// The nodes that have memory, as they come and go.
    pub(crate) fn with_memory() -> &'static Self {
        // CAST: A small index into `node_states`.
        const MEMORY: usize = bindings::node_states_N_MEMORY as usize;
        let states = (&raw const bindings::node_states).cast::<nodemask_t>();
        // SAFETY: The index is below NR_NODE_STATES, the length of the array.
        let memory = unsafe { states.add(MEMORY) };
        // SAFETY: It is static, and the kernel changes it with atomic bit operations.
        unsafe { Self::from_raw(memory) }
    }
}

/// A place in the order of nodes, good for any set of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "its name in C")]
pub(crate) struct numaweave_cursor {
    /// Node of the next page.
    pub(crate) node: c_short,
    /// Pages that `node` still gets in this cycle, the next one included; 0 for a new start with the
    /// node after `node`.
    pub(crate) remaining: u8,
}

/// See [`numaweave_cursor`].
pub(crate) type Cursor = numaweave_cursor;

/// Returns the weight of node `id`: 1 to 255 pages a cycle, 0 where the takeover is attached and the
/// node is to take none, [`None`] where it has no memory.
pub(crate) fn node_weight(id: u16, initiator: Initiator) -> Option<u8> {
    // SAFETY: It may be called with any numbers.
    let weight = unsafe { numaweave_node_weight(c_int::from(id), initiator.0) };
    u8::try_from(weight).ok()
}

/// Returns the node for the page with index `ilx`: one of `nodes`, the node of this CPU where there
/// are none. The same index has the same node until there is a new table, on all but huge machines:
/// the header has the exception.
#[inline]
pub(crate) fn interleave_nid(nodes: &Nodes, initiator: Initiator, ilx: usize) -> u32 {
    // SAFETY: The mask is valid.
    unsafe { numaweave_interleave_nid(nodes.0.get(), initiator.0, ilx) }
}

/// Returns the node for the next page, and moves `cursor` on: one of `nodes`, the node of this CPU
/// where there are none.
#[inline]
pub(crate) fn next_nid(nodes: &Nodes, initiator: Initiator, cursor: &mut Cursor) -> u32 {
    // SAFETY: The mask is valid and the cursor is ours alone.
    unsafe { numaweave_next_nid(nodes.0.get(), initiator.0, cursor) }
}

/// What is called after each new table.
pub(crate) trait TableHandler: Send + Sync + 'static {
    /// Look-ups answer by a new table from now on.
    ///
    /// May sleep, but must not register or unregister, write to `/sys/kernel/numaweave`, or wait for
    /// memory hotplug.
    fn new_table(&self);
}

/// A registration of a [`TableHandler`]. Dropping it waits for a running handler; may sleep.
///
/// # Invariants
///
/// `block` is on numaweave's chain from the end of the initializer until the drop.
#[pin_data(PinnedDrop)]
pub(crate) struct TableNotifier<H: TableHandler> {
    #[pin]
    block: Opaque<notifier_block>,
    handler: H,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C struct may be unregistered from any thread, and `H` is `Send`.
unsafe impl<H: TableHandler> Send for TableNotifier<H> {}
// SAFETY: Through a shared reference only `handler` can be used, and `H` is `Sync`.
unsafe impl<H: TableHandler> Sync for TableNotifier<H> {}

impl<H: TableHandler> TableNotifier<H> {
    /// Registers `handler`. May sleep.
    pub(crate) fn register(handler: H) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            handler,
            _pin: PhantomPinned,
            block <- Opaque::try_ffi_init(|slot: *mut notifier_block| {
                let block = notifier_block {
                    notifier_call: Some(Self::callback),
                    ..Default::default()
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(block) };
                // SAFETY: `slot` is an initialized block in pinned memory with `handler`
                // initialized before it, so that the callback may run at once.
                to_result(unsafe { numaweave_register_notifier(slot) })
            }),
        }? Error)
    }

    /// Hands one notification to the handler.
    ///
    /// # Safety
    ///
    /// `block` must be the `block` of a live `TableNotifier<H>`.
    unsafe extern "C" fn callback(
        block: *mut notifier_block,
        _action: usize,
        _data: *mut c_void,
    ) -> c_int {
        let block = block.cast::<Opaque<notifier_block>>();
        // SAFETY: By the contract `block` is embedded in a `Self`.
        let this = unsafe { container_of!(block, Self, block) };
        // SAFETY: By the contract it is alive; nothing holds a mutable reference to a pinned,
        // registered notifier.
        let this = unsafe { &*this };
        this.handler.new_table();
        // CAST: A small constant.
        bindings::NOTIFY_OK as c_int
    }
}

#[pinned_drop]
impl<H: TableHandler> PinnedDrop for TableNotifier<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the block is registered. The call takes the chain's lock
        // for writing, so no handler runs any more when it returns.
        unsafe { numaweave_unregister_notifier(self.block.get()) };
    }
}
