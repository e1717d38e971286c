//! What the derive asks of a field's type, as one bound: one mistake is one compile error.

use oarlock_core::schema::{ColumnType, Type};
use oarlock_core::value::{Bound, Json, Value};
use oarlock_core::{FromValue, Result, RowRef, ToValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A field that is a column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a column",
    label = "no column holds this type",
    note = "a newtype or an enum of texts derives `FromValue` and `ToValue`; a document is a field with `#[model(json)]`, a struct of several columns one with `#[model(embed)]`",
    note = "text is `String`, bytes are `Vec<u8>`, integers i16, i32, i64, u32, u64; other crates' types need oarlock's `with-…` feature"
)]
pub trait Stored: Sized {
    /// Whether the column may be NULL.
    const MAY_BE_NULL: bool;

    /// Gives the type of the column.
    fn stored_type() -> Type;

    /// Gives the value.
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    fn stored(&self) -> Result<Bound<'_>>;

    /// Gives a copy of the value.
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    fn copied(&self) -> Result<Value> {
        self.stored().and_then(Bound::into_value)
    }

    /// Reads it from a column.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(row: RowRef<'_>, column: usize, field: &str) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: FromValue + ToValue + ColumnType> Stored for T {
    const MAY_BE_NULL: bool = T::NULLABLE;

    fn stored_type() -> Type {
        T::column_type()
    }

    #[inline]
    fn stored(&self) -> Result<Bound<'_>> {
        self.to_value()
    }

    #[inline]
    fn read(row: RowRef<'_>, column: usize, field: &str) -> Result<Self> {
        oarlock_core::__private::read(row, column, field)
    }
}

/// A field that is a document in a column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a JSON document",
    label = "serde does not write and read this type",
    note = "derive serde's `Serialize` and `Deserialize` for it"
)]
pub trait Document: Sized {
    /// Gives the document.
    ///
    /// # Errors
    ///
    /// That of serde.
    fn stored(&self) -> Result<Bound<'_>>;

    /// Reads it from a column.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(row: RowRef<'_>, column: usize, field: &str) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Document for T {
    fn stored(&self) -> Result<Bound<'_>> {
        Json(self).to_value().and_then(Bound::into_value).map(Bound::Owned)
    }

    fn read(row: RowRef<'_>, column: usize, field: &str) -> Result<Self> {
        oarlock_core::__private::read_json(row, column, field)
    }
}
