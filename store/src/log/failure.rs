//! Errors of the operating system as the contract's.

use std::fmt::Display;
use std::io;

use oarlock_core::{Error, ErrorKind};

/// Makes an error of a failure of the storage; `what` says what was tried.
pub(crate) fn io(what: impl Display, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::ResourcesExhausted
        }
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}
