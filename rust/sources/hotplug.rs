// SPDX-License-Identifier: GPL-2.0

//! Nodes that get their first memory or lose their last.
//!
//! Two registrations, one on each side of mempolicy's own notifier: a node that goes is dealt with
//! while the kernel's table still has its row, a node that comes once the row is there.

use crate::{
    kernel_ext::{
        node::NodeId,
        node_notifier::{MemoryEvent, MemoryHandler, NodeNotifier},
        weighted_interleave::GUARD_PRIORITY,
    },
    provider::Provider,
};
use kernel::{prelude::*, sync::Arc};

/// Before the guard of the kernel's table shuts the row.
const REMOVAL_PRIORITY: i32 = GUARD_PRIORITY + 1;

/// After mempolicy's own notifier, which has priority 0.
const ADDITION_PRIORITY: i32 = -1;

struct Removal(Arc<Provider>);

impl MemoryHandler for Removal {
    fn memory_event(&self, node: NodeId, event: MemoryEvent) {
        if event == MemoryEvent::LastRemoved {
            self.0.memory_removed(node);
        }
    }
}

struct Addition(Arc<Provider>);

impl MemoryHandler for Addition {
    fn memory_event(&self, node: NodeId, event: MemoryEvent) {
        if event == MemoryEvent::FirstAdded {
            Provider::memory_added(&self.0, node);
        }
    }
}

/// Tells the provider of nodes that come and go, until dropped.
pub(crate) struct Hotplug {
    _removal: Pin<KBox<NodeNotifier<Removal>>>,
    _addition: Pin<KBox<NodeNotifier<Addition>>>,
}

impl Hotplug {
    /// Registers for events. May sleep.
    pub(crate) fn register(provider: &Arc<Provider>) -> Result<Self> {
        Ok(Self {
            _removal: KBox::pin_init(
                NodeNotifier::register(REMOVAL_PRIORITY, Removal(provider.clone())),
                GFP_KERNEL,
            )?,
            _addition: KBox::pin_init(
                NodeNotifier::register(ADDITION_PRIORITY, Addition(provider.clone())),
                GFP_KERNEL,
            )?,
        })
    }
}
