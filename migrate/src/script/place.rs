//! A place in a file, and how it is shown.

use std::fmt;

use oarlock_core::lex::line_column;

/// A place in a file of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: String,
    line: usize,
    column: usize,
    excerpt: String,
}

impl Place {
    pub(crate) fn new(file: &str, text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (line, column) = line_column(text, offset);
        let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |length| offset + length);
        let excerpt = text[start..end].trim_end_matches('\r').to_owned();
        Self { file: file.to_owned(), line, column, excerpt }
    }

    /// Gives the file as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Gives the line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Gives the column, counted from 1 in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Gives the text of the line.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    /// Shows the line, with a caret under the column. Each of the two lines ends with a line break.
    pub fn picture(&self) -> String {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // A tab stays one, so that the caret stands where the reader's own tabs put the character.
        let lead: String =
            self.excerpt.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("  {number} | {}\n  {margin} | {lead}^\n", self.excerpt)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let text = "SELECT 1;\r\n\tSELECT 'é', frm\r\nx";
        let place = Place::new("up.sql", text, text.find("frm").unwrap());
        assert_eq!(place.to_string(), "up.sql:2:14");
        assert_eq!(place.picture(), "  2 | \tSELECT 'é', frm\n    | \t            ^\n");
    }

    #[test]
    fn an_offset_past_the_end_or_within_a_character_has_a_place() {
        assert_eq!(Place::new("f", "é", 1).to_string(), "f:1:1");
        assert_eq!(Place::new("f", "a\n", 9).to_string(), "f:2:1");
        assert_eq!(Place::new("f", "", 0).picture(), "  1 | \n    | ^\n");
    }
}
