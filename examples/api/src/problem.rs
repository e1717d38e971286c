//! What goes wrong, as JSON with the right status.

use std::fmt;

use oarlock::orm::Invalid;
use oarlock::{Error, ErrorKind};
use serde::Serialize;

/// A request that could not be served.
#[derive(Debug)]
pub enum Problem {
    /// The address or the body is not what the API takes, and why.
    Unreadable(String),
    /// The database did not do it.
    Database(Error),
}

/// What is told of a problem.
#[derive(Debug, Serialize)]
pub struct Told {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    /// Gives the status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.meaning().0
    }

    /// Gives the body of the answer, and logs what is our fault.
    #[must_use]
    pub fn told(&self) -> Told {
        let (status, error) = self.meaning();
        if status >= 500 {
            tracing::error!(problem = %self, "a request failed");
        }
        let (reason, invalid) = match self {
            Self::Unreadable(reason) => (Some(reason.clone()), None),
            Self::Database(error) => (None, Invalid::of(error)),
        };
        let fields = invalid.map(Invalid::fields).unwrap_or_default();
        let fields = fields.iter().map(|found| Field { field: found.field.clone(), message: found.message.clone() });
        Told { error, reason, fields: fields.collect() }
    }

    /// The one place that says which status an error has.
    fn meaning(&self) -> (u16, &'static str) {
        let Self::Database(error) = self else { return (400, "the request cannot be read") };
        match error.kind() {
            ErrorKind::RowNotFound => (404, "there is no such item"),
            ErrorKind::Invalid | ErrorKind::CheckViolation => (422, "the values break rules"),
            ErrorKind::UniqueViolation => (409, "it is there already"),
            ErrorKind::StaleRow => (409, "it was changed meanwhile"),
            ErrorKind::PoolTimeout
            | ErrorKind::ConnectionLost
            | ErrorKind::ConnectionRefused
            | ErrorKind::PoolClosed => (503, "the database cannot be reached"),
            _ => (500, "the fault is ours, and is logged"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => f.write_str(reason),
            Self::Database(error) => write!(f, "{}: {error}", error.kind()),
        }
    }
}
