//! SQLite's errors in the contract's words.
//!
//! SQLite tells an extended result code and a message. The code decides wherever it can; for what SQLite has no code but
//! the generic 1 (a missing table, wrong syntax, a name that is taken) only the message tells, and [`by_message`] is the
//! one place that reads it. The messages are SQLite's own, in English, and have not changed in twenty years.

use oarlock_core::lex::Lexed;
use oarlock_core::{Error, ErrorKind};
use rusqlite::ffi;

/// Makes an error of rusqlite's; positions are led back through `lexed` to the caller's text.
pub(crate) fn from_rusqlite(error: rusqlite::Error, lexed: Option<&Lexed>) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let message = message.unwrap_or_else(|| ffi::code_to_str(code.extended_code).to_owned());
            from_code(code, &message)
        }
        rusqlite::Error::SqlInputError { error, msg, offset, .. } => {
            let offset = usize::try_from(offset).unwrap_or(0);
            from_code(error, &msg).with_position(lexed.map_or(offset, |lexed| lexed.source_offset(offset)))
        }
        rusqlite::Error::MultipleStatement => {
            Error::interface("the text holds several statements").with_hint("run several statements with `script`")
        }
        other => Error::new(ErrorKind::Internal, "rusqlite failed").with_source(other),
    }
}

/// Tells whether an error is what SQLite gives for a statement that was interrupted.
pub(crate) fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ffi::ErrorCode::OperationInterrupted)
}

/// Tells whether an error says that a lock is held and may be let go.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ffi::ErrorCode::DatabaseBusy)
        && error.sqlite_error().map(|error| error.extended_code) != Some(ffi::SQLITE_BUSY_SNAPSHOT)
}

/// Tells whether an error says that a value is longer than the limit in force.
pub(crate) fn is_too_big(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ffi::ErrorCode::TooBig)
}

fn from_code(code: ffi::Error, message: &str) -> Error {
    let kind = by_code(code.extended_code).unwrap_or_else(|| by_message(message));
    let parts = Parts::of(kind, message);
    if code.extended_code == ffi::SQLITE_AUTH {
        // There is one thing that the driver does not allow.
        return Error::new(kind, "attaching a database is not allowed on this connection")
            .with_code(code.extended_code.into())
            .with_hint("it was opened with trusted=nothing");
    }
    let mut error = Error::new(kind, message).with_code(code.extended_code.into()).with_source(code);
    if let Some(constraint) = parts.constraint {
        error = error.with_constraint(constraint);
    }
    if let Some(table) = parts.table {
        error = error.with_table(table);
    }
    if let Some(column) = parts.column {
        error = error.with_column(column);
    }
    error
}

/// Gives the kind of an extended result code; `None` where the code says nothing.
fn by_code(code: i32) -> Option<ErrorKind> {
    use ErrorKind as K;
    Some(match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            K::UniqueViolation
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => K::ForeignKeyViolation,
        ffi::SQLITE_CONSTRAINT_NOTNULL => K::NotNullViolation,
        ffi::SQLITE_CONSTRAINT_CHECK => K::CheckViolation,
        ffi::SQLITE_CONSTRAINT_DATATYPE => K::InvalidValue,
        ffi::SQLITE_BUSY_SNAPSHOT => K::SerializationFailure,
        _ => match code & 0xff {
            ffi::SQLITE_CONSTRAINT => K::IntegrityViolation,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => K::LockTimeout,
            ffi::SQLITE_INTERRUPT | ffi::SQLITE_ABORT => K::Cancelled,
            ffi::SQLITE_READONLY => K::ReadOnly,
            ffi::SQLITE_PERM | ffi::SQLITE_AUTH => K::PermissionDenied,
            ffi::SQLITE_NOMEM | ffi::SQLITE_FULL => K::ResourcesExhausted,
            ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => K::Io,
            ffi::SQLITE_TOOBIG => K::OutOfRange,
            ffi::SQLITE_MISMATCH => K::InvalidValue,
            ffi::SQLITE_RANGE => K::Parameters,
            ffi::SQLITE_INTERNAL | ffi::SQLITE_MISUSE => K::Internal,
            ffi::SQLITE_ERROR => return None,
            _ => K::Database,
        },
    })
}

/// Gives the kind of an error of which SQLite tells no more than its text.
fn by_message(message: &str) -> ErrorKind {
    use ErrorKind as K;
    let begins = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    if begins(&["function ", "unwinding panic"]) {
        // The program's own function has failed.
        K::Database
    } else if begins(&["not authorized"]) {
        // Loading an extension by SQL.
        K::PermissionDenied
    } else if begins(&["no such table: "]) {
        K::TableNotFound
    } else if begins(&["no such column: ", "unknown column "]) || message.contains(" has no column named ") {
        K::UnknownColumn
    } else if begins(&["no such ", "unknown database "]) {
        K::ObjectNotFound
    } else if message.contains(" already exists") || begins(&["there is already ", "duplicate column name: "]) {
        K::AlreadyExists
    } else if begins(&["variable number must be ", "too many SQL variables"]) {
        K::Parameters
    } else if begins(&["integer overflow"]) {
        K::OutOfRange
    } else if begins(&["malformed JSON", "JSON ", "bad JSON ", "datatype mismatch"]) {
        K::InvalidValue
    } else if begins(&["cannot start a transaction within", "cannot commit - ", "cannot rollback - "]) {
        K::Interface
    } else if begins(&["cannot VACUUM", "Cannot add ", "cannot DETACH", "database "]) {
        K::Database
    } else {
        K::Syntax
    }
}

