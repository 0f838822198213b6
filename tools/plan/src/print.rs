// SPDX-License-Identifier: GPL-2.0

//! Output as text or as JSON.

use crate::failure::Failure;
use serde::Serialize;
use std::{
    fmt,
    io::{self, Write},
};

/// Prints `result`: as a line of JSON, or as the text that it makes of itself, newlines included.
pub(crate) fn print(result: &(impl Serialize + fmt::Display), json: bool) -> Result<(), Failure> {
    let mut output = io::stdout().lock();

    if json {
        serde_json::to_writer(&mut output, result)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output))
    } else {
        write!(output, "{result}")
    }
    .map_err(Failure::Write)
}

/// `values` with `separator` between: weights and bandwidths are written with colons in the field.
pub(crate) fn join<T: ToString>(values: &[T], separator: &str) -> String {
    values
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}
