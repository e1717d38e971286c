//! The one error type of the contract: what kind of failure, what the server said, and what a caller may do about it.

use std::error::Error as StdError;
use std::fmt;

use crate::sqlstate;

/// A result whose error is oarlock's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, the same on every database.
///
/// It refines PEP 249's exception tree; [`ErrorKind::category`] gives the coarse class of that tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The API was used wrongly: a closed connection, a second cursor on one connection, fetching without rows.
    Interface,
    /// The connection URL or one of its options is not understood.
    Configuration,
    /// A value does not fit the type that was asked for.
    Conversion,
    /// A named column is not in the result, or an index is past its end.
    ColumnNotFound,
    /// The number or the names of the parameters do not fit the statement.
    Parameters,
    /// A query that must give a row gave none.
    RowNotFound,
    /// A row was changed or deleted since it was read: optimistic locking found it out.
    StaleRow,
    /// Values were refused before anything was sent: a model's own rules say so.
    Invalid,
    /// A unique or primary key constraint was violated.
    UniqueViolation,
    /// A foreign key constraint was violated.
    ForeignKeyViolation,
    /// NULL was given where the column forbids it.
    NotNullViolation,
    /// A check constraint was violated.
    CheckViolation,
    /// Another integrity constraint was violated (exclusion, restrict, a trigger's own).
    IntegrityViolation,
    /// The transaction could not be serialized with others; run it again.
    SerializationFailure,
    /// The server ended this transaction to break a deadlock; run it again.
    Deadlock,
    /// A lock was not had in time. In a transaction, MySQL undoes the statement alone and PostgreSQL fails the transaction; what
    /// holds for the open one, its next statement tells. It is not run again by itself: the wait may have been long.
    LockTimeout,
    /// The statement ran past its time limit.
    StatementTimeout,
    /// The statement was cancelled.
    Cancelled,
    /// The transaction has failed; only a rollback is possible.
    TransactionFailed,
    /// A write was tried in a read-only transaction or on a read-only database, such as a primary that has become a standby. The
    /// connection is good for reading, and a pool keeps it.
    ReadOnly,
    /// The connection was lost.
    ConnectionLost,
    /// No connection could be made.
    ConnectionRefused,
    /// The connection could not be encrypted as its mode demands, or the server is not the one it should be.
    Tls,
    /// The server did not accept the user or the password.
    Authentication,
    /// The server has no room for another connection.
    TooManyConnections,
    /// The pool had no connection to give in time.
    PoolTimeout,
    /// The pool is closed.
    PoolClosed,
    /// The SQL text is not understood.
    Syntax,
    /// The statement names a table that does not exist.
    TableNotFound,
    /// The statement names a column that does not exist.
    UnknownColumn,
    /// Another named object (function, schema, database, type, index …) does not exist.
    ObjectNotFound,
    /// An object of this name exists already.
    AlreadyExists,
    /// The user lacks the right to do this.
    PermissionDenied,
    /// A number, date or text is out of the column's or the operation's range, a value is longer than the server takes, or a
    /// division by zero.
    OutOfRange,
    /// A value is malformed for the type that the server expects.
    InvalidValue,
    /// The server is out of disk, memory or another resource.
    ResourcesExhausted,
    /// This database, driver or build cannot do it.
    NotSupported,
    /// Reading or writing a file or a socket failed.
    Io,
    /// The server or the driver broke its own rules.
    Internal,
    /// Any other failure that the server reported.
    Database,
}

/// The exception classes of PEP 249.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// `InterfaceError`: the interface was misused, not the database.
    Interface,
    /// `DataError`: a value is wrong.
    Data,
    /// `OperationalError`: the database's operation failed, not by the programmer's fault.
    Operational,
    /// `IntegrityError`: relational integrity was violated.
    Integrity,
    /// `InternalError`: the database or driver is in a state it should not be in.
    Internal,
    /// `ProgrammingError`: wrong SQL, a missing table, a wrong number of parameters.
    Programming,
    /// `NotSupportedError`: the database cannot do it.
    NotSupported,
    /// `DatabaseError`: anything else from the database.
    Database,
}

