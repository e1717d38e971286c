//! Reading values into Rust types. A conversion is exact or an error.

use super::{Value, ValueRef};
use crate::{Error, ErrorKind, Result};

/// A Rust type that a cell can be read into.
///
/// `Option<T>` reads NULL as `None`; every other type refuses NULL. An implementation must be exact: it neither truncates,
/// wraps nor rounds, and it reads text into another type only where that type's text form is unambiguous.
#[diagnostic::on_unimplemented(
    message = "a column cannot be read into `{Self}`",
    label = "not a type that a column is read into",
    note = "a newtype or an enum of texts derives `FromValue`; a document is read into `Json<T>`, or by `#[row(json)]`",
    note = "integers are i16, i32, i64, u16, u32, u64 (no u8: Vec<u8> is bytes); other crates' types need oarlock's `with-…` feature"
)]
pub trait FromValue: Sized {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// A value of another kind, or out of this type's range, is a `Conversion` error that tells expected and found; the
    /// row adds the column.
    fn from_value(value: ValueRef<'_>) -> Result<Self>;
}

/// An enum that is text in the database, as `derive(FromValue)` makes it of an enum without fields.
pub trait TextEnum {
    /// The texts, in the order of the variants: what a CHECK or a database's own enum type has to allow.
    const VALUES: &'static [&'static str];
}

/// Makes the error of a value whose kind does not fit the type that was asked for.
#[must_use]
#[cold]
pub fn mismatch(expected: &str, found: ValueRef<'_>) -> Error {
    let hint = match found {
        ValueRef::Null => Some("read it as an Option"),
        _ => None,
    };
    let found = match found {
        ValueRef::Typed(native, _) => format!("the database's own type {}", native.name()),
        other => other.kind_name().to_owned(),
    };
    let error = Error::new(ErrorKind::Conversion, format!("expected {expected}, found {found}"));
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl FromValue for Value {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        ValueRef::to_owned(value)
    }
}
