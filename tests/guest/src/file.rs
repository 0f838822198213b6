// SPDX-License-Identifier: GPL-2.0

//! One read and one write of a sysfs or procfs file, with errors that name file and value.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use anyhow::{anyhow, Context, Result};

/// Reads `path` and drops the one newline that ends a sysfs value.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// Reads `path` as one value of type `T`.
pub(crate) fn parse<T: FromStr>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    let text = read(path)?;
    text.parse().map_err(|_| {
        anyhow!(
            "{} holds {text:?}, not a value of the kind expected",
            path.display()
        )
    })
}

/// Writes `value` to `path` with one write(2), as a store function of sysfs sees it.
///
/// Returns what write(2) returned; the file is opened anew and must exist.
pub(crate) fn try_write(path: impl AsRef<Path>, value: impl AsRef<[u8]>) -> io::Result<usize> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write(value.as_ref())
}

/// As [`try_write`], where anything but a write of the whole value is an error.
pub(crate) fn write(path: impl AsRef<Path>, value: impl AsRef<[u8]>) -> Result<()> {
    let (path, value) = (path.as_ref(), value.as_ref());
    let shown = String::from_utf8_lossy(value);
    let written = try_write(path, value)
        .with_context(|| format!("cannot write {shown:?} to {}", path.display()))?;
    if written != value.len() {
        return Err(anyhow!(
            "{} took {written} of the {} bytes of {shown:?}",
            path.display(),
            value.len()
        ));
    }
    Ok(())
}

/// Parses a kernel list of numbers such as `0-2,5`; an empty text is an empty list.
pub(crate) fn parse_list(text: &str) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for range in text.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let parse = |number: &str| {
            number
                .parse::<u32>()
                .with_context(|| format!("{text:?} is not a list of numbers"))
        };
        numbers.extend(parse(first)?..=parse(last)?);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::parse_list;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-2,5").ok(), Some(vec![0, 1, 2, 5]));
        assert_eq!(parse_list("7\n").ok(), Some(vec![7]));
        assert_eq!(parse_list("\n").ok(), Some(vec![]));
        assert!(parse_list("0-x").is_err());
    }
}
