//! The rules by which a dialect's text is cut into tokens, as data.

/// What a double quote opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DoubleQuote {
    /// An identifier, as in the standard.
    Identifier,
    /// A string, as in MySQL without `ANSI_QUOTES`.
    String,
}

/// Which comments the server reads as code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecutableComments {
    /// None.
    Never,
    /// `/*! … */`, and `/*!50100 … */` where the number is not above the server's version.
    MySql {
        /// The server's version as one number: 80403 for 8.4.3.
        version: u32,
    },
    /// `/*! … */` and `/*M! … */`, with a number as in MySQL; of `/*!`, those meant for MySQL 5.7 and later are skipped.
    MariaDb {
        /// The server's version as one number: 101119 for 10.11.19.
        version: u32,
    },
}

/// What `@name`, and in SQLite `$name` and `:1` too, stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Variables {
    /// Nothing: `@` is an operator.
    None,
    /// `@name` and `@@name` are variables of the session.
    Session,
    /// They are parameters of the database's own making, which the statement must not use beside ours.
    Parameters,
}

/// Which statements hold semicolons that do not end them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bodies {
    /// `BEGIN ATOMIC … END` of a function or procedure, and the parenthesised actions of a rule.
    Atomic,
    /// Triggers, which end at `; END`.
    Triggers,
    /// Stored programs and MariaDB's compound statements: blocks, conditions, loops.
    StoredPrograms,
}

/// How a dialect's text is cut into tokens.
///
/// A driver takes one of the constants and sets the fields that follow the session: `backslash_escapes` and
/// `double_quote` by MySQL's `sql_mode` and PostgreSQL's `standard_conforming_strings`, the version in
/// `executable_comments` by the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own, and any combination may occur")]
pub struct Lexing {
    /// In a plain string, a backslash takes the next character with it.
    pub backslash_escapes: bool,
    /// `E'…'` is a string with backslash escapes, and `U&'…'` and `U&"…"` are one token.
    pub escape_strings: bool,
    /// A string goes on in the next one when white space with a line break stands between them.
    pub string_continuation: bool,
    /// What a double quote opens.
    pub double_quote: DoubleQuote,
    /// A backtick opens an identifier.
    pub backtick_identifiers: bool,
    /// `[name]` is an identifier.
    pub bracket_identifiers: bool,
    /// `$$ … $$` and `$tag$ … $tag$` are strings; otherwise a dollar sign may begin a word.
    pub dollar_quotes: bool,
    /// Block comments nest.
    pub nested_comments: bool,
    /// The end of the text ends a block comment too.
    pub open_ended_comments: bool,
    /// `#` opens a line comment.
    pub hash_comments: bool,
    /// `--` opens a comment only before white space, a control character or the end.
    pub spaced_dash_comments: bool,
    /// A carriage return ends a line comment as a line feed does.
    pub carriage_return_ends_line: bool,
    /// A byte order mark is white space wherever a token begins; otherwise at the very beginning of a text only.
    pub blank_byte_order_marks: bool,
    /// Which comments are code.
    pub executable_comments: ExecutableComments,
    /// What `@name` stands for.
    pub variables: Variables,
    /// Which statements hold semicolons that do not end them.
    pub bodies: Bodies,
}

impl Lexing {
    /// SQLite's rules.
    pub const SQLITE: Self = Self {
        backslash_escapes: false,
        escape_strings: false,
        string_continuation: false,
        double_quote: DoubleQuote::Identifier,
        backtick_identifiers: true,
        bracket_identifiers: true,
        dollar_quotes: false,
        nested_comments: false,
        open_ended_comments: true,
        hash_comments: false,
        spaced_dash_comments: false,
        carriage_return_ends_line: false,
        blank_byte_order_marks: true,
        executable_comments: ExecutableComments::Never,
        variables: Variables::Parameters,
        bodies: Bodies::Triggers,
    };

