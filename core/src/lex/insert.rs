//! Finds the row of values of an INSERT, for drivers that write many rows into one statement.

use std::ops::Range;

use super::statement::Lexed;
use super::token::{ParamStyle, Token, TokenKind};
use super::tokens::Tokens;
use super::verb::Verb;
use crate::dialect::{Dialect, Flavor, Placeholder};

/// The parts of an `INSERT … VALUES (…)` of one row whose parameters all stand in that row.
///
/// The row's expressions are simple enough that inserting many rows by one statement stores what inserting them one by one
/// does: parameters, literals, operators and casts. Nothing in it calls a function or reads a table, where the rows that were
/// inserted before it would make a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertRow<'l> {
    native: &'l str,
    /// Where `VALUES` begins.
    values: usize,
    /// The row with its parentheses.
    row: Range<usize>,
    parameters: Vec<RowParameter>,
}

/// A parameter of an [`InsertRow`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowParameter {
    /// Where it stands in the native text.
    pub range: Range<usize>,
    /// Its index among the server's parameters.
    pub native: usize,
}

impl<'l> InsertRow<'l> {
    /// Finds the row in a statement; `None` where the statement is of another kind, or may be.
    ///
    /// The dialect is the one by which it was lexed. It takes a pass over the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use oarlock_core::Dialect;
    /// use oarlock_core::lex::{InsertRow, lex};
    ///
    /// let lexed = lex("INSERT INTO user (id, name) VALUES (?, ?) RETURNING id", &Dialect::MARIADB)?;
    /// let row = InsertRow::of(&lexed, &Dialect::MARIADB).expect("a row of parameters");
    /// assert_eq!((row.head(), row.values(), row.tail()), ("INSERT INTO user (id, name) ", "?, ?", " RETURNING id"));
    ///
    /// let lexed = lex("INSERT INTO user SELECT ?, ?", &Dialect::MARIADB)?;
    /// assert_eq!(InsertRow::of(&lexed, &Dialect::MARIADB), None);
    /// # Ok::<(), oarlock_core::Error>(())
    /// ```
    #[must_use]
    pub fn of(lexed: &'l Lexed, dialect: &Dialect) -> Option<Self> {
        let marked = matches!(dialect.placeholder, Placeholder::Dollar | Placeholder::Question);
        if !marked || !matches!(lexed.verb(), Verb::Insert | Verb::Replace) || lexed.slots().is_empty() {
            return None;
        }
        Reader { native: lexed.native(), dialect, tokens: Tokens::new(lexed.native(), dialect.lexing), count: 0 }.read()
    }

    /// Gives what stands before `VALUES`.
    #[must_use]
    pub fn head(&self) -> &'l str {
        &self.native[..self.values]
    }

    /// Gives the row's values, without the parentheses around them.
    #[must_use]
    pub fn values(&self) -> &'l str {
        &self.native[self.row.start + 1..self.row.end - 1]
    }

    /// Gives what stands after the row.
    #[must_use]
    pub fn tail(&self) -> &'l str {
        &self.native[self.row.end..]
    }

    /// Gives the parameters in the order in which they stand in the row; one may stand there more than once.
    #[must_use]
    pub fn parameters(&self) -> &[RowParameter] {
        &self.parameters
    }

    /// Writes the row's values, without the parentheses around them, with something else for each parameter.
    pub fn rewrite(&self, mut parameter: impl FnMut(usize) -> String) -> String {
        let mut values = String::with_capacity(self.row.len());
        let mut from = self.row.start + 1;
        for RowParameter { range, native } in &self.parameters {
            values.push_str(&self.native[from..range.start]);
            values.push_str(&parameter(*native));
            from = range.end;
        }
        values.push_str(&self.native[from..self.row.end - 1]);
        values
    }
}

struct Reader<'l, 'd> {
    native: &'l str,
    dialect: &'d Dialect,
    tokens: Tokens<'l>,
    /// How many marks without a number were met.
    count: usize,
}

