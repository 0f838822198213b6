// SPDX-License-Identifier: GPL-2.0

//! `/sys/kernel/numaweave`: shows and tunes everything.
//!
//! Readers see the published table under RCU and never wait, but for `in_sync`, which looks at the
//! kernel's table. `Documentation/ABI/testing/sysfs-kernel-numaweave` describes each file.
//!
//! # Locking
//!
//! `directories` is never taken in a show or store other than through [`Faces::notify()`], and no
//! directory is removed under it: removal waits for running stores, which notify.

use crate::{
    input,
    kernel_ext::{
        alloc,
        kobject::{Attribute, Directory},
        node::{nr_node_ids, NodeId, NodeMask, NodeState},
    },
    policy::{Algorithm, Metric, Scope, Target},
    provider::{
        state::Side,
        table::{Cell, Changes, Row, RowChanges},
        Provider,
    },
};
use kernel::{
    fmt::Write,
    new_mutex,
    prelude::*,
    str::{CStr, Formatter},
    sync::{Arc, Mutex},
};

/// What the files of a node's directory work on.
struct NodeFace {
    provider: Arc<Provider>,
    node: NodeId,
}

impl NodeFace {
    /// Hands the node's row to `read`.
    fn row<T>(&self, read: impl FnOnce(&Row) -> T) -> Result<T> {
        self.provider
            .read(|table| table.row(self.node).map(read))
            .ok_or(ENODEV)
    }
}

/// What the files of an initiator's directory within that of a node work on.
struct InitiatorFace {
    provider: Arc<Provider>,
    initiator: NodeId,
    node: NodeId,
}

impl InitiatorFace {
    /// Hands what the initiator sees of the node to `read`.
    fn cell<T>(&self, read: impl FnOnce(&Cell) -> T) -> Result<T> {
        self.provider
            .read(|table| table.cell(self.initiator, self.node).map(read))
            .ok_or(ENODEV)
    }

    fn set_override(&self, side: Side, written: &[u8]) -> Result {
        let bandwidth = input::number(written)?;
        self.provider
            .set_sight_override(self.initiator, self.node, side, bandwidth)
    }
}

static ROOT: &[Attribute<Arc<Provider>>] = &[
    Attribute::rw(
        c"auto",
        |provider, out| line(out, fmt!("{}", provider.read(|table| table.settings.auto))),
        |provider, written| provider.set_auto(input::boolean(written)?),
    ),
    Attribute::rw(
        c"algorithm",
        |provider, out| {
            let chosen = provider.read(|table| table.settings.algorithm);
            choice(out, Algorithm::ALL.map(|it| (it.name(), it == chosen)))
        },
        |provider, written| provider.set_algorithm(input::word(written, Algorithm::from_name)?),
    ),
    Attribute::rw(
        c"max_cycle",
        |provider, out| line(out, fmt!("{}", provider.read(|table| table.max_cycle))),
        |provider, written| provider.set_max_cycle(input::number(written)?),
    ),
    Attribute::rw(
        c"target",
        |provider, out| {
            let target = provider.read(|table| table.settings.limits.target);
            line(out, fmt!("{}", target.get()))
        },
        |provider, written| provider.set_target(input::ranged(written, Target::new)?),
    ),
    Attribute::rw(
        c"metric",
        |provider, out| {
            let chosen = provider.read(|table| table.settings.metric);
            choice(out, Metric::ALL.map(|it| (it.name(), it == chosen)))
        },
        |provider, written| provider.set_metric(input::word(written, Metric::from_name)?),
    ),
    Attribute::rw(
        c"publish",
        |provider, out| {
            line(
                out,
                fmt!("{}", provider.read(|table| table.settings.publish)),
            )
        },
        |provider, written| provider.set_publish(input::boolean(written)?),
    ),
    Attribute::rw(
        c"scope",
        |provider, out| {
            let chosen = provider.read(|table| table.settings.scope);
            choice(out, Scope::ALL.map(|it| (it.name(), it == chosen)))
        },
        |provider, written| provider.set_scope(input::word(written, Scope::from_name)?),
    ),
    Attribute::ro(c"attached", |provider, out| {
        line(out, fmt!("{}", provider.attached()))
    }),
    Attribute::ro(c"fallbacks", |provider, out| {
        line(out, fmt!("{}", provider.fallbacks()))
    }),
    Attribute::ro(c"hook", |provider, out| {
        line(out, fmt!("{}", provider.hook_status().name()))
    }),
    Attribute::ro(c"in_sync", |provider, out| {
        line(out, fmt!("{}", provider.in_sync()?))
    }),
    Attribute::ro(c"cycle", |provider, out| {
        line(out, fmt!("{}", provider.read(|table| table.cycle)))
    }),
    Attribute::ro(c"efficiency", |provider, out| {
        line(out, fmt!("{}", provider.read(|table| table.efficiency_ppm)))
    }),
    Attribute::ro(c"generation", |provider, out| {
        line(out, fmt!("{}", provider.read(|table| table.generation)))
    }),
];

