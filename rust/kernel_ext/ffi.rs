// SPDX-License-Identifier: GPL-2.0

//! What bindgen makes of `ffi/bindings.h`; the kernel's own bindings hold the rest.

#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    reason = "generated code"
)]

use kernel::ffi;

include!(env!("NUMAWEAVE_BINDINGS"));