impl<'l> Reader<'l, '_> {
    fn next(&mut self) -> Option<(Token, &'l str)> {
        let token = self.tokens.find(|token| !token.kind.is_blank())?;
        Some((token, token.text(self.native)))
    }

    fn read(mut self) -> Option<InsertRow<'l>> {
        // Behind WITH, the row may name what is defined there.
        let (_, first) = self.next()?;
        if !one_of(first, &["INSERT", "REPLACE"]) {
            return None;
        }
        let values = self.head()?;
        let (open, _) = self.next().filter(|(_, text)| *text == "(")?;
        let mut parameters = Vec::new();
        let close = self.row(&mut parameters)?;
        self.tail()?;
        (!parameters.is_empty()).then_some(InsertRow {
            native: self.native,
            values: values.start,
            row: open.start..close.end,
            parameters,
        })
    }

    /// Reads up to the keyword before the row.
    fn head(&mut self) -> Option<Token> {
        let mut depth = 0_usize;
        loop {
            let (token, text) = self.next()?;
            match (token.kind, text) {
                (TokenKind::Symbol, "(") => depth += 1,
                (TokenKind::Symbol, ")") => depth = depth.checked_sub(1)?,
                (TokenKind::Word, _) if depth == 0 && self.opens_row(text) => return Some(token),
                (TokenKind::Word, _) if one_of(text, &["SELECT", "SET", "TABLE", "WITH"]) => return None,
                (TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::Symbol, _) => {}
                _ => return None,
            }
        }
    }

    fn opens_row(&self, word: &str) -> bool {
        one_of(word, &["VALUES"]) || (self.dialect.flavor == Flavor::MySql && one_of(word, &["VALUE"]))
    }

    /// Reads the row behind its opening parenthesis, and gives the closing one.
    fn row(&mut self, parameters: &mut Vec<RowParameter>) -> Option<Token> {
        let mut depth = 0_usize;
        // The name of a type may have parentheses; behind any other they mean a call.
        let mut in_type = false;
        let mut callable = false;
        loop {
            let (token, text) = self.next()?;
            match token.kind {
                TokenKind::Placeholder(style) => {
                    parameters.push(RowParameter { range: token.range(), native: self.number(style, text)? });
                    (in_type, callable) = (false, false);
                }
                TokenKind::Symbol if text == "(" => {
                    if callable {
                        return None;
                    }
                    depth += 1;
                    in_type = false;
                }
                TokenKind::Symbol if text == ")" => match depth.checked_sub(1) {
                    Some(outer) => {
                        depth = outer;
                        (in_type, callable) = (false, false);
                    }
                    None => return Some(token),
                },
                TokenKind::Symbol if text == ":=" => return None,
                TokenKind::Symbol => {
                    in_type = text == "::" || in_type && text == ".";
                    callable = false;
                }
                TokenKind::Word if self.refuses(text) => return None,
                TokenKind::Word => {
                    in_type |= one_of(text, &["AS"]);
                    callable = !in_type && !one_of(text, &["CAST", "COALESCE", "NULLIF"]);
                }
                TokenKind::QuotedIdentifier => callable = !in_type,
                TokenKind::Number | TokenKind::String => (in_type, callable) = (false, false),
                _ => return None,
            }
        }
    }

    /// Tells words that read a table, and DEFAULT where it stands in rows of VALUES only.
    fn refuses(&self, word: &str) -> bool {
        one_of(word, &["SELECT", "WITH", "VALUES", "TABLE"])
            || (self.dialect.flavor != Flavor::MySql && one_of(word, &["DEFAULT"]))
    }

    /// Reads which of the server's parameters a mark is.
    fn number(&mut self, style: ParamStyle, text: &str) -> Option<usize> {
        match (self.dialect.placeholder, style) {
            (Placeholder::Dollar, ParamStyle::Numbered) => text[1..].parse::<usize>().ok()?.checked_sub(1),
            (Placeholder::Question, ParamStyle::Question) => {
                self.count += 1;
                Some(self.count - 1)
            }
            // An operator of the server's, such as PostgreSQL's `?`.
            _ => None,
        }
    }

    /// Reads what follows the row: nothing, or clauses without parameters. Another row is not among them.
    fn tail(&mut self) -> Option<()> {
        let mut is_first = true;
        while let Some((token, text)) = self.next() {
            match token.kind {
                TokenKind::Word if !is_first || one_of(text, &["ON", "RETURNING", "AS"]) => {}
                TokenKind::QuotedIdentifier | TokenKind::Symbol | TokenKind::Number | TokenKind::String
                    if !is_first => {}
                _ => return None,
            }
            is_first = false;
        }
        Some(())
    }
}

