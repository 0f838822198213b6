// SPDX-License-Identifier: GPL-2.0

//! The publisher without the takeover, against a table with the kernel's rules.

use super::fake_table::{Fake, KERNEL};
use crate::{
    kernel_ext::{
        node::{nr_node_ids, NodeId},
        rcu::RcuCell,
        table_writes::Written,
    },
    provider::table::{Draft, Table},
    sinks::publish::{KernelTable, Overruled, Publisher},
};
use kernel::prelude::*;

/// Weights of ours, one table after another.
const OURS: u8 = 6;
const NEXT: u8 = 7;
/// A weight that an administrator writes.
const ADMIN: u8 = 9;

/// Makes a table of ours that gives all nodes `weight`.
fn ours(weight: u8, publish: bool) -> Result<RcuCell<Table>> {
    let mut draft = Draft::new()?;
    for node in NodeId::all() {
        draft.set_weight(node, weight);
    }
    draft.set_publish(publish);
    Ok(RcuCell::new(draft.into_table()))
}

/// No write was seen.
fn nothing(_each: &mut dyn FnMut(Written)) {}

/// Returns the first node id.
fn first_node() -> Result<NodeId> {
    NodeId::all().next().ok_or(ENODEV)
}

#[kunit_tests(numaweave_publish)]
mod tests {
    use super::*;

