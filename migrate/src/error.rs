//! What can go wrong, and where in which file.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use crate::script::Place;

/// A result whose error is a migration's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file of the source is misnamed, doubled, outside of the directory, or not understood.
    Source,
    /// A file could not be read.
    Io,
    /// A migration that has been applied reads otherwise now.
    Edited,
    /// A migration that has been applied is not in the source any more.
    Missing,
    /// A migration that has not been applied comes before one that has been.
    OutOfOrder,
    /// A migration was interrupted, and what had run of it then is not what the file says now.
    Interrupted,
    /// No migration has the version that was asked for.
    UnknownVersion,
    /// A migration has no way back.
    Irreversible,
    /// A statement cannot be run so that an interruption does no harm, or not where it stands.
    Unsafe,
    /// A statement of a migration was refused by the server.
    Statement,
    /// Another runner had the lock for too long.
    Locked,
    /// A pooler lends the server's session to others between transactions, so no lock holds.
    Pooler,
    /// The history already holds what was to be put there.
    Conflict,
    /// The database into which something is to be loaded is not empty.
    NotEmpty,
    /// There is no table of this name.
    UnknownTable,
    /// This database cannot do it.
    NotSupported,
    /// The database refused something else than a migration's statement: connecting, reading the history.
    Database,
}

/// A failure of the engine: what, where, and what to do.
///
/// Display tells it in one line, without the server's own words, which are the [source](StdError::source); [`report`](Self::report)
/// tells all of it in several lines.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    migration: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, place: None, migration: None, source: None }))
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    pub(crate) fn of(mut self, migration: impl fmt::Display) -> Self {
        self.0.migration.get_or_insert_with(|| migration.to_string());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Makes the error of a database that failed while something was done.
    pub(crate) fn database(doing: impl Into<String>, error: oarlock_core::Error) -> Self {
        Self::new(ErrorKind::Database, doing).with_source(error)
    }

    /// Gives the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Gives the message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Gives advice on what to do, where there is some.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Gives the place in a file, where the failure has one.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// Gives the migration that the failure is about, as `version_name`.
    pub fn migration(&self) -> Option<&str> {
        self.0.migration.as_deref()
    }

    /// Gives the database's own error underneath.
    pub fn database_error(&self) -> Option<&oarlock_core::Error> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Tells all in several lines: the place, the line of the file with a caret under it, what the server said, what to do.
    ///
    /// ```text
    /// migrations/7_post/up.sql:3:8: statement 2 failed
    ///   3 | CREATE TABEL post (id bigint);
    ///     |        ^
    /// syntax error at or near "TABEL"
    /// ```
    pub fn report(&self) -> String {
        let inner = &*self.0;
        let mut text = String::new();
        match (&inner.place, &inner.migration) {
            (Some(place), _) => {
                let _ = write!(text, "{place}: {}\n{}", inner.message, place.picture());
            }
            (None, Some(migration)) => {
                let _ = writeln!(text, "{migration}: {}", inner.message);
            }
            (None, None) => {
                let _ = writeln!(text, "{}", inner.message);
            }
        }
        if let Some(database) = self.database_error() {
            let _ = writeln!(text, "{}", database.message());
            for more in [database.detail(), database.hint()].into_iter().flatten() {
                let _ = writeln!(text, "{more}");
            }
        } else if let Some(source) = &inner.source {
            let _ = writeln!(text, "{source}");
        }
        if let Some(hint) = &inner.hint {
            let _ = writeln!(text, "{hint}");
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.place, &self.0.migration) {
            (Some(place), _) => write!(f, "{place}: ")?,
            (None, Some(migration)) => write!(f, "{migration}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("message", &inner.message);
        if let Some(migration) = &inner.migration {
            out.field("migration", migration);
        }
        if let Some(place) = &inner.place {
            out.field("place", &format_args!("{place}"));
        }
        if let Some(hint) = &inner.hint {
            out.field("hint", hint);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A program that migrates at its start can pass the failure on among those of its queries. The kind is that of the database's
/// error where there is one, else `Configuration`; the message is the [report](Error::report).
impl From<Error> for oarlock_core::Error {
    fn from(error: Error) -> Self {
        let kind = error.database_error().map_or(oarlock_core::ErrorKind::Configuration, oarlock_core::Error::kind);
        Self::new(kind, error.report()).with_source(error)
    }
}
