// SPDX-License-Identifier: GPL-2.0

//! poll(2) on a sysfs file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

use crate::wait::{wait_for, PATIENCE};

/// A sysfs file that was read, and whose reader waits for the value to change.
pub(crate) struct Watch {
    path: PathBuf,
    file: File,
    value: String,
}

impl Watch {
    /// Reads the value from which changes count.
    pub(crate) fn new(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut watch = Self {
            path,
            file,
            value: String::new(),
        };
        // A change that was seen a moment ago may be announced only now.
        wait_for("poll(2) to sleep on a file that was just read", || {
            watch.read()?;
            let woken = watch.poll(PollTimeout::ZERO)?;
            Ok(if woken {
                Err(format!("{} wakes it each time", watch.path.display()))
            } else {
                Ok(())
            })
        })?;
        Ok(watch)
    }

    /// Whether a change is announced; waits `timeout` for it.
    fn poll(&self, timeout: PollTimeout) -> Result<bool> {
        let mut descriptors = [PollFd::new(self.file.as_fd(), PollFlags::POLLPRI)];
        poll(&mut descriptors, timeout)
            .with_context(|| format!("cannot poll {}", self.path.display()))?;
        let [descriptor] = descriptors;
        Ok(descriptor
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLPRI)))
    }

    fn read(&mut self) -> Result<()> {
        let mut value = String::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_string(&mut value))
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        value.trim_end().clone_into(&mut self.value);
        Ok(())
    }

    /// Sleeps in poll(2) until the file holds `expected`; every sleep must be ended by the kernel's
    /// announcement.
    pub(crate) fn expect(mut self, expected: &str) -> Result<()> {
        let patience =
            PollTimeout::try_from(PATIENCE).context("the patience does not fit poll(2)")?;
        while self.value != expected {
            ensure!(
                self.poll(patience)?,
                "poll(2) on {} is not woken: it held {:?} and should come to hold {expected:?}",
                self.path.display(),
                self.value
            );
            self.read()?;
        }
        Ok(())
    }
}
