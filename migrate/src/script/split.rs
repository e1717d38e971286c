//! Cuts a file into statements: `core`'s splitter, and `DELIMITER`, which is a command of MySQL's client and not SQL.

use std::ops::Range;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{self, TokenKind, Tokens, Verb};

use super::{Statement, Text};
use crate::{Error, ErrorKind, Result};

/// Cuts a section of a file into statements, and refuses what is no SQL or is not closed.
pub(super) fn split(text: &Text, section: Range<usize>, dialect: &Dialect) -> Result<Vec<Statement>> {
    let whole = &text.text[..section.end];
    let mut dialect = *dialect;
    let dialect = &mut dialect;
    let mut statements = Vec::new();
    let mut delimiter: Option<&str> = None;
    let mut at = section.start;
    while let Some(start) = first_token(whole, at, dialect) {
        if dialect.flavor == Flavor::MySql
            && let Some((given, end)) = delimiter_command(whole, start)
        {
            if given.is_empty() {
                return Err(Error::new(ErrorKind::Source, "DELIMITER names none").at(text.place(start)));
            }
            delimiter = (given != ";").then_some(given);
            at = end;
            continue;
        }
        let (range, next, verb) = match delimiter {
            Some(delimiter) => delimited(whole, start, delimiter, dialect),
            None => plain(whole, start, dialect),
        };
        at = next;
        if !range.is_empty() {
            check(text, &range, verb, dialect)?;
            if let Some(modes) = modes_set(&whole[range.clone()], verb, dialect) {
                dialect.set_sql_mode(&modes);
            }
            statements.push(Statement { range, verb });
        }
    }
    Ok(statements)
}

/// Reads the modes that `SET sql_mode = '…'` sets on MySQL: they say how what follows is read.
fn modes_set(sql: &str, verb: Verb, dialect: &Dialect) -> Option<String> {
    if dialect.flavor != Flavor::MySql || !matches!(verb, Verb::Set | Verb::Other) {
        return None;
    }
    let tokens: Vec<_> = Tokens::new(sql, dialect.lexing).filter(|token| !token.kind.is_blank()).collect();
    let set = tokens.windows(3).find(|three| {
        let [name, sign, value] = three else { return false };
        let name = name.text(sql).trim_start_matches('@').to_ascii_lowercase();
        (name == "sql_mode" || name.ends_with(".sql_mode"))
            && ["=", ":="].contains(&sign.text(sql))
            && value.kind == TokenKind::String
    })?;
    let value = set[2].text(sql);
    Some(value[1..value.len() - 1].to_owned())
}

/// Finds the first token that is neither blank nor a semicolon.
fn first_token(whole: &str, from: usize, dialect: &Dialect) -> Option<usize> {
    let mut tokens = Tokens::new(&whole[from..], dialect.lexing);
    let first = tokens.find(|token| !token.kind.is_blank() && token.kind != TokenKind::Semicolon)?;
    Some(from + first.start)
}

/// Reads `DELIMITER //`, whose argument ends with the line; gives it and where it ends.
fn delimiter_command(whole: &str, start: usize) -> Option<(&str, usize)> {
    let line = whole[start..].lines().next()?;
    let word = line.get(..9).filter(|word| word.eq_ignore_ascii_case("DELIMITER"))?;
    let rest = &line[word.len()..];
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    Some((rest.split_whitespace().next().unwrap_or_default(), start + line.len()))
}

/// Reads a statement up to its semicolon; gives its range, where the next may begin, and its verb.
fn plain(whole: &str, start: usize, dialect: &Dialect) -> (Range<usize>, usize, Verb) {
    match lex::split(&whole[start..], dialect).next() {
        Some(span) => (start + span.start..start + span.end, start + span.end, span.verb),
        None => (start..start, whole.len(), Verb::Other),
    }
}

/// Reads a statement up to a delimiter of the file's own, which counts outside of strings, quoted names and comments.
fn delimited(whole: &str, start: usize, delimiter: &str, dialect: &Dialect) -> (Range<usize>, usize, Verb) {
    let rest = &whole[start..];
    let mut end = None;
    let mut last = 0;
    for token in Tokens::new(rest, dialect.lexing) {
        let quoted = matches!(
            token.kind,
            TokenKind::String | TokenKind::QuotedIdentifier | TokenKind::Comment | TokenKind::Unterminated(_)
        );
        if !quoted {
            // The delimiter may be part of a word for the lexer (`END$$`), and several tokens long.
            let found = rest[token.start..].find(delimiter).map(|found| token.start + found);
            if let Some(found) = found.filter(|found| *found < token.end) {
                end = Some(found);
                if found > token.start && !token.kind.is_blank() {
                    last = found;
                }
                break;
            }
        }
        if !token.kind.is_blank() {
            last = token.end;
        }
    }
    let next = end.map_or(whole.len(), |end| start + end + delimiter.len());
    let verb = lex::split(&rest[..last], dialect).next().map_or(Verb::Other, |span| span.verb);
    (start..start + last, next, verb)
}

