// SPDX-License-Identifier: GPL-2.0

//! The provider: the state, and the one function that turns a change into a published table.
//!
//! # Locking
//!
//! - `takeover` is held while the takeover is attached or detached, and is the outermost.
//! - `intake` serializes what comes from the kernel, and is the next: a report that arrives
//!   while the kernel's coordinates are being read is taken after what was read.
//! - `state` guards what is known and chosen. It is held for the computation of a table only; no
//!   memory is allocated and no grace period waited for under it.
//! - `publisher` serializes writes to the kernel's table, each of which costs a grace period. Who
//!   gets it writes the newest table, so a late publisher never brings an old table back. With the
//!   takeover it is held for the whole of an update, and `state` taken under it; never the other way.
//! - Readers of sysfs take none of them, but for `in_sync`: they read the table under RCU.
//!
//! All methods may sleep unless they say otherwise.

mod cache;
mod decisions;
pub(crate) mod retry;
pub(crate) mod schedules;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod table;
mod takeover;
mod tuning;

use self::{
    retry::{insist, Retry},
    settings::Settings,
    state::State,
    table::{Changes, Draft, Table},
};
use crate::{
    kernel_ext::{
        node::{nr_node_ids, NodeId},
        notifiers,
        percpu::Counters,
        rcu::RcuCell,
        table_writes::Written,
        weighted_interleave::WeightedInterleave,
    },
    policy::{Coordinates, Source},
    sinks::{
        exports::Requests,
        publish::{Foreign, Overruled, Publisher},
        sysfs::Faces,
        trace,
    },
    sources::{
        firmware, hmat,
        hook::{Hook, HookStatus},
        kernel_table::KernelTableWatch,
        writes::Writes,
    },
};
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{rcu, Arc, Mutex},
    workqueue::Work,
};

/// The policy provider.
#[pin_data]
pub(crate) struct Provider {
    /// Whether the takeover is to be attached.
    #[pin]
    takeover: Mutex<bool>,
    #[pin]
    intake: Mutex<()>,
    #[pin]
    state: Mutex<State>,
    table: RcuCell<Table>,
    /// Whether this kernel has a table of its own.
    has_kernel_table: bool,
    #[pin]
    publisher: Mutex<Publisher<WeightedInterleave>>,
    #[pin]
    hook: Mutex<Option<Arc<Hook>>>,
    #[pin]
    kernel_table_watch: Mutex<Option<KernelTableWatch>>,
    /// Writes to the kernel's table that were seen and not yet taken.
    writes: Writes,
    /// Decisions for each node id, and after them those that no schedule was cached for.
    decisions: Counters,
    #[pin]
    requests: Requests,
    #[pin]
    work: Work<Self>,
    retry: Arc<Retry>,
    #[pin]
    faces: Faces,
}

impl_has_work! {
    impl HasWork<Self> for Provider { self.work }
}

