//! A statement's text as it may be logged: what it does and to what, and no value.

use crate::lex::{Lexing, Token, TokenKind, Tokens};

/// The longest text that is told; what comes after it is left out.
const LONGEST_TEXT: usize = 4096;
/// The longest summary, as the conventions have it.
const LONGEST_SUMMARY: usize = 255;

/// Writes a statement with `?` for every literal, without its comments, and with a blank for every run of white space.
///
/// What is not closed may be a literal's half, and counts as one.
pub(super) fn sanitized(sql: &str, lexing: Lexing) -> String {
    let mut out = String::with_capacity(sql.len().min(LONGEST_TEXT));
    let mut blank = false;
    for token in Tokens::new(sql, lexing) {
        if token.kind.is_blank() {
            blank = true;
            continue;
        }
        let before = if std::mem::take(&mut blank) && !out.is_empty() { " " } else { "" };
        let text = if is_literal(token.kind) { "?" } else { token.text(sql) };
        if out.len() + before.len() + text.len() > LONGEST_TEXT {
            out.push('…');
            break;
        }
        out.push_str(before);
        out.push_str(text);
    }
    out
}

fn is_literal(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::String | TokenKind::Number | TokenKind::Unterminated(_))
}

/// What a text does, in few words, so that many statements have the same: the operations and the tables that each names, as
/// they are written (`SELECT city`, `INSERT audit SELECT city`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) text: String,
    /// The length of the first operation.
    operation: usize,
}

impl Summary {
    /// Gives the first operation.
    pub(super) fn operation(&self) -> Option<&str> {
        Some(&self.text[..self.operation]).filter(|operation| !operation.is_empty())
    }

    pub(super) fn of(sql: &str, lexing: Lexing) -> Self {
        let mut reader = Reader { sql, ..Reader::default() };
        for token in Tokens::new(sql, lexing).filter(|token| !token.kind.is_blank()) {
            reader.feed(token);
            if reader.out.text.len() >= LONGEST_SUMMARY {
                break;
            }
        }
        reader.out
    }
}

/// Reads the tokens of a text that are not blank.
#[derive(Default)]
struct Reader<'s> {
    sql: &'s str,
    out: Summary,
    before: &'s str,
    /// For each bracket that is open, and outside of all: whether a query stands in it, whose FROM names a table.
    queries: Vec<bool>,
    next: Next,
}

/// What is expected.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A statement.
    #[default]
    Statement,
    /// What a statement of DDL is about: `TABLE`, `INDEX`.
    Object,
    /// A table's name.
    Name,
    /// More of the name, after its dot.
    NamePart,
    /// Nothing of interest.
    Any,
}

impl<'s> Reader<'s> {
    fn feed(&mut self, token: Token) {
        let text = token.text(self.sql);
        match token.kind {
            TokenKind::Semicolon => {
                self.queries.clear();
                self.next = Next::Statement;
            }
            TokenKind::Symbol if text == "(" => {
                self.queries.push(false);
                self.next = if self.next == Next::Statement { Next::Statement } else { Next::Any };
            }
            TokenKind::Symbol if text == ")" => {
                self.queries.pop();
                self.next = Next::Any;
            }
            TokenKind::Symbol if text == "." && self.next == Next::NamePart => {
                self.push_part(text);
                self.next = Next::Name;
            }
            TokenKind::Word => self.word(text),
            TokenKind::QuotedIdentifier if self.next == Next::Name => self.name(text),
            _ => self.next = Next::Any,
        }
        self.before = text;
    }

    fn word(&mut self, word: &'s str) {
        let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        let after = |words: &[&str]| words.iter().any(|known| self.before.eq_ignore_ascii_case(known));
        match self.next {
            Next::Statement if is(&["WITH", "EXPLAIN"]) => self.next = Next::Any,
            Next::Statement => self.operation(word),
            Next::Object if is(&["TABLE", "VIEW"]) => {
                self.push(word);
                self.next = Next::Name;
            }
            // Their names come after words of their own.
            Next::Object
                if is(&["INDEX", "TRIGGER", "FUNCTION", "PROCEDURE", "DATABASE", "SCHEMA", "USER", "ROLE"]) =>
            {
                self.push(word);
                self.next = Next::Any;
            }
            Next::Object => {}
            Next::Name
                if is(&["IF", "NOT", "EXISTS", "ONLY", "LATERAL", "TABLE", "IGNORE", "OR", "ABORT", "REPLACE"]) => {}
            Next::Name if is(&["SELECT"]) => self.operation(word),
            Next::Name if is(&["INTO", "FROM"]) => {}
            Next::Name if is(&["STDIN", "STDOUT"]) => self.next = Next::Any,
            Next::Name => self.name(word),
            Next::NamePart | Next::Any => {
                self.next = Next::Any;
                if is(&["SELECT", "INSERT", "MERGE"]) || (is(&["UPDATE", "DELETE"]) && !after(&NO_VERB_AFTER)) {
                    self.operation(word);
                } else if is(&["JOIN", "INTO"]) || (is(&["FROM"]) && self.in_query() && !after(&["DISTINCT"])) {
                    self.next = Next::Name;
                }
            }
        }
    }

    fn in_query(&self) -> bool {
        self.queries.last().copied().unwrap_or(true)
    }

