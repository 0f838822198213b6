// SPDX-License-Identifier: GPL-2.0

//! What threads meet in.

pub mod atomic;
mod lock;
pub mod rcu;
mod work;

pub use lock::Mutex;
pub use work::Work;