/// Refuses a statement that is not closed, or that only a client's program understands.
fn check(text: &Text, range: &Range<usize>, verb: Verb, dialect: &Dialect) -> Result<()> {
    let sql = &text.text[range.clone()];
    let wrong =
        |offset: usize, message: String| Error::new(ErrorKind::Source, message).at(text.place(range.start + offset));
    if let Some(nul) = sql.find('\0') {
        return Err(wrong(nul, "a NUL character".to_owned()));
    }
    if sql.starts_with('\\') {
        return Err(wrong(0, "a command of psql is not SQL".to_owned()).with_hint("leave it out"));
    }
    let mut stdin = false;
    for token in Tokens::new(sql, dialect.lexing) {
        if let TokenKind::Unterminated(what) = token.kind {
            return Err(wrong(token.start, format!("a {what} that is not closed")));
        }
        stdin |= token.kind == TokenKind::Word && token.text(sql).eq_ignore_ascii_case("STDIN");
    }
    if verb == Verb::Copy && stdin {
        return Err(wrong(0, "COPY FROM STDIN needs a client that sends the rows".to_owned())
            .with_hint("write INSERT, or dump with --inserts"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, dialect: &Dialect) -> std::result::Result<Vec<String>, String> {
        let text = Text::new("up.sql", text);
        let statements = split(&text, 0..text.text.len(), dialect).map_err(|error| error.to_string())?;
        Ok(statements.into_iter().map(|statement| text.text[statement.range].to_owned()).collect())
    }

    #[test]
    fn delimiters_part_stored_programs() {
        let text = "CREATE TABLE t (a INT);\r\nDELIMITER //\r\n-- a trigger; here\r\n\
            CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = '//'; END//\r\n\
            delimiter $$\nCREATE PROCEDURE p() BEGIN SELECT 1; END$$\n\nSELECT 2 $$\nDELIMITER ;\nSELECT 3; SELECT 4";
        assert_eq!(
            cut(text, &Dialect::MARIADB).unwrap(),
            [
                "CREATE TABLE t (a INT)",
                "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = '//'; END",
                "CREATE PROCEDURE p() BEGIN SELECT 1; END",
                "SELECT 2",
                "SELECT 3",
                "SELECT 4",
            ]
        );
    }

    #[test]
    fn a_delimiter_of_semicolons_and_one_that_never_comes() {
        assert_eq!(
            cut("DELIMITER ;;\nSELECT 1; SELECT 2;;\nDELIMITER ;", &Dialect::MYSQL).unwrap(),
            ["SELECT 1; SELECT 2"]
        );
        assert_eq!(cut("DELIMITER //\nSELECT 1; -- end\n", &Dialect::MYSQL).unwrap(), ["SELECT 1;"]);
        assert_eq!(cut("DELIMITER //\n//\n//\n", &Dialect::MYSQL).unwrap(), [""; 0]);
    }

    #[test]
    fn a_mode_that_is_set_says_how_what_follows_is_read() {
        let text = "SELECT 'a\\';b'; SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; SELECT 'a\\'; \
            SET @@sql_mode := ''; SELECT 'a\\';b'";
        let cut = cut(text, &Dialect::MARIADB).unwrap();
        assert_eq!(
            (cut.len(), &*cut[0], &*cut[2], &*cut[4]),
            (5, "SELECT 'a\\';b'", "SELECT 'a\\'", "SELECT 'a\\';b'")
        );
    }

    #[test]
    fn only_mysql_knows_delimiters() {
        assert_eq!(cut("DELIMITER //\nSELECT 1", &Dialect::SQLITE).unwrap(), ["DELIMITER //\nSELECT 1"]);
        assert_eq!(cut("SELECT delimiter\n FROM t; SELECT 1", &Dialect::MYSQL).unwrap().len(), 2);
    }

    #[test]
    fn bodies_and_quotes_hold_semicolons() {
        let text = "CREATE FUNCTION f() RETURNS int AS $$ BEGIN; END; $$ LANGUAGE plpgsql; SELECT ';' -- ;\n;;";
        assert_eq!(cut(text, &Dialect::POSTGRES).unwrap().len(), 2);
        assert_eq!(cut("-- nothing\n;\n/* ; */", &Dialect::POSTGRES).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_not_closed_is_refused_where_it_opens() {
        for (text, error) in [
            ("SELECT 1;\nSELECT 'a;\n", "up.sql:2:8: a string that is not closed"),
            ("SELECT $x$ 1", "up.sql:1:8: a dollar-quoted string that is not closed"),
            ("SELECT \"a", "up.sql:1:8: a quoted identifier that is not closed"),
            ("\\connect x", "up.sql:1:1: a command of psql is not SQL (leave it out)"),
            (
                "COPY t FROM stdin;\n1\n\\.\n",
                "up.sql:1:1: COPY FROM STDIN needs a client that sends the rows (write INSERT, or dump with --inserts)",
            ),
        ] {
            assert_eq!(cut(text, &Dialect::POSTGRES).unwrap_err(), error);
        }
    }
}
