// SPDX-License-Identifier: GPL-2.0

//! Why the program gives up.

use crate::rows::BadRow;
use std::{fmt, io, path::PathBuf, process::ExitCode};

/// Why the program gives up.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is wrong.
    Row(BadRow),
    /// Standard input has no row.
    NoRows,
    /// What a file says is wrong, and how.
    File(PathBuf, String),
    /// A file cannot be read.
    Open(PathBuf, io::Error),
    /// Standard input cannot be read.
    Read(io::Error),
    /// Standard output cannot be written.
    Write(io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Row(_) | Self::NoRows | Self::File(..) => 2,
            Self::Open(..) | Self::Read(_) | Self::Write(_) => 1,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(bad) => bad.fmt(f),
            Self::NoRows => f.write_str(
                "standard input has no row: give a value for each node, one machine a line",
            ),
            Self::File(path, reason) => write!(f, "{}: {reason}", path.display()),
            Self::Open(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Read(error) => write!(f, "cannot read standard input: {error}"),
            Self::Write(error) => write!(f, "cannot write standard output: {error}"),
        }
    }
}

impl From<BadRow> for Failure {
    fn from(bad: BadRow) -> Self {
        Self::Row(bad)
    }
}
