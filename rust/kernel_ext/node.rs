// SPDX-License-Identifier: GPL-2.0

//! NUMA node ids and the kernel's node states.
//!
//! C header: `include/linux/nodemask.h`

use kernel::{
    bindings,
    sync::atomic::{atomic_load, Atomic, Relaxed},
};

/// A NUMA node id that this kernel can have.
///
/// # Invariants
///
/// The id is smaller than `nr_node_ids`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u16);

/// Returns the number of node ids of this machine: one more than the highest possible id.
pub(crate) fn nr_node_ids() -> u16 {
    // SAFETY: `nr_node_ids` is written during boot only, long before any module loads.
    let ids = unsafe { bindings::nr_node_ids };
    // MAX_NUMNODES is at most 1024.
    u16::try_from(ids).unwrap_or(u16::MAX)
}

impl NodeId {
    /// Returns the node with this id, or [`None`] where this machine has no such id.
    pub(crate) fn new(id: impl TryInto<u16>) -> Option<Self> {
        let id = id.try_into().ok()?;
        // INVARIANT: Just compared with `nr_node_ids`.
        (id < nr_node_ids()).then_some(Self(id))
    }

    /// Returns all node ids of this machine in ascending order, with memory or not.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        // INVARIANT: The range ends before `nr_node_ids`.
        (0..nr_node_ids()).map(Self)
    }

    /// Returns the id as an index into tables of [`nr_node_ids()`] elements.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl From<NodeId> for u16 {
    fn from(node: NodeId) -> Self {
        node.0
    }
}

impl From<NodeId> for u32 {
    fn from(node: NodeId) -> Self {
        u32::from(node.0)
    }
}

impl kernel::fmt::Display for NodeId {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        kernel::fmt::Display::fmt(&self.0, f)
    }
}

/// States of a node that the policy asks about, see `enum node_states`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeState {
    /// The node is online.
    Online,
    /// The node has memory (`N_MEMORY`).
    Memory,
    /// The node has CPUs (`N_CPU`).
    Cpu,
}

impl NodeState {
    fn mask(self) -> *const bindings::nodemask_t {
        let state = match self {
            Self::Online => bindings::node_states_N_ONLINE,
            Self::Memory => bindings::node_states_N_MEMORY,
            Self::Cpu => bindings::node_states_N_CPU,
        };
        let states = (&raw const bindings::node_states).cast::<bindings::nodemask_t>();
        // CAST: A state is a small non-negative index into `node_states`.
        let state = state as usize;
        // SAFETY: `state` is below NR_NODE_STATES, the length of `node_states`.
        unsafe { states.add(state) }
    }
}

/// A snapshot of the set of nodes that are in a state.
///
/// Nodes come and go: two snapshots may differ, and the set may have changed by the time it is
/// looked at. The node notifier tells of such changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NodeMask([usize; WORDS]);

/// Words of a `nodemask_t`.
const WORDS: usize = size_of::<bindings::nodemask_t>() / size_of::<usize>();

impl NodeMask {
    /// Takes a snapshot of the nodes that are in `state`.
    pub(crate) fn of(state: NodeState) -> Self {
        let mut mask = Self::default();
        let source = state.mask().cast::<usize>();
        for (word, bits) in mask.0.iter_mut().enumerate() {
            // SAFETY: `source` points to a `nodemask_t`, which has as many words as the copy.
            let source = unsafe { source.add(word) };
            // SAFETY: The word is valid and aligned, and the kernel writes it with atomic bit
            // operations.
            *bits = unsafe { atomic_load(source.cast_mut(), Relaxed) };
        }
        mask
    }

    /// Returns whether the set holds `node`.
    pub(crate) fn contains(&self, node: NodeId) -> bool {
        let (word, bit) = Self::position(node);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Adds `node` to the set.
    pub(crate) fn insert(&mut self, node: NodeId) {
        let (word, bit) = Self::position(node);
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= bit;
        }
    }