    fn operation(&mut self, word: &str) {
        if let Some(query) = self.queries.last_mut() {
            *query = true;
        }
        self.push(word);
        if self.out.operation == 0 {
            self.out.operation = self.out.text.len();
        }
        let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        self.next = if is(&["INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "CALL", "TRUNCATE", "COPY"]) {
            Next::Name
        } else if is(&["CREATE", "ALTER", "DROP"]) {
            Next::Object
        } else {
            Next::Any
        };
    }

    fn name(&mut self, name: &str) {
        if self.before == "." {
            self.push_part(name);
        } else {
            self.push(name);
        }
        self.next = Next::NamePart;
    }

    fn push(&mut self, word: &str) {
        let blank = usize::from(!self.out.text.is_empty());
        if self.out.text.len() + blank + word.len() <= LONGEST_SUMMARY {
            self.out.text.push_str(&" "[..blank]);
            self.out.text.push_str(word);
        }
    }

    fn push_part(&mut self, part: &str) {
        if self.out.text.len() + part.len() <= LONGEST_SUMMARY {
            self.out.text.push_str(part);
        }
    }
}

/// `FOR UPDATE`, `ON CONFLICT DO UPDATE`, `ON DUPLICATE KEY UPDATE`, `ON DELETE CASCADE`.
const NO_VERB_AFTER: [&str; 4] = ["FOR", "KEY", "DO", "ON"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    fn read(sql: &str) -> (String, Option<String>) {
        let summary = Summary::of(sql, Dialect::POSTGRES.lexing);
        (summary.text.clone(), summary.operation().map(str::to_owned))
    }

    #[test]
    fn no_literal_and_no_comment_is_left() {
        for (dialect, sql, told) in [
            (
                Dialect::POSTGRES,
                "SELECT *\n  FROM t -- 's3cret'\n WHERE a = 's3''cret' AND b = $1 AND c > -1.5e3",
                "SELECT * FROM t WHERE a = ? AND b = $1 AND c > -?",
            ),
            (
                Dialect::POSTGRES,
                "SELECT $$s3cret$$, E'\\'s3cret', U&'s3cret', x'00', \"a col\"",
                "SELECT ?, ?, ?, ?, \"a col\"",
            ),
            (Dialect::POSTGRES, "ALTER ROLE ada PASSWORD 's3cret'", "ALTER ROLE ada PASSWORD ?"),
            (Dialect::MYSQL, "SELECT \"s3cret\", 's3\\'cret', 0x5333, ? /* s3cret */ # s3cret", "SELECT ?, ?, ?, ?"),
            (Dialect::SQLITE, "SELECT [a col], 's3cret' LIMIT 10", "SELECT [a col], ? LIMIT ?"),
            (Dialect::SQLITE, "SELECT 's3cret", "SELECT ?"),
        ] {
            assert_eq!(sanitized(sql, dialect.lexing), told);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_tokens() {
        let sql = format!("SELECT 1 IN ({})", vec!["é"; 5000].join(", "));
        let told = sanitized(&sql, Dialect::POSTGRES.lexing);
        assert!(told.len() <= LONGEST_TEXT + '…'.len_utf8() && told.ends_with('…'), "{}", told.len());
        let summary = Summary::of(&"SELECT 1 FROM a_table_of_some_length; ".repeat(99), Dialect::POSTGRES.lexing);
        assert!(summary.text.len() <= LONGEST_SUMMARY, "{}", summary.text.len());
    }

    #[test]
    fn a_summary_names_operations_and_tables() {
        for (sql, told) in [
            ("SELECT * FROM city WHERE name = ?", "SELECT city"),
            ("select * from shop.\"Item\" i join tag t on t.item = i.id", "select shop.\"Item\" tag"),
            ("INSERT INTO audit (a) SELECT a FROM city", "INSERT audit SELECT city"),
            ("INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET a = 1", "INSERT t"),
            ("INSERT OR REPLACE INTO t VALUES (1)", "INSERT t"),
            ("UPDATE ONLY city SET people = ?", "UPDATE city"),
            ("DELETE FROM city WHERE id IN (SELECT id FROM gone)", "DELETE city SELECT gone"),
            ("SELECT id FROM t FOR UPDATE", "SELECT t"),
            ("SELECT EXTRACT(year FROM at), a IS DISTINCT FROM b FROM visit", "SELECT visit"),
            ("WITH x AS (SELECT * FROM t) SELECT * FROM x", "SELECT t SELECT x"),
            ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT a SELECT b"),
            ("CREATE TABLE IF NOT EXISTS t (a INT REFERENCES u (id) ON DELETE CASCADE)", "CREATE TABLE t"),
            ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX"),
            ("TRUNCATE TABLE t", "TRUNCATE t"),
            ("COPY city (name) FROM STDIN", "COPY city"),
            ("CALL grow(1)", "CALL grow"),
            ("SET search_path = x", "SET"),
            ("DROP TABLE a; INSERT INTO b VALUES (1)", "DROP TABLE a INSERT b"),
            ("SELECT 1", "SELECT"),
            ("-- nothing", ""),
        ] {
            assert_eq!(read(sql).0, told, "{sql}");
        }
        assert_eq!(read("select 1 from t").1.as_deref(), Some("select"));
        assert_eq!(read("  ").1, None);
    }
}
