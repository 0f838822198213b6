// SPDX-License-Identifier: GPL-2.0

//! numaweave_livepatch: the takeover. While it is loaded and enabled, mempolicy asks `numaweave.ko`
//! for each node under weighted interleave.
//!
//! `mempolicy` holds what replaces the kernel's functions, `klp` has the kernel's live patching put it
//! into force. The unsafe code is in these two.

#[allow(
    unreachable_pub,
    reason = "on a kernel without live patching all of it is unused"
)]
mod ffi;
#[cfg(CONFIG_LIVEPATCH)]
mod klp;
#[cfg(CONFIG_LIVEPATCH)]
mod mempolicy;
#[cfg(CONFIG_LIVEPATCH)]
#[path = "../include/numaweave.rs"]
mod numaweave;

use kernel::prelude::*;

module! {
    type: Takeover,
    name: "numaweave_livepatch",
    authors: ["numaweave developers"],
    description: "Has the page allocator ask numaweave for each node under weighted interleave",
    license: "GPL",
}

/// The loaded module. It can be unloaded once the patch is disabled, so it has nothing to tear down.
struct Takeover;

impl kernel::Module for Takeover {
    #[cfg(CONFIG_LIVEPATCH)]
    fn init(module: &'static ThisModule) -> Result<Self> {
        klp::enable(module)?;
        Ok(Self)
    }

    #[cfg(not(CONFIG_LIVEPATCH))]
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_err!(
            "this kernel has no live patching (CONFIG_LIVEPATCH), which the takeover needs; \
             numaweave works without it\n"
        );
        // CAST: A small number.
        Err(Error::from_errno(-(kernel::bindings::EOPNOTSUPP as i32)))
    }
}
