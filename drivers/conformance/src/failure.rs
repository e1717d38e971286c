//! How a rule fails: by a panic where a value differs, by `?` where a call errs that must not.

use std::fmt::{self, Debug};
use std::panic::Location;

use oarlock_core::{Error, ErrorKind};

/// What a rule gives: nothing, or the error that should not have been.
pub type Verdict = Result<(), Failure>;

/// An error that a rule did not expect, and the line that met it.
pub struct Failure(String);

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self(format!("{}: unexpected {} error: {error:?}", Location::caller(), error.kind()))
    }
}

impl Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Requires an error of one of these kinds, and gives it.
///
/// # Panics
///
/// When there is no error, or one of another kind.
#[track_caller]
pub(crate) fn refused_as<T>(result: Result<T, Error>, kinds: &[ErrorKind], what: &str) -> Error {
    match result {
        Ok(_) => panic!("{what}: expected an error of {kinds:?}, but it was accepted"),
        Err(error) => {
            assert!(kinds.contains(&error.kind()), "{what}: expected an error of {kinds:?}, found {error:?}");
            error
        }
    }
}

/// Requires an error of this kind, and gives it.
///
/// # Panics
///
/// When there is no error, or one of another kind.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, kind: ErrorKind, what: &str) -> Error {
    refused_as(result, &[kind], what)
}
