// SPDX-License-Identifier: GPL-2.0

//! Waiting for something that the kernel does a little later.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};

/// How long a guest under emulation may take for what takes milliseconds on a machine.
///
/// Only a bound on hanging: no case measures time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a probe saw: the awaited thing, or a description of what is there instead.
pub(crate) type Probe<T> = Result<T, String>;

/// Asks `probe` until it sees what it waits for; names `what` and what was seen when it never does.
pub(crate) fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Result<Probe<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        let seen = match probe()? {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        let waited = start.elapsed();
        ensure!(
            waited < PATIENCE,
            "{what}: not within {} s; seen instead: {seen}",
            PATIENCE.as_secs()
        );
        // What takes long is looked at less and less often: where instructions are the clock, a look
        // takes the time that it waits for.
        thread::sleep((waited / 16).max(Duration::from_millis(2)));
    }
}

/// Asks `probe` again and again without a pause until it says yes, to act at the very moment.
pub(crate) fn spin_until(what: &str, mut probe: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !probe()? {
        ensure!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            PATIENCE.as_secs()
        );
        thread::yield_now();
    }
    Ok(())
}
