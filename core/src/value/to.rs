//! Binding Rust values as parameters.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Value, ValueRef};
use crate::Result;

/// A parameter: borrowed from the caller where its form allows, else owned.
#[derive(Debug, Clone)]
pub enum Bound<'a> {
    /// A value that needs no storage of its own, or the caller's.
    Borrowed(ValueRef<'a>),
    /// A value made for the call (a JSON document, an array).
    Owned(Value),
}

impl Bound<'_> {
    /// Borrows the value.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Borrowed(value) => *value,
            Self::Owned(value) => value.as_ref(),
        }
    }

    /// Gives the value as an owned one, copying what is borrowed.
    ///
    /// # Errors
    ///
    /// An array in the database's own form that cannot be decoded gives that error.
    pub fn into_value(self) -> Result<Value> {
        match self {
            Self::Borrowed(value) => ValueRef::to_owned(value),
            Self::Owned(value) => Ok(value),
        }
    }
}

/// A Rust value that can be bound as a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be bound as a parameter",
    label = "not a type that is bound",
    note = "a newtype or an enum of texts derives `ToValue`; a document is bound as `Json(value)`, or by `#[row(json)]`",
    note = "integers are i16, i32, i64, u16, u32, u64 (no u8: Vec<u8> is bytes); other crates' types need oarlock's `with-…` feature"
)]
pub trait ToValue {
    /// Gives the value to bind, borrowed where possible.
    ///
    /// # Errors
    ///
    /// A value that no database value can carry (a JSON document that does not serialize, a date past the calendar's
    /// end) is a `Conversion` error.
    fn to_value(&self) -> Result<Bound<'_>>;
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Result<Bound<'_>> {
        T::to_value(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for Box<T> {
    fn to_value(&self) -> Result<Bound<'_>> {
        T::to_value(self)
    }
}

impl<T: ToValue + ?Sized> ToValue for Arc<T> {
    fn to_value(&self) -> Result<Bound<'_>> {
        T::to_value(self)
    }
}

impl<T: ToValue + ToOwned + ?Sized> ToValue for Cow<'_, T> {
    fn to_value(&self) -> Result<Bound<'_>> {
        T::to_value(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Result<Bound<'_>> {
        match self {
            Some(value) => value.to_value(),
            None => Ok(Bound::Borrowed(ValueRef::Null)),
        }
    }
}

impl ToValue for Value {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(self.as_ref()))
    }
}

impl ToValue for ValueRef<'_> {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(*self))
    }
}
