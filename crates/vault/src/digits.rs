//! How do bytes become text that Postgres and people can read, and back?
//!
//! Every sealed column of every row goes through here, so it stands in the crate that is compiled at full speed in every
//! profile: digit by digit through layers of generic iterators, it was two fifths of what a rebuild cost in a debug build.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// No digit has so many.
const NONE: u8 = 0xff;
const VALUES: [u8; 256] = values();

/// `\x` and two hex digits a byte: how Postgres reads and prints bytes.
#[expect(clippy::missing_panics_doc, reason = "digits are ASCII, so it never panics")]
pub fn bytea(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 + 2 * bytes.len()];
    text[..2].copy_from_slice(b"\\x");
    for (pair, byte) in text[2..].chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    String::from_utf8(text).expect("digits are ASCII")
}

/// The bytes of hex digits, with `\x` before them or without; `None`: they aren't.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix("\\x").unwrap_or(text).as_bytes();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    // all digits first, so that the loop has no way out; then whether one was none
    let mut seen = 0;
    let digit = |byte: u8| VALUES[usize::from(byte)];
    let bytes = text.chunks_exact(2).map(|pair| {
        let (high, low) = (digit(pair[0]), digit(pair[1]));
        seen |= high | low;
        high << 4 | low & 0xf
    });
    let bytes = bytes.collect();
    (seen != NONE).then_some(bytes)
}

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut digit: u8 = 0;
    while digit < 16 {
        let lower = DIGITS[digit as usize];
        values[lower as usize] = digit;
        values[lower.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytea(&all), format!("\\x{}", hex::encode(&all)));
        assert_eq!(from_hex(&bytea(&all)), Some(all.clone()));
        assert_eq!(from_hex(&hex::encode_upper(&all)), Some(all));
        assert_eq!((bytea(&[]), from_hex("")), ("\\x".to_owned(), Some(vec![])));
    }

    #[test]
    fn what_is_not_hex_is_refused() {
        for text in ["0", "0g", "g0", "\\y00", "00 ", "é0", "\\x0"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