static NODE: &[Attribute<NodeFace>] = &[
    Attribute::rw(
        c"weight",
        |face, out| line(out, fmt!("{}", face.row(|row| row.weight)?)),
        |face, written| {
            let weight = input::ranged(written, |weight| u8::try_from(weight).ok())?;
            face.provider.set_weight(face.node, weight)
        },
    ),
    Attribute::rw(
        c"read_bandwidth",
        |face, out| line(out, fmt!("{}", face.row(|row| row.coordinates.read)?)),
        |face, written| {
            let bandwidth = input::number(written)?;
            face.provider.set_override(face.node, Side::Read, bandwidth)
        },
    ),
    Attribute::rw(
        c"write_bandwidth",
        |face, out| line(out, fmt!("{}", face.row(|row| row.coordinates.write)?)),
        |face, written| {
            let bandwidth = input::number(written)?;
            face.provider
                .set_override(face.node, Side::Write, bandwidth)
        },
    ),
    Attribute::ro(c"source", |face, out| {
        line(out, fmt!("{}", face.row(|row| row.source)?.name()))
    }),
    Attribute::ro(c"placed", |face, out| {
        line(out, fmt!("{}", face.provider.placed(face.node)))
    }),
];

static INITIATOR: &[Attribute<InitiatorFace>] = &[
    Attribute::ro(c"weight", |face, out| {
        line(out, fmt!("{}", face.cell(|cell| cell.weight)?))
    }),
    Attribute::rw(
        c"read_bandwidth",
        |face, out| line(out, fmt!("{}", face.cell(|cell| cell.coordinates.read)?)),
        |face, written| face.set_override(Side::Read, written),
    ),
    Attribute::rw(
        c"write_bandwidth",
        |face, out| line(out, fmt!("{}", face.cell(|cell| cell.coordinates.write)?)),
        |face, written| face.set_override(Side::Write, written),
    ),
    Attribute::ro(c"source", |face, out| {
        line(out, fmt!("{}", face.cell(|cell| cell.source)?.name()))
    }),
];

/// Shows one value.
fn line(out: &mut Formatter<'_>, value: kernel::fmt::Arguments<'_>) -> Result {
    out.write_fmt(value)?;
    Ok(out.write_char('\n')?)
}

/// Shows all words of a choice with the chosen one in brackets.
fn choice<const N: usize>(out: &mut Formatter<'_>, words: [(&str, bool); N]) -> Result {
    for (place, (word, chosen)) in words.iter().enumerate() {
        if place != 0 {
            out.write_char(' ')?;
        }
        if *chosen {
            out.write_char('[')?;
        }
        out.write_str(word)?;
        if *chosen {
            out.write_char(']')?;
        }
    }
    Ok(out.write_char('\n')?)
}

/// The directories of a node.
struct NodeDirectory {
    // Dropped before the directory they are in.
    initiators: KVec<(NodeId, Directory<InitiatorFace>)>,
    own: Directory<NodeFace>,
}

impl NodeDirectory {
    /// Makes the directory of `node` in `root`, still without files. May sleep.
    fn new(
        root: &Directory<Arc<Provider>>,
        provider: &Arc<Provider>,
        node: NodeId,
    ) -> Result<Self> {
        let face = NodeFace {
            provider: provider.clone(),
            node,
        };
        let name = alloc::formatted(fmt!("node{node}"))?;
        let cpus = NodeMask::of(NodeState::Cpu);
        let mut made = Self {
            initiators: alloc::with_capacity(cpus.weight())?,
            own: Directory::inside(root, &name, NODE, face)?,
        };
        for initiator in cpus.iter() {
            let face = InitiatorFace {
                provider: provider.clone(),
                initiator,
                node,
            };
            let name = alloc::formatted(fmt!("initiator{initiator}"))?;
            let directory = Directory::inside(&made.own, &name, INITIATOR, face)?;
            made.initiators
                .push_within_capacity((initiator, directory))
                .map_err(|_| ENOMEM)?;
        }
        Ok(made)
    }

    /// Makes the files.
    fn populate(&self) -> Result {
        self.own.populate()?;
        for (_, directory) in &self.initiators {
            directory.populate()?;
        }
        Ok(())
    }
}

/// The directories that are shown.
struct Directories {
    // Dropped before the directory they are in.
    nodes: KVec<Option<NodeDirectory>>,
    root: Option<Directory<Arc<Provider>>>,
}

