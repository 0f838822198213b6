// SPDX-License-Identifier: GPL-2.0

//! Sequences of an administrator's writes and of changes of ours, none at the same time as another.

use super::{
    fake_table::{Fake, KERNEL},
    stand_in::{table, Choice, StandIn},
};
use crate::{
    kernel_ext::{node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::{Draft, Table},
    sinks::publish::{Overruled, Publisher},
};
use kernel::prelude::*;

/// Weights of ours, one table after another.
const OURS: u8 = 6;
const NEXT: u8 = 7;
/// Weights that an administrator writes.
const ADMIN: u8 = 9;
const LATER: u8 = 12;

fn last_node() -> Result<NodeId> {
    NodeId::all().last().ok_or(ENODEV)
}

/// Makes a table that gives all nodes `weight` but for one.
fn ours_without(gone: Option<NodeId>, takeover: bool, weight: u8) -> Result<RcuCell<Table>> {
    let mut draft = Draft::new()?;
    for node in NodeId::all() {
        if gone != Some(node) {
            draft.set_weight(node, weight);
        }
    }
    draft.set_takeover(takeover, true);
    Ok(RcuCell::new(draft.into_table()))
}

fn fill(fake: &Fake, weight: u8) {
    for node in NodeId::all() {
        fake.write(node, weight);
    }
}

/// No write was seen.
fn nothing(_each: &mut dyn FnMut(Written)) {}

#[kunit_tests(numaweave_sequences)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_not_published_counts_once() -> Result {
        let fake = Fake::new()?;
        fill(&fake, ADMIN);
        let choice = Choice::new(true, OURS, OURS)?;
        let table = table()?;
        let mut numaweave = StandIn::new(&fake, &table, choice, false)?;
        numaweave.attach()?;
        // By hand, and so they are for the takeover.
        assert!(numaweave.choice.is_in(&fake));
        for _ in 0..2 {
            let found = numaweave.update(|this| this.choice.set_all(false, OURS), || None)?;
            assert!(!found);
        }
        let found = numaweave.update(|this| this.publish = true, || None)?;
        assert!(!found);
        assert!(fake.holds(OURS));
        numaweave.leave()?;
        assert!(!fake.auto.get());
        assert!(fake.holds(ADMIN));
        Ok(())
    }

    #[test]
    fn a_table_that_is_not_published_is_left_alone() -> Result {
        for takeover in [true, false] {
            let fake = Fake::new()?;
            let choice = Choice::new(true, OURS, OURS)?;
            let table = table()?;
            let mut numaweave = StandIn::new(&fake, &table, choice, false)?;
            if takeover {
                numaweave.attach()?;
            }
            // We are told of the one when he has already done the other.
            for (written, next) in [
                (Written::Auto(false), Written::Auto(true)),
                (Written::Auto(true), Written::Weight(last_node()?, ADMIN)),
            ] {
                fake.intrude(written);
                fake.intrude(next);
                numaweave.take(Some(written))?;
                assert_eq!(fake.auto.get(), next == Written::Auto(true));
                numaweave.take(Some(next))?;
                assert_eq!(fake.writes.get(), 0);
            }
        }
        Ok(())
    }

    #[test]
    fn what_we_computed_for_him_is_not_given_back() -> Result {
        let fake = Fake::new()?;
        let choice = Choice::new(false, OURS, NEXT)?;
        let table = table()?;
        let mut numaweave = StandIn::new(&fake, &table, choice, true)?;
        numaweave.attach()?;
        // The kernel computes what we have by hand, and nobody tells of it.
        fake.intrude(Written::Auto(true));
        assert!(fake.holds(OURS));
        let found = numaweave.update(|this| this.publish = false, || None)?;
        assert!(found);
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn what_is_given_back_halfway_is_not_the_administrators() -> Result {
        for budget in 0..u32::MAX {
            let fake = Fake::new()?;
            fill(&fake, ADMIN);
            let choice = Choice::new(true, OURS, OURS)?;
            let table = table()?;
            let mut numaweave = StandIn::new(&fake, &table, choice, true)?;
            numaweave.attach()?;
            fake.budget.set(budget);
            let failed = numaweave.update(|this| this.publish = false, || None);
            fake.budget.set(u32::MAX);
            let found = numaweave.update(|_| (), || None)?;
            assert!(!found);
            assert!(numaweave.choice.auto);
            assert!(fake.holds(ADMIN));
            if failed.is_ok() {
                assert!(budget > 1);
                break;
            }
        }
        Ok(())
    }

    #[test]
    fn a_table_that_agrees_was_not_turned_on() -> Result {
        let fake = Fake::new()?;
        let choice = Choice::new(false, KERNEL, OURS)?;
        let table = table()?;
        let mut numaweave = StandIn::new(&fake, &table, choice, true)?;
        assert!(fake.auto.get());
        numaweave.takeover = true;
        let found = numaweave.update(|_| (), || None)?;
        assert!(!found);
        assert!(!numaweave.choice.auto);
        assert!(!fake.auto.get());
        numaweave.leave()?;
        assert!(fake.auto.get());
        Ok(())
    }

    #[test]
    fn a_table_that_agrees_may_be_ended() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours_without(None, false, KERNEL)?)?;
        assert!(fake.auto.get());
        fake.intrude(Written::Auto(false));
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn what_was_written_long_before_the_takeover_stays() -> Result {
        let node = last_node()?;
        let fake = Fake::new()?;
        let choice = Choice::new(true, OURS, OURS)?;
        let table = table()?;
        let mut numaweave = StandIn::new(&fake, &table, choice, true)?;
        // Nobody tells of it.
        fake.write(node, ADMIN);
        numaweave.attach()?;
        assert!(!numaweave.choice.auto);
        assert!(numaweave.choice.is_in(&fake));
        assert_eq!(fake.read(node), Some(ADMIN));
        numaweave.leave()?;
        assert!(fake.holds_but_for(node, ADMIN));
        Ok(())
    }

    #[test]
    fn a_weight_stays_while_its_node_is_away() -> Result {
        let node = last_node()?;
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours_without(None, false, OURS)?)?;
        fake.write(node, ADMIN);
        publisher.respect(|each| each(Written::Weight(node, ADMIN)))?;
        publisher.publish(&ours_without(Some(node), false, NEXT)?)?;
        publisher.leave(node)?;
        fake.away.set(Some(node));
        publisher.publish(&ours_without(Some(node), false, OURS)?)?;
        fake.away.set(None);
        publisher.publish(&ours_without(None, false, OURS)?)?;
        assert_eq!(fake.read(node), Some(ADMIN));
        publisher.withdraw()?;
        assert!(fake.holds_but_for(node, ADMIN));
        Ok(())
    }

    #[test]
    fn the_weight_of_a_new_node_comes_back() -> Result {
        let node = last_node()?;
        let fake = Fake::new()?;
        fill(&fake, ADMIN);
        let mut publisher = Publisher::new(Some(&fake))?;
        fake.computed.set(OURS);
        fake.away.set(Some(node));
        publisher.publish(&ours_without(Some(node), true, OURS)?)?;
        // Mainline's row for a node that it did not know.
        fake.away.set(None);
        fake.set(node, 1);
        publisher.publish(&ours_without(None, true, OURS)?)?;
        assert!(fake.holds(OURS));
        publisher.publish(&ours_without(None, false, OURS)?)?;
        publisher.withdraw()?;
        assert_eq!(fake.read(node), Some(1));
        assert!(!fake.auto.get());
        Ok(())
    }

    #[test]
    fn the_last_of_two_weights_is_his() -> Result {
        let node = last_node()?;
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours_without(None, false, OURS)?)?;
        fake.write(node, ADMIN);
        publisher.look(nothing)?;
        // Nobody tells of it, and then we are told otherwise.
        fake.write(node, LATER);
        publisher.overrule(Overruled::Node(node), nothing)?;
        publisher.publish(&ours_without(None, false, NEXT)?)?;
        assert_eq!(fake.read(node), Some(NEXT));
        publisher.withdraw()?;
        assert!(fake.holds_but_for(node, LATER));
        Ok(())
    }
}
