// SPDX-License-Identifier: GPL-2.0

//! KUnit suites that need more than one file of the module. Small ones are in the file they test.
//!
//! Helpers outside of a `#[test]` function return what they find and leave asserting to the test:
//! only there does `assert!` speak to KUnit. No lock is held across an assertion, as a failure ends
//! the thread without unwinding.

mod administrator;
mod fake_table;
mod hmat;
mod initiators;
mod nodemask;
mod policy;
mod provider;
mod publish;
mod schedules;
mod sequences;
mod stand_in;
mod takeover;
