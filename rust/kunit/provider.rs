// SPDX-License-Identifier: GPL-2.0

//! The bandwidth table, and the provider's transitions and refusals.
//!
//! Works with as many nodes as the machine can have, so each topology tries another number.

use crate::{
    kernel_ext::{
        alloc::{self, FailNth},
        node::{nr_node_ids, NodeId, NodeMask},
    },
    policy::{self, Algorithm, Candidate, Coordinates, Metric, Node, Source, Target},
    provider::{
        settings::Settings,
        state::{Side, State},
        table::{Draft, Row, Table},
        Provider,
    },
};
use kernel::{prelude::*, sync::Arc};

const FAST: Coordinates = Coordinates {
    read: 300_000,
    write: 200_000,
};
const SLOW: Coordinates = Coordinates {
    read: 50_000,
    write: 60_000,
};

/// All nodes of the machine.
fn all_nodes() -> NodeMask {
    let mut mask = NodeMask::default();
    for node in NodeId::all() {
        mask.insert(node);
    }
    mask
}

/// Fills a draft where the nodes of `memory` have memory, and none has CPUs.
fn filled(state: &mut State, memory: NodeMask) -> Result<Draft> {
    let mut draft = Draft::new()?;
    draft.set_masks(memory, NodeMask::default());
    state.fill(&mut draft);
    Ok(draft)
}

/// Returns the node with the highest id.
fn last_node() -> Result<NodeId> {
    NodeId::all().last().ok_or(ENODEV)
}

/// Returns `node`'s row of the table that `state` makes where all nodes have memory.
fn row(state: &mut State, node: NodeId) -> Result<Row> {
    filled(state, all_nodes())?
        .table()
        .row(node)
        .copied()
        .ok_or(ENODEV)
}

#[kunit_tests(numaweave_bandwidth)]
mod bandwidth_tests {
    use super::*;

    #[test]
    fn a_report_waits_for_memory() -> Result {
        let node = last_node()?;
        let mut state = State::new(Settings::default())?;
        assert!(state.report(node, FAST, Source::Firmware));
        let without = filled(&mut state, NodeMask::default())?;
        assert!(without.table().row(node).is_none());
        assert_eq!(without.table().cycle, 0);
        let row = row(&mut state, node)?;
        assert_eq!(row.coordinates, FAST);
        assert_eq!(row.source, Source::Firmware);
        Ok(())
    }

    #[test]
    fn a_repeated_report_says_nothing_new() -> Result {
        let node = last_node()?;
        let mut state = State::new(Settings::default())?;
        assert!(state.report(node, FAST, Source::Firmware));
        assert!(!state.report(node, FAST, Source::Update));
        assert_eq!(row(&mut state, node)?.source, Source::Firmware);
        assert!(state.report(node, SLOW, Source::Update));
        assert_eq!(row(&mut state, node)?.source, Source::Update);
        Ok(())
    }

    #[test]
    fn a_report_of_nothing_is_no_source() -> Result {
        let node = last_node()?;
        let mut state = State::new(Settings::default())?;
        assert!(state.report(node, FAST, Source::Firmware));
        assert!(state.report(node, Coordinates::default(), Source::Update));
        assert_eq!(row(&mut state, node)?.source, Source::None);
        Ok(())
    }

    #[test]
    fn overrides_win_by_side_until_dropped() -> Result {
        let node = last_node()?;
        let mut state = State::new(Settings::default())?;
        state.report(node, FAST, Source::Firmware);
        state.set_override(node, Side::Write, 7)?;
        let overridden = row(&mut state, node)?;
        assert_eq!(overridden.coordinates, Coordinates { write: 7, ..FAST });
        assert_eq!(overridden.source, Source::Override);
        // An update below stays hidden on the overridden side and shows on the other.
        state.report(node, SLOW, Source::Update);
        let updated = row(&mut state, node)?;
        assert_eq!(updated.coordinates, Coordinates { write: 7, ..SLOW });
        // The node goes and comes back.
        filled(&mut state, NodeMask::default())?;
        assert_eq!(row(&mut state, node)?, updated);
        state.set_override(node, Side::Write, 0)?;
        let dropped = row(&mut state, node)?;
        assert_eq!(dropped.coordinates, SLOW);
        assert_eq!(dropped.source, Source::Update);
        Ok(())
    }

