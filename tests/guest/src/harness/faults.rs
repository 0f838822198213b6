// SPDX-License-Identifier: GPL-2.0

//! Errors met while something was dropped, where no `Result` can carry them.

use std::sync::{Mutex, PoisonError};

static FAULTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Remembers an error for the verdict on the case that runs.
pub(crate) fn report(error: &anyhow::Error) {
    FAULTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(format!("{error:#}"));
}

/// Takes all that were remembered.
pub(crate) fn take() -> Vec<String> {
    std::mem::take(&mut *FAULTS.lock().unwrap_or_else(PoisonError::into_inner))
}
