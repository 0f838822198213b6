// SPDX-License-Identifier: GPL-2.0

//! What the parts of a round share: the guest, the model, and the count of what was done.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{bail, ensure, Result};
use nix::libc;

use super::model::Model;
use super::parts::Part;
use crate::file;
use crate::machine::Machine;
use crate::module::{self, Module};
use crate::provider::DIRECTORY;
use crate::takeover::{self, Patch};

/// What the parts share.
pub(super) struct Site<'a> {
    pub(super) machine: &'a Machine,
    parts: &'a BTreeSet<Part>,
    /// Whether numaweave comes and goes, so that its files may be absent.
    pub(super) churn: bool,
    model: Mutex<Model>,
    pub(super) patch: Mutex<Option<Patch>>,
    /// Held while ftrace is off, and while a kprobe is removed from a function: removed while ftrace is
    /// off it leaves a flag there that Linux 7.2 takes for a fault of its own once nothing is traced
    /// any more, and ftrace is off for good.
    ftrace: Mutex<()>,
    /// Changes that were begun, and those of them that have ended.
    begun: AtomicU64,
    changes: AtomicU64,
    refused: AtomicU64,
    compared: AtomicU64,
    compared_takeover: AtomicU64,
    /// Odd while memory is taken away, so that pages go elsewhere.
    moving: AtomicU64,
}

/// Something is being changed as long as this lives.
pub(super) struct Change<'a>(&'a AtomicU64);

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Memory is being taken away as long as this lives.
pub(super) struct Moving<'a>(&'a AtomicU64);

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a> Site<'a> {
    pub(super) fn new(
        machine: &'a Machine,
        parts: &'a BTreeSet<Part>,
        churn: bool,
        model: Model,
    ) -> Self {
        Self {
            machine,
            parts,
            churn,
            model: Mutex::new(model),
            patch: Mutex::new(None),
            ftrace: Mutex::new(()),
            begun: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            compared: AtomicU64::new(0),
            compared_takeover: AtomicU64::new(0),
            moving: AtomicU64::new(0),
        }
    }

    /// Says that pages may leave their nodes until the result is dropped. For one part.
    pub(super) fn begin_moving(&self) -> Moving<'_> {
        self.moving.fetch_add(1, Ordering::SeqCst);
        Moving(&self.moving)
    }

    /// The number of times that memory began or ended to be taken away.
    pub(super) fn moved(&self) -> u64 {
        self.moving.load(Ordering::SeqCst)
    }

    /// Says that something is being changed until the result is dropped.
    pub(super) fn begin_change(&self) -> Change<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Change(&self.changes)
    }

    /// The number of changes, if all that were begun have ended.
    pub(super) fn quiet(&self) -> Option<u64> {
        let ended = self.changes();
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Batches that were compared with the table in force, and those of them that the takeover placed.
    pub(super) fn compared(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.compared), count(&self.compared_takeover))
    }

    pub(super) fn compare(&self, by_takeover: bool) {
        self.compared.fetch_add(1, Ordering::Relaxed);
        if by_takeover {
            self.compared_takeover.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The takeover, if the part that it belongs to has left it there.
    pub(super) fn take_patch(&self) -> Option<Patch> {
        let mut patch = self.patch.lock().unwrap_or_else(PoisonError::into_inner);
        patch.take()
    }

    pub(super) fn hold_ftrace(&self) -> MutexGuard<'_, ()> {
        self.ftrace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_model(self) -> Model {
        let model = self.model.into_inner();
        model.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Whether one part acts alone.
    pub(super) fn is_alone(&self) -> bool {
        self.parts.len() == 1
    }

    pub(super) fn change(&self) {
        drop(self.begin_change());
    }

    pub(super) fn refuse(&self) {
        self.change();
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes a file of numaweave; while that comes and goes, it may not be there.
    pub(super) fn write(&self, name: &str, value: &str) -> Result<()> {
        let path = PathBuf::from(DIRECTORY).join(name);
        let _change = self.begin_change();
        match file::try_write(&path, value) {
            Err(error) if self.churn && is_away(&error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(written) if written == value.len() => {}
            written => bail!("{value:?} written to {}: {written:?}", path.display()),
        }
        Ok(())
    }

    /// Loads the takeover, or finds that somebody else is in its way, as is allowed now.
    pub(super) fn load_patch(&self) -> Result<Option<Patch>> {
        match Module::load(takeover::MODULE, "") {
            Ok(module) => {
                self.change();
                Ok(Some(Patch::loaded(module)))
            }
            Err(error) => {
                let in_the_way = self.has(Part::Rival) || self.has(Part::Ftrace);
                let busy = module::errno(&error) == Some(nix::errno::Errno::EBUSY);
                ensure!(in_the_way && busy, "{error:#}");
                self.refuse();
                Ok(None)
            }
        }
    }
}

/// Whether an access has failed as it does where a file is not there, or just going.
pub(super) fn is_away(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV))
}
