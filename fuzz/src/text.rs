// SPDX-License-Identifier: GPL-2.0

//! What users write: every parser is given the same bytes, and has to accept exactly what
//! `Documentation/ABI` says. The oracle goes by characters and 64 bits, not by the parsers' ways.

use crate::{
    kernel_ext::number,
    module_input::{boolean, number as read_number, ranged, trim, word},
    prelude::EINVAL,
};
use numaweave_policy::{Algorithm, MaxCycle, Metric, Scope, Target};

/// Checks all parsers of `rust/input.rs` and `rust/kernel_ext/number.rs`.
///
/// # Panics
///
/// If one of them does anything but what is documented.
pub fn check(data: &[u8]) {
    let line = without_newline(data);
    assert_eq!(trim(data), line);

    let expected = as_number(line);
    assert_eq!(number::parse(line), expected);
    // Longer ones are refused, even those of many zeros: sysfs might cut them.
    let expected = expected.filter(|_| line.len() <= 12);
    assert_eq!(read_number(data), expected.ok_or(EINVAL));
    assert_eq!(
        ranged(data, |weight| u8::try_from(weight).ok()),
        expected
            .filter(|&weight| weight <= 255)
            .map(|weight| weight.to_le_bytes()[0])
            .ok_or(EINVAL)
    );
    assert_eq!(
        ranged(data, Target::new).map(Target::get),
        expected
            .filter(|target| (1..=1000).contains(target))
            .ok_or(EINVAL)
    );
    assert_eq!(
        ranged(data, MaxCycle::new).map(MaxCycle::get),
        expected
            .filter(|pages| (1..=4096).contains(pages))
            .ok_or(EINVAL)
    );

    let text = std::str::from_utf8(line).ok();
    assert_eq!(boolean(data), text.and_then(as_boolean).ok_or(EINVAL));
    let expected = match text {
        Some("balanced") => Some(Algorithm::Balanced),
        Some("mainline") => Some(Algorithm::Mainline),
        _ => None,
    };
    assert_eq!(word(data, Algorithm::from_name), expected.ok_or(EINVAL));
    let expected = match text {
        Some("min") => Some(Metric::Min),
        Some("read") => Some(Metric::Read),
        Some("write") => Some(Metric::Write),
        _ => None,
    };
    assert_eq!(word(data, Metric::from_name), expected.ok_or(EINVAL));
    let expected = match text {
        Some("system") => Some(Scope::System),
        Some("initiator") => Some(Scope::Initiator),
        _ => None,
    };
    assert_eq!(word(data, Scope::from_name), expected.ok_or(EINVAL));
}

/// At most one newline goes, and only at the end.
fn without_newline(data: &[u8]) -> &[u8] {
    match data.last() {
        Some(b'\n') => &data[..data.len() - 1],
        _ => data,
    }
}

/// Decimal, octal after `0`, hexadecimal after `0x`; no sign and nothing around it.
fn as_number(line: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(line).ok()?.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = text.strip_prefix("0x") {
        (16, digits)
    } else if text.starts_with('0') {
        (8, text.as_str())
    } else {
        (10, text.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    // Zeros in front do not matter; what has more than 16 digits then does not fit.
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > 16 {
        return None;
    }
    let wide = u64::from_str_radix(digits, radix).ok()?;
    u32::try_from(wide).ok()
}

/// The words that `Documentation/ABI` lists under `auto`.
fn as_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "y" | "yes" | "t" | "true" | "e" | "enable" | "enabled" | "on" => Some(true),
        "0" | "n" | "no" | "f" | "false" | "d" | "disable" | "disabled" | "off" => Some(false),
        _ => None,
    }
}
