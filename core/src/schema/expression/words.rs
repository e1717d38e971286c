//! The words of an expression, each in one spelling.

use crate::dialect::{Dialect, Flavor};
use crate::lex::{TokenKind, Tokens};

/// Cuts an expression into words of one spelling: names as they are stored in double quotes unless they are plain,
/// keywords and plain names in lower case, operators of several characters whole.
pub(super) fn words(sql: &str, dialect: &Dialect) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut end = 0;
    let tokens: Vec<_> = Tokens::new(sql, dialect.lexing).filter(|token| !token.kind.is_blank()).collect();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let text = token.text(sql);
        match token.kind {
            // The introducer of a character set, which MySQL puts before the literals it writes.
            TokenKind::Word
                if text.starts_with('_') && tokens.peek().is_some_and(|it| it.kind == TokenKind::String) =>
            {
                let literal = tokens.next().map_or("", |token| token.text(sql));
                words.push(string(literal, dialect));
                end = 0;
                continue;
            }
            // MySQL writes `X'…'` so; MariaDB leaves it.
            _ if dialect.flavor == Flavor::MySql && text.starts_with("0x") => {
                words.push(hex_text(format!("x'{}'", text[2..].to_lowercase())));
            }
            TokenKind::Word => words.push(text.to_lowercase()),
            // PostgreSQL alone tells the case of names apart.
            TokenKind::QuotedIdentifier if dialect.flavor == Flavor::Postgres => {
                words.push(identifier(text));
            }
            TokenKind::QuotedIdentifier => words.push(identifier(&text.to_lowercase())),
            TokenKind::Symbol | TokenKind::EscapedQuestion | TokenKind::Placeholder(_)
                if token.start == end && is_operator(text) && words.last().is_some_and(|word| is_operator(word)) =>
            {
                if let Some(last) = words.last_mut() {
                    last.push_str(text);
                }
            }
            TokenKind::String => words.push(string(text, dialect)),
            _ => words.push(text.to_owned()),
        }
        end = token.end;
    }
    for word in &mut words {
        if word == "!=" {
            "<>".clone_into(word);
        }
    }
    words
}

pub(super) fn is_operator(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| b"+-*/<>=~!@#%^&|?:".contains(&byte))
}

fn identifier(quoted: &str) -> String {
    let Some(quote) = quoted.chars().next() else {
        return String::new();
    };
    let inner = &quoted[quote.len_utf8()..quoted.len() - 1];
    let name =
        if quote == '[' { inner.to_owned() } else { inner.replace(&format!("{quote}{quote}"), &quote.to_string()) };
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && !RESERVED.contains(&name.as_str());
    if plain { name } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Words of the grammar below: a column of such a name must not be read as one.
const RESERVED: [&str; 16] = [
    "and", "or", "not", "in", "is", "null", "like", "ilike", "between", "case", "end", "any", "array", "collate",
    "escape", "true",
];

/// Writes a string literal as plain text between quotes, and bytes as `x'…'` in lower case.
fn string(literal: &str, dialect: &Dialect) -> String {
    match (dialect.flavor, literal.as_bytes().first()) {
        (Flavor::Postgres, Some(b'e' | b'E')) => unescaped(&literal[1..], dialect.flavor),
        (Flavor::MySql, Some(b'\'')) if dialect.lexing.backslash_escapes => unescaped(literal, dialect.flavor),
        // In an expression MariaDB writes them as the text that they are.
        (Flavor::MySql, Some(b'x' | b'X')) => hex_text(literal.to_lowercase()),
        (_, Some(b'x' | b'X')) => literal.to_lowercase(),
        _ => literal.to_owned(),
    }
}

/// Writes what stands for one character as that character; PostgreSQL's numbers of characters stay as they are.
fn unescaped(literal: &str, flavor: Flavor) -> String {
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        rest = after;
        match (after.chars().next(), flavor) {
            (Some('\''), _) => out.push_str("''"),
            (Some('\\'), _) => out.push('\\'),
            (Some('n'), _) => out.push('\n'),
            (Some('r'), _) => out.push('\r'),
            (Some('t'), _) => out.push('\t'),
            (Some('b'), _) => out.push('\u{8}'),
            (Some('f'), Flavor::Postgres) => out.push('\u{c}'),
            (Some('0'), Flavor::MySql) => out.push('\0'),
            (Some('Z'), Flavor::MySql) => out.push('\u{1a}'),
            _ => {
                out.push('\\');
                continue;
            }
        }
        rest = &rest[1..];
    }
    out + rest
}

/// Writes `x'…'` as the text that its bytes are, if they are text.
fn hex_text(literal: String) -> String {
    let Some(digits) = literal.strip_prefix("x'").and_then(|rest| rest.strip_suffix('\'')) else {
        return literal;
    };
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
    match bytes.collect::<Option<Vec<u8>>>().and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => format!("'{}'", text.replace('\'', "''")),
        None => literal,
    }
}
