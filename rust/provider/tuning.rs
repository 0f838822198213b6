// SPDX-License-Identifier: GPL-2.0

//! What an administrator can change. All of it may sleep.

use super::{reconcile, state::Side, Provider};
use crate::{
    kernel_ext::node::NodeId,
    policy::{Algorithm, Metric, Scope, Target},
    sinks::{publish::Overruled, trace},
    sources::firmware,
};
use kernel::prelude::*;

impl Provider {
    /// Turns following of bandwidth on or off. Either way what a silent hook missed is read anew.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_auto(&self, auto: bool) -> Result {
        let _intake = self.intake.lock();
        let known = firmware::scan()?;
        self.update_overruling(Some(Overruled::All), |state, _| {
            reconcile(state, &known);
            state.set_auto(auto);
            Ok(())
        })
    }

    /// Chooses the algorithm.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_algorithm(&self, algorithm: Algorithm) -> Result {
        self.update(|state, _| {
            state.set_algorithm(algorithm);
            Ok(())
        })
    }

    /// Chooses the metric.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_metric(&self, metric: Metric) -> Result {
        self.update(|state, _| {
            state.set_metric(metric);
            Ok(())
        })
    }

    /// Bounds the cycle to `pages`.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless it is between the number of nodes with memory and
    /// [`crate::policy::MAX_CYCLE_LIMIT`], `ENOMEM`.
    pub(crate) fn set_max_cycle(&self, pages: u32) -> Result {
        self.update(|state, draft| state.set_max_cycle(pages, &draft.memory))
    }

    /// Chooses whose weights decisions go by.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_scope(&self, scope: Scope) -> Result {
        self.update(|state, _| {
            state.set_scope(scope);
            Ok(())
        })
    }

    /// Chooses the target.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_target(&self, target: Target) -> Result {
        self.update(|state, _| {
            state.set_target(target);
            Ok(())
        })
    }

    /// Chooses whether the kernel's table is written; it is given back as it was when not.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_publish(&self, publish: bool) -> Result {
        self.update_overruling(Some(Overruled::All), |state, _| {
            state.set_publish(publish);
            Ok(())
        })
    }

    /// Sets the weight of `node` by hand, which ends following of bandwidth.
    ///
    /// # Errors
    ///
    /// `EINVAL` where the weight is 0 and the takeover is not attached, `ENODEV` where the node has no memory, `ENOMEM`.
    pub(crate) fn set_weight(&self, node: NodeId, weight: u8) -> Result {
        self.update_overruling(Some(Overruled::Node(node)), |state, draft| {
            if !draft.memory.contains(node) {
                return Err(ENODEV);
            }
            state.set_weight(node, weight)
        })
    }

    /// Overrides one side of `node`'s bandwidth with `bandwidth` MB/s; 0 drops the override.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_override(&self, node: NodeId, side: Side, bandwidth: u32) -> Result {
        self.update(|state, _| {
            if let Some((coordinates, source)) = state.set_override(node, side, bandwidth)? {
                trace::perf_update(node, coordinates, source);
            }
            Ok(())
        })
    }

    /// Overrides one side of `node`'s bandwidth as `initiator` sees it with `bandwidth` MB/s; 0 drops
    /// the override.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn set_sight_override(
        &self,
        initiator: NodeId,
        node: NodeId,
        side: Side,
        bandwidth: u32,
    ) -> Result {
        self.update(|state, _| state.set_sight_override(initiator, node, side, bandwidth))
    }
}
