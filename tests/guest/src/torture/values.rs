// SPDX-License-Identifier: GPL-2.0

//! Random input for files, good and bad, and what the ABI's documentation makes of it.

use std::fmt;

use fastrand::Rng;

/// The words for true and false, by `Documentation/ABI`.
const TRUE: [&str; 9] = ["1", "y", "yes", "t", "true", "e", "enable", "enabled", "on"];
const FALSE: [&str; 9] = [
    "0", "n", "no", "f", "false", "d", "disable", "disabled", "off",
];

/// Characters of the longest number.
const LONGEST: usize = 12;

/// What a file takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Boolean,
    /// One of these.
    Word(&'static [&'static str]),
    /// From the one to the other.
    Number(u64, u64),
}

impl Kind {
    /// What the file shows once it has taken `input`, [`None`] where it must not.
    pub(super) fn reads(&self, input: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(input).ok()?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        match self {
            Self::Boolean => {
                let word = text.to_ascii_lowercase();
                let truth = TRUE.contains(&word.as_str());
                (truth || FALSE.contains(&word.as_str())).then(|| truth.to_string())
            }
            Self::Word(words) => words.contains(&text).then(|| text.to_owned()),
            Self::Number(low, high) => {
                let number = number(text).filter(|number| (*low..=*high).contains(number))?;
                Some(number.to_string())
            }
        }
    }

    /// Something good.
    fn good(&self, rng: &mut Rng) -> String {
        match self {
            Self::Boolean => {
                let words = if rng.bool() { TRUE } else { FALSE };
                let word = rng.choice(words).unwrap_or("1");
                let case = |letter: char| {
                    if rng.bool() {
                        letter.to_ascii_uppercase()
                    } else {
                        letter
                    }
                };
                word.chars().map(case).collect()
            }
            Self::Word(words) => (*rng.choice(*words).unwrap_or(&"")).to_owned(),
            Self::Number(low, high) => {
                let number = match rng.u32(..4) {
                    0 => *low,
                    1 => *high,
                    2 => rng.u64(*low..=*high),
                    _ => rng.u64(*low..=(*high).min(low.saturating_add(300))),
                };
                match rng.u32(..6) {
                    0 => format!("{number:#x}"),
                    1 => format!("0{number:o}"),
                    _ => number.to_string(),
                }
            }
        }
    }
}

/// A number as the documentation says that it is written.
fn number(text: &str) -> Option<u64> {
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (digits, base) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    // Rust takes a sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// Something to write.
pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
}

impl Value {
    /// Good in half of all cases, and otherwise close to it, or far.
    pub(super) fn random(kind: &Kind, rng: &mut Rng) -> Self {
        const CORNERS: [&str; 14] = [
            "0",
            "1",
            "255",
            "256",
            "4095",
            "4096",
            "4097",
            "1000",
            "1001",
            "4294967295",
            "4294967296",
            "-1",
            "0x",
            "18446744073709551616",
        ];

        let good = kind.good(rng);
        let mut bytes = match rng.u32(..16) {
            0..=7 => good.into_bytes(),
            8..=10 => changed(good.into_bytes(), rng),
            11 => (0..rng.usize(1..20)).map(|_| rng.u8(..)).collect(),
            12 | 13 => rng.choice(CORNERS).unwrap_or("").as_bytes().to_vec(),
            14 => good.repeat(rng.usize(2..900)).into_bytes(),
            _ => Kind::Boolean.good(rng).into_bytes(),
        };
        if rng.bool() {
            bytes.push(b'\n');
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
        Self { bytes }
    }
}

/// With a byte more, less or other.
fn changed(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    let place = rng.usize(..=bytes.len());
    let byte = match rng.u32(..3) {
        0 => rng.u8(..),
        1 => rng.u8(b' '..=b'~'),
        _ => *rng.choice(b" \n\0-+x0").unwrap_or(&0),
    };
    match (bytes.get_mut(place), rng.u32(..3)) {
        (Some(there), 0) => *there = byte,
        (Some(_), 1) => {
            bytes.remove(place);
        }
        _ => bytes.insert(place, byte),
    }
    bytes
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.escape_ascii();
        match self.bytes.len() {
            ..60 => write!(f, "\"{text}\""),
            length => write!(f, "{length} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn numbers_are_read_as_documented() {
        let kind = Kind::Number(0, 4_294_967_295);
        for (text, value) in [("0", "0"), ("010\n", "8"), ("0xF", "15"), ("00", "0")] {
            assert_eq!(
                kind.reads(text.as_bytes()).as_deref(),
                Some(value),
                "{text}"
            );
        }
        for text in [
            "",
            "\n",
            "08",
            "0x",
            "+1",
            "-0",
            "1\n\n",
            "4294967296",
            "0000000000001",
        ] {
            assert_eq!(kind.reads(text.as_bytes()), None, "{text}");
        }
    }
}