    #[test]
    fn an_automatic_table_is_automatic_again() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        assert!(fake.holds(OURS));
        assert!(!fake.auto.get());
        publisher.publish(&ours(NEXT, true)?)?;
        assert!(fake.holds(NEXT));
        publisher.withdraw()?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn only_what_differs_is_written() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(KERNEL, true)?)?;
        assert_eq!(fake.writes.get(), 0);
        assert!(fake.auto.get());
        let table = ours(OURS, true)?;
        publisher.publish(&table)?;
        let written = fake.writes.get();
        // One more has made the table manual.
        assert_eq!(written, u32::from(nr_node_ids()).saturating_add(1));
        publisher.publish(&table)?;
        assert_eq!(fake.writes.get(), written);
        Ok(())
    }

    #[test]
    fn manual_weights_come_back() -> Result {
        let fake = Fake::new()?;
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        publisher.publish(&ours(NEXT, true)?)?;
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.holds(3));
        Ok(())
    }

    #[test]
    fn an_administrators_later_write_is_kept() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        fake.write(node, ADMIN);
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.holds_but_for(node, ADMIN));
        Ok(())
    }

    #[test]
    fn an_administrators_write_stays_until_it_is_overruled() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        fake.write(node, ADMIN);
        publisher.publish(&ours(NEXT, true)?)?;
        for other in NodeId::all() {
            let weight = if other == node { ADMIN } else { NEXT };
            assert_eq!(fake.read(other), Some(weight));
        }
        publisher.overrule(Overruled::Node(node), nothing)?;
        publisher.publish(&ours(NEXT, true)?)?;
        assert!(fake.holds(NEXT));
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert_eq!(fake.read(node), Some(ADMIN));
        Ok(())
    }

    #[test]
    fn an_administrators_write_wins_over_one_of_ours_just_after() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        // Before we publish there is nothing to win over.
        publisher.respect(|each| each(Written::Weight(node, ADMIN)))?;
        publisher.publish(&ours(OURS, true)?)?;
        assert!(fake.holds(OURS));
        // Nothing in the table tells of it.
        let wrote = publisher.respect(|each| each(Written::Weight(node, ADMIN)))?;
        assert!(wrote);
        assert_eq!(fake.read(node), Some(ADMIN));
        publisher.publish(&ours(NEXT, true)?)?;
        assert_eq!(fake.read(node), Some(ADMIN));
        // Another one, and it is all the kernel's again.
        (&fake).set_auto()?;
        let wrote = publisher.respect(|each| each(Written::Auto(true)))?;
        assert!(!wrote);
        publisher.publish(&ours(NEXT, true)?)?;
        assert!(fake.holds(NEXT));
        publisher.withdraw()?;
        assert!(fake.auto.get());
        Ok(())
    }

    #[test]
    fn an_overruled_write_is_not_restored_later() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        fake.write(node, ADMIN);
        publisher.overrule(Overruled::All, |each| each(Written::Weight(node, ADMIN)))?;
        publisher.publish(&ours(OURS, true)?)?;
        assert!(fake.holds(OURS));
        let wrote = publisher.respect(nothing)?;
        assert!(!wrote);
        publisher.publish(&ours(NEXT, true)?)?;
        assert!(fake.holds(NEXT));
        Ok(())
    }

    #[test]
    fn a_write_to_a_table_that_agreed_stays() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(KERNEL, true)?)?;
        assert!(fake.auto.get());
        fake.write(node, ADMIN);
        publisher.publish(&ours(NEXT, true)?)?;
        assert_eq!(fake.read(node), Some(ADMIN));
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        for other in NodeId::all() {
            let weight = if other == node { ADMIN } else { KERNEL };
            assert_eq!(fake.read(other), Some(weight));
        }
        Ok(())
    }

    #[test]
    fn an_administrators_auto_is_kept() -> Result {
        let fake = Fake::new()?;
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = ours(OURS, true)?;
        publisher.publish(&table)?;
        (&fake).set_auto()?;
        let in_sync = publisher.in_sync(&table)?;
        assert!(!in_sync);
        publisher.withdraw()?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        // The same once it was overwritten.
        publisher.publish(&table)?;
        publisher.withdraw()?;
        assert!(fake.auto.get());
        Ok(())
    }

    #[test]
    fn publishing_off_gives_back_and_on_starts_over() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        publisher.publish(&ours(OURS, false)?)?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        publisher.publish(&ours(OURS, false)?)?;
        assert!(fake.holds(3));
        publisher.publish(&ours(OURS, true)?)?;
        assert!(fake.holds(OURS));
        publisher.withdraw()?;
        assert!(fake.holds(3));
        Ok(())
    }

    #[test]
    fn a_leaving_node_leaves_what_was_there() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        publisher.leave(node)?;
        assert_eq!(fake.read(node), Some(3));
        // It comes back.
        publisher.publish(&ours(NEXT, true)?)?;
        assert!(fake.holds(NEXT));
        publisher.withdraw()?;
        assert!(fake.holds(3));
        Ok(())
    }

    #[test]
    fn what_a_leaving_node_could_not_be_given_back_is_still_known() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(OURS, true)?)?;
        fake.budget.set(0);
        assert_eq!(publisher.leave(node).err(), Some(ENOMEM));
        fake.budget.set(u32::MAX);
        publisher.publish(&ours(NEXT, true)?)?;
        publisher.withdraw()?;
        assert!(fake.holds(3));
        Ok(())
    }

    #[test]
    fn in_sync_is_the_truth() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let table = ours(OURS, true)?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let before = publisher.in_sync(&table)?;
        assert!(!before);
        publisher.publish(&table)?;
        let published = publisher.in_sync(&table)?;
        assert!(published);
        fake.write(node, ADMIN);
        let written = publisher.in_sync(&table)?;
        assert!(!written);
        fake.write(node, OURS);
        let repaired = publisher.in_sync(&table)?;
        assert!(repaired);
        Ok(())
    }

    #[test]
    fn a_failing_write_is_an_error_and_taken_up_again() -> Result {
        let nodes = u32::from(nr_node_ids());
        for succeeding in 0..nodes {
            let fake = Fake::new()?;
            let table = ours(OURS, true)?;
            let mut publisher = Publisher::new(Some(&fake))?;
            fake.budget.set(succeeding);
            assert_eq!(publisher.publish(&table).err(), Some(ENOMEM));
            let partly = publisher.in_sync(&table)?;
            assert!(!partly);
            // Given back from half way, or completed: both must end clean.
            fake.budget.set(u32::MAX);
            if succeeding % 2 == 0 {
                publisher.publish(&table)?;
                assert!(fake.holds(OURS));
            }
            publisher.withdraw()?;
            assert!(fake.auto.get());
            assert!(fake.holds(KERNEL));
        }
        Ok(())
    }

    #[test]
    fn without_a_table_there_is_nothing_to_do() -> Result {
        let table = ours(OURS, true)?;
        let mut publisher = Publisher::<&Fake>::new(None)?;
        publisher.publish(&table)?;
        let in_sync = publisher.in_sync(&table)?;
        assert!(!in_sync);
        let withdrawn = publisher.withdraw()?;
        assert!(!withdrawn);
        Ok(())
    }
}
