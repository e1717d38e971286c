//! Offsets as a reader counts them.

/// Gives the line and the column of a byte offset, both counted from 1, the column in characters.
///
/// An offset past the end counts as the end.
///
/// # Examples
///
/// ```
/// use oarlock_core::lex::line_column;
///
/// assert_eq!(line_column("SELECT\n  'é' ?", 14), (2, 7));
/// ```
#[must_use]
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let (line, start) = before
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .fold((1, 0), |(line, _), (index, _)| (line + 1, index + 1));
    (line, characters(&text.as_bytes()[start..before.len()]) + 1)
}

/// Counts the characters that begin in a piece of a text.
pub(super) fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        for (text, offset, expected) in [
            ("", 0, (1, 1)),
            ("abc", 2, (1, 3)),
            ("abc", 9, (1, 4)),
            ("a\nb", 2, (2, 1)),
            ("a\r\nb", 3, (2, 1)),
            ("é?", 2, (1, 2)),
            ("x\n🦀🦀?", 10, (2, 3)),
        ] {
            assert_eq!(line_column(text, offset), expected, "{text:?} at {offset}");
        }
    }
}
