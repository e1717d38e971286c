//! Cuts a script into its statements.

use super::body::Body;
use super::position::characters;
use super::token::{Token, TokenKind};
use super::tokens::{BYTE_ORDER_MARK, Tokens};
use super::verb::{Head, Verb};
use crate::dialect::Dialect;

/// A statement's place in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The offset of its first byte; comments before it are left out.
    pub start: usize,
    /// The offset after its last byte; the semicolon that ends it, and comments before that, are left out.
    pub end: usize,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The column in which it begins, counted from 1 in characters.
    pub column: usize,
    /// What it does.
    pub verb: Verb,
}

impl Span {
    /// Gives the statement's text, out of the script it was read from.
    ///
    /// # Panics
    ///
    /// When `script` is shorter than the one it was read from.
    #[must_use]
    pub fn text<'s>(&self, script: &'s str) -> &'s str {
        &script[self.start..self.end]
    }
}

/// Cuts a script into its statements.
///
/// Semicolons in strings, comments and dollar quotes end nothing, nor do those in the body of a trigger, function,
/// procedure or event. Parameters are not looked for: the text goes to the server as it stands. What is not closed runs
/// to the end of the script, and the server refuses it.
///
/// # Examples
///
/// ```
/// use oarlock_core::Dialect;
/// use oarlock_core::lex::split;
///
/// let script = "CREATE TABLE log (at); -- ; here
/// CREATE TRIGGER tick AFTER INSERT ON t BEGIN
///   INSERT INTO log VALUES (1);
/// END;
/// SELECT ';'";
/// let spans: Vec<_> = split(script, &Dialect::SQLITE).collect();
/// assert_eq!(spans.len(), 3);
/// assert!(spans[1].text(script).ends_with("END"));
/// assert_eq!((spans[2].line, spans[2].column), (5, 1));
/// assert_eq!(spans[2].text(script), "SELECT ';'");
/// ```
pub fn split<'s>(script: &'s str, dialect: &Dialect) -> Spans<'s> {
    Spans {
        script,
        dialect: *dialect,
        tokens: Tokens::new(script, dialect.lexing),
        // A byte order mark takes no column.
        counted: if script.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 },
        line: 1,
        column: 1,
    }
}

/// How long a message of several statements may be, in bytes.
const MESSAGE: usize = 64 * 1024;

/// Gives the first statements of a script that may go to the server in one message, for a driver whose server takes several.
///
/// `joins` tells of a statement and the one behind it whether that may be in the same message. Where the first changes the rules
/// by which text is read it may not: the rest has to be cut anew.
pub fn first_message(script: &str, dialect: &Dialect, mut joins: impl FnMut(&Span, &Span) -> bool) -> Vec<Span> {
    let mut message: Vec<Span> = Vec::new();
    for span in split(script, dialect) {
        if let [first, ..] = &message[..]
            && let Some(last) = message.last()
            && (span.end - first.start > MESSAGE || !joins(last, &span))
        {
            break;
        }
        message.push(span);
    }
    message
}

/// The statements of a script; made by [`split`].
#[derive(Debug, Clone)]
pub struct Spans<'s> {
    script: &'s str,
    dialect: Dialect,
    tokens: Tokens<'s>,
    /// Up to where lines are counted, and the line and column there.
    counted: usize,
    line: usize,
    column: usize,
}

impl Spans<'_> {
    fn count_to(&mut self, offset: usize) {
        for line in self.script.as_bytes()[self.counted..offset].split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += characters(line);
            }
        }
        self.counted = offset;
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let first = self.tokens.find(|token| !token.kind.is_blank() && token.kind != TokenKind::Semicolon)?;
        let mut body = Body::new(self.dialect.lexing.bodies);
        let mut head = Head::default();
        let mut feed = |token: Token| {
            body.feed(token.kind, token.text(self.script));
            head.feed(token.kind, token.text(self.script));
            body.ends()
        };
        let mut ends = feed(first);
        let mut end = first.end;
        for token in self.tokens.by_ref().filter(|token| !token.kind.is_blank()) {
            if token.kind == TokenKind::Semicolon && ends {
                break;
            }
            ends = feed(token);
            end = token.end;
        }
        let verb = head.verb();
        self.count_to(first.start);
        Some(Span { start: first.start, end, line: self.line, column: self.column, verb })
    }
}

impl std::iter::FusedIterator for Spans<'_> {}

#[cfg(test)]
mod tests;
