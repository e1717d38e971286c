//! tokio-postgres's errors as the contract's.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use oarlock_core::lex::Lexed;
use oarlock_core::{Error, ErrorKind, sqlstate};
use tokio_postgres::error::{DbError, ErrorPosition, Severity};

use crate::wire::Wire;

/// What is known of a statement when its error is told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'s> {
    /// The text that the server got, in which it counts an error's place.
    pub(crate) native: Option<&'s str>,
    /// How that text came from the caller's, where it is not the same.
    pub(crate) lexed: Option<&'s Lexed>,
    /// The time limit that the session began with, and how long the statement ran.
    pub(crate) limit: Option<(Duration, Duration)>,
}

impl<'s> Context<'s> {
    pub(crate) fn of(lexed: &'s Lexed) -> Self {
        Self { native: Some(lexed.native()), lexed: Some(lexed), limit: None }
    }
}

/// The server's own report of an error, as the [source](std::error::Error::source) of the contract's.
///
/// What it displays is its severity and SQLSTATE alone: the report may hold rows and parameters, and chains of errors are
/// logged.
#[derive(Clone)]
pub struct ServerError(DbError);

impl ServerError {
    /// Gives the report in full.
    pub fn report(&self) -> &DbError {
        &self.0
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.severity(), self.0.code().code())
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerError").field(&self.0.code().code()).finish()
    }
}

impl std::error::Error for ServerError {}

/// Tells whether the session is over after an error. Besides the server's word there is the encoder's, upon which nothing
/// was sent; anything else means that the two sides are out of step, or no longer connected.
pub(crate) fn is_fatal(error: &tokio_postgres::Error) -> bool {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => is_ending(db),
        (None, source) => source.is_none_or(|source| !source.is::<Error>()),
    }
}

/// Tells whether the server ends the session with this error.
pub(crate) fn is_ending(error: &DbError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Tells whether a prepared statement has to be prepared anew: the tables under it were changed, or the server forgot it.
///
/// The first has no SQLSTATE of its own, but it comes from one place, whose name is not translated as messages are. Where
/// statements have no names it is any objection to what was right when it was prepared (class 42).
pub(crate) fn is_stale_plan(error: &tokio_postgres::Error, wire: &Wire) -> bool {
    error.as_db_error().is_some_and(|db| match db.code().code() {
        "26000" => true,
        "0A000" => db.routine() == Some("RevalidateCachedQuery"),
        code => wire.is_text_refused() && code.starts_with("42"),
    })
}

/// Turns an error of tokio-postgres into the contract's.
pub(crate) fn convert(error: tokio_postgres::Error, wire: &Wire, context: Context<'_>) -> Error {
    if let Some(db) = error.as_db_error() {
        return from_server(db, context).with_source(ServerError(db.clone()));
    }
    if error.is_closed() {
        return wire.lost();
    }
    let shown = error.to_string();
    match error.into_source() {
        // The encoder's own, or a stream's, which tokio-postgres only carried.
        Some(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(source) => match source.downcast::<io::Error>().map(|error| error.downcast::<Error>()) {
                Ok(Ok(own)) => own,
                Ok(Err(error)) => Error::new(ErrorKind::ConnectionLost, shown).with_source(error),
                Err(source) => Error::new(ErrorKind::Internal, shown).with_source(source),
            },
        },
        // An answer out of turn, as COPY gives: nothing that comes after it can be trusted.
        None => Error::new(ErrorKind::Internal, shown),
    }
}

fn from_server(db: &DbError, context: Context<'_>) -> Error {
    let state = db.code().code();
    let kind = match state {
        "57014" if ran_out_of_time(db, context.limit) => ErrorKind::StatementTimeout,
        _ if is_ending(db) && sqlstate::kind(state) == ErrorKind::Database => ErrorKind::ConnectionLost,
        _ => sqlstate::kind(state),
    };
    let message = without_values(state, db.message());
    let mut error = Error::new(kind, &*message).with_sqlstate(state);
    match (db.detail(), &message) {
        (Some(detail), _) => error = error.with_detail(detail),
        (None, Cow::Owned(_)) => error = error.with_detail(db.message()),
        (None, Cow::Borrowed(_)) => {}
    }
    if let Some(hint) = db.hint().or_else(|| pooler_hint(state, db.message())) {
        error = error.with_hint(hint);
    }
    if let Some(constraint) = db.constraint() {
        error = error.with_constraint(constraint);
    }
    if let Some(table) = db.table() {
        error = error.with_table(table);
    }
    if let Some(column) = db.column() {
        error = error.with_column(column);
    }
    if let (Some(ErrorPosition::Original(character)), Some(native)) = (db.position(), context.native) {
        let offset = byte_offset(native, *character);
        error = error.with_position(context.lexed.map_or(offset, |lexed| lexed.source_offset(offset)));
    }
    error
}

/// Tells what to do where a statement that this driver prepared is not there, or is there already: a pooler between us and
/// the server has changed the server's session under us, or does not take what we ask for.
fn pooler_hint(state: &str, message: &str) -> Option<&'static str> {
    // tokio-postgres names its statements s0, s1 and so on. The message is translated, the name in it is not.
    let names_ours = || {
        let mut quoted = message.split(|c: char| !c.is_ascii_alphanumeric());
        quoted.any(|word| word.strip_prefix('s').is_some_and(|digits| digits.parse::<u64>().is_ok()))
    };
    match state {
        "26000" | "42P05" if names_ours() => Some(
            "where a pooler shares sessions between transactions, set statements=unnamed in the URL; or let the pooler keep track \
             of statements (pgbouncer 1.21: max_prepared_statements) or pool whole sessions",
        ),
        "08P01" if message.contains("unsupported startup parameter") => Some(
            "let the pooler ignore it (pgbouncer: ignore_startup_parameters); options are not sent with statements=unnamed in the \
             URL, where it has none itself",
        ),
        _ => None,
    }
}

