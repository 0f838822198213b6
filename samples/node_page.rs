// SPDX-License-Identifier: GPL-2.0

//! A page of a chosen node. The kernel crate's `Page` comes from any.
//!
//! C header: `include/linux/gfp.h`

use super::node::{NodeId, NodeMask, NodeState};
use core::ptr::{self, NonNull};
use kernel::{bindings, prelude::*};

/// A page of memory that nobody else uses.
///
/// # Invariants
///
/// The pointer is that of the page of an allocated folio of order 0, which is ours.
pub(crate) struct NodePage(NonNull<bindings::page>);

// SAFETY: A page belongs to no thread.
unsafe impl Send for NodePage {}
// SAFETY: Through a shared reference nothing of it changes.
unsafe impl Sync for NodePage {}

impl NodePage {
    /// Rather no page than a process killed for it.
    const FLAGS: bindings::gfp_t =
        bindings::GFP_KERNEL | bindings::__GFP_NOWARN | 1 << bindings::___GFP_RETRY_MAYFAIL_BIT;

    /// Allocates a page of `node`, or of one near it that has memory left. May sleep.
    ///
    /// # Errors
    ///
    /// `ENODEV` where the node is offline, `ENOMEM`.
    pub(crate) fn near(node: NodeId) -> Result<Self> {
        // It does not have to stay online: a node that was keeps what the allocator needs of it.
        if !NodeMask::of(NodeState::Online).contains(node) {
            return Err(ENODEV);
        }
        let node = c_int::from(u16::from(node));
        // SAFETY: The node is or was online; no set of nodes means all of them.
        let folio =
            unsafe { bindings::__folio_alloc_noprof(Self::FLAGS, 0, node, ptr::null_mut()) };
        // INVARIANT: The allocator gave it to us, and a folio begins with its first page.
        NonNull::new(folio.cast()).map(Self).ok_or(ENOMEM)
    }

    /// Returns the id of the node that it is of.
    pub(crate) fn node(&self) -> u32 {
        // SAFETY: By the type invariant.
        let node = unsafe { bindings::page_to_nid(self.0.as_ptr()) };
        node.unsigned_abs()
    }
}

impl Drop for NodePage {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses it any more.
        unsafe { bindings::__free_pages(self.0.as_ptr(), 0) };
    }
}
