//! Cuts any text into tokens.

use super::quoted::{
    Backslash, block_comment, bracketed, continuation, dollar_delimiter, dollar_quoted, line_comment, quoted,
};
use super::rules::{DoubleQuote, Lexing, Variables};
use super::token::{ParamStyle, Token, TokenKind, Unterminated};

pub(super) const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// The tokens of a text, by a dialect's rules.
///
/// It never fails: every byte of any text belongs to exactly one token, in order, and each token begins and ends at a
/// character boundary. What is not closed is one token up to the end of the text. It costs one pass and allocates nothing.
///
/// # Examples
///
/// ```
/// use oarlock_core::Dialect;
/// use oarlock_core::lex::{TokenKind, Tokens};
///
/// let sql = "SELECT 5-'x :y' -- why?";
/// let tokens: Vec<_> = Tokens::new(sql, Dialect::MYSQL.lexing).collect();
/// assert_eq!(tokens[4].kind, TokenKind::String);
/// assert_eq!(tokens[4].text(sql), "'x :y'");
/// assert_eq!(tokens.last().map(|token| token.end), Some(sql.len()));
/// ```
#[derive(Debug, Clone)]
pub struct Tokens<'s> {
    sql: &'s str,
    rules: Lexing,
    at: usize,
    /// Brackets that are open: PostgreSQL's subscripts, in which a colon parts the bounds of a slice.
    brackets: usize,
    /// The last token that is not blank.
    before: Option<Token>,
    executable: bool,
}

impl<'s> Tokens<'s> {
    /// Reads a text by a dialect's rules.
    #[must_use]
    pub fn new(sql: &'s str, rules: Lexing) -> Self {
        Self { sql, rules, at: 0, brackets: 0, before: None, executable: false }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.sql.as_bytes().get(at).copied()
    }

