//! Finds where strings, quoted identifiers and comments end.
//!
//! Every function takes the offset where the content begins and gives the offset after the closing delimiter, or `None`
//! when there is none. Delimiters are ASCII, so an offset given is always a character boundary.

/// What a backslash means between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backslash {
    /// Itself.
    Plain,
    /// It takes the next character with it.
    Escapes,
}

/// Ends a quoted string or identifier, in which the quote itself stands doubled.
pub(super) fn quoted(bytes: &[u8], content: usize, quote: u8, backslash: Backslash) -> Option<usize> {
    let mut at = content;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == b'\\' && backslash == Backslash::Escapes {
            at += 1;
        } else if byte == quote {
            if bytes.get(at) != Some(&quote) {
                return Some(at);
            }
            at += 1;
        }
    }
    None
}

/// Ends an identifier in brackets, which cannot hold the closing one.
pub(super) fn bracketed(bytes: &[u8], content: usize) -> Option<usize> {
    Some(content + bytes[content..].iter().position(|byte| *byte == b']')? + 1)
}

/// Ends a block comment, in which others nest up to so many levels, itself the first.
pub(super) fn block_comment(bytes: &[u8], content: usize, levels: usize) -> Option<usize> {
    let mut depth = 1_usize;
    let mut at = content;
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            b"/*" if depth < levels => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    None
}

/// Ends a line comment before its line break, or at the end of the text.
pub(super) fn line_comment(bytes: &[u8], content: usize, carriage_return: bool) -> usize {
    let ends = |byte: &u8| *byte == b'\n' || (carriage_return && *byte == b'\r');
    bytes[content..].iter().position(ends).map_or(bytes.len(), |length| content + length)
}

/// Gives the offset after the opening delimiter of a dollar quote (`$$`, `$tag$`) at `start`, where `$` stands.
pub(super) fn dollar_delimiter(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'$' => return Some(at + 1),
            b'0'..=b'9' if at == start + 1 => return None,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => at += 1,
            _ => return None,
        }
    }
    None
}

/// Ends a dollar quote whose opening delimiter stands at `start..content`.
pub(super) fn dollar_quoted(sql: &str, start: usize, content: usize) -> Option<usize> {
    let delimiter = &sql[start..content];
    Some(content + sql[content..].find(delimiter)? + delimiter.len())
}

/// Gives the offset after the quote of a string's continuation, where one follows its end: white space and line comments
/// with a line break before the quote, the first comment on the string's own line.
pub(super) fn continuation(bytes: &[u8], end: usize) -> Option<usize> {
    let mut at = end;
    let mut broken = false;
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' => {
                broken = true;
                at += 1;
            }
            b' ' | b'\t' | 0x0B | 0x0C => at += 1,
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = line_comment(bytes, at, true);
            }
            b'\'' if broken => return Some(at + 1),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_of_dollar_quotes() {
        for (text, end) in [
            ("$$", Some(2)),
            ("$a1$", Some(4)),
            ("$é$", Some(4)),
            ("$1$", None),
            ("$a b$", None),
            ("$a", None),
            ("$", None),
        ] {
            assert_eq!(dollar_delimiter(text.as_bytes(), 0), end, "{text}");
        }
    }

    #[test]
    fn comments_nest_only_where_asked() {
        assert_eq!(block_comment(b"/*/ */", 2, 1), Some(6));
        assert_eq!(block_comment(b"/* /* */ */", 2, 1), Some(8));
        assert_eq!(block_comment(b"/* /* */ */", 2, 2), Some(11));
        assert_eq!(block_comment(b"/* /* /* */ */", 2, 2), Some(14));
        assert_eq!(block_comment(b"/* /* */", 2, usize::MAX), None);
        assert_eq!(block_comment(b"/***/", 2, usize::MAX), Some(5));
    }

    #[test]
    fn a_string_continues_after_a_line_break_only() {
        for (between, continues) in [
            (" '", false),
            ("\n'", true),
            (" -- c '\n '", true),
            ("\n -- c\n -- d\n'", true),
            ("-- c", false),
            ("\n/**/'", false),
            ("\n", false),
        ] {
            assert_eq!(continuation(between.as_bytes(), 0).is_some(), continues, "{between:?}");
        }
    }
}