impl Directories {
    /// Returns the directories of `node`, if that is shown.
    fn of(&self, node: NodeId) -> Option<&NodeDirectory> {
        self.nodes.get(node.index())?.as_ref()
    }
}

/// The provider's faces in sysfs.
#[pin_data]
pub(crate) struct Faces {
    #[pin]
    directories: Mutex<Directories>,
}

impl Faces {
    /// Prepares for faces; nothing is shown yet. May sleep.
    pub(crate) fn new() -> Result<impl PinInit<Self>> {
        let ids = usize::from(nr_node_ids());
        let mut nodes = alloc::with_capacity(ids)?;
        for _ in 0..ids {
            nodes.push_within_capacity(None).map_err(|_| ENOMEM)?;
        }
        let directories = Directories { nodes, root: None };
        Ok(pin_init!(Self {
            directories <- new_mutex!(directories, "numaweave::directories"),
        }))
    }

    /// Shows the provider and all nodes that have memory. May sleep. On failure, or when done with
    /// it, call [`Faces::close()`].
    pub(crate) fn open(provider: &Arc<Provider>) -> Result {
        let root = Directory::in_kernel(c"numaweave", ROOT, provider.clone())?;
        root.populate()?;
        provider.faces().directories.lock().root = Some(root);
        Self::add_nodes(provider)
    }

    /// Shows nothing any more. May sleep; waits for running shows and stores.
    pub(crate) fn close(&self) {
        for node in NodeId::all() {
            self.remove_node(node);
        }
        // Nodes are only added where there is a root.
        let root = self.directories.lock().root.take();
        drop(root);
        for node in NodeId::all() {
            self.remove_node(node);
        }
    }

    /// Shows the nodes that have memory and are not shown yet. May sleep.
    pub(crate) fn add_nodes(provider: &Arc<Provider>) -> Result {
        for node in NodeMask::of(NodeState::Memory).iter() {
            Self::add_node(provider, node)?;
        }
        Ok(())
    }

    /// Shows `node` if it has memory and is not shown yet. May sleep.
    pub(crate) fn add_node(provider: &Arc<Provider>, node: NodeId) -> Result {
        let mut directories = provider.faces().directories.lock();
        let Directories { nodes, root } = &mut *directories;
        let (Some(root), Some(slot @ None)) = (root, nodes.get_mut(node.index())) else {
            return Ok(());
        };
        // Looked at under the lock: a removal that is under way either has made this false, or
        // finds the directory.
        if !NodeMask::of(NodeState::Memory).contains(node) {
            return Ok(());
        }
        let directory = NodeDirectory::new(root, provider, node)?;
        let populated = directory.populate();
        if populated.is_ok() {
            *slot = Some(directory);
            return Ok(());
        }
        // Some files are there: removing them waits for stores, which may wait for the lock.
        drop(directories);
        drop(directory);
        populated
    }

    /// Shows `node` no more. May sleep; waits for running shows and stores.
    pub(crate) fn remove_node(&self, node: NodeId) {
        let removed = self
            .directories
            .lock()
            .nodes
            .get_mut(node.index())
            .and_then(Option::take);
        drop(removed);
    }

    /// Wakes those who poll `in_sync`. May sleep.
    pub(crate) fn notify_in_sync(&self) {
        if let Some(root) = &self.directories.lock().root {
            root.notify(c"in_sync");
        }
    }

    /// Wakes those who poll a file that shows something else now. May sleep.
    pub(crate) fn notify(&self, changes: &Changes) {
        let directories = self.directories.lock();
        let Some(root) = &directories.root else {
            return;
        };
        let files: [(&CStr, bool); 7] = [
            (c"attached", changes.attached),
            (c"auto", changes.auto),
            (c"max_cycle", changes.max_cycle),
            (c"cycle", changes.cycle),
            (c"efficiency", changes.efficiency),
            (c"generation", true),
            (c"in_sync", true),
        ];
        wake(root, &files);
        for node in NodeId::all() {
            let Some(directory) = directories.of(node) else {
                continue;
            };
            wake(&directory.own, &files_of(changes.row(node)));
            for (initiator, directory) in &directory.initiators {
                wake(directory, &files_of(changes.cell(*initiator, node)));
            }
        }
    }
}

/// Returns the files of a row or cell with whether they changed.
fn files_of(changes: RowChanges) -> [(&'static CStr, bool); 4] {
    [
        (c"weight", changes.weight),
        (c"read_bandwidth", changes.read_bandwidth),
        (c"write_bandwidth", changes.write_bandwidth),
        (c"source", changes.source),
    ]
}

/// Wakes those who poll one of the files that changed.
fn wake<D: Send + Sync>(directory: &Directory<D>, files: &[(&CStr, bool)]) {
    for (name, changed) in files {
        if *changed {
            directory.notify(name);
        }
    }
}
