// SPDX-License-Identifier: GPL-2.0

//! What other modules ask: the node for the next page. `include/numaweave.h` is the contract.
//!
//! A look-up runs in any context. It reads the published table and its schedules under RCU, and never
//! waits or allocates. Where no schedule is cached it computes the answer
//! itself and leaves a request; a work item, woken from an interrupt so that no lock of the caller
//! matters, makes the schedule for the next one.

use crate::{
    kernel_ext::{
        exports::Counting,
        irq_work::{IrqWork, IrqWorkItem},
        node::{NodeId, NodeMask, SharedNodeMask},
        registry::{Registration, Registry},
        topology::local_node,
        work,
    },
    policy::{schedule::Turn, Scope},
    provider::{
        schedules::Choice,
        table::{Table, VectorId, Viewer},
        Provider,
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{Acquire, Atomic, Relaxed, Release},
        rcu::{self, Guard},
        Arc,
    },
    workqueue::{self, WorkItem},
};

/// Requests that can wait at a time. One that finds no place is left again with the next miss.
const REQUESTS: usize = 16;

/// The states of a request.
const FREE: u32 = 0;
const BEING_WRITTEN: u32 = 1;
const WAITING: u32 = 2;

/// A wish for a schedule, written in any context and read by the work item.
struct Request {
    state: Atomic<u32>,
    vector: Atomic<u32>,
    nodes: SharedNodeMask,
}

impl Request {
    const fn free() -> Self {
        Self {
            state: Atomic::new(FREE),
            vector: Atomic::new(0),
            nodes: SharedNodeMask::empty(),
        }
    }

    /// Returns whether this wish, or one that is just being replaced by another, waits already.
    fn is_for(&self, vector: VectorId, nodes: &NodeMask) -> bool {
        // ORDERING: Acquire pairs with the release in `put()`.
        self.state.load(Acquire) == WAITING
            && self.vector.load(Relaxed) == vector.get().into()
            && self.nodes.snapshot() == *nodes
    }

    /// Notes a wish; returns whether there was room.
    fn put(&self, vector: VectorId, nodes: &NodeMask) -> bool {
        // ORDERING: Acquire pairs with the release in `take()`: what was read there was read before
        // it is overwritten here.
        if self.state.cmpxchg(FREE, BEING_WRITTEN, Acquire).is_err() {
            return false;
        }
        self.vector.store(vector.get().into(), Relaxed);
        self.nodes.store(nodes);
        // ORDERING: Release: who sees the wish waiting sees all of it.
        self.state.store(WAITING, Release);
        true
    }

    /// Takes the wish that waits. Only the work item does so.
    fn take(&self) -> Option<(VectorId, NodeMask)> {
        // ORDERING: Acquire pairs with the release in `put()`.
        if self.state.load(Acquire) != WAITING {
            return None;
        }
        let vector = u16::try_from(self.vector.load(Relaxed)).ok()?;
        let nodes = self.nodes.snapshot();
        // ORDERING: Release: see `put()`.
        self.state.store(FREE, Release);
        Some((VectorId::from_number(vector), nodes))
    }
}

/// Where the exported functions find the provider.
static PROVIDER: Registry<Provider> = Registry::empty();

/// Wishes for schedules that wait for the provider's work item.
#[pin_data]
pub(crate) struct Requests {
    requests: [Request; REQUESTS],
    #[pin]
    wake: IrqWork<Wake>,
}

impl Requests {
    /// Prepares for requests.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            requests: [const { Request::free() }; REQUESTS],
            wake <- IrqWork::new(),
        })
    }

    /// Asks for a schedule. Any context.
    fn ask(&self, vector: VectorId, nodes: &NodeMask) {
        let waits = |request: &Request| request.is_for(vector, nodes);
        let put = |request: &Request| request.put(vector, nodes);
        if !self.requests.iter().any(waits) && self.requests.iter().any(put) {
            self.wake.queue();
        }
    }
}

/// Queues the provider's work item.
struct Wake;

impl IrqWorkItem for Wake {
    fn run() {
        if let Some(provider) = PROVIDER.get(&rcu::read_lock()) {
            // If it is queued already, it will see the request too.
            let _ = workqueue::system_long().enqueue(Arc::from(provider));
        }
    }
}

impl WorkItem for Provider {
    type Pointer = Arc<Self>;

    /// Makes the schedules that were asked for.
    fn run(this: Arc<Self>) {
        for request in &this.requests().requests {
            if let Some((vector, nodes)) = request.take() {
                // Where memory is short decisions go on being computed, and ask again.
                let _ = this.add_schedule(vector, nodes);
            }
        }
    }
}

/// Waits for the provider's work item when dropped.
struct Flush(Arc<Provider>);

impl Drop for Flush {
    fn drop(&mut self) {
        work::flush(&self.0);
    }
}

/// Answers other modules until dropped; may sleep.
pub(crate) struct Exports {
    // Dropped in this order: no look-up comes in any more, then requests are worked off.
    _counting: Counting,
    _registration: Registration<Provider>,
    _flush: Flush,
}

impl Exports {
    /// Answers for `provider` from now on. May sleep.
    pub(crate) fn open(provider: Arc<Provider>) -> Result<Self> {
        Ok(Self {
            _counting: Counting::start(provider.clone()),
            _registration: PROVIDER.register(provider.clone())?,
            _flush: Flush(provider),
        })
    }
}