    /// Removes `node` from the set.
    pub(crate) fn remove(&mut self, node: NodeId) {
        let (word, bit) = Self::position(node);
        if let Some(bits) = self.0.get_mut(word) {
            *bits &= !bit;
        }
    }

    /// Returns the set's words.
    pub(crate) fn words(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        used(&self.0).iter().copied()
    }

    /// Returns how many nodes the set holds.
    pub(crate) fn weight(&self) -> usize {
        // `Iterator::count()` has an overflow panic.
        self.iter()
            .fold(0, |count: usize, _| count.saturating_add(1))
    }

    /// Returns the nodes of the set in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> + Clone + '_ {
        // CAST: 32 or 64.
        const BITS: u16 = usize::BITS as u16;
        // By the bits that are set: most sets are small, whatever the machine could have.
        (0..=u16::MAX).zip(self.words()).flat_map(|(place, word)| {
            let first = place.saturating_mul(BITS);
            Bits(word).filter_map(move |bit| NodeId::new(first.saturating_add(bit)))
        })
    }

    /// Returns the word and the bit in it that stand for `node`.
    fn position(node: NodeId) -> (usize, usize) {
        const BITS: u32 = usize::BITS;
        let id = u32::from(node);
        let word = node.index() >> BITS.trailing_zeros();
        (word, 1usize.wrapping_shl(id & (BITS - 1)))
    }
}

/// The places of the bits that are set in a word, in ascending order.
#[derive(Clone)]
struct Bits(usize);

impl Iterator for Bits {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let word = self.0;
        self.0 = word & word.wrapping_sub(1);
        // CAST: A word has at most 64 bits.
        (word != 0).then_some(word.trailing_zeros() as u16)
    }
}

/// A set of nodes that may change while it is looked at, such as that of a policy.
#[repr(transparent)]
pub(crate) struct SharedNodeMask([Atomic<usize>; WORDS]);

impl SharedNodeMask {
    /// Makes an empty set.
    pub(crate) const fn empty() -> Self {
        Self([const { Atomic::new(0) }; WORDS])
    }

    /// Looks at the mask that `nodes` points to.
    ///
    /// # Safety
    ///
    /// `nodes` must be valid for `'a`. Who writes it meanwhile writes whole words.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(nodes: *const bindings::nodemask_t) -> &'a Self {
        // SAFETY: By the contract the mask is valid, and `Atomic<usize>` is laid out as a word of it.
        unsafe { &*nodes.cast::<Self>() }
    }

    /// Returns the words in which this machine can have nodes.
    #[inline]
    pub(crate) fn words(&self) -> impl Iterator<Item = usize> + '_ {
        used(&self.0)
            .iter()
            // SAFETY: The word is valid for reads, and all other accesses to it are atomic. As in
            // C's `READ_ONCE()` a volatile load is enough for a value alone.
            .map(|word| unsafe { word.as_ptr().read_volatile() })
    }

    /// Takes a snapshot; each word by itself where the set is changing.
    pub(crate) fn snapshot(&self) -> NodeMask {
        let mut mask = NodeMask::default();
        for (copy, word) in mask.0.iter_mut().zip(self.words()) {
            *copy = word;
        }
        mask
    }

    /// Makes the set hold the nodes of `mask`; each word by itself.
    pub(crate) fn store(&self, mask: &NodeMask) {
        for (word, bits) in self.0.iter().zip(mask.words()) {
            word.store(bits, Relaxed);
        }
    }
}

/// Returns the words of a mask that this machine can have nodes in.
#[inline]
fn used<T>(words: &[T; WORDS]) -> &[T] {
    const BITS: usize = usize::BITS as usize;
    if WORDS == 1 {
        return words;
    }
    // `Iterator::take()` has an overflow panic.
    let used = usize::from(nr_node_ids()).div_ceil(BITS);
    words.get(..used).unwrap_or(words)
}
