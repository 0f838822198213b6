// SPDX-License-Identifier: GPL-2.0

//! Values as users write them, in sysfs and as module parameters.
//!
//! One newline at the end is dropped, as `echo` writes it; anything else that does not belong to
//! the value is `EINVAL`. Any context.

use crate::kernel_ext::number;
use kernel::prelude::*;

/// Drops the newline at the end of what a user wrote.
pub(crate) fn trim(input: &[u8]) -> &[u8] {
    input.strip_suffix(b"\n").unwrap_or(input)
}

/// Reads a truth value: the words that `kstrtobool()` is meant for, in any case.
///
/// `kstrtobool()` itself looks at the first letters only and would take trailing junk.
pub(crate) fn boolean(input: &[u8]) -> Result<bool> {
    const TRUE: &[&[u8]] = &[
        b"1", b"y", b"yes", b"t", b"true", b"on", b"e", b"enable", b"enabled",
    ];
    const FALSE: &[&[u8]] = &[
        b"0",
        b"n",
        b"no",
        b"f",
        b"false",
        b"off",
        b"d",
        b"disable",
        b"disabled",
    ];

    let word = trim(input);
    let is_in = |words: &[&[u8]]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if is_in(TRUE) {
        Ok(true)
    } else if is_in(FALSE) {
        Ok(false)
    } else {
        Err(EINVAL)
    }
}

/// The longest spelling of a number that is taken: `u32::MAX` in octal.
///
/// sysfs cuts a write at the size of a page, so a number of many zeros could arrive in part.
const LONGEST_NUMBER: usize = b"037777777777".len();

/// Reads a number without sign: decimal, octal after `0`, hexadecimal after `0x`.
pub(crate) fn number(input: &[u8]) -> Result<u32> {
    let digits = trim(input);
    if digits.len() > LONGEST_NUMBER {
        return Err(EINVAL);
    }
    number::parse(digits).ok_or(EINVAL)
}

/// Reads a number that `valid` turns into something of a smaller range.
pub(crate) fn ranged<T>(input: &[u8], valid: impl FnOnce(u32) -> Option<T>) -> Result<T> {
    valid(number(input)?).ok_or(EINVAL)
}

/// Reads a word that `known` knows.
pub(crate) fn word<T>(input: &[u8], known: impl FnOnce(&[u8]) -> Option<T>) -> Result<T> {
    known(trim(input)).ok_or(EINVAL)
}

#[cfg(CONFIG_KUNIT = "y")]
#[kunit_tests(numaweave_input)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (good, value) in [
            (&b"0"[..], 0),
            (b"1\n", 1),
            (b"4294967295", u32::MAX),
            (b"0x10", 16),
            (b"0XfF\n", 255),
            (b"010", 8),
            (b"037777777777", u32::MAX),
        ] {
            assert_eq!(number(good).ok(), Some(value));
        }
        for bad in [
            &b""[..],
            b"\n",
            b" 1",
            b"1 ",
            b"1\n\n",
            b"1\0",
            b"\x001",
            b"+1",
            b"-1",
            b"-0",
            b"1.5",
            b"1e3",
            b"0x",
            b"0x-1",
            b"0x+1",
            b"08",
            b"4294967296",
            b"99999999999999999999",
            b"one",
            b"1 2",
        ] {
            assert!(number(bad).is_err());
        }
    }

    #[test]
    fn a_number_of_a_page_is_refused() {
        assert!(number(&[b'9'; 4096]).is_err());
        assert!(number(&[b'0'; 4096]).is_err());
        assert!(number(b"0000000000001").is_err());
    }

    #[test]
    fn booleans() {
        for yes in [
            &b"1"[..],
            b"y",
            b"Y",
            b"yes",
            b"t",
            b"true",
            b"True\n",
            b"on",
            b"ON\n",
        ] {
            assert_eq!(boolean(yes).ok(), Some(true));
        }
        for no in [
            &b"0"[..],
            b"n",
            b"N",
            b"no",
            b"f",
            b"false",
            b"False\n",
            b"off",
            b"OFF\n",
        ] {
            assert_eq!(boolean(no).ok(), Some(false));
        }
        for bad in [
            &b""[..],
            b"\n",
            b"2",
            b"10",
            b"truee",
            b"true false",
            b"o",
            b" 1",
            b"1\0",
        ] {
            assert!(boolean(bad).is_err());
        }
    }

    #[test]
    fn words_and_ranges() {
        let known = |word: &[u8]| (word == b"min").then_some(());
        assert!(word(b"min\n", known).is_ok());
        assert!(word(b"min", known).is_ok());
        for bad in [&b""[..], b"MIN", b"min ", b"mi", b"minn", b"min\0"] {
            assert!(word(bad, known).is_err());
        }
        let small = |n: u32| u8::try_from(n).ok().filter(|n| *n != 0);
        assert_eq!(ranged(b"255", small).ok(), Some(255));
        assert!(ranged(b"256", small).is_err());
        assert!(ranged(b"0", small).is_err());
    }
}
