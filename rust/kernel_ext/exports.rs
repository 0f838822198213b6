// SPDX-License-Identifier: GPL-2.0

//! The functions that other modules call, see `include/numaweave.h`; `ffi/glue.c` exports them.
//!
//! Each makes safe values of its arguments and calls its sibling in [`crate::sinks::exports`], which
//! says what it does. This is the only file of this folder that knows what the module is about.

use super::{
    ffi,
    node::{nr_node_ids, NodeId, SharedNodeMask},
    pointer,
};
use crate::{
    policy::schedule::Turn,
    provider::{table::Viewer, Provider},
    sinks::exports,
};
use core::slice;
use kernel::{
    bindings,
    error::from_result,
    prelude::*,
    sync::{rcu::Guard, Arc},
};

/// Returns whom a caller's `initiator` stands for.
#[inline]
fn viewer(initiator: c_int) -> Viewer {
    if initiator == ffi::NUMAWEAVE_LOCAL {
        return Viewer::Local;
    }
    NodeId::new(initiator).map_or(Viewer::System, Viewer::Initiator)
}

/// Has look-ups counted by node id in the provider's counters, from its creation during the module's
/// start-up to the end of the module.
///
/// # Invariants
///
/// The provider's counters are those of `numaweave_decisions`, and more than there are node ids.
pub(crate) struct Counting {
    _provider: Arc<Provider>,
}

impl Counting {
    /// Counts in `provider`'s counters. To be called once, in the module's start-up.
    pub(crate) fn start(provider: Arc<Provider>) -> Self {
        // SAFETY: No other module reads it yet: the module loader lets none call this one before
        // its start-up is over, nor after its teardown has begun.
        unsafe { ffi::numaweave_decisions = provider.decisions().base() };
        // INVARIANT: Just set; the provider has one counter more than there are node ids.
        Self {
            _provider: provider,
        }
    }
}

#[no_mangle]
extern "C" fn numaweave_find_weight(node: c_int, initiator: c_int) -> c_int {
    from_result(|| {
        let node = NodeId::new(node).ok_or(ENODEV)?;
        let weight = exports::node_weight(node, viewer(initiator)).ok_or(ENODEV)?;
        Ok(c_int::from(weight))
    })
}

/// # Safety
///
/// `nodes` must be valid for the call, which must be within an RCU read-side critical section.
#[no_mangle]
unsafe extern "C" fn numaweave_find_nid(
    nodes: *const bindings::nodemask_t,
    initiator: c_int,
    ilx: usize,
) -> c_uint {
    // SAFETY: By the contract; the kernel writes masks word by word.
    let nodes = unsafe { SharedNodeMask::from_raw(nodes) };
    // SAFETY: By the contract.
    let guard = unsafe { pointer::held() };
    // CAST: An `unsigned long` has at most 64 bits.
    exports::interleave_nid(nodes, viewer(initiator), ilx as u64, guard)
}

/// # Safety
///
/// `nodes` and `cursor` must be valid for the call, which must be within an RCU read-side critical
/// section, and `cursor` the caller's alone.
#[no_mangle]
unsafe extern "C" fn numaweave_step_nid(
    nodes: *const bindings::nodemask_t,
    initiator: c_int,
    cursor: *mut ffi::numaweave_cursor,
) -> c_uint {
    // SAFETY: By the contract; the kernel writes masks word by word.
    let nodes = unsafe { SharedNodeMask::from_raw(nodes) };
    // SAFETY: By the contract.
    let cursor = unsafe { &mut *cursor };
    // SAFETY: By the contract.
    let guard = unsafe { pointer::held() };
    let viewer = viewer(initiator);
    let turn = turn(cursor);
    match exports::turn_after(nodes, viewer, turn, guard) {
        Some(next) => {
            put(cursor, next);
            turn.node.into()
        }
        None => step(nodes, viewer, cursor, guard),
    }
}

/// Moves `cursor` on where more is to be done than to look.
#[cold]
#[inline(never)]
fn step(
    nodes: &SharedNodeMask,
    viewer: Viewer,
    cursor: &mut ffi::numaweave_cursor,
    guard: &Guard,
) -> c_uint {
    let (node, next) = exports::next_nid(nodes, viewer, turn(cursor), guard);
    put(cursor, next);
    node
}

/// Returns what a caller's cursor stands for.
#[inline]
fn turn(cursor: &ffi::numaweave_cursor) -> Turn {
    Turn {
        // CAST: A negative one becomes one that is beyond all nodes, as it is no node either.
        node: cursor.node as u16,
        remaining: cursor.remaining,
    }
}

/// Has a caller's cursor stand for `turn`.
#[inline]
fn put(cursor: &mut ffi::numaweave_cursor, turn: Turn) {
    // CAST: There are at most 1024 nodes, or it is what a caller gave us.
    cursor.node = turn.node as c_short;
    cursor.remaining = turn.remaining;
}

/// # Safety
///
/// Both must have as many elements as there are node ids, and `weights` be the caller's alone.
#[no_mangle]
unsafe extern "C" fn numaweave_fill_weights(bandwidth: *const c_uint, weights: *mut u8) {
    let ids = usize::from(nr_node_ids());
    // SAFETY: By the contract.
    let bandwidth = unsafe { slice::from_raw_parts(bandwidth, ids) };
    // SAFETY: By the contract.
    let weights = unsafe { slice::from_raw_parts_mut(weights, ids) };
    exports::reduce_weights(bandwidth, weights);
}

#[no_mangle]
extern "C" fn numaweave_attach() -> c_int {
    from_result(|| exports::with_provider(|provider| provider.attach_takeover()).map(|()| 0))
}

#[no_mangle]
extern "C" fn numaweave_detach() {
    // There is a provider as long as a module that uses this one is loaded.
    let _ = exports::with_provider(|provider| {
        provider.detach_takeover();
        Ok(())
    });
}
