//! The two directions in one file, parted by `-- oarlock: up` and `-- oarlock: down`, and the directives of each.

use std::ops::Range;

use oarlock_core::Dialect;
use oarlock_core::lex::{TokenKind, Tokens};

use super::directive::Mark;
use super::{Directives, Text};
use crate::{Error, ErrorKind, Result};

/// Where the directions of a file stand, and what they say of themselves.
#[derive(Debug)]
pub(crate) struct Sections {
    pub(crate) up: (Range<usize>, Directives),
    /// `None` where the file has no marker for it.
    pub(crate) down: Option<(Range<usize>, Directives)>,
    /// Where the first marker stands, for a file that may have none.
    pub(crate) marker: Option<usize>,
}

impl Sections {
    pub(crate) fn read(text: &Text, dialect: &Dialect) -> Result<Self> {
        let whole = &*text.text;
        let mut sections = Self { up: (0..whole.len(), Directives::default()), down: None, marker: None };
        let wrong = |offset: usize, message: &str| Error::new(ErrorKind::Source, message).at(text.place(offset));
        let mut begun = false;
        let mut up = false;
        for token in Tokens::new(whole, dialect.lexing) {
            if token.kind != TokenKind::Comment {
                begun |= !token.kind.is_blank();
                continue;
            }
            let Some(said) = said(token.text(whole)) else { continue };
            let directives = match &mut sections.down {
                Some((_, directives)) => directives,
                None => &mut sections.up.1,
            };
            match directives.take(text, token.start, said)? {
                Mark::Up if up || sections.down.is_some() => {
                    return Err(wrong(token.start, "`up` is marked a second time"));
                }
                Mark::Up if begun => return Err(wrong(token.start, "a statement stands before `up`")),
                Mark::Up => {
                    up = true;
                    sections.marker.get_or_insert(token.start);
                    sections.up.0.start = token.end;
                }
                Mark::Down if sections.down.is_some() => {
                    return Err(wrong(token.start, "`down` is marked a second time"));
                }
                Mark::Down => {
                    sections.marker.get_or_insert(token.start);
                    sections.up.0.end = token.start;
                    sections.down = Some((token.end..whole.len(), Directives::default()));
                    begun = false;
                }
                Mark::Other if begun => {
                    return Err(wrong(token.start, "a directive stands behind a statement")
                        .with_hint("directives stand in the comments before the first statement"));
                }
                Mark::Other => {}
            }
        }
        Ok(sections)
    }
}

/// Gives what a line comment says to us.
fn said(comment: &str) -> Option<&str> {
    comment.strip_prefix("--")?.trim().strip_prefix("oarlock:").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<(String, Option<String>), String> {
        let text = Text::new("1_a.sql", text);
        let sections = Sections::read(&text, &Dialect::POSTGRES).map_err(|error| error.to_string())?;
        let cut = |range: &Range<usize>| text.text[range.clone()].trim().to_owned();
        Ok((cut(&sections.up.0), sections.down.map(|(range, _)| cut(&range))))
    }

    #[test]
    fn markers_part_a_file() {
        assert_eq!(read("SELECT 1"), Ok(("SELECT 1".to_owned(), None)));
        assert_eq!(
            read("-- oarlock: up\r\nSELECT 1;\r\n-- oarlock: down\r\nSELECT 2;"),
            Ok(("SELECT 1;".to_owned(), Some("SELECT 2;".to_owned())))
        );
        let quoted = "SELECT '\n-- oarlock: down\n', $$\n-- oarlock: down\n$$";
        assert_eq!(read(quoted), Ok((quoted.to_owned(), None)));
    }

    #[test]
    fn directives_belong_to_the_direction_that_they_stand_in() {
        let text = Text::new(
            "1_a.sql",
            "-- oarlock: no-transaction\n-- oarlock: up\nSELECT 1;\n-- oarlock: down\n-- oarlock: allow=drop-table\nSELECT 2",
        );
        let sections = Sections::read(&text, &Dialect::SQLITE).unwrap();
        assert!(sections.up.1.no_transaction);
        let (_, down) = sections.down.unwrap();
        assert!(down.allows("drop-table") && !down.no_transaction);
    }

    #[test]
    fn what_stands_in_the_wrong_place_is_refused() {
        for (text, error) in [
            ("SELECT 1;\n-- oarlock: up", "1_a.sql:2:1: a statement stands before `up`"),
            ("-- oarlock: down\n-- oarlock: down", "1_a.sql:2:1: `down` is marked a second time"),
            ("-- oarlock: down\n-- oarlock: up", "1_a.sql:2:1: `up` is marked a second time"),
            (
                "SELECT 1;\n  -- oarlock: no-transaction",
                "1_a.sql:2:3: a directive stands behind a statement (directives stand in the comments before the first \
                 statement)",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), error);
        }
    }
}
