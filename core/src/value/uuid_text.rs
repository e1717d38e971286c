//! The text form of UUIDs, for where no database type carries them.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// Writes a UUID's 16 bytes as 32 lower-case hex digits in five groups.
#[derive(Debug, Clone, Copy)]
pub struct UuidText(pub [u8; 16]);

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for UuidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Reads a UUID from 32 hex digits, in five groups (`67e55044-10b1-426f-9247-bb680e5fe0c8`) or in one.
///
/// # Errors
///
/// Text of another form is a `Conversion` error.
pub fn parse_uuid(text: &str) -> Result<[u8; 16]> {
    let text = text.as_bytes();
    let grouped = match text.len() {
        36 => true,
        32 => false,
        _ => return Err(malformed()),
    };
    let mut bytes = [0; 16];
    let mut rest = text;
    for (index, byte) in bytes.iter_mut().enumerate() {
        if grouped && matches!(index, 4 | 6 | 8 | 10) {
            rest = rest.strip_prefix(b"-").ok_or_else(malformed)?;
        }
        let [high, low, tail @ ..] = rest else { return Err(malformed()) };
        *byte = nibble(*high).zip(nibble(*low)).map(|(high, low)| high << 4 | low).ok_or_else(malformed)?;
        rest = tail;
    }
    Ok(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cold]
fn malformed() -> Error {
    Error::new(ErrorKind::Conversion, "expected uuid, found text of another form")
        .with_hint("the form is 67e55044-10b1-426f-9247-bb680e5fe0c8")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_read_in_either_case() -> Result<()> {
        let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let bytes = parse_uuid(text)?;
        assert_eq!(bytes[..4], [0x67, 0xe5, 0x50, 0x44]);
        assert_eq!(UuidText(bytes).to_string(), text);
        assert_eq!(parse_uuid(&text.to_uppercase())?, bytes);
        assert_eq!(parse_uuid(&text.replace('-', ""))?, bytes);
        Ok(())
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "67e55044-10b1-426f-9247-bb680e5fe0c",
            "67e5504410b1-426f-9247-bb680e5fe0c8-",
            "67e55044-10b1-426f-9247-bb680e5fe0cg",
            "{67e55044-10b1-426f-9247-bb680e5fe0c}",
            "é7e55044-10b1-426f-9247-bb680e5fe0c8",
        ] {
            assert_eq!(parse_uuid(text).expect_err(text).kind(), ErrorKind::Conversion);
        }
    }

    proptest! {
        #[test]
        fn any_uuid_survives_its_text(bytes in any::<[u8; 16]>()) {
            prop_assert_eq!(parse_uuid(&UuidText(bytes).to_string())?, bytes);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[-0-9a-fA-F]{30,38}") {
            let _ = parse_uuid(&text);
        }
    }
}
