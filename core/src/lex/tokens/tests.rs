use proptest::prelude::*;

use super::*;
use crate::Dialect;
use crate::lex::{lex, split};

const ALL: [Dialect; 4] = [Dialect::POSTGRES, Dialect::MYSQL, Dialect::MARIADB, Dialect::SQLITE];

fn kinds(sql: &str, dialect: &Dialect) -> Vec<(TokenKind, String)> {
    Tokens::new(sql, dialect.lexing)
        .filter(|token| token.kind != TokenKind::Space)
        .map(|token| (token.kind, token.text(sql).to_owned()))
        .collect()
}

fn texts(sql: &str, dialect: &Dialect) -> Vec<String> {
    kinds(sql, dialect).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_prefix_belongs_to_its_string() {
    use TokenKind::{QuotedIdentifier, String, Symbol, Word};
    for (dialect, sql, expected) in [
        (Dialect::POSTGRES, "E'\\''", vec![(String, "E'\\''")]),
        (Dialect::POSTGRES, "be'a'", vec![(Word, "be"), (String, "'a'")]),
        (Dialect::POSTGRES, "U&\"a\" u&'b'", vec![(QuotedIdentifier, "U&\"a\""), (String, "u&'b'")]),
        (Dialect::POSTGRES, "u &'b'", vec![(Word, "u"), (Symbol, "&"), (String, "'b'")]),
        (Dialect::POSTGRES, "'a'\n'b' 'c'", vec![(String, "'a'\n'b'"), (String, "'c'")]),
        (Dialect::MYSQL, "_utf8mb4 X'3F'", vec![(Word, "_utf8mb4"), (String, "X'3F'")]),
        (Dialect::MYSQL, "e'a'\n'b'", vec![(Word, "e"), (String, "'a'"), (String, "'b'")]),
        (Dialect::MYSQL, "N'\\''", vec![(String, "N'\\''")]),
        (Dialect::MYSQL, "\"a\"\"b\"", vec![(String, "\"a\"\"b\"")]),
        (Dialect::SQLITE, "x'3F'[a]", vec![(String, "x'3F'"), (QuotedIdentifier, "[a]")]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(kind, text)| (kind, text.to_owned())).collect();
        assert_eq!(kinds(sql, &dialect), expected, "{}", dialect.name);
    }
}

#[test]
fn variables_and_accounts_of_mysql() {
    assert_eq!(
        texts("@a.b$1 @@x @'q' u@localhost @ @:x", &Dialect::MYSQL),
        ["@a.b$1", "@@x", "@", "'q'", "u", "@localhost", "@", "@", ":x"]
    );
}

#[test]
fn dashes_and_stars_open_comments_where_the_server_says() {
    for (dialect, sql, expected) in [
        (Dialect::MYSQL, "1--1", vec!["1", "-", "-", "1"]),
        (Dialect::MYSQL, "1-- 1", vec!["1", "-- 1"]),
        (Dialect::POSTGRES, "1--1\r2", vec!["1", "--1", "2"]),
        (Dialect::SQLITE, "1--1\r2\n3", vec!["1", "--1\r2", "3"]),
        (Dialect::POSTGRES, "1*/*/**/*/2", vec!["1", "*", "/*/**/*/", "2"]),
        (Dialect::SQLITE, "1/*", vec!["1", "/", "*"]),
        (Dialect::SQLITE, "1/*2", vec!["1", "/*2"]),
        (Dialect::MYSQL, "/*!50100 a*/b*/", vec!["/*!50100", "a", "*/", "b", "*", "/"]),
    ] {
        assert_eq!(texts(sql, &dialect), expected, "{}", dialect.name);
    }
}

#[test]
fn a_byte_order_mark_is_space_at_the_beginning_and_on_sqlite_before_any_token() {
    for dialect in ALL {
        assert_eq!(texts("\u{FEFF}a\u{FEFF}", &dialect), ["a\u{FEFF}"]);
        let within = if dialect == Dialect::SQLITE { vec![";", "a"] } else { vec![";", "\u{FEFF}a"] };
        assert_eq!(texts(";\u{FEFF}a", &dialect), within, "{}", dialect.name);
    }
}

/// Texts of what makes a lexer stumble.
fn stumbling() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "'",
            "\"",
            "`",
            "[",
            "]",
            "\\",
            "$$",
            "$a$",
            "$1",
            "?",
            "??",
            ":a",
            ":",
            "::",
            ":=",
            "@",
            "@a",
            "--",
            "-",
            "#",
            "/*",
            "*/",
            "/*!",
            "/*M!",
            "/*!50100",
            "/*!999999",
            "\n",
            "\r",
            " ",
            ";",
            "(",
            ")",
            ",",
            "E'",
            "U&'",
            "U&\"",
            "x'",
            "1",
            "1e",
            "é",
            "\u{FEFF}",
            "\0",
            "BEGIN",
            "END",
            "CASE",
            "CREATE",
            "TRIGGER",
            "PROCEDURE",
            "IF",
            "NOT",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_byte_of_any_text_is_in_one_token(text in stumbling()) {
        for dialect in ALL {
            let mut end = 0;
            for token in Tokens::new(&text, dialect.lexing) {
                prop_assert_eq!(token.start, end);
                prop_assert!(token.end > token.start);
                prop_assert!(text.is_char_boundary(token.end));
                end = token.end;
            }
            prop_assert_eq!(end, text.len());
        }
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_within(text in stumbling()) {
        for dialect in ALL {
            match lex(&text, &dialect) {
                Ok(lexed) => {
                    prop_assert!(lexed.slots().iter().all(|slot| *slot < lexed.arity()));
                    prop_assert!(lexed.source_offset(lexed.native().len()) <= text.len());
                }
                Err(error) => prop_assert!(error.position().unwrap_or(0) <= text.len()),
            }
        }
    }

    #[test]
    fn statements_of_any_script_are_in_order_and_apart(text in stumbling()) {
        for dialect in ALL {
            let mut end = 0;
            for span in split(&text, &dialect) {
                prop_assert!(span.start >= end && span.end > span.start);
                prop_assert!(!span.text(&text).starts_with(|first: char| first.is_ascii_whitespace()));
                end = span.end;
            }
            prop_assert!(end <= text.len());
        }
    }

    #[test]
    fn a_text_without_parameters_is_its_own_native_text(text in stumbling()) {
        for dialect in ALL {
            if let Ok(lexed) = lex(&text, &dialect)
                && lexed.arity() == 0
                && !lexed.native().contains('?')
            {
                prop_assert!(text.contains(lexed.native()));
                // What stands beside a semicolon is read otherwise without it: behind it, a byte order mark is part of a word;
                // before it, two dashes open no comment of MySQL's, which cuts the semicolon off before it reads.
                let dashes = dialect.lexing.spaced_dash_comments && lexed.native().ends_with("--");
                if lexed.native().starts_with(BYTE_ORDER_MARK) || dashes {
                    continue;
                }
                let again = lex(lexed.native(), &dialect).map(|again| again.native().to_owned()).ok();
                prop_assert_eq!(again.as_deref(), Some(lexed.native()));
            }
        }
    }
}
