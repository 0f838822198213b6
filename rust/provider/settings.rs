// SPDX-License-Identifier: GPL-2.0

//! What an administrator chooses, first as module parameters, then in sysfs.

use crate::{
    input,
    kernel_ext::{
        node::{NodeMask, NodeState},
        param::Param,
    },
    policy::{Algorithm, Limits, MaxCycle, Metric, Scope, Target, MAX_CYCLE_LIMIT, TARGET_LIMIT},
};
use kernel::{fmt, prelude::*, str::BStr};

/// The choices that hold for all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether weights follow bandwidth; turned off by a write to a weight.
    pub(crate) auto: bool,
    /// How weights come from bandwidth.
    pub(crate) algorithm: Algorithm,
    /// Which bandwidth `balanced` takes.
    pub(crate) metric: Metric,
    /// The bounds of `balanced`.
    pub(crate) limits: Limits,
    /// Whether the weights are written into the kernel's own table.
    pub(crate) publish: bool,
    /// Whether decisions go by the weights of the initiator at hand.
    pub(crate) scope: Scope,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auto: true,
            algorithm: Algorithm::default(),
            metric: Metric::default(),
            limits: Limits::default(),
            publish: true,
            scope: Scope::default(),
        }
    }
}

impl Settings {
    /// Reads the module's parameters.
    ///
    /// # Errors
    ///
    /// `EINVAL` after a message that names the parameter and its range.
    pub(crate) fn from_params() -> Result<Self> {
        let nodes = NodeMask::of(NodeState::Memory).weight();
        Ok(Self {
            auto: boolean(Param::Auto)?,
            algorithm: read(Param::Algorithm, fmt!("balanced or mainline"), |value| {
                input::word(value, Algorithm::from_name)
            })?,
            metric: read(Param::Metric, fmt!("min, read or write"), |value| {
                input::word(value, Metric::from_name)
            })?,
            limits: Limits {
                max_cycle: match input::trim(Param::MaxCycle.value()) {
                    b"" => None,
                    _ => Some(read(
                        Param::MaxCycle,
                        fmt!("{nodes} (the number of nodes with memory) to {MAX_CYCLE_LIMIT}"),
                        |value| input::ranged(value, |pages| max_cycle(pages, nodes)),
                    )?),
                },
                target: read(
                    Param::Target,
                    fmt!("1 to {TARGET_LIMIT} per mille"),
                    |value| input::ranged(value, Target::new),
                )?,
            },
            publish: boolean(Param::Publish)?,
            scope: read(Param::Scope, fmt!("system or initiator"), |value| {
                input::word(value, Scope::from_name)
            })?,
        })
    }
}

/// Returns the bound of `pages` unless it is out of range or `nodes` nodes cannot keep to it.
pub(crate) fn max_cycle(pages: u32, nodes: usize) -> Option<MaxCycle> {
    let enough = usize::try_from(pages).is_ok_and(|pages| pages >= nodes);
    MaxCycle::new(pages).filter(|_| enough)
}

/// Reads a parameter that is true or false.
fn boolean(param: Param) -> Result<bool> {
    read(param, fmt!("true or false"), input::boolean)
}

/// Reads a parameter with `parse`, and says which it is and what it takes where that fails.
fn read<T>(
    param: Param,
    range: fmt::Arguments<'_>,
    parse: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let value = param.value();
    parse(value).inspect_err(|_| {
        pr_err!(
            "parameter {} is '{}' but must be {}\n",
            param.name(),
            BStr::from_bytes(value),
            range
        );
    })
}