    #[test]
    fn the_metric_chooses_the_bandwidth() -> Result {
        let node = last_node()?;
        let mut state = State::new(Settings::default())?;
        state.report(node, FAST, Source::Firmware);
        for (metric, bandwidth) in [
            (Metric::Min, FAST.write),
            (Metric::Read, FAST.read),
            (Metric::Write, FAST.write),
        ] {
            state.set_metric(metric);
            assert_eq!(row(&mut state, node)?.bandwidth, bandwidth);
        }
        state.set_metric(Metric::Read);
        state.set_algorithm(Algorithm::Mainline);
        assert_eq!(row(&mut state, node)?.bandwidth, FAST.write);
        Ok(())
    }
}

/// Returns whether the rows of `table` have just the weights that the policy computes for nodes
/// without CPUs.
fn follows_policy(table: &Table) -> Result<bool> {
    let ids = usize::from(nr_node_ids());
    let mut nodes = alloc::filled(Node::default(), ids)?;
    let mut scratch = alloc::filled(Candidate::default(), ids)?;
    let mut weights = alloc::filled(0, ids)?;
    let mut count = 0usize;
    for (slot, (_, row)) in nodes.iter_mut().zip(table.rows()) {
        slot.bandwidth = row.bandwidth;
        count = count.saturating_add(1);
    }
    let nodes = nodes.get(..count).ok_or(EINVAL)?;
    let weights = weights.get_mut(..count).ok_or(EINVAL)?;
    policy::compute(
        table.settings.algorithm,
        nodes,
        table.settings.limits,
        &mut scratch,
        weights,
    )
    .map_err(|_| EINVAL)?;
    let published = table.rows().map(|(_, row)| row.weight);
    Ok(published.eq(weights.iter().copied()) && table.cycle == policy::cycle(weights))
}

/// Makes a state in which every node has another bandwidth.
fn varied() -> Result<State> {
    let mut state = State::new(Settings::default())?;
    let mut bandwidth = 1000u32;
    for node in NodeId::all() {
        bandwidth = bandwidth.saturating_mul(3) / 2;
        let coordinates = Coordinates {
            read: bandwidth,
            write: bandwidth,
        };
        state.report(node, coordinates, Source::Firmware);
    }
    Ok(state)
}

#[kunit_tests(numaweave_provider)]
mod tests {
    use super::*;

    #[test]
    fn automatic_weights_follow_the_policy() -> Result {
        let mut state = varied()?;
        for algorithm in Algorithm::ALL {
            state.set_algorithm(algorithm);
            let draft = filled(&mut state, all_nodes())?;
            let followed = follows_policy(draft.table())?;
            assert!(followed);
        }
        Ok(())
    }

    #[test]
    fn all_weights_are_computed_anew_when_a_node_goes() -> Result {
        let mut state = varied()?;
        filled(&mut state, all_nodes())?;
        let gone = last_node()?;
        let mut rest = all_nodes();
        rest.remove(gone);
        let draft = filled(&mut state, rest)?;
        let followed = follows_policy(draft.table())?;
        assert!(followed);
        assert!(draft.table().row(gone).is_none());
        Ok(())
    }

    #[test]
    fn a_weight_by_hand_ends_auto_and_auto_ends_it() -> Result {
        let node = last_node()?;
        let mut state = varied()?;
        let before = filled(&mut state, all_nodes())?;
        state.set_weight(node, 77)?;
        let manual = filled(&mut state, all_nodes())?;
        assert!(!manual.table().settings.auto);
        for (other, row) in manual.table().rows() {
            let kept = before.table().row(other).map(|row| row.weight);
            assert_eq!(
                Some(row.weight),
                if other == node { Some(77) } else { kept }
            );
        }
        // Bandwidth is noted meanwhile, but changes no weight; a node that returns has its own.
        state.report(node, SLOW, Source::Update);
        filled(&mut state, NodeMask::default())?;
        let noted = row(&mut state, node)?;
        assert_eq!((noted.weight, noted.coordinates), (77, SLOW));
        state.set_auto(true);
        let automatic = filled(&mut state, all_nodes())?;
        let followed = follows_policy(automatic.table())?;
        assert!(followed);
        Ok(())
    }

