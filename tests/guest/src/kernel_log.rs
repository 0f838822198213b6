// SPDX-License-Identifier: GPL-2.0

//! The kernel's log from a point in time on.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use nix::libc;

/// The level of warnings; worse ones are below.
const LOG_WARNING: u32 = 4;

/// A reader that begins at the end of the log.
pub(crate) struct KernelLog(File);

impl KernelLog {
    /// Notes where the log ends now.
    pub(crate) fn from_now_on() -> Result<Self> {
        let open = || {
            let mut log = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open("/dev/kmsg")?;
            log.seek(SeekFrom::End(0))?;
            Ok::<_, std::io::Error>(log)
        };
        Ok(Self(open().context("cannot open /dev/kmsg")?))
    }

    /// The text of every record written since.
    pub(crate) fn lines(&mut self) -> Result<Vec<String>> {
        let records = self.records()?.into_iter();
        Ok(records.map(|(_, text)| text).collect())
    }

    /// The text of every warning, or worse, written since.
    pub(crate) fn warnings(&mut self) -> Result<Vec<String>> {
        let records = self.records()?.into_iter();
        let warnings = records.filter(|(level, _)| *level <= LOG_WARNING);
        Ok(warnings.map(|(_, text)| text).collect())
    }

    /// Level and text of every record written since.
    fn records(&mut self) -> Result<Vec<(u32, String)>> {
        let mut records = Vec::new();
        let mut record = vec![0; 8192];
        loop {
            match self.0.read(&mut record) {
                Ok(0) => return Ok(records),
                Ok(length) => {
                    let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
                    // "priority,sequence,time,flags;text", then lines of key=value that begin with
                    // a blank.
                    let (head, text) = text.split_once(';').unwrap_or_default();
                    let priority: u32 = head.split(',').next().unwrap_or_default().parse()?;
                    let text = text.lines().next().unwrap_or_default().to_owned();
                    // The facility is above the level's three bits.
                    records.push((priority % 8, text));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(records),
                // A record was overwritten before it was read: the next read goes on with the
                // oldest one.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) => return Err(error).context("cannot read /dev/kmsg"),
            }
        }
    }
}
