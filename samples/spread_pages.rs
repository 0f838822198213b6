// SPDX-License-Identifier: GPL-2.0

//! Spreads an array of pages over all nodes by numaweave's weights, and lets it follow them.
//!
//! An example of a module that asks numaweave: page `i` of the array is on the node that
//! `numaweave_interleave_nid()` has for index `i`. After each new table the pages that it wants
//! elsewhere are allocated anew; who keeps something in them would copy it.
//!
//! ```text
//! # insmod spread_pages.ko pages=9000
//! # cat /sys/kernel/debug/spread_pages/nodes
//! 0 6000 6
//! 1 2000 2
//! 2 1000 1
//! ```
//!
//! with a line `NODE PAGES WEIGHT` for each node that has memory. `tables` counts the tables that the
//! array has followed.

use core::borrow::Borrow;
use kernel::{
    debugfs::{Dir, File},
    fmt, new_mutex,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc, Mutex,
    },
};
use node::{NodeId, NodeMask, NodeState};
use node_page::NodePage;
use numaweave::{Initiator, Nodes, TableHandler, TableNotifier};

#[path = "../rust/kernel_ext/node.rs"]
#[allow(dead_code, reason = "the module uses more of it")]
mod node;
mod node_page;
#[path = "../include/numaweave.rs"]
mod numaweave;

module! {
    type: SpreadPages,
    name: "spread_pages",
    authors: ["numaweave developers"],
    description: "Spreads pages over the nodes by numaweave's weights",
    license: "GPL",
    params: {
        pages: u32 {
            default: 4096,
            description: "Number of pages to allocate",
        },
    },
}

/// The loaded module. The fields are dropped in this order: nothing follows or reads an array that is
/// gone.
struct SpreadPages {
    _notifier: Pin<KBox<TableNotifier<Follower>>>,
    _nodes: Pin<KBox<File<Arc<Array>>>>,
    _tables: Pin<KBox<File<Arc<Array>>>>,
    _directory: Dir,
}

/// The array of pages.
#[pin_data]
struct Array {
    #[pin]
    pages: Mutex<KVVec<NodePage>>,
    /// Tables followed since the start.
    tables: Atomic<i64>,
}

impl Array {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                pages <- new_mutex!(KVVec::new()),
                tables: Atomic::new(0),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the node for the page at `index`. All CPUs use the array, so it goes by the weights
    /// that are the same for all.
    fn wanted(index: usize) -> Result<NodeId> {
        let id = numaweave::interleave_nid(Nodes::with_memory(), Initiator::SYSTEM, index);
        NodeId::new(id).ok_or(ENODEV)
    }

    /// Makes it `count` pages long.
    fn fill(&self, count: usize) -> Result {
        let mut pages = self.pages.lock();
        *pages = KVVec::with_capacity(count, GFP_KERNEL)?;
        for index in 0..count {
            let page = NodePage::near(Self::wanted(index)?)?;
            pages.push_within_capacity(page).map_err(|_| ENOMEM)?;
        }
        Ok(())
    }

    /// Exchanges the pages that are not where numaweave wants them.
    fn follow(&self) -> Result {
        let mut pages = self.pages.lock();
        for (index, page) in (0..pages.len()).zip(pages.iter_mut()) {
            let wanted = Self::wanted(index)?;
            if page.node() != u32::from(wanted) {
                *page = NodePage::near(wanted)?;
            }
        }
        Ok(())
    }

    fn show_nodes(array: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = array.pages.lock();
        for node in NodeMask::of(NodeState::Memory).iter() {
            let here = |page: &&NodePage| page.node() == u32::from(node);
            let count = pages
                .iter()
                .filter(here)
                .fold(0usize, |count, _| count.saturating_add(1));
            let weight = numaweave::node_weight(node.into(), Initiator::SYSTEM).unwrap_or(0);
            writeln!(f, "{} {count} {weight}", u32::from(node))?;
        }
        Ok(())
    }

    fn show_tables(array: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", array.tables.load(Relaxed))
    }
}

/// Lets the array follow numaweave.
struct Follower(Arc<Array>);

impl TableHandler for Follower {
    fn new_table(&self) {
        if let Err(error) = self.0.follow() {
            pr_warn!("some pages stay where they are: {error:?}\n");
        }
        self.0.tables.add(1, Relaxed);
    }
}

impl kernel::Module for SpreadPages {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let array = Array::new()?;
        // First, so that no table is missed: what is filled in later goes by the newest anyway.
        let notifier =
            KBox::pin_init(TableNotifier::register(Follower(array.clone())), GFP_KERNEL)?;
        // A reference in Linux 7.2, a copy from 7.3 on.
        let pages: u32 = *Borrow::borrow(&module_parameters::pages.value());
        array.fill(usize::try_from(pages)?)?;

        let directory = Dir::new(c"spread_pages");
        let nodes = KBox::pin_init(
            directory.read_callback_file(c"nodes", array.clone(), &Array::show_nodes),
            GFP_KERNEL,
        )?;
        let tables = KBox::pin_init(
            directory.read_callback_file(c"tables", array, &Array::show_tables),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _notifier: notifier,
            _nodes: nodes,
            _tables: tables,
            _directory: directory,
        })
    }
}
