//! What a token is.

use std::fmt;
use std::ops::Range;

/// A run of bytes of a text that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// The offset of its first byte.
    pub start: usize,
    /// The offset after its last byte.
    pub end: usize,
}

impl Token {
    /// Gives the range of bytes it covers.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Gives its text, out of the text it was read from.
    ///
    /// # Panics
    ///
    /// When `sql` is shorter than the text it was read from.
    #[must_use]
    pub fn text<'s>(&self, sql: &'s str) -> &'s str {
        &sql[self.range()]
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// White space, and a byte order mark where the dialect takes it for nothing.
    Space,
    /// A comment with its delimiters; a line comment without its line break.
    Comment,
    /// The opening of a comment whose content the server runs, with its version: `/*!50100`. Code tokens follow.
    ExecutableOpen,
    /// The end of such a comment.
    ExecutableClose,
    /// A keyword or an unquoted name.
    Word,
    /// A number, or what begins with a digit.
    Number,
    /// A string with its quotes and its prefix (`E`, `N`, `B`, `X`, `U&`); a dollar-quoted one too. MySQL's charset
    /// introducer is a [`Word`](Self::Word) before it.
    String,
    /// A quoted identifier with its quotes.
    QuotedIdentifier,
    /// A variable of the session: `@name`, `@@name`.
    Variable,
    /// A parameter: `?`, `:name`, `$1`.
    Placeholder(ParamStyle),
    /// `??`, which stands for a literal `?`.
    EscapedQuestion,
    /// A parameter in a form of the database's own, which is refused: `?1`, and on SQLite `@name`, `$name`, `:1`.
    ForeignPlaceholder,
    /// A semicolon outside everything quoted. Whether it ends the statement is for [`split`](super::split) to say.
    Semicolon,
    /// One character of an operator or of punctuation; `::` and `:=` whole.
    Symbol,
    /// Something that is not closed before the end of the text, from its opening to that end.
    Unterminated(Unterminated),
}

impl TokenKind {
    /// Tells whether the server passes over it: white space and comments.
    #[must_use]
    pub fn is_blank(self) -> bool {
        matches!(self, Self::Space | Self::Comment)
    }
}

/// A style of writing parameters; PEP 249 calls it the paramstyle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParamStyle {
    /// `?`, by position.
    Question,
    /// `:name`, by name.
    Named,
    /// `$1`, by number.
    Numbered,
}

/// What is not closed before the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unterminated {
    /// A string.
    String,
    /// A quoted identifier.
    Identifier,
    /// A dollar-quoted string.
    DollarQuote,
    /// A block comment.
    Comment,
}

impl fmt::Display for Unterminated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Identifier => "quoted identifier",
            Self::DollarQuote => "dollar-quoted string",
            Self::Comment => "comment",
        })
    }
}
