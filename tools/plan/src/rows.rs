// SPDX-License-Identifier: GPL-2.0

//! Reads rows: a row is one machine, its columns are the nodes.

use crate::failure::Failure;
use std::{
    fmt,
    io::{self, BufRead, IsTerminal},
};

/// What is wrong with a row, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Counted from 1, as lines of the input are.
    row: usize,
    /// Counted from 1; [`None`] if no single column is to blame.
    column: Option<usize>,
    /// What was expected.
    reason: String,
}

impl BadRow {
    /// A row of which no single column is to blame.
    pub(crate) fn new(row: usize, reason: String) -> Self {
        Self {
            row,
            column: None,
            reason,
        }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// A row that has not been understood yet.
pub(crate) struct Row {
    /// Counted from 1, as lines of the input are.
    pub(crate) number: usize,
    fields: Vec<String>,
}

impl Row {
    /// The row in a line of input, [`None`] if it is blank or only a comment.
    ///
    /// Columns are separated by white space or by commas; a `#` starts a comment.
    fn of_line(number: usize, line: &str) -> Option<Self> {
        let content = line.split('#').next().unwrap_or_default().trim();
        (!content.is_empty()).then(|| Self {
            number,
            fields: content
                .split(',')
                .flat_map(words)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// What `parse` makes of each column.
    pub(crate) fn parse<T>(
        &self,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, BadRow> {
        (1..)
            .zip(&self.fields)
            .map(|(column, field)| {
                parse(field).map_err(|reason| BadRow {
                    row: self.number,
                    column: Some(column),
                    reason,
                })
            })
            .collect()
    }
}

/// The words between two commas. No word at all is an empty field, and so an error later.
fn words(part: &str) -> impl Iterator<Item = &str> {
    let empty = part.trim().is_empty().then_some("");
    part.split_whitespace().chain(empty)
}

/// Hands the row that `arguments` are to `take`, or if there are none each row of standard input.
pub(crate) fn for_each(
    arguments: &[String],
    mut take: impl FnMut(&Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return take(&Row {
            number: 1,
            fields: arguments.to_vec(),
        });
    }
    if io::stdin().is_terminal() {
        eprintln!("numaweave-plan: reading rows from the terminal");
    }
    let mut empty = true;
    for (number, line) in (1..).zip(io::stdin().lock().split(b'\n')) {
        let line = line.map_err(Failure::Read)?;
        if let Some(row) = Row::of_line(number, &String::from_utf8_lossy(&line)) {
            take(&row)?;
            empty = false;
        }
    }
    if empty {
        return Err(Failure::NoRows);
    }
    Ok(())
}

/// A bandwidth: decimal digits and nothing else.
pub(crate) fn parse_bandwidth(field: &str) -> Result<u32, String> {
    digits(field).ok_or_else(|| {
        format!(
            "{field:?} is not a bandwidth: give whole MB/s from 0 (unknown) to {}",
            u32::MAX
        )
    })
}

/// A weight: decimal digits and nothing else.
pub(crate) fn parse_weight(field: &str) -> Result<u8, String> {
    digits(field).ok_or_else(|| format!("{field:?} is not a weight: give 0 to {}", u8::MAX))
}

/// A number. `parse()` alone would take a plus sign.
fn digits<T: std::str::FromStr>(field: &str) -> Option<T> {
    Some(field)
        .filter(|field| field.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|field| field.parse().ok())
}
