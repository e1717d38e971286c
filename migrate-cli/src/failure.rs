//! Why a command failed: what, where, what to do, and the code with which the program ends.

use std::fmt::Write;

use oarlock_migrate::ErrorKind;
use serde::Serialize;

use crate::command::Moved;
use crate::exit::Exit;

/// A result of a command's part.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    cause: Cause,
    hint: Option<String>,
    /// What had been done before.
    moved: Vec<Moved>,
}

#[derive(Debug)]
enum Cause {
    Told(String),
    Migrate(oarlock_migrate::Error),
    Database(oarlock::Error),
}

/// A failure for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'f> {
    #[serde(skip_serializing_if = "<[Moved]>::is_empty")]
    steps: &'f [Moved],
    error: Detail<'f>,
    exit: u8,
}

#[derive(Debug, Serialize)]
struct Detail<'f> {
    kind: String,
    message: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    migration: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<DatabaseDetail<'f>>,
}

/// What the database itself said.
#[derive(Debug, Serialize)]
struct DatabaseDetail<'f> {
    kind: String,
    message: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'f str>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, cause: Cause::Told(message.into()), hint: None, moved: Vec::new() }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the code with which the program ends.
    pub(crate) fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Sets what had been done before it came to this.
    pub(crate) fn after(mut self, moved: Vec<Moved>) -> Self {
        self.moved = moved;
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells all of it in several lines.
    pub(crate) fn report(&self) -> String {
        let mut text = match &self.cause {
            Cause::Told(message) => message.clone(),
            Cause::Migrate(error) => error.report(),
            Cause::Database(error) => {
                let mut text = error.message().to_owned();
                for more in [error.detail(), error.hint()].into_iter().flatten() {
                    let _ = write!(text, "\n{more}");
                }
                text
            }
        };
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n{hint}");
        }
        text
    }

    /// Gives it for programs.
    pub(crate) fn document(&self) -> Document<'_> {
        let (kind, message, hint) = match &self.cause {
            Cause::Told(message) => (told(self.exit).to_owned(), message.as_str(), None),
            Cause::Migrate(error) => (migrate_kind(error.kind()).to_owned(), error.message(), error.hint()),
            Cause::Database(error) => (database_kind(error), error.message(), error.hint()),
        };
        let migrate = match &self.cause {
            Cause::Migrate(error) => Some(error),
            _ => None,
        };
        let place = migrate.and_then(oarlock_migrate::Error::place);
        let database = match &self.cause {
            Cause::Database(error) => Some(error),
            _ => migrate.and_then(oarlock_migrate::Error::database_error),
        };
        Document {
            steps: &self.moved,
            error: Detail {
                kind,
                message,
                migration: migrate.and_then(oarlock_migrate::Error::migration),
                file: place.map(oarlock_migrate::Place::file),
                line: place.map(oarlock_migrate::Place::line),
                column: place.map(oarlock_migrate::Place::column),
                hint: hint.or(self.hint.as_deref()),
                database: database.map(|error| DatabaseDetail {
                    kind: database_kind(error),
                    message: error.message(),
                    sqlstate: error.sqlstate(),
                    code: error.code(),
                    detail: error.detail(),
                }),
            },
            exit: self.exit.number(),
        }
    }
}

impl From<oarlock_migrate::Error> for Failure {
    fn from(error: oarlock_migrate::Error) -> Self {
        let database = error.database_error().map(oarlock::Error::kind);
        let exit = match (error.kind(), database.map(exit_of)) {
            (_, Some(Exit::Connection)) | (ErrorKind::Pooler, _) => Exit::Connection,
            (ErrorKind::Source | ErrorKind::Io | ErrorKind::Irreversible | ErrorKind::Unsafe, _) => Exit::Files,
            (
                ErrorKind::Edited
                | ErrorKind::Missing
                | ErrorKind::OutOfOrder
                | ErrorKind::Interrupted
                | ErrorKind::Conflict,
                _,
            ) => Exit::History,
            (ErrorKind::UnknownVersion | ErrorKind::UnknownTable, _) => Exit::Usage,
            (ErrorKind::NotEmpty, _) => Exit::NotEmpty,
            (ErrorKind::Statement, _) => Exit::Statement,
            (ErrorKind::Locked, _) => Exit::Locked,
            (_, Some(exit)) => exit,
            _ => Exit::Failed,
        };
        let hint = option(&error);
        Self { exit, cause: Cause::Migrate(error), hint, moved: Vec::new() }
    }
}

/// Names the option by which a migration is allowed as it is, or a database.
fn option(error: &oarlock_migrate::Error) -> Option<String> {
    if error.kind() == ErrorKind::NotEmpty {
        return Some("--force loads all the same".to_owned());
    }
    let option = match error.kind() {
        ErrorKind::Edited => "--allow-edited",
        ErrorKind::Missing => "--allow-missing",
        ErrorKind::OutOfOrder => "--allow-out-of-order",
        _ => return None,
    };
    let (version, _) = error.migration()?.split_once('_')?;
    Some(format!("{option} {version} goes on all the same"))
}

impl From<oarlock::Error> for Failure {
    fn from(error: oarlock::Error) -> Self {
        Self { exit: exit_of(error.kind()), cause: Cause::Database(error), hint: None, moved: Vec::new() }
    }
}

fn exit_of(kind: oarlock::ErrorKind) -> Exit {
    use oarlock::ErrorKind as Kind;
    match kind {
        Kind::Configuration => Exit::Usage,
        Kind::LockTimeout => Exit::Locked,
        Kind::ConnectionLost
        | Kind::ConnectionRefused
        | Kind::Tls
        | Kind::Authentication
        | Kind::TooManyConnections
        | Kind::Io => Exit::Connection,
        _ => Exit::Failed,
    }
}

/// Names the kind of a failure of the program's own, by its exit code.
fn told(exit: Exit) -> &'static str {
    match exit {
        Exit::Usage => "usage",
        Exit::Pending => "pending",
        Exit::History => "history",
        Exit::Locked => "locked",
        Exit::Connection => "connection",
        Exit::Files => "files",
        Exit::Statement => "statement",
        Exit::Unconfirmed => "unconfirmed",
        Exit::NotEmpty => "not_empty",
        Exit::Done | Exit::Failed => "failed",
    }
}

fn migrate_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Source => "source",
        ErrorKind::Io => "io",
        ErrorKind::Edited => "edited",
        ErrorKind::Missing => "missing",
        ErrorKind::OutOfOrder => "out_of_order",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::UnknownVersion => "unknown_version",
        ErrorKind::Irreversible => "irreversible",
        ErrorKind::Unsafe => "unsafe",
        ErrorKind::Statement => "statement",
        ErrorKind::Locked => "locked",
        ErrorKind::Pooler => "pooler",
        ErrorKind::Conflict => "conflict",
        ErrorKind::NotEmpty => "not_empty",
        ErrorKind::UnknownTable => "unknown_table",
        ErrorKind::NotSupported => "not_supported",
        ErrorKind::Database => "database",
        _ => "failed",
    }
}

/// Names a kind in one word: `connection_refused`.
fn database_kind(error: &oarlock::Error) -> String {
    error.kind().to_string().replace([' ', '-', '/'], "_")
}