    /// PostgreSQL's rules, with `standard_conforming_strings` on.
    pub const POSTGRES: Self = Self {
        backslash_escapes: false,
        escape_strings: true,
        string_continuation: true,
        double_quote: DoubleQuote::Identifier,
        backtick_identifiers: false,
        bracket_identifiers: false,
        dollar_quotes: true,
        nested_comments: true,
        open_ended_comments: false,
        hash_comments: false,
        spaced_dash_comments: false,
        carriage_return_ends_line: true,
        blank_byte_order_marks: false,
        executable_comments: ExecutableComments::Never,
        variables: Variables::None,
        bodies: Bodies::Atomic,
    };

    /// MySQL's rules, with neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
    pub const MYSQL: Self = Self {
        backslash_escapes: true,
        escape_strings: false,
        string_continuation: false,
        double_quote: DoubleQuote::String,
        backtick_identifiers: true,
        bracket_identifiers: false,
        dollar_quotes: false,
        nested_comments: false,
        open_ended_comments: false,
        hash_comments: true,
        spaced_dash_comments: true,
        carriage_return_ends_line: false,
        blank_byte_order_marks: false,
        // Above every release there is, and below the 99999 and 999999 that dumps use for "never".
        executable_comments: ExecutableComments::MySql { version: 99_998 },
        variables: Variables::Session,
        bodies: Bodies::StoredPrograms,
    };

    /// MariaDB's rules, with neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
    pub const MARIADB: Self =
        Self { executable_comments: ExecutableComments::MariaDb { version: 199_999 }, ..Self::MYSQL };
}

impl ExecutableComments {
    /// Reads the opening of a comment at `start`, where `/*` stands: `None` when it is an ordinary one, or else whether
    /// the server runs what is in it, and where that begins.
    pub(super) fn opening(self, bytes: &[u8], start: usize) -> Option<(bool, usize)> {
        let (server, own_mark) = match self {
            Self::Never => return None,
            Self::MySql { version } => (version, false),
            Self::MariaDb { version } => (version, bytes.get(start + 2) == Some(&b'M')),
        };
        let mark = start + 2 + usize::from(own_mark);
        if bytes.get(mark) != Some(&b'!') {
            return None;
        }
        let digits = bytes[mark + 1..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < 5 {
            return Some((true, mark + 1));
        }
        let end = mark + 1 + digits;
        let wanted = bytes[mark + 1..end].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        // MariaDB never claims to be MySQL 5.7 or later.
        let foreign = matches!(self, Self::MariaDb { .. }) && !own_mark && (50_700..=99_999).contains(&wanted);
        Some((wanted <= server && !foreign, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each row was tried on MariaDB 10.11.19.
    #[test]
    fn executable_comments_follow_the_version() {
        let mariadb = ExecutableComments::MariaDb { version: 101_119 };
        for (text, runs) in [
            ("/*!", Some((true, 3))),
            ("/*!50100 ", Some((true, 8))),
            ("/*!50699 ", Some((true, 8))),
            ("/*!50700 ", Some((false, 8))),
            ("/*!50999 ", Some((false, 8))),
            ("/*!51000 ", Some((false, 8))),
            ("/*!80400 ", Some((false, 8))),
            ("/*!100000 ", Some((true, 9))),
            ("/*!101120 ", Some((false, 9))),
            ("/*!999999 ", Some((false, 9))),
            ("/*!1234 ", Some((true, 3))),
            ("/*!1011190 ", Some((true, 9))),
            ("/*M! ", Some((true, 4))),
            ("/*m! ", None),
            ("/*M!50700 ", Some((true, 9))),
            ("/*M!999999\\- ", Some((false, 10))),
            ("/* !", None),
            ("/*", None),
        ] {
            assert_eq!(mariadb.opening(text.as_bytes(), 0), runs, "{text}");
        }
    }

    #[test]
    fn the_mark_of_mariadb_is_a_plain_comment_to_mysql() {
        let mysql = ExecutableComments::MySql { version: 80_403 };
        assert_eq!(mysql.opening(b"/*M! 1 */", 0), None);
        assert_eq!(mysql.opening(b"/*!80000 1 */", 0), Some((true, 8)));
        assert_eq!(ExecutableComments::Never.opening(b"/*! 1 */", 0), None);
    }
}
