//! Prepares one statement for a driver: its parameters in the server's own form, and what its keywords tell.

use super::body::Body;
use super::parameters::{Parameters, at};
use super::position::line_column;
use super::token::{ParamStyle, Token, TokenKind};
use super::tokens::{BYTE_ORDER_MARK, Tokens, is_word_part};
use super::verb::{Head, Verb};
use crate::dialect::{Dialect, Placeholder};
use crate::{Error, ErrorKind, Result};

/// One statement, read: the text for the server and how the caller's parameters go into it.
///
/// A driver keeps it with the prepared statement; it does not borrow from the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexed {
    native: String,
    edits: Vec<Edit>,
    style: Option<ParamStyle>,
    arity: usize,
    names: Vec<String>,
    slots: Vec<usize>,
    verb: Verb,
    returning: bool,
}

/// A piece of the native text that stands in place of a piece of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edit {
    source: (usize, usize),
    native: (usize, usize),
}

impl Lexed {
    /// Gives the text for the server, its parameters in the dialect's own form.
    ///
    /// Apart from the parameters and `??`, it is the source byte for byte, without a byte order mark at its beginning, the
    /// semicolons before and after the statement and the comments outside those. Where a parameter would run into a word beside it, a space parts them.
    pub fn native(&self) -> &str {
        &self.native
    }

    /// Gives how many parameters the caller supplies.
    pub fn arity(&self) -> usize {
        self.arity
    }

    /// Gives the distinct names in the order of their first use; empty unless the parameters are named.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Gives, for each of the server's parameters in order, the index of the caller's that it takes.
    pub fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Tells whether the server's parameters are the caller's, in the same order.
    pub fn slots_are_identity(&self) -> bool {
        self.slots.len() == self.arity && self.slots.iter().enumerate().all(|(native, source)| native == *source)
    }

    /// Gives the style in which the parameters are written, where there are any.
    pub fn style(&self) -> Option<ParamStyle> {
        self.style
    }

    /// Gives what the statement does.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Tells whether the statement changes rows and has a `RETURNING` outside parentheses.
    pub fn has_returning(&self) -> bool {
        self.returning
    }

    /// Gives the offset in the source of an offset in the native text, as a server tells it in an error.
    ///
    /// An offset within a parameter leads to its beginning.
    pub fn source_offset(&self, native: usize) -> usize {
        let after = self.edits.partition_point(|edit| edit.native.0 <= native);
        match after.checked_sub(1).map(|last| self.edits[last]) {
            None => native,
            Some(edit) if native < edit.native.1 => edit.source.0,
            Some(edit) => edit.source.1 + (native - edit.native.1),
        }
    }
}

/// Reads one statement.
///
/// It takes time in proportion to the text and keeps nothing between calls; drivers cache what it gives.
///
/// # Errors
///
/// - `Syntax` for a string, quoted identifier or comment that is not closed, a NUL, a parameter in the database's own
///   form (`?1`, and on SQLite `@name`, `$name`, `:1`), a `??` where no operator of the dialect has a `?`, and a text
///   without a statement.
/// - `Parameters` for styles that are mixed and numbers that are left out.
/// - `Interface` for several statements.
///
/// Each but the empty text's has its [`position`](Error::position).
///
/// # Examples
///
/// ```
/// use oarlock_core::Dialect;
/// use oarlock_core::lex::{Verb, lex};
///
/// let sql = "SELECT name FROM users WHERE id = :id OR boss = :id -- who?";
///
/// let postgres = lex(sql, &Dialect::POSTGRES)?;
/// assert_eq!(postgres.native(), "SELECT name FROM users WHERE id = $1 OR boss = $1 -- who?");
/// assert_eq!(postgres.names(), ["id"]);
/// assert_eq!(postgres.verb(), Verb::Select);
///
/// // MySQL's parameters have no numbers: the first value is sent twice.
/// let mysql = lex(sql, &Dialect::MYSQL)?;
/// assert_eq!(mysql.native(), "SELECT name FROM users WHERE id = ? OR boss = ? -- who?");
/// assert_eq!((mysql.arity(), mysql.slots()), (1, &[0, 0][..]));
/// # Ok::<(), oarlock_core::Error>(())
/// ```
pub fn lex(sql: &str, dialect: &Dialect) -> Result<Lexed> {
    if let Some(nul) = sql.bytes().position(|byte| byte == 0) {
        return Err(located(sql, nul, "a NUL character in the statement"));
    }
    let mut parameters = Parameters::new(sql, dialect.placeholder);
    let mut native = Native::new(sql, dialect.placeholder);
    let mut body = Body::new(dialect.lexing.bodies);
    let mut head = Head::default();
    let mut executable = None;
    let mut any = false;
    let mut end = None;
    for token in Tokens::new(sql, dialect.lexing) {
        match token.kind {
            // Only SQLite would pass over it.
            TokenKind::Space if !any && executable.is_none() && token.text(sql).starts_with(BYTE_ORDER_MARK) => {
                native.skip(token.end);
                continue;
            }
            kind if kind.is_blank() => continue,
            TokenKind::Unterminated(what) => {
                return Err(located(sql, token.start, &format!("a {what} that is not closed")));
            }
            TokenKind::Semicolon if !any && executable.is_none() => {
                native.skip(token.end);
                continue;
            }
            TokenKind::Semicolon if body.ends() => {
                end.get_or_insert(token.start);
                continue;
            }
            _ if end.is_some() => return Err(several(sql, token)),
            TokenKind::ForeignPlaceholder => return Err(foreign(sql, token)),
            TokenKind::EscapedQuestion => native.question(token, dialect)?,
            TokenKind::Placeholder(style) => native.parameter(token, parameters.take(style, token)?),
            TokenKind::ExecutableOpen => executable = Some(token),
            TokenKind::ExecutableClose => executable = None,
            _ => {}
        }
        let text = token.text(sql);
        any |= !matches!(token.kind, TokenKind::ExecutableOpen | TokenKind::ExecutableClose);
        body.feed(token.kind, text);
        head.feed(token.kind, text);
    }
    if let Some(opening) = executable {
        return Err(located(sql, opening.start, "a comment that is not closed"));
    }
    if !any {
        return Err(Error::new(ErrorKind::Syntax, "the text holds no statement"));
    }
    let collected = parameters.finish()?;
    let (native, edits) = native.finish(end.unwrap_or(sql.len()));
    Ok(Lexed {
        native,
        edits,
        style: collected.style,
        arity: collected.arity,
        names: collected.names,
        slots: collected.slots,
        verb: head.verb(),
        returning: head.returning(),
    })
}