    #[test]
    fn refusals_change_nothing() -> Result {
        let node = last_node()?;
        let mut state = varied()?;
        let memory = all_nodes();
        let before = filled(&mut state, memory)?;
        assert!(state.set_weight(node, 0).is_err());
        assert!(state.set_max_cycle(0, &memory).is_err());
        assert!(state.set_max_cycle(4097, &memory).is_err());
        let too_few = u32::try_from(memory.weight())?.saturating_sub(1);
        assert!(state.set_max_cycle(too_few, &memory).is_err());
        let after = filled(&mut state, memory)?;
        assert!(before.says_the_same(&after));
        Ok(())
    }

    /// Makes a provider that shows and publishes nothing.
    fn quiet_provider() -> Result<Arc<Provider>> {
        Provider::new(Settings::default(), None)
    }

    #[test]
    fn each_change_that_changes_something_is_a_generation() -> Result {
        let provider = quiet_provider()?;
        let generation = || provider.read(|table| table.generation);
        assert_eq!(generation(), 1);
        provider.set_target(Target::new(980).ok_or(EINVAL)?)?;
        assert_eq!(generation(), 2);
        provider.set_target(Target::new(980).ok_or(EINVAL)?)?;
        assert_eq!(generation(), 2);
        provider.set_metric(Metric::Read)?;
        assert_eq!(generation(), 3);
        provider.set_auto(false)?;
        assert_eq!(generation(), 4);
        Ok(())
    }

    #[test]
    fn many_reports_are_one_generation() -> Result {
        let provider = quiet_provider()?;
        provider.take_reports(|deliver| {
            for node in NodeId::all() {
                deliver(node, SLOW);
                deliver(node, FAST);
            }
        });
        let (generation, last) = provider.read(|table| {
            (
                table.generation,
                table.rows().all(|(_, row)| row.coordinates == FAST),
            )
        });
        assert_eq!(generation, 2);
        assert!(last);
        Ok(())
    }

    #[test]
    fn without_memory_nothing_changes() -> Result {
        let provider = quiet_provider()?;
        let node = last_node()?;
        let target = Target::new(1).ok_or(EINVAL)?;
        let changes: [(&str, &dyn Fn() -> Result); 6] = [
            ("auto", &|| provider.set_auto(false)),
            ("algorithm", &|| provider.set_algorithm(Algorithm::Mainline)),
            ("metric", &|| provider.set_metric(Metric::Write)),
            ("target", &|| provider.set_target(target)),
            ("publish", &|| provider.set_publish(false)),
            ("override", &|| provider.set_override(node, Side::Read, 1)),
        ];
        for (name, change) in changes {
            let generation = provider.read(|table| table.generation);
            let mut points = 0i32;
            loop {
                let fail = FailNth::after(points);
                let changed = change();
                let failed = fail.failed();
                drop(fail);
                if !failed {
                    break;
                }
                assert_eq!(changed.err(), Some(ENOMEM));
                assert_eq!(provider.read(|table| table.generation), generation);
                points = points.saturating_add(1);
            }
            pr_info!("{name}: {points} allocations failed in turn\n");
            assert!(points >= 5);
        }
        Ok(())
    }

    #[test]
    fn reports_survive_a_lack_of_memory() -> Result {
        let provider = quiet_provider()?;
        let mut drained = false;
        let fail = FailNth::after(0);
        provider.take_reports(|_| drained = true);
        let failed = fail.failed();
        drop(fail);
        assert!(failed);
        assert!(!drained);
        Ok(())
    }
}