impl ErrorKind {
    /// Gives the PEP 249 class of this kind.
    #[must_use]
    pub fn category(self) -> ErrorCategory {
        use ErrorKind as K;
        match self {
            K::Interface | K::Configuration | K::PoolClosed => ErrorCategory::Interface,
            K::Conversion | K::OutOfRange | K::InvalidValue | K::Invalid => ErrorCategory::Data,
            K::UniqueViolation
            | K::ForeignKeyViolation
            | K::NotNullViolation
            | K::CheckViolation
            | K::IntegrityViolation => ErrorCategory::Integrity,
            K::StaleRow
            | K::SerializationFailure
            | K::Deadlock
            | K::LockTimeout
            | K::StatementTimeout
            | K::Cancelled
            | K::ConnectionLost
            | K::ConnectionRefused
            | K::Tls
            | K::Authentication
            | K::TooManyConnections
            | K::PoolTimeout
            | K::ResourcesExhausted
            | K::ReadOnly
            | K::Io => ErrorCategory::Operational,
            K::Internal | K::TransactionFailed => ErrorCategory::Internal,
            K::Syntax
            | K::TableNotFound
            | K::UnknownColumn
            | K::ObjectNotFound
            | K::AlreadyExists
            | K::PermissionDenied
            | K::ColumnNotFound
            | K::RowNotFound
            | K::Parameters => ErrorCategory::Programming,
            K::NotSupported => ErrorCategory::NotSupported,
            K::Database => ErrorCategory::Database,
        }
    }

