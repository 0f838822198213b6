// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading kernel modules from inside a case.

use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;
use nix::kmod::{delete_module, finit_module, init_module, DeleteModuleFlags, ModuleInitFlags};

use crate::harness::faults;
use crate::wait::wait_for;

/// The module with a probe that has a function to itself which the takeover replaces.
pub(crate) const RIVAL: &str = "rival";

/// That function.
pub(crate) const RIVAL_TARGET: &str = "weighted_interleave_nid";

/// A loaded module; unloaded when dropped.
#[derive(Debug)]
#[must_use = "the module is unloaded at once"]
pub(crate) struct Module {
    name: &'static str,
    loaded: bool,
}

impl Module {
    /// Loads `/modules/NAME.ko` with `parameters` (`name=value`, separated by blanks).
    ///
    /// The errno of a refused load is in the error's chain: see [`errno`].
    pub(crate) fn load(name: &'static str, parameters: &str) -> Result<Self> {
        insert(name, parameters)?;
        Ok(Self { name, loaded: true })
    }

    /// Takes over the module `name`, which is loaded.
    pub(crate) fn loaded(name: &'static str) -> Result<Self> {
        ensure!(is_loaded(name), "{name} is not loaded");
        Ok(Self { name, loaded: true })
    }

    /// Loads the module `name` from memory.
    pub(crate) fn load_image(name: &'static str, image: &[u8]) -> Result<Self> {
        init_module(image, c"").with_context(|| format!("the kernel refuses this {name}"))?;
        Ok(Self { name, loaded: true })
    }

    /// Unloads, and says so when the kernel refuses.
    pub(crate) fn unload(mut self) -> Result<()> {
        self.remove()
    }

    /// Waits until nobody uses it any more, and unloads it.
    pub(crate) fn unload_when_unused(mut self) -> Result<()> {
        self.loaded = false;
        wait_for(&format!("{} to be unused", self.name), || {
            match unload(self.name) {
                Err(error) if errno(&error) == Some(Errno::EAGAIN) => Ok(Err(error.to_string())),
                unloaded => unloaded.map(Ok),
            }
        })
    }

    fn remove(&mut self) -> Result<()> {
        self.loaded = false;
        unload(self.name)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if self.loaded {
            if let Err(error) = self.remove() {
                faults::report(&error);
            }
        }
    }
}

/// Loads the module `name` as [`Module::load`] does, to stay.
pub(crate) fn load_for_good(name: &str) -> Result<()> {
    insert(name, "")
}

fn insert(name: &str, parameters: &str) -> Result<()> {
    let path = image(name);
    let path = path.display();
    let file = File::open(image(name)).with_context(|| format!("cannot open {path}"))?;
    let options = CString::new(parameters).context("a module parameter holds a NUL")?;
    finit_module(&file, &options, ModuleInitFlags::empty())
        .with_context(|| format!("the kernel refuses {path} with parameters {parameters:?}"))
}

/// Whether this guest has the module `name`.
pub(crate) fn is_there(name: &str) -> bool {
    image(name).exists()
}

fn image(name: &str) -> PathBuf {
    Path::new("/modules").join(name).with_extension("ko")
}

/// Unloads a module by its name.
pub(crate) fn unload(name: &str) -> Result<()> {
    let name_of = CString::new(name).context("a module's name holds a NUL")?;
    delete_module(&name_of, DeleteModuleFlags::O_NONBLOCK)
        .with_context(|| format!("cannot unload {name}"))
}

/// Whether a module of this name is loaded.
pub(crate) fn is_loaded(name: &str) -> bool {
    Path::new("/sys/module")
        .join(name)
        .join("initstate")
        .exists()
}

/// The errno at the root of `error`, if one is.
pub(crate) fn errno(error: &anyhow::Error) -> Option<Errno> {
    let root = error.root_cause();
    let of_file = || root.downcast_ref::<std::io::Error>()?.raw_os_error();
    root.downcast_ref()
        .copied()
        .or_else(|| of_file().map(Errno::from_raw))
}
