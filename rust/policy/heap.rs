// SPDX-License-Identifier: GPL-2.0

//! A binary heap in memory of the caller.
//!
//! In a heap no element precedes its parent, and so the first one precedes all.

/// A place in the heap's memory. It may hold more than the element.
pub(super) trait Slot {
    /// What is kept in order.
    type Element: Copy;

    /// The element here.
    fn element(&self) -> Self::Element;

    /// Puts an element here.
    fn put(&mut self, element: Self::Element);

    /// Whether `one` has to be nearer to the first place than `other`. A strict order.
    fn precedes(one: &Self::Element, other: &Self::Element) -> bool;
}

/// Makes a heap of whatever `heap` holds.
pub(super) fn build<S: Slot>(heap: &mut [S]) {
    for parent in (0..heap.len() / 2).rev() {
        sift_down(heap, parent);
    }
}

/// Moves the element at `start` down until none of its children precedes it.
pub(super) fn sift_down<S: Slot>(heap: &mut [S], start: usize) {
    let Some(moving) = heap.get(start).map(S::element) else {
        return;
    };
    let mut hole = start;

    while let Some((child, element)) = first_child(heap, hole) {
        if !S::precedes(&element, &moving) {
            break;
        }
        put(heap, hole, element);
        hole = child;
    }
    put(heap, hole, moving);
}

/// Moves the element at `start` up until it does not precede its parent.
pub(super) fn sift_up<S: Slot>(heap: &mut [S], start: usize) {
    let Some(moving) = heap.get(start).map(S::element) else {
        return;
    };
    let mut hole = start;

    while hole > 0 {
        let parent = hole.saturating_sub(1) / 2;
        let Some(element) = heap.get(parent).map(S::element) else {
            break;
        };
        if !S::precedes(&moving, &element) {
            break;
        }
        put(heap, hole, element);
        hole = parent;
    }
    put(heap, hole, moving);
}

/// The child of `parent` that precedes the other, and where it is.
fn first_child<S: Slot>(heap: &[S], parent: usize) -> Option<(usize, S::Element)> {
    let left = parent.saturating_mul(2).saturating_add(1);
    let right = left.saturating_add(1);
    let first = heap.get(left)?.element();

    match heap.get(right).map(S::element) {
        Some(second) if S::precedes(&second, &first) => Some((right, second)),
        _ => Some((left, first)),
    }
}

/// Puts `element` at `place`.
fn put<S: Slot>(heap: &mut [S], place: usize, element: S::Element) {
    if let Some(slot) = heap.get_mut(place) {
        slot.put(element);
    }
}