/// Takes the values out of a message: those of class 22 repeat the text that could not be read (`invalid input syntax for
/// type bigint: "…"`), and messages are logged. The whole stays in the detail, which is not.
fn without_values<'m>(state: &str, message: &'m str) -> Cow<'m, str> {
    // Some languages quote by other marks, and the value may hold any: what stands between the outermost ones goes.
    let is_mark = |c: char| matches!(c, '"' | '«' | '»' | '„' | '“' | '”' | '「' | '」');
    match (state.starts_with("22"), message.find(is_mark), message.rfind(is_mark)) {
        (true, Some(first), Some(last)) => {
            let after = message[last..].chars().next().map_or(last, |mark| last + mark.len_utf8());
            Cow::Owned(format!("{}\"…\"{}", &message[..first], &message[after..]))
        }
        _ => Cow::Borrowed(message),
    }
}

/// Tells a time limit from a cancel request.
///
/// PostgreSQL gives both the same SQLSTATE from the same function, so nothing but the message sets them apart. It is
/// translated where the server's `lc_messages` says so, which only a superuser can change; then the time tells.
fn ran_out_of_time(db: &DbError, limit: Option<(Duration, Duration)>) -> bool {
    match db.message() {
        "canceling statement due to statement timeout" => true,
        "canceling statement due to user request" => false,
        _ => limit.is_some_and(|(limit, ran)| !limit.is_zero() && ran >= limit),
    }
}

/// Gives the byte offset of a character that the server counts from 1.
pub(crate) fn byte_offset(text: &str, character: u32) -> usize {
    let index = usize::try_from(character).unwrap_or(usize::MAX).saturating_sub(1);
    text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_out_of_messages() {
        for (state, message, shown) in [
            (
                "22P02",
                r#"invalid input syntax for type bigint: "se"cret""#,
                r#"invalid input syntax for type bigint: "…""#,
            ),
            (
                "22003",
                r#"value "999" is out of range for type integer"#,
                r#"value "…" is out of range for type integer"#,
            ),
            (
                "22P02",
                "ungültige Eingabesyntax für Typ bigint: »secret«",
                "ungültige Eingabesyntax für Typ bigint: \"…\"",
            ),
            ("22012", "division by zero", "division by zero"),
            ("42P01", r#"relation "t" does not exist"#, r#"relation "t" does not exist"#),
        ] {
            assert_eq!(without_values(state, message), shown);
        }
    }

    #[test]
    fn a_pooler_is_suspected_where_our_own_statement_is_gone() {
        for (state, message, suspected) in [
            ("26000", r#"prepared statement "s12" does not exist"#, true),
            ("42P05", r#"prepared statement "s0" already exists"#, true),
            ("26000", "vorbereitete Anweisung »s3« existiert nicht", true),
            ("26000", r#"prepared statement "mine" does not exist"#, false),
            ("42P01", r#"relation "s1" does not exist"#, false),
            ("08P01", "unsupported startup parameter: options", true),
            ("08P01", "invalid frontend message type 0", false),
        ] {
            assert_eq!(pooler_hint(state, message).is_some(), suspected, "{message}");
        }
    }

    #[test]
    fn characters_become_bytes() {
        assert_eq!(byte_offset("é = x", 1), 0);
        assert_eq!(byte_offset("é = x", 5), 5);
        assert_eq!(byte_offset("é", 9), 2);
        assert_eq!(byte_offset("", 0), 0);
    }
}
