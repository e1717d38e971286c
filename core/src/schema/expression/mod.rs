//! One spelling for the expressions that engines hand back rewritten.
//!
//! PostgreSQL and MariaDB parse a check or a predicate and write it anew: with parentheses around every part, casts on
//! literals, keywords in another case, `IN` as `= ANY (ARRAY[…])`. The normal form reads an expression by the precedence of
//! its operators and writes it with all parentheses, so that both spellings come out the same. It is only ever compared,
//! never run. An expression that this small grammar does not cover keeps its tokens, with one blank between them.

mod words;

use self::words::{is_operator, words};
use crate::dialect::{Dialect, Flavor};

/// Gives the normal form of an expression.
pub(super) fn normal(sql: &str, dialect: &Dialect) -> String {
    let words = words(sql, dialect);
    let mut reader = Reader { words: &words, at: 0, postgres: dialect.flavor == Flavor::Postgres, last: None };
    match reader.expression(0) {
        Some(tree) if reader.at == words.len() => tree,
        _ => words.join(" "),
    }
}

struct Reader<'w> {
    words: &'w [String],
    at: usize,
    postgres: bool,
    /// The last operation with two sides: left, operator, right.
    last: Option<(String, String, String)>,
}

const OPPOSITES: [(&str, &str); 6] = [("=", "<>"), ("<>", "="), ("<", ">="), (">=", "<"), (">", "<="), ("<=", ">")];

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const OTHER: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;
const SIGN: u8 = 9;

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<&str> {
        let word = self.words.get(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Reads an expression whose operators bind at least as strongly as `least`.
    fn expression(&mut self, least: u8) -> Option<String> {
        let mut left = match self.peek() {
            "not" => {
                self.at += 1;
                self.negated()?
            }
            sign @ ("-" | "+" | "~") => {
                let sign = sign.to_owned();
                self.at += 1;
                let operand = self.expression(SIGN)?;
                // A negative number is one constant, whether or not an engine puts parentheses around it.
                if operand.starts_with(|c: char| c.is_ascii_digit()) {
                    sign + &operand
                } else {
                    format!("({sign} {operand})")
                }
            }
            _ => self.primary()?,
        };
        loop {
            left = match self.suffix(left, least)? {
                Step::More(tree) => tree,
                Step::Done(tree) => return Some(tree),
            };
        }
    }

    /// Reads what stands after NOT. MariaDB turns the comparison round instead.
    fn negated(&mut self) -> Option<String> {
        let inner = self.expression(NOT)?;
        if let Some((left, operator, right)) = &self.last
            && inner == format!("({left} {operator} {right})")
            && let Some((_, other)) = OPPOSITES.iter().find(|(one, _)| one == operator)
        {
            return Some(format!("({left} {other} {right})"));
        }
        Some(format!("(not {inner})"))
    }

    fn suffix(&mut self, left: String, least: u8) -> Option<Step> {
        let word = self.peek().to_owned();
        let binding = match word.as_str() {
            "or" => OR,
            "and" => AND,
            "=" | "<" | ">" | "<=" | ">=" | "<>" | "is" | "in" | "not" | "like" | "ilike" | "between" => COMPARE,
            "+" | "-" => SUM,
            "*" | "/" | "%" => PRODUCT,
            "at" => OTHER,
            other if is_operator(other) && other != "::" => OTHER,
            _ => return Some(Step::Done(left)),
        };
        if binding < least {
            return Some(Step::Done(left));
        }
        self.at += 1;
        let tree = match word.as_str() {
            "is" => {
                let not = if self.take("not") { "not " } else { "" };
                format!("({left} is {not}{})", self.expression(COMPARE + 1)?)
            }
            "not" => {
                let inner = match self.suffix(left, COMPARE)? {
                    Step::More(tree) => tree,
                    Step::Done(_) => return None,
                };
                format!("(not {inner})")
            }
            "in" => format!("({left} in {})", self.arguments("(", ")")?),
            "between" => {
                let low = self.expression(COMPARE + 1)?;
                if !self.take("and") {
                    return None;
                }
                let high = self.expression(COMPARE + 1)?;
                // PostgreSQL keeps it in this form.
                format!("(({left} >= {low}) and ({left} <= {high}))")
            }
            "at" => {
                if !(self.take("time") && self.take("zone")) {
                    return None;
                }
                format!("({left} at time zone {})", self.expression(OTHER + 1)?)
            }
            "=" if self.take("any") => format!("({left} in {})", self.any()?),
            operator => {
                let right = self.expression(binding + 1)?;
                let tree = format!("({left} {operator} {right})");
                self.last = Some((left, operator.to_owned(), right));
                tree
            }
        };
        Some(Step::More(tree))
    }

    /// Reads `(ARRAY[…])` after `= ANY`, with or without casts, as the list of an IN.
    fn any(&mut self) -> Option<String> {
        let mut open = 0;
        while self.take("(") {
            open += 1;
        }
        if !self.take("array") {
            return None;
        }
        let list = self.arguments("[", "]")?;
        for _ in 0..open {
            self.casts();
            if !self.take(")") {
                return None;
            }
        }
        Some(list)
    }

    /// Reads a list of expressions between two words.
    fn arguments(&mut self, open: &str, close: &str) -> Option<String> {
        if !self.take(open) {
            return None;
        }
        let mut list = Vec::new();
        while !self.take(close) {
            if !list.is_empty() && !self.take(",") {
                return None;
            }
            list.push(self.expression(0)?);
        }
        Some(format!("({})", list.join(", ")))
    }

    fn primary(&mut self) -> Option<String> {
        let first = self.next()?.to_owned();
        let starts = first.chars().next()?;
        let mut tree = if first == "(" {
            let inner = self.expression(0)?;
            if !self.take(")") {
                return None;
            }
            inner
        } else if starts.is_alphabetic() || starts == '_' || starts == '"' {
            if first == "case" || self.peek().starts_with('\'') {
                return None; // `CASE … END` and typed literals keep their tokens.
            }
            let mut name = first;
            while self.take(".") {
                name = format!("{name}.{}", self.next()?);
            }
            if self.peek() == "(" { name + &self.arguments("(", ")")? } else { name }
        } else if starts == '\'' || starts.is_ascii_digit() {
            first
        } else {
            return None;
        };
        let literal = tree.ends_with('\'') || tree.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let casts = self.casts();
        if let Some(number) = casts.first().and_then(|cast| negative(&tree, cast)) {
            return Some(number);
        }
        // PostgreSQL names the type of every literal, and of a varchar that is compared as text.
        let silent = literal || casts.iter().all(|cast| cast == "text");
        if !silent {
            tree = format!("{tree}::{}", casts.join("::"));
        }
        Some(tree)
    }

    /// Reads the casts that follow, `::type`.
    fn casts(&mut self) -> Vec<String> {
        let mut casts = Vec::new();
        while self.postgres && self.take("::") {
            let mut ty = String::new();
            while self.peek().starts_with(|c: char| c.is_alphabetic() || c == '"') && !is_clause(self.peek()) {
                if !ty.is_empty() {
                    ty.push(' ');
                }
                let word = self.peek().to_owned();
                self.at += 1;
                ty += &word;
                if self.take(".") {
                    ty.push('.');
                }
            }
            if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == ty) {
                (*name).clone_into(&mut ty);
            }
            for (open, close) in [("(", ")"), ("[", "]")] {
                while self.peek() == open {
                    match self.arguments(open, close) {
                        Some(list) => ty += &list,
                        None => return casts,
                    }
                }
            }
            casts.push(ty);
        }
        casts
    }
}

