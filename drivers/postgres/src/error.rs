//! tokio-postgres's errors as the contract's.

use std::error::Error as _;
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

/// Tells whether the session is over after an error.
pub(crate) fn is_fatal(error: &tokio_postgres::Error) -> bool {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => is_ending(db),
        (None, Some(source)) if source.is::<Error>() => false,
        (None, Some(source)) => {
            source.downcast_ref::<io::Error>().is_none_or(|io| io.kind() != io::ErrorKind::InvalidInput)
        }
        (None, None) => true,
    }
}

/// Tells whether the server ends the session with this error.
pub(crate) fn is_ending(error: &DbError) -> bool {
    matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// Tells whether a prepared statement has to be prepared anew: the tables under it were changed, or the server forgot it.
///
/// The first has no SQLSTATE of its own, but it comes from one place, whose name is not translated as messages are.
pub(crate) fn is_stale_plan(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| match db.code().code() {
        "26000" => true,
        "0A000" => db.routine() == Some("RevalidateCachedQuery"),
        _ => false,
    })
}

/// Turns an error of tokio-postgres into the contract's.
pub(crate) fn convert(error: tokio_postgres::Error, wire: &Wire, context: Context<'_>) -> Error {
    if let Some(db) = error.as_db_error() {
        return from_server(db, context).with_source(error);
    }
    if error.is_closed() {
        return wire.lost();
    }
    let shown = error.to_string();
    match error.into_source() {
        // The encoder's own, which tokio-postgres only carried.
        Some(source) => match source.downcast::<Error>() {
            Ok(own) => *own,
            Err(source) => match source.downcast_ref::<io::Error>().map(io::Error::kind) {
                // What the protocol cannot express, such as a parameter of more than 2 GiB; nothing was sent.
                Some(io::ErrorKind::InvalidInput) => Error::new(ErrorKind::OutOfRange, shown).with_source(source),
                Some(_) => Error::new(ErrorKind::ConnectionLost, shown).with_source(source),
                None => Error::new(ErrorKind::Internal, shown).with_source(source),
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
    let mut error = Error::new(kind, db.message()).with_sqlstate(state);
    if let Some(detail) = db.detail() {
        error = error.with_detail(detail);
    }
    if let Some(hint) = db.hint() {
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
    fn characters_become_bytes() {
        assert_eq!(byte_offset("é = x", 1), 0);
        assert_eq!(byte_offset("é = x", 5), 5);
        assert_eq!(byte_offset("é", 9), 2);
        assert_eq!(byte_offset("", 0), 0);
    }
}
