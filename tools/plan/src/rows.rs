// SPDX-License-Identifier: GPL-2.0

//! Reads the bandwidths of one machine: a row, whose columns are its nodes.

use std::fmt;

/// What is wrong with a row, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Counted from 1, as lines of the input are.
    pub(crate) row: usize,
    /// Counted from 1; [`None`] if no single column is to blame.
    pub(crate) column: Option<usize>,
    /// What was expected.
    pub(crate) reason: String,
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

/// The bandwidths in `fields`, one for each, in MB/s.
pub(crate) fn parse_fields<'a>(
    row: usize,
    fields: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<u32>, BadRow> {
    (1..)
        .zip(fields)
        .map(|(column, field)| {
            parse_bandwidth(field).map_err(|reason| BadRow {
                row,
                column: Some(column),
                reason,
            })
        })
        .collect()
}

/// The bandwidths in a line of input, [`None`] if it is blank or only a comment.
///
/// Columns are separated by white space or by commas; a `#` starts a comment.
pub(crate) fn parse_line(row: usize, line: &str) -> Result<Option<Vec<u32>>, BadRow> {
    let content = line.split('#').next().unwrap_or_default().trim();
    if content.is_empty() {
        return Ok(None);
    }
    parse_fields(row, content.split(',').flat_map(words)).map(Some)
}

/// The words between two commas. No word at all is an empty field, and so an error later.
fn words(part: &str) -> impl Iterator<Item = &str> {
    let empty = part.trim().is_empty().then_some("");
    part.split_whitespace().chain(empty)
}

/// A bandwidth: decimal digits and nothing else.
fn parse_bandwidth(field: &str) -> Result<u32, String> {
    // `parse()` alone would take a plus sign.
    Some(field)
        .filter(|field| field.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| {
            format!(
                "{field:?} is not a bandwidth: give whole MB/s from 0 (unknown) to {}",
                u32::MAX
            )
        })
}