/// Writes the native text: the source with its placeholders replaced.
struct Native<'s> {
    sql: &'s str,
    placeholder: Placeholder,
    text: String,
    edits: Vec<Edit>,
    /// Up to where the source is copied.
    copied: usize,
}

impl<'s> Native<'s> {
    fn new(sql: &'s str, placeholder: Placeholder) -> Self {
        Self { sql, placeholder, text: String::with_capacity(sql.len() + 16), edits: Vec::new(), copied: 0 }
    }

    fn copy(&mut self, end: usize) {
        self.text.push_str(&self.sql[self.copied..end]);
        self.copied = end;
    }

    /// Leaves out the source up to an offset; nothing has been copied yet.
    fn skip(&mut self, end: usize) {
        self.edits = vec![Edit { source: (0, end), native: (0, 0) }];
        self.copied = end;
    }

    fn replace(&mut self, token: Token, text: &str) {
        self.copy(token.start);
        let start = self.text.len();
        self.text.push_str(text);
        self.edits.push(Edit { source: (token.start, token.end), native: (start, self.text.len()) });
        self.copied = token.end;
    }

    fn parameter(&mut self, token: Token, index: usize) {
        let bytes = self.sql.as_bytes();
        // `LIKE?` would become the word `LIKE$1`, and MySQL does not take the mark in `?AND` for a parameter.
        let before = token.start.checked_sub(1).is_some_and(|before| is_word_part(bytes[before]));
        let after = bytes.get(token.end).is_some_and(|after| is_word_part(*after));
        let text = match self.placeholder {
            Placeholder::Question => "?".to_owned(),
            Placeholder::Dollar if before => format!(" ${}", index + 1),
            Placeholder::Dollar => format!("${}", index + 1),
            Placeholder::QuestionNumbered => format!("?{}", index + 1),
        };
        self.replace(token, &if after { text + " " } else { text });
    }

    fn question(&mut self, token: Token, dialect: &Dialect) -> Result<()> {
        match self.placeholder {
            Placeholder::Dollar => {
                self.replace(token, "?");
                Ok(())
            }
            Placeholder::Question | Placeholder::QuestionNumbered => Err(located(
                self.sql,
                token.start,
                &format!("?? stands for a literal question mark, which no operator of {} has", dialect.name),
            )
            .with_hint("in a string, write one question mark")),
        }
    }

    fn finish(mut self, end: usize) -> (String, Vec<Edit>) {
        self.copy(end);
        (self.text, self.edits)
    }
}

fn located(sql: &str, offset: usize, what: &str) -> Error {
    let (line, column) = line_column(sql, offset);
    Error::new(ErrorKind::Syntax, format!("{what} (line {line}, column {column})")).with_position(offset)
}

fn several(sql: &str, second: Token) -> Error {
    let (line, column) = line_column(sql, second.start);
    Error::new(
        ErrorKind::Interface,
        format!("the text holds several statements; the second begins at line {line}, column {column}"),
    )
    .with_position(second.start)
    .with_hint("run several statements with `script`")
}

fn foreign(sql: &str, token: Token) -> Error {
    let text = token.text(sql);
    let digits: String = text.chars().skip(1).take_while(char::is_ascii_digit).collect();
    let hint = match text.chars().nth(1) {
        Some('0'..='9') if text.len() == digits.len() + 1 && !text.starts_with('$') => format!("write ${digits}"),
        Some('0'..='9') => format!("put a space after ${digits}"),
        _ => format!("write :{}", text.trim_start_matches(['@', '$'])),
    };
    Error::new(ErrorKind::Syntax, format!("a parameter is not written {}", at(sql, token)))
        .with_position(token.start)
        .with_hint(hint)
}

#[cfg(test)]
mod tests;
