// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of `livepatch/bindings.h`; the kernel's own bindings hold the rest.
//!
//! It declares what `include/numaweave.rs` declares by hand as well: if the header says otherwise, the
//! compiler warns of clashing declarations.

#![allow(
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    unused_imports,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    reason = "generated code"
)]

use kernel::{
    bindings::{
        atomic_t, bool_, callback_head, completion, kobject, list_head, module, nodemask_t,
        notifier_block, u8_, work_struct,
    },
    ffi,
};

include!(env!("NUMAWEAVE_LIVEPATCH_BINDINGS"));
