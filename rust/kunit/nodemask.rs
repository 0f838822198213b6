// SPDX-License-Identifier: GPL-2.0

//! Node ids and sets of nodes.

use crate::kernel_ext::node::{nr_node_ids, NodeId, NodeMask, NodeState};
use kernel::prelude::*;

#[kunit_tests(numaweave_nodemask)]
mod tests {
    use super::*;

    #[test]
    fn ids_end_at_nr_node_ids() {
        let ids = nr_node_ids();
        assert!(ids >= 1);
        assert!(NodeId::new(ids.wrapping_sub(1)).is_some());
        assert!(NodeId::new(ids).is_none());
        assert!(NodeId::new(u32::MAX).is_none());
        assert!(NodeId::new(-1i32).is_none());
        assert_eq!(NodeId::all().last(), NodeId::new(ids.wrapping_sub(1)));
    }

    #[test]
    fn a_mask_holds_what_was_inserted() {
        let mut mask = NodeMask::default();
        assert_eq!(mask.weight(), 0);
        for node in NodeId::all() {
            assert!(!mask.contains(node));
            mask.insert(node);
            assert!(mask.contains(node));
        }
        assert!(mask.iter().eq(NodeId::all()));
        assert_eq!(mask.weight(), usize::from(nr_node_ids()));
        for node in NodeId::all() {
            mask.remove(node);
            assert!(!mask.contains(node));
        }
        assert!(mask == NodeMask::default());
    }

    #[test]
    fn nodes_with_memory_or_cpus_are_online() {
        let online = NodeMask::of(NodeState::Online);
        let memory = NodeMask::of(NodeState::Memory);
        let cpus = NodeMask::of(NodeState::Cpu);
        assert!(memory.weight() >= 1);
        assert!(cpus.weight() >= 1);
        assert!(memory.iter().all(|node| online.contains(node)));
        assert!(cpus.iter().all(|node| online.contains(node)));
    }
}
