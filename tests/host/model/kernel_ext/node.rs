// SPDX-License-Identifier: GPL-2.0

//! A machine with two nodes.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u16);

impl NodeId {
    pub(crate) fn new(id: u16) -> Self {
        assert!(id < nr_node_ids());
        Self(id)
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..nr_node_ids()).map(Self)
    }

    pub(crate) fn index(self) -> usize {
        self.0.into()
    }
}

pub(crate) fn nr_node_ids() -> u16 {
    2
}
