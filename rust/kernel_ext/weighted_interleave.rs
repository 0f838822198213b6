// SPDX-License-Identifier: GPL-2.0

//! The kernel's own table of weights, `/sys/kernel/mm/mempolicy/weighted_interleave`.
//!
//! The table itself is private to mempolicy. Its attributes are used instead, so that what happens
//! is what a user's read or write does: a store of a weight turns the kernel's `auto` off and waits
//! for a grace period.

use super::{
    alloc, ffi,
    fprobe::{Fprobe, Function},
    kernfs::{self, Node},
    node::{NodeId, NodeMask},
    node_notifier::{MemoryEvent, MemoryHandler, NodeNotifier},
    number,
    report::report_bandwidth,
    table_writes::{File, Probe, WriteHandler, Writer},
    topology::boot_cpu_node,
};
use core::ptr::NonNull;
use kernel::{
    bindings, container_of, new_mutex,
    prelude::*,
    str::{kstrtobool_bytes, CStr, CString},
    sync::{Arc, Mutex},
};

/// Where the table is, below `/sys/kernel`.
const PATH: &[&CStr] = &[c"mm", c"mempolicy", c"weighted_interleave"];

/// Priority of the notifier that keeps us off an attribute that is about to be freed: above
/// mempolicy's own, which frees it and has `DEFAULT_CALLBACK_PRI` (0).
pub(crate) const GUARD_PRIORITY: i32 = 1;

/// The kernel's table of weights.
///
/// All methods may sleep.
pub(crate) struct WeightedInterleave {
    // Unregistered before the attributes are let go.
    _guard: Pin<KBox<NodeNotifier<Guard>>>,
    attributes: Arc<Mutex<Attributes>>,
}

/// The attributes, used only under the lock that the notifier takes before they are freed.
///
/// # Invariants
///
/// `directory` is the node of a kobject that the kernel never removes. The attribute of a node that
/// is not in `gone` is not freed while the lock is held.
struct Attributes {
    directory: Node,
    gone: NodeMask,
    writer: Arc<Writer>,
}

/// The functions that take writes to the table's files.
///
/// # Invariants
///
/// `auto` and `weight` are that.
pub(crate) struct Stores {
    auto: Function,
    weight: Function,
    writer: Arc<Writer>,
}

impl Stores {
    /// Tells `handler` of each write to one of the files from now on, but for our own.
    ///
    /// May sleep. Not to be called with a lock that a memory notifier takes: ftrace waits for the
    /// hotplug of CPUs, and that for the hotplug of memory.
    ///
    /// # Errors
    ///
    /// Those of [`Fprobe::at()`].
    pub(crate) fn watch<H: WriteHandler + Clone>(self, handler: H) -> Result<Watch<H>> {
        // SAFETY: By the type invariant these are the functions that take writes to such files.
        let probe = |file, handler| unsafe { Probe::new(file, self.writer.clone(), handler) };
        let at_auto = Fprobe::at(self.auto, probe(File::Auto, handler.clone()));
        let at_weight = Fprobe::at(self.weight, probe(File::Weight, handler));
        Ok(Watch {
            _auto: KBox::pin_init(at_auto, GFP_KERNEL)?,
            _weight: KBox::pin_init(at_weight, GFP_KERNEL)?,
        })
    }
}

/// Notes the nodes whose attribute is about to be freed.
struct Guard(Arc<Mutex<Attributes>>);

impl MemoryHandler for Guard {
    fn memory_event(&self, node: NodeId, event: MemoryEvent) {
        let mut attributes = self.0.lock();
        match event {
            MemoryEvent::FirstAdded => attributes.gone.remove(node),
            // INVARIANT: mempolicy's notifier frees the attribute after this one has returned.
            MemoryEvent::LastRemoved => attributes.gone.insert(node),
        }
    }
}

