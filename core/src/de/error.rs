//! serde's errors in oarlock's words: kinds and names are told, contents of texts are not.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::{Error, ErrorKind};

/// The error on its way through serde.
#[derive(Debug)]
pub(super) struct Failure(Error);

impl Failure {
    pub(super) fn into_error(self) -> Error {
        self.0
    }

    pub(super) fn new(error: Error) -> Self {
        Self(error)
    }

    pub(super) fn map(self, change: impl FnOnce(Error) -> Error) -> Self {
        Self(change(self.0))
    }

    fn conversion(message: String) -> Self {
        Self(Error::new(ErrorKind::Conversion, message))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// Names what was found; small scalars by value.
fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Str(_) => "text".to_owned(),
        Unexpected::Char(_) => "a letter".to_owned(),
        Unexpected::Bytes(_) => "bytes".to_owned(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Bool(truth) => truth.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::conversion(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::conversion(format!("expected {expected}, found {}", found(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::conversion(format!("expected one of {}, found other text", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(Error::new(ErrorKind::ColumnNotFound, format!("there is no column {field}")).with_column(field))
    }
}
