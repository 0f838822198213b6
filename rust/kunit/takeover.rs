// SPDX-License-Identifier: GPL-2.0

//! The publisher with the takeover, where the kernel's computation is ours.

use super::fake_table::{Fake, KERNEL};
use crate::{
    kernel_ext::{alloc, node::NodeId, rcu::RcuCell, table_writes::Written},
    provider::table::{Draft, Table},
    sinks::publish::{Foreign, KernelTable, Publisher},
    sources::writes::Writes,
};
use kernel::prelude::*;

const OURS: u8 = 6;
const NEXT: u8 = 7;
const ADMIN: u8 = 9;

/// Makes a table of ours that gives all nodes `weight`, which is automatic or by hand.
fn ours(takeover: bool, auto: bool, weight: u8) -> Result<RcuCell<Table>> {
    let mut draft = Draft::new()?;
    for node in NodeId::all() {
        draft.set_weight(node, weight);
    }
    draft.set_takeover(takeover, auto);
    Ok(RcuCell::new(draft.into_table()))
}

/// Publishes an automatic `weight` of ours to all nodes of `fake`, whose computation is ours.
fn adopt(publisher: &mut Publisher<&Fake>, fake: &Fake, weight: u8) -> Result<RcuCell<Table>> {
    let table = ours(true, true, weight)?;
    fake.computed.set(weight);
    publisher.publish(&table)?;
    Ok(table)
}

/// Detaches the takeover, as its last table is published.
fn detach(publisher: &mut Publisher<&Fake>, fake: &Fake, weight: u8) -> Result {
    fake.computed.set(KERNEL);
    publisher.publish(&ours(false, true, weight)?)?;
    Ok(())
}

/// No write was seen.
fn nothing(_each: &mut dyn FnMut(Written)) {}

fn first_node() -> Result<NodeId> {
    NodeId::all().next().ok_or(ENODEV)
}

#[kunit_tests(numaweave_takeover)]
mod tests {
    use super::*;

