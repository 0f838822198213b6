// SPDX-License-Identifier: GPL-2.0

//! What initiators see: the firmware's matrix, and what becomes of it.

use crate::{
    hmat::{Entry, Sides},
    kernel_ext::node::{NodeId, NodeMask},
    policy::{Coordinates, Source},
    provider::{
        settings::Settings,
        state::{Side, State},
        table::{Cell, Draft, VectorId},
    },
};
use kernel::prelude::*;

/// MB/s that the node sees of itself, and another initiator of it.
const NEAR: u32 = 300;
const FAR: u32 = 150;

fn both(bandwidth: u32) -> Coordinates {
    Coordinates {
        read: bandwidth,
        write: bandwidth,
    }
}

/// A machine where `node` is the only one with memory and CPUs, and firmware says [`NEAR`] of what it
/// sees of itself, and [`FAR`] of what the node with the highest id sees of it.
fn machine(node: NodeId) -> Result<State> {
    let mut state = State::new(Settings::default())?;
    let other = NodeId::all().last().ok_or(ENODEV)?;
    for (initiator, bandwidth) in [(other, FAR), (node, NEAR)] {
        let entry = Entry {
            initiator: initiator.into(),
            target: node.into(),
            sides: Sides::Both,
            bandwidth,
            is_too_large: false,
        };
        state.set_firmware(initiator, node, entry);
    }
    state.report(node, both(NEAR), Source::Firmware);
    Ok(state)
}

fn filled(state: &mut State, node: NodeId) -> Result<Draft> {
    let mut draft = Draft::new()?;
    let mut mask = NodeMask::default();
    mask.insert(node);
    draft.set_masks(mask, mask);
    state.fill(&mut draft);
    Ok(draft)
}

/// Returns what `node` sees of itself.
fn cell(state: &mut State, node: NodeId) -> Result<Cell> {
    let draft = filled(state, node)?;
    draft.table().cell(node, node).copied().ok_or(ENODEV)
}

fn first_node() -> Result<NodeId> {
    NodeId::all().next().ok_or(ENODEV)
}

#[kunit_tests(numaweave_initiators)]
mod tests {
    use super::*;

    #[test]
    fn the_firmwares_row_counts() -> Result {
        let node = first_node()?;
        let seen = cell(&mut machine(node)?, node)?;
        assert_eq!(seen.coordinates, both(NEAR));
        assert_eq!(seen.source, Source::Firmware);
        assert_eq!(seen.weight, 1);
        Ok(())
    }

    #[test]
    fn a_row_that_says_nothing_leaves_the_system() -> Result {
        let node = first_node()?;
        let mut state = State::new(Settings::default())?;
        let unknown = cell(&mut state, node)?;
        assert_eq!(unknown.source, Source::None);
        state.report(node, both(NEAR), Source::Update);
        let seen = cell(&mut state, node)?;
        assert_eq!(seen.coordinates, both(NEAR));
        assert_eq!(seen.source, Source::System);
        Ok(())
    }

    #[test]
    fn a_report_that_is_not_believed_counts_for_nothing() -> Result {
        let node = first_node()?;
        let mut state = State::new(Settings::default())?;
        state.disbelieve(node, both(NEAR));
        assert!(!state.report(node, both(NEAR), Source::Firmware));
        assert_eq!(cell(&mut state, node)?.source, Source::None);
        // Another one does, and that it is unknown again.
        assert!(state.report(node, both(FAR), Source::Update));
        assert!(!state.report(node, both(NEAR), Source::Update));
        assert_eq!(cell(&mut state, node)?.coordinates, both(FAR));
        assert!(state.report(node, both(0), Source::Update));
        Ok(())
    }

    #[test]
    fn the_firmwares_second_word_is_noticed() -> Result {
        let node = first_node()?;
        let mut state = State::new(Settings::default())?;
        let mut entry = Entry {
            initiator: node.into(),
            target: node.into(),
            sides: Sides::Both,
            bandwidth: NEAR,
            is_too_large: false,
        };
        assert!(state.set_firmware(node, node, entry));
        assert!(state.set_firmware(node, node, entry));
        entry.sides = Sides::Write;
        entry.bandwidth = FAR;
        assert!(!state.set_firmware(node, node, entry));
        let seen = cell(&mut state, node)?;
        let last = Coordinates {
            read: NEAR,
            write: FAR,
        };
        assert_eq!(seen.coordinates, last);
        Ok(())
    }

    #[test]
    fn an_update_reaches_who_is_bound_by_the_device() -> Result {
        let node = first_node()?;
        let mut state = machine(node)?;
        state.report(node, both(NEAR + 50), Source::Update);
        let seen = cell(&mut state, node)?;
        assert_eq!(seen.coordinates, both(NEAR + 50));
        assert_eq!(seen.source, Source::Update);
        // And back.
        state.report(node, both(NEAR), Source::Update);
        let seen = cell(&mut state, node)?;
        assert_eq!(seen.coordinates, both(NEAR));
        assert_eq!(seen.source, Source::Firmware);
        Ok(())
    }

    #[test]
    fn overrides_win_until_dropped() -> Result {
        let node = first_node()?;
        let mut state = machine(node)?;
        state.set_sight_override(node, node, Side::Read, 7)?;
        let seen = cell(&mut state, node)?;
        let overridden = Coordinates {
            read: 7,
            write: NEAR,
        };
        assert_eq!(seen.coordinates, overridden);
        assert_eq!(seen.source, Source::Override);
        state.set_sight_override(node, node, Side::Read, 0)?;
        let seen = cell(&mut state, node)?;
        assert_eq!(seen.coordinates, both(NEAR));
        assert_eq!(seen.source, Source::Firmware);
        Ok(())
    }

    #[test]
    fn a_weight_by_hand_is_every_initiators() -> Result {
        let node = first_node()?;
        let mut state = machine(node)?;
        state.set_weight(node, 9)?;
        assert_eq!(cell(&mut state, node)?.weight, 9);
        let table = filled(&mut state, node)?.into_table();
        let vector = VectorId::of(node);
        assert_eq!(table.weight(vector, node), 9);
        Ok(())
    }

    #[test]
    fn a_weight_of_0_needs_the_takeover_and_ends_with_it() -> Result {
        let node = first_node()?;
        let mut state = machine(node)?;
        assert_eq!(state.set_weight(node, 0).err(), Some(EINVAL));
        state.attach_takeover()?;
        assert_eq!(state.attach_takeover().err(), Some(EBUSY));
        state.set_weight(node, 0)?;
        assert_eq!(cell(&mut state, node)?.weight, 0);
        let mut raised = None;
        state.detach_takeover(|node| raised = Some(node));
        assert_eq!(raised, Some(node));
        assert_eq!(cell(&mut state, node)?.weight, 1);
        Ok(())
    }
}
