// SPDX-License-Identifier: GPL-2.0

//! Stands in for the kernel crate on the host, where `loom` tries all interleavings of a few threads,
//! and all values that the memory model lets a load return: as much of it as those files of the
//! module take that threads meet in. `tests/host/model` compiles them, the very same, against this.
//!
//! What the kernel promises is modelled at its weakest: no ordering beyond what is asked for, and
//! [`Full`](sync::atomic::Full) ordering as acquire and release. A grace period is modelled as
//! user-space RCU has it, see [`sync::rcu`]. What is freed is destroyed but stays allocated to the
//! end of the execution, so that a use after free is found and does no harm.
//!
//! [`Mutant`] breaks one promise at a time, to show that the checks can fail.
//!
//! Not covered: [`sync::rcu`] loads pointers with acquire ordering, where the module relies on the
//! dependency that carries through the pointer itself, for which C11 and `loom` have no notion.
//! Writes to one place take effect in the order in which they are executed. `loom` takes a sequentially consistent access for acquire and release. Interleavings with more
//! than [`PREEMPTIONS`] preemptions are left out.

pub mod alloc;
pub mod bindings;
mod execution;
pub mod prelude;
pub mod sync;
pub mod types;

pub use execution::{check, live, Mutant, PREEMPTIONS};
pub use loom::{cell::UnsafeCell, thread};

/// The container of a field, as in the kernel crate.
#[macro_export]
macro_rules! container_of {
    ($field:expr, $container:ty, $name:ident) => {
        $field
            .byte_sub(::core::mem::offset_of!($container, $name))
            .cast::<$container>()
    };
}
