// SPDX-License-Identifier: GPL-2.0

//! What decisions for single pages need of the provider: the table, its schedules, and counters.

use super::{
    cache::while_current,
    schedules::Plan,
    table::{Table, VectorId},
    Provider,
};
use crate::{
    kernel_ext::{
        node::{nr_node_ids, NodeId, NodeMask},
        percpu::Counters,
    },
    sinks::exports::Requests,
};
use kernel::{
    prelude::*,
    sync::rcu::{self, Guard},
};

impl Provider {
    /// Returns the present table; it stays valid while `guard` is held. Any context.
    #[inline]
    pub(crate) fn table<'a>(&'a self, guard: &'a Guard) -> &'a Table {
        self.table.load(guard)
    }

    /// Returns the counters of decisions: one for each node id, and one for those that no schedule
    /// was cached for.
    pub(crate) fn decisions(&self) -> &Counters {
        &self.decisions
    }

    /// Returns the wishes for schedules.
    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Counts a decision that no schedule was cached for. Any context.
    pub(crate) fn count_fallback(&self) {
        self.decisions.count(nr_node_ids().into());
    }

    /// Returns the number of decisions for `node`.
    pub(crate) fn placed(&self, node: NodeId) -> u64 {
        self.decisions.sum(node.index())
    }

    /// Returns the number of decisions that no schedule was cached for.
    pub(crate) fn fallbacks(&self) -> u64 {
        self.decisions.sum(nr_node_ids().into())
    }

    /// Works out the order for a vector and a nodemask and caches it with the present table.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINVAL` where `nodes` is empty.
    pub(crate) fn add_schedule(&self, vector: VectorId, nodes: NodeMask) -> Result {
        let mut plan = Plan::new(vector, nodes)?;
        let has = {
            let guard = rcu::read_lock();
            let table = self.table.load(&guard);
            plan.take(table);
            table.schedules.has(vector, &nodes, &guard)
        };
        if has {
            return Ok(());
        }
        let generation = plan.generation();
        let schedule = plan.schedule()?;
        let retired = {
            // Nobody replaces the table meanwhile.
            let _state = self.state.lock();
            while_current(&self.table, generation, |table, guard| {
                table.schedules.insert(schedule, guard)
            })
        };
        drop(retired);
        Ok(())
    }
}