impl WeightedInterleave {
    /// Finds the table.
    ///
    /// # Errors
    ///
    /// `ENOENT` where the kernel has none, `ENOMEM`.
    pub(crate) fn find() -> Result<Self> {
        // SAFETY: `kernel_kobj` is set during boot, and `/sys/kernel` is there for good.
        let kernel = unsafe { Node::of(bindings::kernel_kobj) }.ok_or(ENOENT)?;
        let directory = kernel.descend(PATH).ok_or(ENOENT)?;
        let attributes = Arc::pin_init(
            // INVARIANT: mempolicy makes the directory at boot and never removes it. The notifier
            // is registered before the first use of an attribute.
            new_mutex!(Attributes {
                directory,
                gone: NodeMask::default(),
                writer: Arc::new(Writer::new(), GFP_KERNEL)?,
            }),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _guard: KBox::pin_init(
                NodeNotifier::register(GUARD_PRIORITY, Guard(attributes.clone())),
                GFP_KERNEL,
            )?,
            attributes,
        })
    }

    /// Returns whether the kernel derives the weights by itself.
    pub(crate) fn auto(&self) -> Result<bool> {
        self.attributes
            .lock()
            .show(c"auto", kstrtobool_bytes)?
            .ok_or(ENOENT)
    }

    /// Lets the kernel derive the weights by itself.
    pub(crate) fn set_auto(&self) -> Result {
        let turn_on = || self.attributes.lock().store(c"auto", c"true");
        match turn_on() {
            // The kernel never heard of any bandwidth and so refuses to go back to where it came
            // from: automatic, all weights 1. A report of unknown bandwidth makes it agree.
            Err(error) if error == ENODEV => {
                let node = NodeId::new(boot_cpu_node()).ok_or(ENODEV)?;
                // SAFETY: A node stays online as long as one of its CPUs does, and CPU 0 always
                // does.
                unsafe { report_bandwidth(node, 0, 0) }?;
                turn_on()
            }
            result => result,
        }
    }

    /// Keeps the weights as they are. Costs a grace period unless they were kept already.
    pub(crate) fn set_manual(&self) -> Result {
        self.attributes.lock().store(c"auto", c"false")
    }

    /// Returns what takes writes to the table's files.
    ///
    /// # Errors
    ///
    /// `ENOENT` where no node has a row, `ENOMEM`.
    pub(crate) fn stores(&self) -> Result<Stores> {
        let attributes = self.attributes.lock();
        let mut weight = Err(ENOENT);
        for node in NodeId::all() {
            if let Some(name) = attributes.name(node)? {
                weight = weight.or_else(|_| attributes.store_function(&name));
            }
        }
        // INVARIANT: The kernel calls what these attributes have when they are written.
        Ok(Stores {
            auto: attributes.store_function(c"auto")?,
            weight: weight?,
            writer: attributes.writer.clone(),
        })
    }

    /// Returns the weight of `node`, or [`None`] where the table has no row for it.
    pub(crate) fn weight(&self, node: NodeId) -> Result<Option<u8>> {
        let attributes = self.attributes.lock();
        let Some(name) = attributes.name(node)? else {
            return Ok(None);
        };
        attributes.show(&name, |text| {
            let weight = number::parse(text).ok_or(EIO)?;
            Ok(u8::try_from(weight)?)
        })
    }

    /// Sets the weight of `node`, which must not be 0; turns the kernel's `auto` off.
    ///
    /// # Errors
    ///
    /// `ENOENT` where the table has no row for the node, `EINVAL`, `ENOMEM`.
    pub(crate) fn set_weight(&self, node: NodeId, weight: u8) -> Result {
        let value = alloc::formatted(fmt!("{weight}"))?;
        let attributes = self.attributes.lock();
        let name = attributes.name(node)?.ok_or(ENOENT)?;
        attributes.store(&name, &value)
    }
}

/// Tells of writes to the table's files until dropped; may sleep.
pub(crate) struct Watch<H: WriteHandler> {
    _auto: Pin<KBox<Fprobe<Probe<H>>>>,
    _weight: Pin<KBox<Fprobe<Probe<H>>>>,
}

impl Attributes {
    /// Returns the name of `node`'s attribute unless it is about to be freed.
    fn name(&self, node: NodeId) -> Result<Option<CString>> {
        if self.gone.contains(node) {
            return Ok(None);
        }
        Ok(Some(alloc::formatted(fmt!("node{node}"))?))
    }

    /// Returns the kobject and the attribute `name` if there is one.
    fn attribute(
        &self,
        name: &CStr,
    ) -> Option<(*mut bindings::kobject, NonNull<bindings::attribute>)> {
        let file = self.directory.descend(&[name])?;
        Some((
            self.directory.private().cast(),
            NonNull::new(file.private().cast())?,
        ))
    }

    /// Returns the function that takes what is written to the file `name`.
    fn store_function(&self, name: &CStr) -> Result<Function> {
        let (_, attribute) = self.attribute(name).ok_or(ENOENT)?;
        // SAFETY: The kernel's kobjects of `kernel_kobj`'s tree have `kobj_sysfs_ops`, whose
        // attributes are embedded in a `kobj_attribute`; that it is not freed is the type invariant.
        let attribute =
            unsafe { container_of!(attribute.as_ptr(), bindings::kobj_attribute, attr) };
        // SAFETY: As above.
        let store = unsafe { ffi::numaweave_store_operation(attribute.cast()) };
        let store = NonNull::new(store).ok_or(ENOENT)?;
        Ok(Function(store.addr().get()))
    }

    fn show<T>(&self, name: &CStr, parse: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        let Some((kobj, attribute)) = self.attribute(name) else {
            return Ok(None);
        };
        let parse = |text: &[u8]| parse(text.trim_ascii_end());
        // SAFETY: By the type invariant the kobject is there for good and the attribute, which is
        // one of its own, is not freed while the caller holds the lock.
        unsafe { kernfs::show(kobj, attribute.as_ptr(), parse) }.map(Some)
    }

    fn store(&self, name: &CStr, value: &CStr) -> Result {
        let (kobj, attribute) = self.attribute(name).ok_or(ENOENT)?;
        self.writer.write(|| {
            // SAFETY: As in `show()`.
            unsafe { kernfs::store(kobj, attribute.as_ptr(), value) }
        })
    }
}
