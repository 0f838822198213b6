// SPDX-License-Identifier: GPL-2.0

//! The monitor of the QEMU that this guest runs in (`scripts/vm --monitor`): memory is plugged in
//! and pulled out.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};
use nix::libc;
use serde_json::{json, Value};

use crate::file;
use crate::wait::wait_for;

const PORT: &str = "/dev/ttyS3";
/// Of one DIMM, in bytes: one memory block.
const SIZE: u64 = 128 << 20;

/// A connection to the monitor.
pub(super) struct Monitor {
    port: File,
    /// What was read and is no whole line yet.
    rest: Vec<u8>,
    /// Ids of devices that are gone.
    deleted: Vec<String>,
    /// The number of the last command.
    last: u64,
    /// The answer to it.
    answer: Option<Value>,
}

impl Monitor {
    /// Whether this guest has one: without it the port has no UART.
    pub(super) fn is_there() -> bool {
        let kind: u32 = file::parse("/sys/class/tty/ttyS3/type").unwrap_or(0);
        kind != 0
    }

    /// Connects.
    pub(super) fn open() -> Result<Self> {
        let stty = Command::new("stty")
            .args(["-F", PORT, "115200", "raw", "-echo"])
            .status()
            .context("cannot run stty")?;
        ensure!(stty.success(), "stty on {PORT}: {stty}");
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(PORT)
            .with_context(|| format!("cannot open {PORT}"))?;
        let mut monitor = Self {
            port,
            rest: Vec::new(),
            deleted: Vec::new(),
            last: 0,
            answer: None,
        };
        // Until the port was raw it has sent QEMU's greeting back, perhaps not all of it: QEMU forgets
        // what has begun at a byte that no text has.
        monitor.write(&[0xff])?;
        monitor.send("qmp_capabilities", &json!({}))?;
        let answer = monitor.answer_to("qmp_capabilities")?;
        // Another connection may have done so before.
        let error = answer.pointer("/error/class").and_then(Value::as_str);
        ensure!(
            matches!(error, None | Some("CommandNotFound")),
            "QEMU's monitor says {answer}"
        );
        Ok(monitor)
    }

    /// Plugs a DIMM of `node` into `slot`; its blocks are offline.
    ///
    /// The kernel looks at a slot once more after it has let go of a DIMM there, and is confused if it
    /// finds the next one: use another.
    pub(super) fn plug(&mut self, id: &str, node: u32, slot: usize) -> Result<()> {
        let memory =
            json!({ "qom-type": "memory-backend-ram", "id": format!("{id}-ram"), "size": SIZE });
        self.execute("object-add", &memory)?;
        let dimm = json!({ "driver": "pc-dimm", "id": id, "memdev": format!("{id}-ram"), "node": node, "slot": slot });
        self.execute("device_add", &dimm)
    }

    /// Pulls out what [`Self::plug`] has plugged in; its blocks are offline, or the kernel takes them
    /// offline.
    pub(super) fn pull(&mut self, id: &str) -> Result<()> {
        self.pull_device(id)?;
        self.execute("object-del", &json!({ "id": format!("{id}-ram") }))
    }

    /// Pulls out the DIMM that `node` was started with.
    pub(super) fn pull_first(&mut self, node: u32) -> Result<()> {
        self.pull_device(&format!("slot{node}"))
    }

    fn pull_device(&mut self, id: &str) -> Result<()> {
        self.execute("device_del", &json!({ "id": id }))?;
        wait_for(&format!("{id} to be gone"), || {
            self.receive()?;
            let gone = self.deleted.iter().any(|deleted| deleted == id);
            Ok(if gone {
                Ok(())
            } else {
                Err("it is there".to_owned())
            })
        })?;
        self.deleted.clear();
        Ok(())
    }

    /// Has QEMU do `command`.
    fn execute(&mut self, command: &str, arguments: &Value) -> Result<()> {
        self.send(command, arguments)?;
        let answer = self.answer_to(command)?;
        if let Some(error) = answer.get("error") {
            bail!("QEMU refuses {command} {arguments}: {error}");
        }
        Ok(())
    }

    fn send(&mut self, command: &str, arguments: &Value) -> Result<()> {
        self.last += 1;
        self.answer = None;
        let line = json!({ "execute": command, "arguments": arguments, "id": self.last });
        self.write(format!("{line}\n").as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.port
            .write_all(bytes)
            .with_context(|| format!("cannot write to {PORT}"))
    }

    /// Waits for the answer to the `command` that was sent last.
    fn answer_to(&mut self, command: &str) -> Result<Value> {
        wait_for(&format!("QEMU's answer to {command}"), || {
            self.receive()?;
            Ok(self.answer.take().ok_or_else(|| "nothing".to_owned()))
        })
    }

    /// Takes in what QEMU has said.
    fn receive(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.port.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.rest.extend(buffer.iter().take(length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).with_context(|| format!("cannot read {PORT}")),
            }
        }
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            // The greeting may have lost its beginning before the port was opened.
            let Ok(said) = serde_json::from_slice::<Value>(&line) else {
                continue;
            };
            if said.get("event").and_then(Value::as_str) == Some("DEVICE_DELETED") {
                let id = said.pointer("/data/device").and_then(Value::as_str);
                self.deleted.extend(id.map(str::to_owned));
            } else if said.get("id").and_then(Value::as_u64) == Some(self.last) {
                self.answer = Some(said);
            }
        }
        Ok(())
    }
}