impl Provider {
    /// Makes a provider that knows what the kernel knows of bandwidth, and computes its first
    /// table. Nothing is published and shown yet.
    pub(crate) fn new(
        settings: Settings,
        kernel_table: Option<WeightedInterleave>,
    ) -> Result<Arc<Self>> {
        let mut state = State::new(settings)?;
        let known = firmware::scan()?;
        let is_sound = hmat::scan(!known.is_empty(), |initiator, node, entry| {
            state.set_firmware(initiator, node, entry)
        });
        for (node, coordinates) in &known {
            if is_sound {
                note(&mut state, *node, *coordinates, Source::Firmware);
            } else {
                state.disbelieve(*node, *coordinates);
            }
        }
        // Weights that do not follow bandwidth start from it all the same.
        let mut first = Draft::new()?;
        first.look();
        state.set_auto(true);
        state.fill(&mut first);
        let mut draft = Draft::new()?;
        draft.look();
        state.set_auto(settings.auto);
        state.fill(&mut draft);
        draft.table.generation = 1;
        trace::weights(&draft.table);
        let has_kernel_table = kernel_table.is_some();
        let publisher = Publisher::new(kernel_table)?;
        Arc::pin_init(
            try_pin_init!(Self {
                takeover <- new_mutex!(false, "numaweave::takeover"),
                intake <- new_mutex!((), "numaweave::intake"),
                state <- new_mutex!(state, "numaweave::state"),
                table: RcuCell::new(draft.table),
                has_kernel_table,
                publisher <- new_mutex!(publisher, "numaweave::publisher"),
                hook <- new_mutex!(None, "numaweave::hook"),
                kernel_table_watch <- new_mutex!(None, "numaweave::kernel_table_watch"),
                writes: Writes::new()?,
                decisions: Counters::new(usize::from(nr_node_ids()).saturating_add(1))?,
                requests <- Requests::new(),
                work <- new_work!("numaweave::schedules"),
                retry: Retry::new()?,
                faces <- Faces::new()?,
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Turns a change into a published table, or refuses it and leaves all as it was.
    ///
    /// `change` gets the state and the draft whose masks say which nodes have memory and CPUs now.
    /// It takes its change whole or returns an error. What an administrator has written into the
    /// kernel's files comes before it.
    fn update(&self, change: impl FnOnce(&mut State, &Draft) -> Result) -> Result {
        self.update_overruling(None, change)
    }

    /// Like [`Provider::update()`] for a change that an administrator asks for: without the takeover it
    /// also overrules what was written into the kernel's files before.
    fn update_overruling(
        &self,
        overruled: Option<Overruled>,
        change: impl FnOnce(&mut State, &Draft) -> Result,
    ) -> Result {
        let mut draft = Draft::new()?;
        // From the look at the kernel's table to what is written there nobody else of ours writes.
        let mut publisher = self
            .read(|table| table.takeover)
            .then(|| self.publisher.lock());
        let foreign = match &mut publisher {
            Some(publisher) => self.find_foreign(publisher, &mut draft)?,
            None => None,
        };
        let (changes, changed) = {
            let mut state = self.state.lock();
            draft.look();
            if let Some(foreign) = foreign {
                state.take_foreign(foreign, &mut draft);
            }
            let changed = change(&mut state, &draft);
            if foreign.is_none() {
                changed?;
            }
            state.fill(&mut draft);
            (self.swap(draft), changed)
        };
        // The allocator first: who is woken by a change finds it in force.
        let wrote = {
            let mut publisher = match publisher {
                Some(publisher) => publisher,
                None => self.publisher.lock(),
            };
            let overruled = overruled.filter(|_| changed.is_ok());
            self.publish(&mut publisher, overruled)
        };
        match changes {
            Some(changes) => {
                self.faces.notify(&changes);
                notifiers::call();
            }
            None if wrote => self.faces.notify_in_sync(),
            None => {}
        }
        changed
    }

    /// With the takeover: looks for what an administrator has written into the kernel's table, and
    /// collects the weights in the draft.
    fn find_foreign(
        &self,
        publisher: &mut Publisher<WeightedInterleave>,
        draft: &mut Draft,
    ) -> Result<Option<Foreign>> {
        let foreign = publisher.examine(&self.table, |each| self.take_writes(each))?;
        for row in publisher.foreign() {
            // There is room for each node id.
            let _ = draft.foreign.push_within_capacity(row);
        }
        Ok(foreign)
    }

    /// Puts the draft's table in place of the present one unless it says the same. Returns what
    /// changed. Called with `state` locked, so that tables follow each other.
    fn swap(&self, draft: Draft) -> Option<Changes> {
        let Draft {
            mut table,
            mut changes,
            ..
        } = draft;
        {
            let guard = rcu::read_lock();
            let present = self.table.load(&guard);
            if !changes.compare(present, &table) {
                return None;
            }
            table.generation = present.generation.wrapping_add(1);
        }
        trace::weights(&table);
        self.table.replace(table);
        Some(changes)
    }

    /// Hands the writes to the kernel's table that were seen to `each`, and forgets them. Called with
    /// `publisher` locked.
    fn take_writes(&self, each: &mut dyn FnMut(Written)) {
        self.writes.take(each);
    }

    /// Brings the kernel's table in line with the newest one of ours. Returns whether that took a
    /// write.
    ///
    /// A failure is logged and shows in `in_sync` until it is made good: the next change tries again,
    /// and where memory was short we do so ourselves.
    fn publish(
        &self,
        publisher: &mut Publisher<WeightedInterleave>,
        overruled: Option<Overruled>,
    ) -> bool {
        let is_taken_over = self.read(|table| table.takeover);
        let respected = match overruled {
            Some(whose) if !is_taken_over => {
                // Nobody would ask for it again.
                insist(|| publisher.overrule(whose, |each| self.take_writes(each)))
            }
            _ => Ok(()),
        };
        let published = respected.and_then(|()| publisher.publish(&self.table));
        published.unwrap_or_else(|error| {
            self.failed(
                fmt!("the kernel's table of weights is written in part"),
                error,
            );
            true
        })
    }

    /// Gives the kernel's table back as it was and writes it no more.
    pub(crate) fn close_publication(&self) {
        let (kernel_table, withdrawn) = {
            let mut publisher = self.publisher.lock();
            let withdrawn = insist(|| publisher.withdraw().map(drop));
            (publisher.close(), withdrawn)
        };
        if let Err(error) = withdrawn {
            pr_warn!("the kernel's weights stay as they are: {error:?}\n");
        }
        drop(kernel_table);
    }

    /// Reads what the kernel knows, and brings the tables in line with it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn refresh(&self) -> Result {
        let _intake = self.intake.lock();
        let known = firmware::scan()?;
        self.update(|state, _| {
            reconcile(state, &known);
            Ok(())
        })
    }

    /// Hands the present table to `read`. Does not sleep, nor may `read`.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(self.table.load(&rcu::read_lock()))
    }

    /// Returns whether the kernel's table now holds our weights. Waits for a running publication.
    pub(crate) fn in_sync(&self) -> Result<bool> {
        self.publisher.lock().in_sync(&self.table)
    }

    /// Takes the reports that `drain` delivers. Where memory is short nothing is drained, and
    /// [`Hook::work_off()`] is called later.
    pub(crate) fn take_reports(&self, drain: impl FnOnce(&mut dyn FnMut(NodeId, Coordinates))) {
        let _intake = self.intake.lock();
        let taken = self.update(|state, _| {
            drain(&mut |node, coordinates| note(state, node, coordinates, Source::Update));
            Ok(())
        });
        if let Err(error) = taken {
            self.failed(fmt!("bandwidth updates are not taken yet"), error);
        }
    }

    /// Recomputes the weights of all nodes now that `node` has its first memory, and shows it.
    pub(crate) fn memory_added(this: &Arc<Self>, node: NodeId) {
        if let Err(error) = this.refresh() {
            this.failed(fmt!("node {node} has memory now, but no weight yet"), error);
        }
        if let Err(error) = Faces::add_node(this, node) {
            this.failed(
                fmt!("node {node} has memory now, but is not shown in sysfs yet"),
                error,
            );
        }
    }

    /// Recomputes the weights of all nodes now that `node` has no memory any more. The kernel's row
    /// for it must still exist: it is left as it was before us.
    pub(crate) fn memory_removed(&self, node: NodeId) {
        if let Err(error) = self.refresh() {
            self.failed(fmt!("node {node} has a weight still, but no memory"), error);
        }
        // After the new table, which does not want the row: nobody writes it again.
        let left = {
            let mut publisher = self.publisher.lock();
            // The row will be gone soon.
            insist(|| publisher.leave(node))
        };
        if let Err(error) = left {
            pr_warn!("node {node} keeps its weight in the kernel's table: {error:?}\n");
        }
        self.faces.remove_node(node);
    }

    /// Follows updates with `hook` from now on.
    pub(crate) fn attach_hook(&self, hook: Option<Arc<Hook>>) {
        let previous = core::mem::replace(&mut *self.hook.lock(), hook);
        // Not under the lock: dropping a hook waits for its work.
        drop(previous);
    }

    /// Learns of writes to the kernel's table by `watch` from now on.
    pub(crate) fn attach_kernel_table_watch(&self, watch: Option<KernelTableWatch>) {
        let previous = core::mem::replace(&mut *self.kernel_table_watch.lock(), watch);
        // Not under the lock: dropping it waits for its work.
        drop(previous);
    }

    /// Returns how the hook is doing, as just tried.
    pub(crate) fn hook_status(&self) -> HookStatus {
        self.hook
            .lock()
            .as_ref()
            .map_or(HookStatus::Absent, |hook| hook.status())
    }

    /// Returns the writes to the kernel's table that were seen.
    pub(crate) fn writes(&self) -> &Writes {
        &self.writes
    }

    /// Returns the faces in sysfs.
    pub(crate) fn faces(&self) -> &Faces {
        &self.faces
    }
}

/// Takes one report and traces it if it says anything new.
fn note(state: &mut State, node: NodeId, coordinates: Coordinates, origin: Source) {
    if state.report(node, coordinates, origin) {
        trace::perf_update(node, coordinates, origin);
    }
}

/// Takes what the kernel knows. What differs is an update that the hook has missed or is about to
/// deliver.
fn reconcile(state: &mut State, known: &[(NodeId, Coordinates)]) {
    for (node, coordinates) in known {
        note(state, *node, *coordinates, Source::Update);
    }
}
