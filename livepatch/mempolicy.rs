// SPDX-License-Identifier: GPL-2.0

//! What stands in for three functions of `mm/mempolicy.c`.
//!
//! They are static there: no header has their prototypes and no compiler compares them. They were
//! compared by hand with Linux 7.2:
//!
//! ```text
//! static void reduce_interleave_weights(unsigned int *bw, u8 *new_iw)
//! static unsigned int weighted_interleave_nid(struct mempolicy *pol, pgoff_t ilx)
//! static unsigned int weighted_interleave_nodes(struct mempolicy *policy)
//! ```
//!
//! A compiler that sees both sides of a call may know more than the prototype. What changes the
//! calling convention changes the symbol too (`.isra`, `.constprop`), which is then not found. Which
//! registers a function spares is not made use of in a kernel built for ftrace: gcc turns `-fipa-ra`
//! off there. What is left is what the functions do: ours return node ids as well, and change
//! nothing else of mempolicy's than the kernel's do.
//!
//! Context: `mempolicy` calls each in process context; the first may sleep, the others must not.

use crate::{
    ffi,
    klp::Replacement,
    numaweave::{self, Cursor, Initiator, Nodes},
};
use core::sync::atomic::{fence, Ordering};
use kernel::{bindings, prelude::*};

/// What is replaced.
pub(crate) const REPLACEMENTS: [Replacement; 3] = [
    Replacement {
        name: c"weighted_interleave_nid",
        function: weighted_interleave_nid as *const (),
    },
    Replacement {
        name: c"weighted_interleave_nodes",
        function: weighted_interleave_nodes as *const (),
    },
    Replacement {
        name: c"reduce_interleave_weights",
        function: reduce_interleave_weights as *const (),
    },
];

/// A policy that mempolicy wants a node for.
///
/// # Invariants
///
/// The pointer is valid.
#[derive(Clone, Copy)]
struct Policy(*mut ffi::mempolicy);

impl Policy {
    /// Its nodes, which change with the task's cpuset.
    #[inline]
    fn nodes(&self) -> &Nodes {
        // SAFETY: By the type invariant.
        let nodes = unsafe { &raw const (*self.0).nodes };
        // SAFETY: It is a part of the policy, and C code copies masks by words.
        unsafe { Nodes::from_raw(nodes) }
    }

    /// Whose weights it goes by. NUMA balancing compares a page's node with the policy's answer: if
    /// that depended on who asks, pages would travel between sockets.
    #[inline]
    fn initiator(&self) -> Initiator {
        // SAFETY: By the type invariant; flags do not change once a policy is in use.
        let flags = unsafe { (*self.0).flags };
        if u32::from(flags) & bindings::MPOL_F_MOF == 0 {
            Initiator::LOCAL
        } else {
            Initiator::SYSTEM
        }
    }
}

/// The calling task, as far as mempolicy keeps a place in the order of nodes for it.
///
/// # Invariants
///
/// The pointer is valid, and nobody but the calling task uses its `il_prev` and `il_weight`.
struct Caller(*mut bindings::task_struct);

impl Caller {
    #[inline]
    fn get() -> Self {
        // SAFETY: It may be called anywhere.
        // INVARIANT: A task is alive while it runs; the fields are its own.
        Self(unsafe { bindings::get_current() })
    }

    #[inline]
    fn cursor(&self) -> Cursor {
        // SAFETY: By the type invariant.
        let (node, remaining) = unsafe { ((*self.0).il_prev, (*self.0).il_weight) };
        Cursor { node, remaining }
    }

    #[inline]
    fn set_cursor(&self, cursor: Cursor) {
        // SAFETY: By the type invariant.
        unsafe { (*self.0).il_prev = cursor.node };
        // SAFETY: By the type invariant.
        unsafe { (*self.0).il_weight = cursor.remaining };
    }

    /// Returns how often the task's cpuset has begun or finished to change its nodes: odd amidst it.
    #[inline]
    fn rebinds(&self) -> c_uint {
        #[cfg(CONFIG_CPUSETS)]
        // SAFETY: By the type invariant; as in C's `READ_ONCE()`.
        return unsafe {
            (&raw const (*self.0).mems_allowed_seq.seqcount.sequence).read_volatile()
        };
        #[cfg(not(CONFIG_CPUSETS))]
        0
    }

    /// Returns what `read` returns while no rebind is under way: `read_mems_allowed_begin()` and
    /// `read_mems_allowed_retry()`, which also spare the work where there are no cpusets, by a key that
    /// is not exported. The other side has interrupts off meanwhile, so waiting for it is short.
    ///
    /// The fences are `smp_rmb()` and more; the kernel crate's is a call, and this is a hot path.
    #[inline]
    fn undisturbed<T>(&self, read: impl Fn() -> T) -> T {
        loop {
            let before = self.rebinds();
            if before & 1 == 0 {
                fence(Ordering::Acquire);
                let result = read();
                fence(Ordering::Acquire);
                if self.rebinds() == before {
                    return result;
                }
            }
            core::hint::spin_loop();
        }
    }
}

/// Returns the node for the page with index `ilx` under the policy `pol`.
///
/// # Safety
///
/// `pol` must be valid for the call.
unsafe extern "C" fn weighted_interleave_nid(pol: *mut ffi::mempolicy, ilx: c_ulong) -> c_uint {
    // INVARIANT: By the contract.
    let policy = Policy(pol);
    numaweave::interleave_nid(policy.nodes(), policy.initiator(), ilx)
}

/// Returns the node for the calling task's next page under the policy `pol`, and moves on.
///
/// The task's place is the node of the next page and what that node has left of the cycle. mempolicy
/// reads its own place in the same way, but for a node that has nothing left, which means a new start
/// behind it. So both can go on where the other has stopped.
///
/// # Safety
///
/// `pol` must be valid for the call.
unsafe extern "C" fn weighted_interleave_nodes(pol: *mut ffi::mempolicy) -> c_uint {
    // INVARIANT: By the contract.
    let policy = Policy(pol);
    let caller = Caller::get();
    let (node, cursor) = caller.undisturbed(|| {
        let mut cursor = caller.cursor();
        let node = numaweave::next_nid(policy.nodes(), policy.initiator(), &mut cursor);
        (node, cursor)
    });
    caller.set_cursor(cursor);
    node
}

/// Fills in the weights `new_iw` of the kernel's table for its bandwidths `bw`.
///
/// # Safety
///
/// Both must have a place for each node id, and `new_iw` be the caller's alone.
unsafe extern "C" fn reduce_interleave_weights(bw: *mut c_uint, new_iw: *mut u8) {
    // SAFETY: By the contract. mempolicy calls this under a mutex, so it may sleep.
    unsafe { ffi::numaweave_reduce_weights(bw, new_iw) };
}