    #[test]
    fn an_automatic_table_stays_automatic() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        for weight in [OURS, NEXT] {
            let table = adopt(&mut publisher, &fake, weight)?;
            assert!(fake.auto.get());
            assert!(fake.holds(weight));
            let foreign = publisher.examine(&table, nothing)?;
            assert_eq!(foreign, None);
            let writes = fake.writes.get();
            publisher.publish(&table)?;
            assert_eq!(fake.writes.get(), writes);
        }
        detach(&mut publisher, &fake, NEXT)?;
        assert!(!fake.auto.get());
        assert!(fake.holds(NEXT));
        publisher.withdraw()?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn what_was_published_before_becomes_automatic() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(false, true, OURS)?)?;
        assert!(!fake.auto.get());
        let table = adopt(&mut publisher, &fake, OURS)?;
        assert!(fake.auto.get());
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, None);
        detach(&mut publisher, &fake, OURS)?;
        publisher.withdraw()?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn manual_weights_come_back_in_the_end() -> Result {
        let fake = Fake::new()?;
        for node in NodeId::all() {
            fake.write(node, 3);
        }
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(false, true, OURS)?)?;
        adopt(&mut publisher, &fake, NEXT)?;
        assert!(fake.auto.get());
        detach(&mut publisher, &fake, NEXT)?;
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.holds(3));
        Ok(())
    }

    #[test]
    fn what_failed_halfway_is_done_when_called_again() -> Result {
        let node = first_node()?;
        for takeover in [true, false] {
            for budget in 0..u32::MAX {
                let fake = Fake::new()?;
                let mut publisher = Publisher::new(Some(&fake))?;
                if !takeover {
                    adopt(&mut publisher, &fake, OURS)?;
                }
                let table = ours(takeover, true, OURS)?;
                fake.computed.set(if takeover { OURS } else { KERNEL });
                fake.budget.set(budget);
                let published = publisher.publish(&table);
                fake.budget.set(u32::MAX);
                let failed = published.is_err();
                if failed {
                    assert_eq!(published.err(), Some(ENOMEM));
                    publisher.publish(&table)?;
                }
                assert_eq!(fake.auto.get(), takeover);
                assert!(fake.holds(OURS));
                if takeover {
                    detach(&mut publisher, &fake, OURS)?;
                }
                // What is given back is told by a table that does not become automatic again.
                fake.write(node, ADMIN);
                publisher.withdraw()?;
                assert!(!fake.auto.get());
                assert!(fake.holds_but_for(node, ADMIN));
                if !failed {
                    assert!(budget >= 2);
                    break;
                }
            }
        }
        Ok(())
    }

    #[test]
    fn an_administrators_weight_is_found_once_and_kept() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = adopt(&mut publisher, &fake, OURS)?;
        fake.write(node, ADMIN);
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, Some(Foreign::Weights));
        assert!(publisher.foreign().eq([(node, ADMIN)]));
        let again = publisher.examine(&table, nothing)?;
        assert_eq!(again, None);
        detach(&mut publisher, &fake, OURS)?;
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.holds_but_for(node, ADMIN));
        Ok(())
    }

    #[test]
    fn an_administrators_write_just_now_is_not_overwritten() -> Result {
        let node = first_node()?;
        for auto in [true, false] {
            let fake = Fake::new()?;
            let mut publisher = Publisher::new(Some(&fake))?;
            let table = ours(true, auto, OURS)?;
            fake.computed.set(OURS);
            publisher.publish(&table)?;
            let foreign = publisher.examine(&table, nothing)?;
            assert_eq!(foreign, None);
            // Between the look and the next table.
            fake.write(node, ADMIN);
            fake.computed.set(NEXT);
            publisher.publish(&ours(true, auto, NEXT)?)?;
            assert_eq!(fake.read(node), Some(ADMIN));
            let foreign = publisher.examine(&table, nothing)?;
            assert_eq!(foreign, Some(Foreign::Weights));
            assert!(publisher.foreign().eq([(node, ADMIN)]));
        }
        Ok(())
    }

    #[test]
    fn a_write_that_we_have_overwritten_counts() -> Result {
        let node = first_node()?;
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = adopt(&mut publisher, &fake, OURS)?;
        // Nothing in the table tells of it.
        let foreign = publisher.examine(&table, |each| each(Written::Weight(node, ADMIN)))?;
        assert!(foreign == Some(Foreign::Weights));
        assert!(publisher.foreign().eq([(node, ADMIN)]));
        publisher.publish(&ours(true, false, ADMIN)?)?;
        assert!(!fake.auto.get());
        assert!(fake.read(node) == Some(ADMIN));

        let foreign = publisher.examine(&table, |each| each(Written::Auto(true)))?;
        assert!(foreign == Some(Foreign::Auto));
        adopt(&mut publisher, &fake, OURS)?;
        assert!(fake.auto.get());

        let foreign = publisher.examine(&table, |each| each(Written::Auto(false)))?;
        assert!(foreign == Some(Foreign::Weights));
        assert!(publisher.foreign().next().is_none());

        let both = |each: &mut dyn FnMut(Written)| {
            each(Written::Auto(true));
            each(Written::Weight(node, ADMIN));
        };
        let foreign = publisher.examine(&table, both)?;
        assert!(foreign == Some(Foreign::AutoThenWeights));
        assert!(publisher.foreign().eq([(node, ADMIN)]));
        Ok(())
    }

    #[test]
    fn a_write_that_we_have_overwritten_is_given_back() -> Result {
        let node = first_node()?;
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        // It comes before the table is first ours: what is adopted then is not what was before us.
        publisher.publish(&ours(false, true, KERNEL)?)?;
        fake.write(node, ADMIN);
        let table = adopt(&mut publisher, &fake, KERNEL)?;
        assert!(fake.auto.get());
        let foreign = publisher.examine(&table, |each| each(Written::Weight(node, ADMIN)))?;
        assert!(foreign == Some(Foreign::Weights));
        publisher.publish(&ours(true, false, ADMIN)?)?;
        assert!(fake.holds(ADMIN));
        publisher.withdraw()?;
        assert!(!fake.auto.get());
        assert!(fake.read(node) == Some(ADMIN));
        Ok(())
    }

    /// Collects what `writes` hands out.
    fn taken(writes: &Writes) -> Result<KVec<Written>> {
        let mut taken = alloc::with_capacity(4)?;
        let mut fit = true;
        writes.take(&mut |written| fit &= taken.push_within_capacity(written).is_ok());
        assert!(fit);
        Ok(taken)
    }

    #[test]
    fn the_last_writes_are_kept() -> Result {
        let node = first_node()?;
        let writes = Writes::new()?;
        assert!(taken(&writes)?.is_empty());
        writes.put(Written::Weight(node, ADMIN), || ());
        writes.put(Written::Weight(node, NEXT), || ());
        writes.put(Written::Auto(false), || ());
        let found = taken(&writes)?;
        assert!(found[..] == [Written::Auto(false), Written::Weight(node, NEXT)]);
        assert!(taken(&writes)?.is_empty());
        writes.put(Written::Weight(node, ADMIN), || ());
        writes.put(Written::Auto(true), || ());
        let found = taken(&writes)?;
        assert!(found[..] == [Written::Auto(true)]);
        writes.put(Written::Auto(true), || ());
        writes.put(Written::Weight(node, ADMIN), || ());
        let found = taken(&writes)?;
        assert!(found[..] == [Written::Auto(true), Written::Weight(node, ADMIN)]);
        writes.put(Written::Auto(false), || ());
        writes.put(Written::Auto(true), || ());
        let found = taken(&writes)?;
        assert!(found[..] == [Written::Auto(true)]);
        Ok(())
    }

    #[test]
    fn what_was_automatic_for_a_moment_is_computed_anew() -> Result {
        let fake = Fake::new()?;
        let node = first_node()?;
        let writes = Writes::new()?;
        writes.put(Written::Weight(node, ADMIN), || ());
        writes.put(Written::Auto(true), || ());
        writes.put(Written::Auto(false), || ());
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = adopt(&mut publisher, &fake, OURS)?;
        (&fake).set_manual()?;
        let foreign = publisher.examine(&table, |each| writes.take(each))?;
        assert_eq!(foreign, Some(Foreign::AutoThenWeights));
        let weight = publisher.foreign().find(|(id, _)| *id == node);
        assert!(weight.is_none());
        Ok(())
    }

    #[test]
    fn where_the_kernel_agrees_its_table_stays_automatic() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        publisher.publish(&ours(false, true, KERNEL)?)?;
        adopt(&mut publisher, &fake, KERNEL)?;
        detach(&mut publisher, &fake, KERNEL)?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        publisher.withdraw()?;
        assert!(fake.auto.get());
        Ok(())
    }

    #[test]
    fn turning_auto_off_is_found() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = adopt(&mut publisher, &fake, OURS)?;
        (&fake).set_manual()?;
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, Some(Foreign::Weights));
        assert!(publisher.foreign().next().is_none());
        Ok(())
    }

    #[test]
    fn turning_auto_on_is_found() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = ours(true, false, OURS)?;
        publisher.publish(&table)?;
        assert!(!fake.auto.get());
        (&fake).set_auto()?;
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, Some(Foreign::Auto));
        Ok(())
    }

    #[test]
    fn weights_by_hand_end_the_automatic_table() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        adopt(&mut publisher, &fake, OURS)?;
        // The same weights, now by hand.
        let table = ours(true, false, OURS)?;
        publisher.publish(&table)?;
        assert!(!fake.auto.get());
        assert!(fake.holds(OURS));
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, None);
        adopt(&mut publisher, &fake, NEXT)?;
        assert!(fake.auto.get());
        assert!(fake.holds(NEXT));
        Ok(())
    }

    #[test]
    fn weights_by_hand_end_a_table_that_agrees_with_them() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        // By hand before the takeover was first published.
        let table = ours(true, false, KERNEL)?;
        publisher.publish(&table)?;
        assert!(!fake.auto.get());
        assert!(fake.holds(KERNEL));
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, None);
        publisher.withdraw()?;
        assert!(fake.auto.get());
        assert!(fake.holds(KERNEL));
        Ok(())
    }

    #[test]
    fn a_weight_of_0_is_1_in_the_kernels_table() -> Result {
        let fake = Fake::new()?;
        let mut publisher = Publisher::new(Some(&fake))?;
        let table = ours(true, false, 0)?;
        publisher.publish(&table)?;
        assert!(fake.holds(1));
        let in_sync = publisher.in_sync(&table)?;
        assert!(in_sync);
        let foreign = publisher.examine(&table, nothing)?;
        assert_eq!(foreign, None);
        Ok(())
    }

    #[test]
    fn a_failing_write_is_not_taken_for_the_administrators() -> Result {
        for succeeding in 0..4 {
            let fake = Fake::new()?;
            let mut publisher = Publisher::new(Some(&fake))?;
            adopt(&mut publisher, &fake, OURS)?;
            fake.budget.set(succeeding);
            let table = ours(true, true, NEXT)?;
            fake.computed.set(NEXT);
            let failed = publisher.publish(&table).is_err();
            assert_eq!(failed, succeeding < 2);
            fake.budget.set(u32::MAX);
            let foreign = publisher.examine(&table, nothing)?;
            assert_eq!(foreign, None);
            publisher.publish(&table)?;
            assert!(fake.auto.get());
            assert!(fake.holds(NEXT));
        }
        Ok(())
    }
}
