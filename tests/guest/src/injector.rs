// SPDX-License-Identifier: GPL-2.0

//! Reports of bandwidth through the `perf_injector` sample, and their undoing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::file;
use crate::harness::faults;
use crate::machine::{reported, Coordinates};
use crate::module::Module;

/// Where a line `NODE READ WRITE` makes a report.
pub(crate) const INJECT: &str = "/sys/kernel/debug/perf_injector/inject";

/// The loaded injector. When dropped it reports once more what each node had before, and unloads.
///
/// Load it before numaweave and drop it after: then the kernel's table is in auto mode when the old
/// bandwidths come back, and follows them.
pub(crate) struct Injector {
    before: RefCell<BTreeMap<u32, Coordinates>>,
    // Last, so that it outlives the undoing above it.
    _module: Module,
}

impl Injector {
    /// Loads `perf_injector`.
    pub(crate) fn load() -> Result<Self> {
        let module = Module::load("perf_injector", "")?;
        Ok(Self {
            before: RefCell::default(),
            _module: module,
        })
    }

    /// Reports `coordinates` for `node`, as a driver does; the kernel's own table has followed on
    /// return.
    pub(crate) fn inject(&self, node: u32, coordinates: Coordinates) -> Result<()> {
        self.before
            .borrow_mut()
            .entry(node)
            .or_insert_with(|| reported(node));
        report(node, coordinates)
    }

    /// Reports what each node had before; again unknown where it had nothing.
    pub(crate) fn undo(&self) -> Result<()> {
        for (node, coordinates) in self.before.take() {
            report(node, coordinates)?;
        }
        Ok(())
    }
}

/// One report; usable from several threads while an [`Injector`] lives.
pub(crate) fn report(node: u32, coordinates: Coordinates) -> Result<()> {
    file::write(
        INJECT,
        format!("{node} {} {}\n", coordinates.read, coordinates.write),
    )
}

/// Reports that the bandwidth of a node nobody has told of is unknown.
pub(crate) fn report_unknown() -> Result<()> {
    let is_loaded = Path::new(INJECT).exists();
    let _module = (!is_loaded)
        .then(|| Module::load("perf_injector", ""))
        .transpose()?;
    report(0, Coordinates::both(0))
}

impl Drop for Injector {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            faults::report(&error);
        }
    }
}
