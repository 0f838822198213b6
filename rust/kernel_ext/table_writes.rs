// SPDX-License-Identifier: GPL-2.0

//! Writes to the files of the kernel's table of weights, as they happen.
//!
//! What the table holds tells who wrote it only as long as nobody writes at the same time: between
//! a look at the table and a write of ours somebody else's may come and go. So the functions that
//! take writes are probed, and tell the value itself.

use super::{
    fprobe::{Arguments, CallHandler},
    node::NodeId,
};
use kernel::{
    bindings, current,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        Arc,
    },
};

/// What somebody has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// `auto`.
    Auto(bool),
    /// The weight of a node.
    Weight(NodeId, u8),
}

/// What is told of writes.
pub(crate) trait WriteHandler: Send + Sync + 'static {
    /// Handles a write that the kernel has taken. Runs in the writer's context with preemption off:
    /// it must not sleep. A write can be missed where very many come at once.
    fn written(&self, written: Written);
}

/// Who writes for us, so that our own writes are not told.
pub(super) struct Writer(
    /// The id of the task; 0, which never writes, for nobody.
    Atomic<i32>,
);

impl Writer {
    /// Nobody.
    pub(super) fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Does `write` as a write of ours. One at a time.
    pub(super) fn write<T>(&self, write: impl FnOnce() -> T) -> T {
        // ORDERING: Only this task can find its own id there.
        self.0.store(current!().pid(), Relaxed);
        let result = write();
        self.0.store(0, Relaxed);
        result
    }

    /// Returns whether the calling task's write is ours.
    fn is_current(&self) -> bool {
        self.0.load(Relaxed) == current!().pid()
    }
}

/// What the name of a node's file begins with.
const NODE: &CStr = c"node";

/// A kind of file of the table.
#[derive(Clone, Copy)]
pub(super) enum File {
    /// `auto`.
    Auto,
    /// `nodeN`.
    Weight,
}

/// Reads what is written from the arguments of the function that takes it.
///
/// # Invariants
///
/// It handles calls of the `store` function of a `kobj_attribute` of the kind `file`.
pub(super) struct Probe<H> {
    file: File,
    writer: Arc<Writer>,
    handler: H,
}

impl<H> Probe<H> {
    /// Makes a probe that leaves out what `writer` writes.
    ///
    /// # Safety
    ///
    /// It must be for the `store` function of such `file`s of the kernel's table.
    pub(super) unsafe fn new(file: File, writer: Arc<Writer>, handler: H) -> Self {
        // INVARIANT: By the contract.
        Self {
            file,
            writer,
            handler,
        }
    }
}

impl<H: WriteHandler> CallHandler for Probe<H> {
    /// What is being written, unless it is ours or makes no sense.
    type Note = Option<Written>;

    fn entry(&self, arguments: &Arguments) -> Option<Written> {
        if self.writer.is_current() {
            return None;
        }
        let attribute = arguments.get(1) as *const bindings::kobj_attribute;
        let text = arguments.get(2) as *const c_char;
        match self.file {
            File::Auto => {
                let mut auto = false;
                // SAFETY: By the type invariant this is a call of a `store` function, which sysfs
                // hands NUL-terminated text.
                let status = unsafe { bindings::kstrtobool(text, &mut auto) };
                (status == 0).then_some(Written::Auto(auto))
            }
            File::Weight => {
                // SAFETY: By the type invariant; the attribute is not freed during the call.
                let name = unsafe { (*attribute).attr.name };
                // SAFETY: Nor is its name, which is NUL-terminated; and so is the literal.
                let is_node = unsafe { bindings::strncmp(name, NODE.as_char_ptr(), 4) } == 0;
                if !is_node {
                    return None;
                }
                let mut node = 0;
                // SAFETY: There are as many characters before its NUL.
                let digits = unsafe { name.add(4) };
                // SAFETY: What begins there is NUL-terminated too.
                let is_number = unsafe { bindings::kstrtou16(digits, 10, &mut node) } == 0;
                let mut weight = 0;
                // SAFETY: As for `auto`.
                let is_weight = unsafe { bindings::kstrtou8(text, 0, &mut weight) } == 0;
                if !is_number || !is_weight {
                    return None;
                }
                Some(Written::Weight(NodeId::new(node)?, weight))
            }
        }
    }

    fn exit(&self, note: Option<Written>, result: isize) {
        match note {
            Some(written) if result >= 0 => self.handler.written(written),
            _ => {}
        }
    }
}
