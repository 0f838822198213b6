// SPDX-License-Identifier: GPL-2.0

//! The cache of orders.

#[path = "../../../../rust/provider/cache.rs"]
#[allow(
    clippy::all,
    clippy::pedantic,
    reason = "the module has lints of its own"
)]
mod cache;
mod cache_model;