    fn read(&self, start: usize, first: u8) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        let next = self.byte(start + 1);
        match first {
            b' ' | b'\t'..=b'\r' => (TokenKind::Space, run(bytes, start, is_space)),
            0xEF if self.is_blank_mark(start) => (TokenKind::Space, start + BYTE_ORDER_MARK.len_utf8()),
            b'-' if next == Some(b'-') && self.dashes_open_comment(start + 2) => self.line_comment(start),
            b'#' if self.rules.hash_comments => self.line_comment(start),
            b'/' if next == Some(b'*') => self.block_comment(start),
            b'*' if self.executable && next == Some(b'/') => (TokenKind::ExecutableClose, start + 2),
            b'\'' => self.string(start + 1, b'\'', self.plain_backslash()),
            b'"' => match self.rules.double_quote {
                DoubleQuote::Identifier => self.identifier(start + 1, b'"'),
                DoubleQuote::String => self.string(start + 1, b'"', self.plain_backslash()),
            },
            b'`' if self.rules.backtick_identifiers => self.identifier(start + 1, b'`'),
            b'[' if self.rules.bracket_identifiers => {
                self.closed(TokenKind::QuotedIdentifier, bracketed(bytes, start + 1), Unterminated::Identifier)
            }
            b'?' => self.question(start),
            b':' => self.colon(start),
            b'$' => self.dollar(start),
            b'@' => self.at_sign(start),
            b';' => (TokenKind::Semicolon, start + 1),
            b'0'..=b'9' => (TokenKind::Number, self.number_end(start)),
            _ if is_word_start(first) => self.word(start),
            _ => (TokenKind::Symbol, start + 1),
        }
    }

    fn is_blank_mark(&self, start: usize) -> bool {
        (start == 0 || self.rules.blank_byte_order_marks) && self.sql[start..].starts_with(BYTE_ORDER_MARK)
    }

    fn dashes_open_comment(&self, after: usize) -> bool {
        !self.rules.spaced_dash_comments || self.byte(after).is_none_or(|byte| byte == b' ' || byte.is_ascii_control())
    }

    fn line_comment(&self, start: usize) -> (TokenKind, usize) {
        let end = line_comment(self.sql.as_bytes(), start, self.rules.carriage_return_ends_line);
        (TokenKind::Comment, end)
    }

    fn block_comment(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        match self.rules.executable_comments.opening(bytes, start) {
            Some((true, end)) => return (TokenKind::ExecutableOpen, end),
            // A server that skips such a comment allows one level of others in it.
            Some((false, content)) => {
                return self.closed(TokenKind::Comment, block_comment(bytes, content, 2), Unterminated::Comment);
            }
            None => {}
        }
        if self.rules.open_ended_comments {
            // SQLite takes the two characters for operators when nothing follows them.
            return match bytes.len() - start {
                2 => (TokenKind::Symbol, start + 1),
                _ => (TokenKind::Comment, block_comment(bytes, start + 2, 1).unwrap_or(bytes.len())),
            };
        }
        let levels = if self.rules.nested_comments { usize::MAX } else { 1 };
        let end = block_comment(bytes, start + 2, levels);
        self.closed(TokenKind::Comment, end, Unterminated::Comment)
    }

    fn closed(&self, kind: TokenKind, end: Option<usize>, missing: Unterminated) -> (TokenKind, usize) {
        end.map_or((TokenKind::Unterminated(missing), self.sql.len()), |end| (kind, end))
    }

    fn plain_backslash(&self) -> Backslash {
        if self.rules.backslash_escapes { Backslash::Escapes } else { Backslash::Plain }
    }

    fn string(&self, content: usize, quote: u8, backslash: Backslash) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        let mut end = quoted(bytes, content, quote, backslash);
        if self.rules.string_continuation {
            while let Some(more) = end.and_then(|end| continuation(bytes, end)) {
                end = quoted(bytes, more, quote, backslash);
            }
        }
        self.closed(TokenKind::String, end, Unterminated::String)
    }

    fn identifier(&self, content: usize, quote: u8) -> (TokenKind, usize) {
        let end = quoted(self.sql.as_bytes(), content, quote, Backslash::Plain);
        self.closed(TokenKind::QuotedIdentifier, end, Unterminated::Identifier)
    }

    fn word(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        let end = run(bytes, start, is_word_part);
        let prefix = if end == start + 1 { bytes[start].to_ascii_lowercase() } else { 0 };
        match (prefix, self.byte(end), self.byte(end + 1)) {
            (b'x' | b'b', Some(b'\''), _) => self.string(end + 1, b'\'', Backslash::Plain),
            (b'n', Some(b'\''), _) => self.string(end + 1, b'\'', self.plain_backslash()),
            (b'e', Some(b'\''), _) if self.rules.escape_strings => self.string(end + 1, b'\'', Backslash::Escapes),
            (b'u', Some(b'&'), Some(b'\'')) if self.rules.escape_strings => {
                self.string(end + 2, b'\'', Backslash::Plain)
            }
            (b'u', Some(b'&'), Some(b'"')) if self.rules.escape_strings => self.identifier(end + 2, b'"'),
            _ => (TokenKind::Word, end),
        }
    }

    fn number_end(&self, start: usize) -> usize {
        // Where a dollar sign may stand in a word, `1$1` is one; elsewhere it begins a token of its own.
        run(self.sql.as_bytes(), start, |byte| {
            byte == b'.' || (is_word_part(byte) && (byte != b'$' || !self.rules.dollar_quotes))
        })
    }

    fn question(&self, start: usize) -> (TokenKind, usize) {
        match self.byte(start + 1) {
            Some(b'?') => (TokenKind::EscapedQuestion, start + 2),
            Some(b'0'..=b'9') => {
                (TokenKind::ForeignPlaceholder, run(self.sql.as_bytes(), start + 1, |byte| byte.is_ascii_digit()))
            }
            _ => (TokenKind::Placeholder(ParamStyle::Question), start + 1),
        }
    }

    fn colon(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        match self.byte(start + 1) {
            Some(b':' | b'=') => (TokenKind::Symbol, start + 2),
            Some(byte) if is_word_start(byte) && !self.colon_parts(start) => {
                let end = run(bytes, start + 1, |byte| is_word_part(byte) && byte != b'$');
                (TokenKind::Placeholder(ParamStyle::Named), end)
            }
            Some(byte) if byte.is_ascii_digit() && self.rules.variables == Variables::Parameters => {
                (TokenKind::ForeignPlaceholder, run(bytes, start + 1, is_word_part))
            }
            _ => (TokenKind::Symbol, start + 1),
        }
    }

    /// Tells whether a colon before a name stands between two things and so is no parameter's: in an array's slice
    /// (`a[1:n]`), in `JSON_OBJECT('key':value)`, after the label of a block.
    fn colon_parts(&self, colon: usize) -> bool {
        let Some(before) = self.before else { return false };
        let adjacent = before.end == colon;
        match before.kind {
            TokenKind::Number | TokenKind::String => true,
            TokenKind::Placeholder(_) | TokenKind::QuotedIdentifier => self.brackets > 0,
            TokenKind::Symbol => self.brackets > 0 && matches!(before.text(self.sql), ")" | "]"),
            // A keyword may stand before a parameter; only what touches the colon is taken for a name.
            TokenKind::Word => adjacent && (self.brackets > 0 || self.opens_block(colon + 1)),
            _ => false,
        }
    }

    fn opens_block(&self, start: usize) -> bool {
        let word = &self.sql[start..run(self.sql.as_bytes(), start, is_word_part)];
        self.rules.bodies == super::Bodies::StoredPrograms
            && ["BEGIN", "LOOP", "WHILE", "REPEAT", "FOR"].iter().any(|opener| word.eq_ignore_ascii_case(opener))
    }

    fn dollar(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        let word_end = run(bytes, start + 1, is_word_part);
        let digits_end = run(bytes, start + 1, |byte| byte.is_ascii_digit());
        // PostgreSQL reads `$1$` as a parameter and a dollar sign; elsewhere the sign would be part of a longer word.
        let whole = word_end == digits_end || (self.rules.dollar_quotes && self.byte(digits_end) == Some(b'$'));
        if digits_end > start + 1 && whole {
            return (TokenKind::Placeholder(ParamStyle::Numbered), digits_end);
        }
        if self.rules.dollar_quotes {
            return match dollar_delimiter(bytes, start) {
                Some(content) => {
                    self.closed(TokenKind::String, dollar_quoted(self.sql, start, content), Unterminated::DollarQuote)
                }
                None if digits_end > start + 1 => (TokenKind::ForeignPlaceholder, word_end),
                None => (TokenKind::Symbol, start + 1),
            };
        }
        match self.rules.variables {
            Variables::Parameters if word_end > start + 1 => (TokenKind::ForeignPlaceholder, word_end),
            Variables::Parameters => (TokenKind::Symbol, start + 1),
            Variables::None | Variables::Session => (TokenKind::Word, word_end),
        }
    }

    fn at_sign(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.sql.as_bytes();
        let (kind, end) = match self.rules.variables {
            Variables::None => return (TokenKind::Symbol, start + 1),
            Variables::Parameters => (TokenKind::ForeignPlaceholder, run(bytes, start + 1, is_word_part)),
            Variables::Session => {
                let name = if self.byte(start + 1) == Some(b'@') { start + 2 } else { start + 1 };
                let end = run(bytes, name, |byte| is_word_part(byte) || byte == b'.');
                (TokenKind::Variable, if end == name { start + 1 } else { end })
            }
        };
        if end == start + 1 { (TokenKind::Symbol, end) } else { (kind, end) }
    }

    fn remember(&mut self, token: Token) {
        match (token.kind, self.sql.as_bytes()[token.start]) {
            (TokenKind::ExecutableOpen, _) => self.executable = true,
            (TokenKind::ExecutableClose, _) => self.executable = false,
            (TokenKind::Symbol, b'[') => self.brackets += 1,
            (TokenKind::Symbol, b']') => self.brackets = self.brackets.saturating_sub(1),
            (TokenKind::Semicolon, _) => self.brackets = 0,
            _ => {}
        }
        if !token.kind.is_blank() {
            self.before = Some(token);
        }
        self.at = token.end;
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        let (kind, end) = self.read(start, self.byte(start)?);
        let token = Token { kind, start, end };
        self.remember(token);
        Some(token)
    }
}

impl std::iter::FusedIterator for Tokens<'_> {}

/// Gives the end of the run of bytes from `start` that a rule accepts.
fn run(bytes: &[u8], start: usize, accepts: impl Fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|byte| !accepts(*byte)).map_or(bytes.len(), |length| start + length)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Tells whether a byte may begin a word. Every database takes what is not ASCII for a letter.
fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii()
}

/// Tells whether a byte may go on a word.
pub(super) fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