fn one_of(word: &str, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Result;
    use crate::lex::lex;

    fn rewritten(sql: &str, dialect: &Dialect) -> Result<Option<String>> {
        let lexed = lex(sql, dialect)?;
        Ok(InsertRow::of(&lexed, dialect)
            .map(|row| format!("{}<{}>{}", row.head(), row.rewrite(|native| format!("p{native}")), row.tail())))
    }

    #[test]
    fn a_row_of_values_is_found() -> Result<()> {
        for (sql, expected) in [
            ("INSERT INTO t (a, b) VALUES (?, ?)", "INSERT INTO t (a, b) <p0, p1>"),
            ("insert into t values($2,$1)", "insert into t <p1,p0>"),
            ("INSERT INTO t VALUES (:a, :b, :a);", "INSERT INTO t <p0, p1, p0>"),
            (
                "INSERT INTO \"VALUES (\" -- VALUES (?)\n (a) VALUES /* ( */ (?) ON CONFLICT DO NOTHING RETURNING a",
                "INSERT INTO \"VALUES (\" -- VALUES (?)\n (a) <p0> ON CONFLICT DO NOTHING RETURNING a",
            ),
            (
                "INSERT INTO t VALUES (?::numeric(10, 2), CAST(? AS varchar(3)))",
                "INSERT INTO t <p0::numeric(10, 2), CAST(p1 AS varchar(3))>",
            ),
            (
                "INSERT INTO t VALUES (?::character varying(3) || ')', 1 + ?)",
                "INSERT INTO t <p0::character varying(3) || ')', 1 + p1>",
            ),
            (
                "INSERT INTO t VALUES (?::\"my\".\"type\"(3), (?), now)",
                "INSERT INTO t <p0::\"my\".\"type\"(3), (p1), now>",
            ),
            (
                "INSERT INTO t VALUES (COALESCE(?, NULLIF(?, 'x')), NULL, TRUE)",
                "INSERT INTO t <COALESCE(p0, NULLIF(p1, 'x')), NULL, TRUE>",
            ),
            (
                "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (?, DATE '2024-01-01')",
                "INSERT INTO t OVERRIDING SYSTEM VALUE <p0, DATE '2024-01-01'>",
            ),
        ] {
            assert_eq!(rewritten(sql, &Dialect::POSTGRES)?.as_deref(), Some(expected), "{sql}");
        }
        for (sql, expected) in [
            ("INSERT IGNORE INTO `t` VALUE (?, DEFAULT)", "INSERT IGNORE INTO `t` <p0, DEFAULT>"),
            ("REPLACE INTO t VALUES (?, a + 1)", "REPLACE INTO t <p0, a + 1>"),
            (
                "INSERT INTO t VALUES (:a, :a) AS n ON DUPLICATE KEY UPDATE a = n.a",
                "INSERT INTO t <p0, p1> AS n ON DUPLICATE KEY UPDATE a = n.a",
            ),
            (
                "INSERT INTO t VALUES (?, 'it''s \\' (') ON DUPLICATE KEY UPDATE a = VALUES(a)",
                "INSERT INTO t <p0, 'it''s \\' ('> ON DUPLICATE KEY UPDATE a = VALUES(a)",
            ),
        ] {
            assert_eq!(rewritten(sql, &Dialect::MARIADB)?.as_deref(), Some(expected), "{sql}");
        }
        Ok(())
    }

    #[test]
    fn what_may_depend_on_the_rows_before_it_is_left_alone() -> Result<()> {
        for sql in [
            "INSERT INTO t SELECT ?",
            "INSERT INTO t (a) (SELECT ?)",
            "INSERT INTO t VALUES (?), (?)",
            "INSERT INTO t VALUES (?), (1)",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES ((SELECT max(a) FROM t WHERE b = ?))",
            "INSERT INTO t VALUES (?, next_number())",
            "INSERT INTO t VALUES (?, \"lower\"('A'))",
            "INSERT INTO t VALUES (lower(?))",
            "INSERT INTO t VALUES (?::text || lower('A'))",
            "INSERT INTO t VALUES (?, DEFAULT)",
            "INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET b = ?",
            "INSERT INTO values (a) VALUES (?)",
            "INSERT INTO t VALUES (? ?? 'a')",
            "INSERT INTO t DEFAULT VALUES",
            "WITH w AS (SELECT 1 AS a) INSERT INTO t VALUES (?)",
            "UPDATE t SET a = ? WHERE b IN (VALUES (?))",
            "MERGE INTO t USING (VALUES (?)) AS s (a) ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        ] {
            assert_eq!(rewritten(sql, &Dialect::POSTGRES)?, None, "{sql}");
        }
        for sql in [
            "INSERT INTO t SET a = ?",
            "INSERT INTO t VALUES (?, @n := @n + 1)",
            "INSERT INTO t VALUES (?, @n)",
            "INSERT INTO t VALUES (?, DEFAULT(a))",
            "INSERT INTO t VALUES (?, LAST_INSERT_ID())",
            "INSERT INTO t VALUES (? /*! + 1 */)",
            "INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = ?",
            "INSERT INTO t VALUES ROW(?)",
        ] {
            assert_eq!(rewritten(sql, &Dialect::MARIADB)?, None, "{sql}");
        }
        assert_eq!(rewritten("INSERT INTO t VALUES (?)", &Dialect::SQLITE)?, None);
        Ok(())
    }

    proptest! {
        #[test]
        fn the_parts_are_the_statement(
            sql in r#"INSERT INTO t( \(a\))? VALUES( |--\n|/\*\(\*/)\(([?(),'"`:. a1-]|::|AS |\n){0,24}\)( RETURNING [a(),?]{0,6})?"#,
        ) {
            for dialect in [Dialect::POSTGRES, Dialect::MARIADB] {
                if let Ok(lexed) = lex(&sql, &dialect)
                    && let Some(row) = InsertRow::of(&lexed, &dialect)
                {
                    let native = lexed.native();
                    prop_assert!(native.starts_with(row.head()) && native.ends_with(row.tail()));
                    prop_assert!(native[row.head().len()..].starts_with("VALUES"));
                    let mut marks = 0;
                    let same = row.rewrite(|native| {
                        marks += 1;
                        if dialect == Dialect::POSTGRES { format!("${}", native + 1) } else { "?".to_owned() }
                    });
                    prop_assert_eq!(&same, row.values());
                    // Every parameter is in the row.
                    prop_assert_eq!(marks, Tokens::new(native, dialect.lexing).filter(|token| matches!(token.kind, TokenKind::Placeholder(_))).count());
                }
            }
        }
    }
}
