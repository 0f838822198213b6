// SPDX-License-Identifier: GPL-2.0

//! The system calls of NUMA memory policy, for weighted interleave.

use std::collections::BTreeSet;

use anyhow::{ensure, Context, Result};
use clap::ValueEnum;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, c_ulong};
use serde::{Deserialize, Serialize};

use crate::mapping::Mapping;

/// `MPOL_WEIGHTED_INTERLEAVE`, `MPOL_F_NODE` and the mode flags of `linux/mempolicy.h`.
const WEIGHTED_INTERLEAVE: c_int = 6;
const MPOL_F_NODE: c_ulong = 1;
const STATIC_NODES: c_int = 1 << 15;
const RELATIVE_NODES: c_int = 1 << 14;

/// Nodes that a mask has room for: as many as the kernel can have.
const MAX_NODES: usize = 1024;
/// Bits of a word of a mask: an `unsigned long` of the 64-bit machines that guests are.
const BITS: usize = 64;

/// What the nodes of a policy mean when the nodes that a task may use change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Meaning {
    /// They are replaced by others in the same order.
    Remapped,
    /// Just these nodes, as far as they are allowed.
    Static,
    /// The n-th of the allowed nodes.
    Relative,
}

impl Meaning {
    fn mode(self) -> c_int {
        match self {
            Self::Remapped => WEIGHTED_INTERLEAVE,
            Self::Static => WEIGHTED_INTERLEAVE | STATIC_NODES,
            Self::Relative => WEIGHTED_INTERLEAVE | RELATIVE_NODES,
        }
    }
}

/// A nodemask in the form of the system calls.
fn mask(nodes: &BTreeSet<u32>) -> Result<[u64; MAX_NODES / BITS]> {
    let mut mask = [0; MAX_NODES / BITS];
    for &node in nodes {
        let node = usize::try_from(node)?;
        let word = mask.get_mut(node / BITS);
        *word.with_context(|| format!("no kernel has a node {node}"))? |= 1 << (node % BITS);
    }
    Ok(mask)
}

fn check(done: c_long, what: &str) -> Result<()> {
    Errno::result(done).with_context(|| what.to_owned())?;
    Ok(())
}

/// Interleaves what this task allocates from now on over `nodes`.
pub(crate) fn set_for_task(nodes: &BTreeSet<u32>, meaning: Meaning) -> Result<()> {
    let mask = mask(nodes)?;
    // SAFETY: `mask` has as many bits as are announced, and outlives the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_set_mempolicy,
            meaning.mode(),
            mask.as_ptr(),
            MAX_NODES + 1,
        )
    };
    check(done, "set_mempolicy(2) refuses weighted interleave")
}

/// Interleaves the pages of `mapping` that come from now on over `nodes`.
pub(crate) fn set_for_mapping(
    mapping: &Mapping,
    nodes: &BTreeSet<u32>,
    meaning: Meaning,
) -> Result<()> {
    let mask = mask(nodes)?;
    let (start, length) = mapping.range();
    // SAFETY: the range is a mapping, whose policy alone changes; `mask` has as many bits as are
    // announced, and outlives the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            start.as_ptr(),
            length,
            meaning.mode(),
            mask.as_ptr(),
            MAX_NODES + 1,
            0,
        )
    };
    check(done, "mbind(2) refuses weighted interleave")
}

/// The node of the next page that the kernel allocates for this task, by its own policy.
pub(crate) fn next_node() -> Result<u32> {
    let mut node: c_int = -1;
    // SAFETY: `node` is valid for the call, which is asked for nothing else.
    let done = unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &raw mut node,
            std::ptr::null::<c_ulong>(),
            0,
            std::ptr::null::<libc::c_void>(),
            MPOL_F_NODE,
        )
    };
    check(done, "get_mempolicy(2) with MPOL_F_NODE failed")?;
    ensure!(node >= 0, "get_mempolicy(2) gives {node}, not a node");
    Ok(u32::try_from(node)?)
}
