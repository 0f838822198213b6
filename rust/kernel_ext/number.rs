// SPDX-License-Identifier: GPL-2.0

//! Numbers from text without a panic path.
//!
//! `kernel::str::parse_int` would do, but it instantiates `from_str_radix()` in this crate, which
//! brings overflow panics with it where `CONFIG_RUST_OVERFLOW_CHECKS` is set.

/// Reads an unsigned number as `kstrtouint()` with base 0 does, but without sign and newline:
/// decimal, octal after `0`, hexadecimal after `0x`. [`None`] for anything else, and for what does
/// not fit. Any context.
pub(crate) fn parse(text: &[u8]) -> Option<u32> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}