/// Returns the node for the page at `index`; the node of this CPU where there is none to choose.
// Always, as it has tests for callers, too.
#[inline(always)]
pub(crate) fn interleave_nid(
    nodes: &SharedNodeMask,
    viewer: Viewer,
    index: u64,
    guard: &Guard,
) -> u32 {
    let Some(provider) = PROVIDER.get(guard) else {
        return local_node();
    };
    let table = provider.table(guard);
    if viewer == Viewer::Local && table.settings.scope == Scope::System {
        // As it is on most machines: without a call, so that no register has to be saved.
        interleave_in(nodes, VectorId::SYSTEM, index, &provider, table, guard)
    } else {
        interleave_for(nodes, viewer, index, &provider, table, guard)
    }
}

/// Returns the node for the page at `index` as `viewer` sees it.
#[inline(never)]
fn interleave_for(
    nodes: &SharedNodeMask,
    viewer: Viewer,
    index: u64,
    provider: &Provider,
    table: &Table,
    guard: &Guard,
) -> u32 {
    interleave_in(nodes, table.vector(viewer), index, provider, table, guard)
}

/// Returns the node for the page at `index` by the weights of `vector`.
#[inline]
fn interleave_in(
    nodes: &SharedNodeMask,
    vector: VectorId,
    index: u64,
    provider: &Provider,
    table: &Table,
    guard: &Guard,
) -> u32 {
    match table.schedules.find(vector, nodes, guard) {
        Some(schedule) => schedule.turn_at(index).node.into(),
        None => compute_at(nodes, vector, index, provider, table),
    }
}

/// Answers an index look-up for which there is no schedule.
#[cold]
#[inline(never)]
fn compute_at(
    nodes: &SharedNodeMask,
    vector: VectorId,
    index: u64,
    provider: &Provider,
    table: &Table,
) -> u32 {
    let nodes = nodes.snapshot();
    let choice = Choice::new(table, vector, &nodes);
    let Some(turn) = choice.turn_at(index) else {
        return local_node();
    };
    fall_back(provider, &choice);
    turn.node.into()
}

/// Returns the turn after `cursor` where that is found at once: `cursor` is a turn of a cached
/// schedule by the system's weights. Otherwise [`None`], which says nothing: [`next_nid()`] knows.
///
/// Calls nothing, so that no register has to be saved.
#[inline(always)]
pub(crate) fn turn_after(
    nodes: &SharedNodeMask,
    viewer: Viewer,
    cursor: Turn,
    guard: &Guard,
) -> Option<Turn> {
    let provider = PROVIDER.get(guard)?;
    let table = provider.table(guard);
    if viewer != Viewer::Local || table.settings.scope != Scope::System {
        return None;
    }
    let schedule = table.schedules.find(VectorId::SYSTEM, nodes, guard)?;
    schedule.after(cursor)
}

/// Returns the node that `cursor` stands for, and the next cursor; the node of this CPU where there
/// is none to choose.
pub(crate) fn next_nid(
    nodes: &SharedNodeMask,
    viewer: Viewer,
    cursor: Turn,
    guard: &Guard,
) -> (u32, Turn) {
    let Some(provider) = PROVIDER.get(guard) else {
        return (local_node(), cursor);
    };
    let table = provider.table(guard);
    let vector = table.vector(viewer);
    let schedule = table.schedules.find(vector, nodes, guard);
    match schedule.and_then(|schedule| schedule.step(cursor)) {
        Some((turn, next)) => (turn.node.into(), next),
        None => compute_step(&provider, table, vector, nodes, cursor),
    }
}

/// Answers a cursor look-up for which there is no schedule.
#[cold]
#[inline(never)]
fn compute_step(
    provider: &Provider,
    table: &Table,
    vector: VectorId,
    nodes: &SharedNodeMask,
    cursor: Turn,
) -> (u32, Turn) {
    let nodes = nodes.snapshot();
    let choice = Choice::new(table, vector, &nodes);
    let Some((turn, next)) = choice.step(cursor) else {
        return (local_node(), cursor);
    };
    fall_back(provider, &choice);
    (turn.node.into(), next)
}

/// Counts an answer that was computed, and asks for the schedule that would have given it.
fn fall_back(provider: &Provider, choice: &Choice<'_>) {
    provider.count_fallback();
    if choice.can_be_cached() {
        provider.requests().ask(choice.vector(), choice.nodes());
    }
}

/// Returns the weight of `node`, [`None`] where it has no memory.
pub(crate) fn node_weight(node: NodeId, viewer: Viewer) -> Option<u8> {
    let guard = rcu::read_lock();
    let provider = PROVIDER.get(&guard)?;
    let table = provider.table(&guard);
    table.row(node)?;
    Some(table.weight(table.vector(viewer), node))
}

/// Puts the weights that the kernel's table is to have into `weights`, by node id, for the nodes that
/// have memory; the others stay as they are. `bandwidth` is the kernel's, MB/s, by node id.
pub(crate) fn reduce_weights(bandwidth: &[u32], weights: &mut [u8]) {
    let guard = rcu::read_lock();
    match PROVIDER.get(&guard) {
        Some(provider) => provider.table(&guard).reduce(bandwidth, weights),
        None => Table::reduce_as_mainline(bandwidth, weights),
    }
}

/// Hands the provider to `work`, which may sleep.
///
/// # Errors
///
/// `ENODEV` where there is none, and those of `work`.
pub(crate) fn with_provider<T>(work: impl FnOnce(&Arc<Provider>) -> Result<T>) -> Result<T> {
    let provider = PROVIDER.get(&rcu::read_lock()).map(Arc::from);
    work(&provider.ok_or(ENODEV)?)
}
