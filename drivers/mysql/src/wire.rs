//! The text that is prepared: ours, so written that `mysql_async` leaves it alone.
//!
//! `mysql_async` runs a lexer of its own over every text it prepares and replaces `:name` by `?`. That lexer skips the
//! character after each `-` and `/` and at the start of a comment, and takes every backslash for an escape, so that it
//! finds parameters inside strings: `SELECT 5-'x :y'` becomes `SELECT 5-'x ?'`. Our own lexer has already found the
//! parameters; what is left to do is to write the few texts that would be mistaken in a way that theirs reads as ours does.
//! Whether it does is not assumed but asked, for every text.

use std::borrow::Cow;
use std::fmt::Write;

use mysql_common::named_params::ParsedNamedParams;
use oarlock_core::lex::{DoubleQuote, TokenKind, Tokens};
use oarlock_core::{Dialect, Error, Result};

/// Writes a native text such that preparing it by `mysql_async` sends just this text.
///
/// # Errors
///
/// `NotSupported` where no such writing is found; no statement that a server takes is known to be one.
pub(crate) fn render<'n>(native: &'n str, dialect: &Dialect) -> Result<Cow<'n, str>> {
    if is_left_alone(native) {
        return Ok(Cow::Borrowed(native));
    }
    let written = write(native, dialect);
    if is_left_alone(&written) {
        Ok(Cow::Owned(written))
    } else {
        Err(Error::not_supported("the statement cannot be prepared without harm to a colon in its text")
            .with_hint("bind the text that holds the colon as a parameter"))
    }
}

/// Tells whether `mysql_async` would find no parameters of its own.
fn is_left_alone(text: &str) -> bool {
    ParsedNamedParams::parse(text.as_bytes()).is_ok_and(|parsed| parsed.params().is_empty())
}

fn write(native: &str, dialect: &Dialect) -> String {
    let mut written = String::with_capacity(native.len() + 32);
    for token in Tokens::new(native, dialect.lexing) {
        let text = token.text(native);
        match token.kind {
            // A hint to the optimizer is a comment to us, and its colons mean nothing to the server.
            TokenKind::Comment if text.starts_with("/*+") => written.push_str(&text.replace(':', " ")),
            TokenKind::Comment => written.push(' '),
            TokenKind::ExecutableClose => {
                written.push_str(text);
                written.push(' ');
            }
            TokenKind::Symbol if matches!(text, "-" | "/") => {
                written.push_str(text);
                // `->` and `->>` stay whole: what is skipped is their own second character.
                if !native[token.end..].starts_with('>') {
                    written.push(' ');
                }
            }
            TokenKind::String if !dialect.lexing.backslash_escapes && text.contains('\\') => {
                literal(&mut written, text);
            }
            TokenKind::QuotedIdentifier
                if dialect.lexing.double_quote == DoubleQuote::Identifier
                    && text.starts_with('"')
                    && text.contains('\\') =>
            {
                let name = text[1..text.len() - 1].replace("\"\"", "\"");
                written.push_str(&dialect.quote_identifier(&name));
            }
            _ => written.push_str(text),
        }
    }
    written
}

/// Writes a string without escapes in hexadecimal. One with a prefix of its own stays as it is.
fn literal(written: &mut String, text: &str) {
    let quote = &text[..1];
    if !matches!(quote, "'" | "\"") {
        written.push_str(text);
        return;
    }
    written.push_str("_utf8mb4 X'");
    for byte in text[1..text.len() - 1].replace(&quote.repeat(2), quote).bytes() {
        // Writing to a string cannot fail.
        let _ = write!(written, "{byte:02X}");
    }
    written.push('\'');
}

#[cfg(test)]
mod tests {
    use oarlock_core::lex::lex;
    use proptest::prelude::*;

    use super::*;

    fn rendered(sql: &str, dialect: &Dialect) -> String {
        let lexed = lex(sql, dialect).unwrap_or_else(|error| panic!("{sql}: {error}"));
        render(lexed.native(), dialect).unwrap_or_else(|error| panic!("{sql}: {error}")).into_owned()
    }

    #[test]
    fn a_text_that_is_understood_goes_out_as_it_is() {
        for sql in ["SELECT ':a', 5 - 3, `x:y`", "SELECT a->>'$.b:c' FROM t /* :x */ WHERE b = ?", "SET @a := 1"] {
            assert_eq!(rendered(sql, &Dialect::MYSQL), sql);
        }
    }

    #[test]
    fn what_would_be_mistaken_is_written_otherwise() {
        for (sql, wire) in [
            ("SELECT 5-'x :y'", "SELECT 5- 'x :y'"),
            ("SELECT 5/'x :y', ?", "SELECT 5/ 'x :y', ?"),
            ("SELECT 5--'x :y'", "SELECT 5- - 'x :y'"),
            ("SELECT /**/ '*/ :y'", "SELECT   '*/ :y'"),
            ("SELECT /*+ MAX_EXECUTION_TIME(1) :a */ 1", "SELECT /*+ MAX_EXECUTION_TIME(1)  a */ 1"),
            ("SELECT /*!50000 1 */':y'", "SELECT /*!50000 1 */ ':y'"),
        ] {
            assert_eq!(rendered(sql, &Dialect::MYSQL), wire);
        }
    }

    #[test]
    fn backslashes_that_escape_nothing_are_written_in_hexadecimal() {
        let mut dialect = Dialect::MYSQL;
        dialect.lexing.backslash_escapes = false;
        assert_eq!(rendered(r"SELECT '\', ':y'", &dialect), "SELECT _utf8mb4 X'5C', ':y'");
        dialect.lexing.double_quote = DoubleQuote::Identifier;
        assert_eq!(rendered(r#"SELECT "a""\", " :y""#, &dialect), r#"SELECT `a"\`, " :y""#);
    }

    proptest! {
        #[test]
        fn every_statement_is_left_alone_or_refused(sql in r"SELECT (['`:\\/*#a?!+ -]|--|/\*|\*/|:b|'a'|\n){0,24}", escapes in any::<bool>()) {
            let mut dialect = Dialect::MYSQL;
            dialect.lexing.backslash_escapes = escapes;
            // `:b:b` becomes `??`, which is no statement to lex again.
            if let Ok(lexed) = lex(&sql, &dialect)
                && !lexed.native().contains("??")
                && let Ok(wire) = render(lexed.native(), &dialect)
            {
                prop_assert!(is_left_alone(&wire));
                // The server's parameters are the same, and what is quoted is the same in number.
                let again = lex(&wire, &dialect)?;
                prop_assert_eq!(again.slots().len(), lexed.slots().len());
                let quoted = |text: &str| Tokens::new(text, dialect.lexing).filter(|token| token.kind == TokenKind::String).count();
                prop_assert_eq!(quoted(&wire), quoted(lexed.native()));
            }
        }
    }
}
