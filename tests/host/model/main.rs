// SPDX-License-Identifier: GPL-2.0

//! All interleavings of a few threads, for those files of the module in which threads meet: the very
//! same files, with `tools/model` in place of the kernel crate, which says what is covered.
//!
//! | file | threads that are tried |
//! |---|---|
//! | `kernel_ext/rcu.rs` | readers, writers, RCU's callbacks, and who drops the cell |
//! | `sources/reports.rs` | reporters, and the work item that takes reports |
//! | `sources/writes.rs` | writers of the kernel's table, and the work item that takes writes |
//! | `provider/cache.rs` | who replaces the table, who adds to its cache, readers |
//!
//! Each check has mutants: with a promise of the kernel's broken, or a step of the scenario in the
//! wrong order, it has to fail.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(
    clippy::should_panic_without_expect,
    reason = "a broken promise shows in whatever it breaks first"
)]

mod kernel_ext;
mod provider;
mod sources;
mod value;

use kernel::{check, Mutant};
use numaweave_policy as policy;

/// Tries a scenario, which must be one with more than one outcome.
fn holds(scenario: impl Fn() + Send + Sync + 'static) {
    let executions = check(Mutant::None, scenario);
    println!("{executions} executions");
    assert!(executions > 1);
}

/// Tries a scenario with a promise broken: this must be found.
fn fails(mutant: Mutant, scenario: impl Fn() + Send + Sync + 'static) {
    check(mutant, scenario);
}
