// SPDX-License-Identifier: GPL-2.0

//! The cases, by the part of the module that they are about.

mod abi;
mod balanced;
mod control;
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
mod storm;
mod takeover;
mod trace;
mod unload;
mod update;

use crate::harness::Suite;

/// All suites in the order in which they run. `unload` is first: it has the only case that wants a
/// kernel to which nobody has reported a bandwidth yet. `leaks` is last and runs whatever was chosen.
pub(crate) const SUITES: &[Suite] = &[
    unload::SUITE,
    load::SUITE,
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
    leaks::SUITE,
];