/// What a message names.
#[derive(Default)]
struct Parts<'m> {
    constraint: Option<&'m str>,
    table: Option<&'m str>,
    column: Option<&'m str>,
}

impl<'m> Parts<'m> {
    fn of(kind: ErrorKind, message: &'m str) -> Self {
        let failed = message.split_once(" constraint failed: ").map(|(_, what)| what);
        match kind {
            ErrorKind::UniqueViolation | ErrorKind::NotNullViolation => {
                failed.map_or_else(Self::default, Self::columns)
            }
            ErrorKind::CheckViolation => Self { constraint: failed, ..Self::default() },
            ErrorKind::TableNotFound => Self { table: message.strip_prefix("no such table: "), ..Self::default() },
            ErrorKind::UnknownColumn => match message.split_once(" has no column named ") {
                Some((table, column)) => {
                    Self { table: table.strip_prefix("table "), column: Some(column), constraint: None }
                }
                None => Self { column: message.strip_prefix("no such column: "), ..Self::default() },
            },
            _ => Self::default(),
        }
    }

    /// Reads `t.a, t.b` or `index 'name'`. A column is told only where there is one.
    fn columns(what: &'m str) -> Self {
        if let Some(index) = what.strip_prefix("index '") {
            return Self { constraint: index.strip_suffix('\''), ..Self::default() };
        }
        let first = what.split(", ").next().unwrap_or(what);
        let (table, column) = first.split_once('.').unzip();
        Self { table, column: column.filter(|_| first.len() == what.len()), constraint: None }
    }
}

/// Makes the error of a session that went away with its thread.
#[cold]
pub(crate) fn lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the thread that ran the statement ended without giving the connection back")
        .with_hint("it panicked, or the runtime was shut down")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(sql: &str) -> Error {
        let db = rusqlite::Connection::open_in_memory().expect("memory");
        db.execute_batch("CREATE TABLE t (a PRIMARY KEY, b NOT NULL CONSTRAINT small CHECK (b < 10), UNIQUE (a, b)); CREATE UNIQUE INDEX e ON t (b + 1); INSERT INTO t VALUES (1, 1)")
            .expect("schema");
        from_rusqlite(db.execute_batch(sql).expect_err(sql), None)
    }

    #[test]
    fn messages_tell_what_codes_do_not() {
        for (sql, kind) in [
            ("SELECT * FROM nowhere", ErrorKind::TableNotFound),
            ("SELECT missing FROM t", ErrorKind::UnknownColumn),
            ("INSERT INTO t (c) VALUES (1)", ErrorKind::UnknownColumn),
            ("SELECT nofunction(1)", ErrorKind::ObjectNotFound),
            ("DROP INDEX missing", ErrorKind::ObjectNotFound),
            ("CREATE TABLE t (a)", ErrorKind::AlreadyExists),
            ("ALTER TABLE t ADD COLUMN a", ErrorKind::AlreadyExists),
            ("SELEC 1", ErrorKind::Syntax),
            ("SELECT 1 +", ErrorKind::Syntax),
            ("SELECT abs(-9223372036854775808)", ErrorKind::OutOfRange),
            ("SELECT json('{')", ErrorKind::InvalidValue),
            ("COMMIT", ErrorKind::Interface),
            ("INSERT INTO t VALUES (2, 11)", ErrorKind::CheckViolation),
            ("INSERT INTO t VALUES (2, NULL)", ErrorKind::NotNullViolation),
            ("INSERT INTO t VALUES (1, 2)", ErrorKind::UniqueViolation),
        ] {
            let error = error(sql);
            assert_eq!(error.kind(), kind, "{sql}: {error}");
        }
    }

    #[test]
    fn violations_name_what_sqlite_names() {
        let duplicate = error("INSERT INTO t VALUES (1, 2)");
        assert_eq!((duplicate.table(), duplicate.column()), (Some("t"), Some("a")));
        assert_eq!(duplicate.code(), Some(1555));
        assert_eq!(error("INSERT INTO t VALUES (2, 11)").constraint(), Some("small"));
        assert_eq!(error("INSERT INTO t VALUES (2, 1)").constraint(), Some("e"));
        assert_eq!(error("INSERT INTO t VALUES (2, NULL)").column(), Some("b"));
        let unknown = error("INSERT INTO t (c) VALUES (1)");
        assert_eq!((unknown.table(), unknown.column()), (Some("t"), Some("c")));
    }
}
