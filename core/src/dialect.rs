//! What sets one database's SQL apart from another's, as data.

use crate::lex::{DoubleQuote, Lexing};

/// The family of SQL that a dialect belongs to, where a choice is by family and not by one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flavor {
    /// PostgreSQL and what speaks its SQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

/// How a parameter is written in the text that the server gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placeholder {
    /// `?`, one for each occurrence: a parameter used twice is sent twice.
    Question,
    /// `$1`: the number of the parameter, however often it is used.
    Dollar,
    /// `?1`: the number of the parameter, however often it is used.
    QuestionNumbered,
}

/// A dialect of SQL: how its text is read, how a parameter and an identifier are written.
///
/// A driver takes one of the constants and sets what the session says, such as `sql_mode` on MySQL.
///
/// # Examples
///
/// ```
/// use oarlock_core::Dialect;
/// use oarlock_core::lex::lex;
///
/// let mut dialect = Dialect::MYSQL;
/// assert_eq!(dialect.quote_identifier("odd`name"), "`odd``name`");
///
/// dialect.set_sql_mode("ANSI_QUOTES,NO_BACKSLASH_ESCAPES");
/// assert_eq!(lex(r#"SELECT '\', ? AS "a?""#, &dialect)?.arity(), 1);
/// # Ok::<(), oarlock_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dialect {
    /// The name in lower case: `sqlite`, `postgres`, `mysql`, `mariadb`, or that of a driver from outside.
    pub name: &'static str,
    /// The family it belongs to.
    pub flavor: Flavor,
    /// How its text is cut into tokens.
    pub lexing: Lexing,
    /// How a parameter is written for the server.
    pub placeholder: Placeholder,
}

impl Dialect {
    /// SQLite.
    pub const SQLITE: Self = Self::new("sqlite", Flavor::Sqlite, Lexing::SQLITE, Placeholder::QuestionNumbered);

    /// PostgreSQL, with `standard_conforming_strings` on.
    pub const POSTGRES: Self = Self::new("postgres", Flavor::Postgres, Lexing::POSTGRES, Placeholder::Dollar);

    /// MySQL, with neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
    pub const MYSQL: Self = Self::new("mysql", Flavor::MySql, Lexing::MYSQL, Placeholder::Question);

    /// MariaDB, with neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
    pub const MARIADB: Self = Self::new("mariadb", Flavor::MySql, Lexing::MARIADB, Placeholder::Question);

    /// The collation by which SQLite compares texts as decimal numbers, which it has no other form for: `1.0` is `1.00`, and `9` less than
    /// `10`. The driver has it on every connection, other programs have not: it belongs in statements, and not in what is kept in a file.
    pub const SQLITE_DECIMALS: &str = "oarlock_decimal";

    /// Makes a dialect of its parts, for a driver whose database is none of the constants.
    #[must_use]
    pub const fn new(name: &'static str, flavor: Flavor, lexing: Lexing, placeholder: Placeholder) -> Self {
        Self { name, flavor, lexing, placeholder }
    }

    /// Lets a dialect of MySQL's follow a session's `sql_mode`, as the server tells it: `ANSI_QUOTES,NO_BACKSLASH_ESCAPES`.
    pub fn set_sql_mode(&mut self, modes: &str) {
        let has = |mode: &str| modes.split(',').any(|set| set.eq_ignore_ascii_case(mode));
        self.lexing.backslash_escapes = !has("NO_BACKSLASH_ESCAPES");
        self.lexing.double_quote = if has("ANSI_QUOTES") { DoubleQuote::Identifier } else { DoubleQuote::String };
    }

    /// Writes a name as a quoted identifier, whatever characters it holds.
    ///
    /// The server may still refuse it: no database takes an empty name or a NUL everywhere.
    #[must_use]
    pub fn quote_identifier(&self, name: &str) -> String {
        let quote = match self.flavor {
            Flavor::MySql => '`',
            Flavor::Postgres | Flavor::Sqlite => '"',
        };
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(quote);
        for character in name.chars() {
            if character == quote {
                quoted.push(quote);
            }
            quoted.push(character);
        }
        quoted.push(quote);
        quoted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_double_their_own_quote_only() {
        for (dialect, name, quoted) in [
            (Dialect::POSTGRES, r#"a"b`c"#, r#""a""b`c""#),
            (Dialect::SQLITE, r#"a"b]c"#, r#""a""b]c""#),
            (Dialect::MYSQL, r#"a"b`c"#, r#"`a"b``c`"#),
            (Dialect::MARIADB, r"back\slash", r"`back\slash`"),
            (Dialect::POSTGRES, "", r#""""#),
        ] {
            assert_eq!(dialect.quote_identifier(name), quoted, "{}", dialect.name);
        }
    }
}
