// SPDX-License-Identifier: GPL-2.0

//! The cases, by the part of the module that they are about.

mod abi;
mod balanced;
mod control;
mod faults;
mod firmware;
mod hook;
mod hotplug;
mod initiators;
mod input;
mod installed;
pub(crate) mod leaks;
mod load;
mod mainline;
mod overrides;
mod parameters;
mod placement;
mod policies;
mod rebinding;
mod refusals;
mod rounds;
mod sample;
mod security;
mod storm;
mod takeover;
mod trace;
mod unload;
mod update;

use crate::harness::Suite;

/// All suites in the order in which they run. First `taint`, for it wants a kernel that nothing was
/// loaded into, and leaves its table alone; then `unload`: it has the only case that wants a kernel to
/// which nobody has reported a bandwidth yet. `leaks` runs whatever was chosen, after all that load
/// something; `lockdown` is last: nothing can be loaded and no memory looked at after it.
pub(crate) const SUITES: &[Suite] = &[
    security::TAINT,
    unload::SUITE,
    load::SUITE,
    firmware::SUITE,
    abi::SUITE,
    sample::SUITE,
    sample::SPREAD_PAGES,
    mainline::SUITE,
    balanced::SUITE,
    placement::SUITE,
    update::SUITE,
    storm::SUITE,
    overrides::SUITE,
    control::SUITE,
    hook::SUITE,
    hotplug::SUITE,
    trace::SUITE,
    parameters::SUITE,
    installed::SUITE,
    input::SUITE,
    initiators::SUITE,
    refusals::SUITE,
    takeover::SUITE,
    policies::SUITE,
    rebinding::SUITE,
    rounds::SUITE,
    faults::SUITE,
    faults::LOAD,
    security::SUITE,
    leaks::SUITE,
    security::LOCKDOWN,
];
