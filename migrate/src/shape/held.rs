//! What a session holds and a resumed run would lack: temporary tables, and variables whose values the file does not tell.
//!
//! They are refused where a statement needs them that a resumed run may begin with. Settings are made again by it, so a
//! variable that is set to a plain value does no harm.

use oarlock_core::Dialect;
use oarlock_core::lex::{TokenKind, Tokens, Verb};

use super::{Unit, refuse};
use crate::Result;
use crate::script::Script;

/// Something that the session holds.
struct Held {
    /// As it is written, in small letters: a variable with its `@`.
    name: String,
    /// The unit in which it came to be.
    unit: usize,
}

/// A word, a name or a sign of a statement.
struct Part {
    kind: TokenKind,
    text: String,
}

/// Refuses a statement that needs what an earlier unit has left in the session.
///
/// # Errors
///
/// `Unsafe`, at the statement.
pub(super) fn require_none(script: &Script, units: &[Unit], dialect: &Dialect) -> Result<()> {
    let mut held: Vec<Held> = Vec::new();
    for (unit, range) in units.iter().map(Unit::statements).enumerate() {
        for index in range {
            let parts = parts(script.statement(index).unwrap_or_default(), dialect);
            if let Some(lost) = held.iter().find(|held| held.unit < unit && needs(&parts, &held.name)) {
                let what = if lost.name.starts_with('@') { "the variable" } else { "the temporary table" };
                return Err(refuse(
                    script,
                    index,
                    &format!("{what} {} would be lost where the runner is interrupted before it", lost.name),
                    "put no statement in between that commits by itself, or keep it in a table that is dropped at the end",
                ));
            }
            let verb = script.verb(index);
            let names = match verb {
                Verb::CreateTemporary => table(&parts).into_iter().collect(),
                Verb::Set => unclear(&parts),
                _ => variables(&parts).filter(|name| !is_set_before(script, index, name, dialect)).collect(),
            };
            held.extend(names.into_iter().map(|name| Held { name, unit }));
        }
    }
    Ok(())
}

fn parts(sql: &str, dialect: &Dialect) -> Vec<Part> {
    let tokens = Tokens::new(sql, dialect.lexing).filter(|token| !token.kind.is_blank());
    let part = |token: oarlock_core::lex::Token| {
        let text = token.text(sql);
        let text = match token.kind {
            TokenKind::QuotedIdentifier => text[1..text.len() - 1].to_lowercase(),
            TokenKind::String => String::new(),
            _ => text.to_lowercase(),
        };
        Part { kind: token.kind, text }
    };
    tokens.map(part).collect()
}

/// Tells whether a statement names something. To drop what may not be there needs nothing.
fn needs(parts: &[Part], name: &str) -> bool {
    let has = |word: &str| parts.iter().any(|part| part.kind == TokenKind::Word && part.text == word);
    let drops = parts.first().is_some_and(|part| part.text == "drop") && has("if") && has("exists");
    !drops && parts.iter().any(|part| part.text == name)
}

/// Gives the name in CREATE TEMPORARY TABLE.
fn table(parts: &[Part]) -> Option<String> {
    let kinds = ["table", "view", "sequence"];
    let kind = parts.iter().position(|part| part.kind == TokenKind::Word && kinds.contains(&&*part.text))?;
    let mut rest = parts[kind + 1..]
        .iter()
        .skip_while(|part| part.kind == TokenKind::Word && ["if", "not", "exists"].contains(&&*part.text));
    let first = rest.next()?;
    match (rest.next(), rest.next()) {
        (Some(dot), Some(name)) if dot.text == "." => Some(name.text.clone()),
        _ => Some(first.text.clone()),
    }
}

/// Gives the variables of a statement. Any statement may set one, in ways that only the server knows.
fn variables(parts: &[Part]) -> impl Iterator<Item = String> {
    let own = |part: &&Part| part.kind == TokenKind::Variable && !part.text.starts_with("@@");
    parts.iter().filter(own).map(|part| part.text.clone())
}

/// Tells whether a variable is set by a SET before a statement, and by nothing else: what SET makes of it is known.
fn is_set_before(script: &Script, index: usize, name: &str, dialect: &Dialect) -> bool {
    let assigned = parts(script.statement(index).unwrap_or_default(), dialect)
        .windows(2)
        .any(|pair| (pair[0].text == name && pair[1].text == ":=") || (pair[0].text == "into" && pair[1].text == name));
    let is_set = |before: usize| {
        script.verb(before) == Verb::Set
            && variables(&parts(script.statement(before).unwrap_or_default(), dialect)).any(|set| set == name)
    };
    !assigned && (0..index).any(is_set)
}

/// Gives the variables that a SET sets to anything but a plain value.
fn unclear(parts: &[Part]) -> Vec<String> {
    let mut found = Vec::new();
    let mut target: Option<&str> = None;
    let mut depth = 0_usize;
    for (before, part) in parts.iter().zip(parts.iter().skip(1)) {
        match (part.kind, &*part.text) {
            (TokenKind::Variable, name) if depth == 0 && matches!(&*before.text, "set" | ",") => target = Some(name),
            (TokenKind::Symbol, "," | "=" | ":=" | "+" | "-")
            | (TokenKind::Number | TokenKind::String | TokenKind::Semicolon, _)
            | (TokenKind::Word, "null" | "true" | "false" | "on" | "off") => {}
            (_, text) => {
                depth += usize::from(text == "(");
                depth = depth.saturating_sub(usize::from(text == ")"));
                found.extend(target.filter(|name| !name.starts_with("@@")).map(str::to_owned));
            }
        }
        if depth == 0 && part.text == "," {
            target = None;
        }
    }
    found.dedup();
    found
}
