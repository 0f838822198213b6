// SPDX-License-Identifier: GPL-2.0

//! What comes from the kernel, on its way to the work that takes it.

#[path = "../../../../rust/sources/reports.rs"]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::as_conversions,
    reason = "the module has its own"
)]
mod reports;
mod reports_model;
#[path = "../../../../rust/sources/writes.rs"]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::as_conversions,
    reason = "the module has its own"
)]
mod writes;
mod writes_model;
