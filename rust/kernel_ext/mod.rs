// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions that the kernel crate lacks.
//!
//! All unsafe code of the module lives in this folder. Each file wraps one facility of the kernel
//! and knows nothing of the policy. Most could be proposed to `rust/kernel`; `param`, `trace` and
//! `weighted_interleave` stand for something of this module or of mempolicy.

pub(crate) mod acpi;
pub(crate) mod alloc;
pub(crate) mod coordinates;
pub(crate) mod device_attribute;
pub(crate) mod exports;
mod ffi;
pub(crate) mod fprobe;
pub(crate) mod irq_work;
pub(crate) mod kernfs;
pub(crate) mod kobject;
pub(crate) mod node;
pub(crate) mod node_notifier;
pub(crate) mod notifiers;
pub(crate) mod number;
pub(crate) mod param;
pub(crate) mod percpu;
pub(crate) mod pointer;
pub(crate) mod rcu;
pub(crate) mod registry;
mod report;
pub(crate) mod ring;
pub(crate) mod table_writes;
pub(crate) mod topology;
pub(crate) mod trace;
pub(crate) mod weighted_interleave;
pub(crate) mod work;
