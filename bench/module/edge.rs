// SPDX-License-Identifier: GPL-2.0

//! The edge to C: functions of the kernel by their names, called with a policy of our own.

use core::{hint::black_box, mem, ptr};
use kernel::{
    bindings,
    error::to_result,
    ffi::{c_char, c_int, c_uint, c_ulong, c_void},
    prelude::*,
    str::CStr,
};

/// The shape of `weighted_interleave_nid()`. `weighted_interleave_nodes()` does without the index,
/// which the C calling convention lets pass.
type Function = unsafe extern "C" fn(*mut bindings::mempolicy, c_ulong) -> c_uint;

extern "C" {
    fn numaweave_bench_policy(count: c_uint) -> *mut bindings::mempolicy;
    fn numaweave_bench_find(symbol: *const c_char, address: *mut *mut c_void) -> c_int;
    fn numaweave_bench_irq_save() -> c_ulong;
    fn numaweave_bench_irq_restore(flags: c_ulong);
    fn numaweave_bench_cycles() -> u64;
    fn numaweave_bench_nothing(policy: *mut bindings::mempolicy, index: c_ulong) -> c_uint;
}

/// How many nodes a policy has.
///
/// # Invariants
///
/// From 1 to [`NodeCount::LIMIT`], and no more than a nodemask has bits.
#[derive(Clone, Copy)]
pub(crate) struct NodeCount(u32);

impl NodeCount {
    const LIMIT: u32 = if bindings::MAX_NUMNODES < 256 {
        bindings::MAX_NUMNODES
    } else {
        256
    };

    /// [`None`] if `count` is out of range.
    pub(crate) fn new(count: u32) -> Option<Self> {
        (1..=Self::LIMIT).contains(&count).then_some(Self(count))
    }
}

/// A function that chooses a node for the next page.
pub(crate) struct Decider(Function);

impl Decider {
    /// Finds the function `symbol` of the kernel or, as `MODULE:FUNCTION`, of a module.
    ///
    /// # Errors
    ///
    /// `ENOENT` where there is none, or what `register_kprobe()` has against it.
    ///
    /// # Safety
    ///
    /// `symbol` must be a function of the shape of [`Function`], and its module must stay loaded
    /// as long as this value is used.
    pub(crate) unsafe fn find(symbol: &CStr) -> Result<Self> {
        let mut address = ptr::null_mut();
        // SAFETY: `symbol` is NUL-terminated, and `address` takes what is found.
        to_result(unsafe { numaweave_bench_find(symbol.as_char_ptr(), &mut address) })?;
        // SAFETY: By the contract this is the address of such a function; it is not null, as it
        // was found.
        Ok(Self(unsafe {
            mem::transmute::<*mut c_void, Function>(address)
        }))
    }

    /// A function that returns at once.
    pub(crate) fn nothing() -> Self {
        Self(numaweave_bench_nothing)
    }

    /// Lets the function choose a node for each element of `nodes`, under a weighted interleave
    /// policy over the first `count` node ids, with indices from 0 on, or by a new cursor.
    /// Returns what the cycle counter advanced by, the loop included.
    ///
    /// Interrupts are off meanwhile: with an emulated CPU that counts instructions the same call
    /// always takes the same number.
    ///
    /// # Safety
    ///
    /// Not twice at a time: there is one policy.
    #[inline(never)]
    pub(crate) unsafe fn burst(&self, count: NodeCount, nodes: &mut [u8]) -> u64 {
        // SAFETY: By the contract nobody uses the policy, and by its type `count` fits.
        let policy = unsafe { numaweave_bench_policy(count.0) };
        let mut index: c_ulong = 0;
        let function = black_box(self.0);
        let cursor = Cursor::START.replace_current();

        // SAFETY: The flags go back to where they come from below, on the same CPU.
        let flags = unsafe { numaweave_bench_irq_save() };
        // SAFETY: Reads a counter.
        let start = unsafe { numaweave_bench_cycles() };
        for node in nodes {
            // SAFETY: By the contract of `find()` it is a function of this shape. It reads the
            // policy, which is one that mempolicy could have made.
            let chosen = unsafe { function(policy, index) };
            // CAST: Ids of the first nodes, which a byte holds.
            *node = chosen as u8;
            index = index.wrapping_add(1);
        }
        // SAFETY: As above.
        let end = unsafe { numaweave_bench_cycles() };
        // SAFETY: As above.
        unsafe { numaweave_bench_irq_restore(flags) };
        cursor.replace_current();
        end.wrapping_sub(start)
    }
}

/// Where a task is in the order of nodes.
struct Cursor {
    node: c_short,
    remaining: u8,
}

impl Cursor {
    /// Before the first node.
    const START: Self = Self {
        // CAST: A kernel has at most 1024 nodes.
        node: (bindings::MAX_NUMNODES - 1) as c_short,
        remaining: 0,
    };

    /// Sets the cursor of the running task and returns what it was.
    fn replace_current(self) -> Self {
        // SAFETY: Has no requirements.
        let current = unsafe { bindings::get_current() };
        // SAFETY: It is the running task, and the only one to use its cursor.
        let node = unsafe { ptr::replace(&raw mut (*current).il_prev, self.node) };
        // SAFETY: As above.
        let remaining = unsafe { ptr::replace(&raw mut (*current).il_weight, self.remaining) };
        Self { node, remaining }
    }
}