    /// Tells whether running the whole transaction again may succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::SerializationFailure | Self::Deadlock)
    }

    fn noun(self) -> &'static str {
        use ErrorKind as K;
        match self {
            K::Interface => "interface misuse",
            K::Configuration => "configuration",
            K::Conversion => "conversion",
            K::ColumnNotFound => "column not found",
            K::Parameters => "parameters",
            K::RowNotFound => "row not found",
            K::StaleRow => "stale row",
            K::Invalid => "invalid",
            K::UniqueViolation => "unique violation",
            K::ForeignKeyViolation => "foreign key violation",
            K::NotNullViolation => "not null violation",
            K::CheckViolation => "check violation",
            K::IntegrityViolation => "integrity violation",
            K::SerializationFailure => "serialization failure",
            K::Deadlock => "deadlock",
            K::LockTimeout => "lock timeout",
            K::StatementTimeout => "statement timeout",
            K::Cancelled => "cancelled",
            K::TransactionFailed => "transaction failed",
            K::ReadOnly => "read-only",
            K::ConnectionLost => "connection lost",
            K::ConnectionRefused => "connection refused",
            K::Tls => "encryption",
            K::Authentication => "authentication",
            K::TooManyConnections => "too many connections",
            K::PoolTimeout => "pool timeout",
            K::PoolClosed => "pool closed",
            K::Syntax => "syntax",
            K::TableNotFound => "table not found",
            K::UnknownColumn => "unknown column",
            K::ObjectNotFound => "object not found",
            K::AlreadyExists => "already exists",
            K::PermissionDenied => "permission denied",
            K::OutOfRange => "out of range",
            K::InvalidValue => "invalid value",
            K::ResourcesExhausted => "resources exhausted",
            K::NotSupported => "not supported",
            K::Io => "input/output",
            K::Internal => "internal",
            K::Database => "database",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

/// A failure of a connection, a statement or a conversion.
///
/// One pointer wide. Display tells this layer only; [`source`](StdError::source) leads on to the driver's own error,
/// and [`Error::detail`] and [`Error::hint`] carry what the server added.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    sqlstate: Option<Box<str>>,
    code: Option<i64>,
    constraint: Option<Box<str>>,
    table: Option<Box<str>>,
    column: Option<Box<str>>,
    detail: Option<Box<str>>,
    hint: Option<Box<str>>,
    position: Option<usize>,
    batch_index: Option<usize>,
    outcome_unknown: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind; the message is lower case, without a full stop, and names the values at fault.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            sqlstate: None,
            code: None,
            constraint: None,
            table: None,
            column: None,
            detail: None,
            hint: None,
            position: None,
            batch_index: None,
            outcome_unknown: false,
            source: None,
        }))
    }

    /// Makes an error of the kind that a SQLSTATE stands for.
    #[must_use]
    pub fn from_sqlstate(state: &str, message: impl Into<String>) -> Self {
        Self::new(sqlstate::kind(state), message).with_sqlstate(state)
    }

    /// Makes the error of a feature that this database or driver lacks.
    #[must_use]
    pub fn not_supported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotSupported, message)
    }

    /// Makes the error of an API used out of turn.
    #[must_use]
    pub fn interface(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Interface, message)
    }

    /// Sets the SQLSTATE, without changing the kind.
    #[must_use]
    pub fn with_sqlstate(mut self, state: &str) -> Self {
        self.0.sqlstate = Some(state.into());
        self
    }

    /// Sets the database's own error number.
    #[must_use]
    pub fn with_code(mut self, code: i64) -> Self {
        self.0.code = Some(code);
        self
    }

    /// Sets the constraint that was violated.
    #[must_use]
    pub fn with_constraint(mut self, name: impl Into<Box<str>>) -> Self {
        self.0.constraint = Some(name.into());
        self
    }

    /// Sets the table the error is about.
    #[must_use]
    pub fn with_table(mut self, name: impl Into<Box<str>>) -> Self {
        self.0.table = Some(name.into());
        self
    }

    /// Sets the column the error is about.
    #[must_use]
    pub fn with_column(mut self, name: impl Into<Box<str>>) -> Self {
        self.0.column = Some(name.into());
        self
    }

    /// Sets the server's longer explanation. It may hold row values: it is never part of Display.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Sets advice on what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the byte offset in the statement, counted from 0 in the text that the caller gave.
    #[must_use]
    pub fn with_position(mut self, offset: usize) -> Self {
        self.0.position = Some(offset);
        self
    }

    /// Sets which row of an `execute_many`, or statement of a pipeline, failed, counted from 0.
    #[must_use]
    pub fn with_batch_index(mut self, index: usize) -> Self {
        self.0.batch_index = Some(index);
        self
    }

    /// Marks that the statement or commit may or may not have taken effect.
    #[must_use]
    pub fn with_outcome_unknown(mut self) -> Self {
        self.0.outcome_unknown = true;
        self
    }

    /// Sets the error underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts words before the message: where in the caller's terms it happened.
    #[must_use]
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// Gives the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Gives the PEP 249 class of failure.
    pub fn category(&self) -> ErrorCategory {
        self.0.kind.category()
    }

    /// Gives the message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Gives the five-character SQLSTATE, where the server tells one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// Gives the database's own error number (MySQL's error code, SQLite's extended result code).
    pub fn code(&self) -> Option<i64> {
        self.0.code
    }

    /// Gives the name of the violated constraint, where the server tells it.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// Gives the table, where the server tells it.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// Gives the column, where the server tells it.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// Gives the server's longer explanation. It may hold row values: mind where it is logged.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Gives advice on what to do, where there is some.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Gives the byte offset of the error in the statement, counted from 0.
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// Gives which row of an `execute_many`, or statement of a pipeline, failed, counted from 0.
    pub fn batch_index(&self) -> Option<usize> {
        self.0.batch_index
    }

    /// Tells whether running the whole transaction again may succeed.
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable() && !self.0.outcome_unknown
    }

    /// Tells whether the statement or commit may or may not have taken effect.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Tells whether the connection is of no more use after this error.
    pub fn is_connection_lost(&self) -> bool {
        self.0.kind == ErrorKind::ConnectionLost
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &inner.message);
        let texts = [
            ("sqlstate", &inner.sqlstate),
            ("constraint", &inner.constraint),
            ("table", &inner.table),
            ("column", &inner.column),
            ("hint", &inner.hint),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                out.field(name, text);
            }
        }
        if let Some(code) = inner.code {
            out.field("code", &code);
        }
        if let Some(position) = inner.position {
            out.field("position", &position);
        }
        if let Some(index) = inner.batch_index {
            out.field("batch_index", &index);
        }
        if inner.outcome_unknown {
            out.field("outcome_unknown", &true);
        }
        if let Some(source) = &inner.source {
            out.field("source", &source.to_string());
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn display_tells_message_and_hint_but_neither_detail_nor_source() {
        let error = Error::from_sqlstate("23505", "duplicate key in users_email_key")
            .with_detail("Key (email)=(ada@example.org) already exists.")
            .with_hint("pick another")
            .with_source("inner");
        assert_eq!(error.to_string(), "duplicate key in users_email_key (pick another)");
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert!(!format!("{error:?}").contains("ada@example.org"));
    }

    #[test]
    fn an_unknown_outcome_is_never_retryable() {
        let error = Error::from_sqlstate("40001", "could not serialize");
        assert!(error.is_retryable());
        assert!(!error.with_outcome_unknown().is_retryable());
    }
}