/// PostgreSQL's short names of types, and those that it reports.
const ALIASES: [(&str, &str); 12] = [
    ("bool", "boolean"),
    ("decimal", "numeric"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("int", "integer"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("time", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("varchar", "character varying"),
];

/// Gives the number of `'-1'::integer`, as PostgreSQL writes one below zero.
fn negative(literal: &str, cast: &str) -> Option<String> {
    let types = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    let digits = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    (types.contains(&cast) && digits.starts_with('-')).then(|| digits.to_owned())
}

fn is_clause(word: &str) -> bool {
    ["and", "or", "not", "in", "is", "like", "ilike", "between", "collate", "at"].contains(&word)
}

enum Step {
    More(String),
    Done(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(dialect: &Dialect, written: &str, reported: &str) {
        assert_eq!(normal(written, dialect), normal(reported, dialect));
    }

    #[test]
    fn postgresql_spelling_is_undone() {
        let dialect = &Dialect::POSTGRES;
        same(dialect, r#""Mood" IN ('sad', 'ok')"#, r#"("Mood" = ANY (ARRAY['sad'::text, 'ok'::text]))"#);
        same(
            dialect,
            "kind IN ('a', 'b')",
            "((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
        );
        same(dialect, "a > 0 AND b < 10 OR c IS NOT NULL", "(((a > 0) AND (b < 10)) OR (c IS NOT NULL))");
        same(dialect, "price BETWEEN 1 AND 5", "((price >= 1) AND (price <= 5))");
        same(dialect, "lower(name) <> ''", "(lower(name) <> ''::text)");
        same(dialect, "price * 2 + 1", "((price * 2) + 1)");
        same(dialect, "price > -1", "(price > '-1'::integer)");
        same(dialect, "price > -1.5", "(price > '-1.5'::numeric)");
        same(dialect, r"path <> E'a\\b'", r"(path <> 'a\b'::text)");
        same(dialect, "(now() AT TIME ZONE 'UTC')", "(now() AT TIME ZONE 'UTC'::text)");
    }

    #[test]
    fn mariadb_spelling_is_undone() {
        let dialect = &Dialect::MARIADB;
        same(dialect, "`Mood` IN ('it''s', 'ok')", r"`Mood` in ('it\'s','ok')");
        same(dialect, "a > 0 AND B < 10", "`a` > 0 and `b` < 10");
        same(dialect, "NOT (price < -5)", "`price` >= -5");
        same(dialect, "kind in (_utf8mb4 X'615C62', 'c')", r"(`kind` in ('a\\b','c'))");
        same(dialect, "kind in (_utf8mb4 X'615C62', 'c')", r"(`kind` in (0x615c62,_utf8mb4'c'))");
    }

    #[test]
    fn meaning_is_kept_apart() {
        for dialect in [&Dialect::POSTGRES, &Dialect::SQLITE, &Dialect::MARIADB] {
            assert_ne!(normal("(a + b) * c", dialect), normal("a + b * c", dialect));
            assert_ne!(normal("a OR b AND c", dialect), normal("(a OR b) AND c", dialect));
            assert_ne!(normal("a = 'X'", dialect), normal("a = 'x'", dialect));
            assert_ne!(normal("NOT a = b", dialect), normal("(NOT a) = b", dialect));
            assert_ne!(normal("a - (b - c)", dialect), normal("a - b - c", dialect));
        }
        let dialect = &Dialect::POSTGRES;
        assert_ne!(normal(r#""Name" > 0"#, dialect), normal("Name > 0", dialect));
        same(dialect, "a::int4 = 1", "((a)::integer = 1)");
        assert_ne!(normal("a::int4 = 1", dialect), normal("a::int8 = 1", dialect));
    }

    #[test]
    fn unknown_grammar_keeps_its_tokens() {
        let dialect = &Dialect::SQLITE;
        assert_eq!(normal("CASE  WHEN a THEN 1 END", dialect), "case when a then 1 end");
        assert_eq!(normal("", dialect), "");
    }
}
