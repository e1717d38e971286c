//! Structs of several columns inside a model.

use std::marker::PhantomData;

use oarlock_core::value::Bound;
use oarlock_core::{Result, RowRef};

use super::FieldDef;
use crate::expr::{Assigned, Column};
use crate::write::Assign;

/// A struct of several columns that stands in a model: `#[derive(Model)] #[model(embedded)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be embedded in a model",
    label = "not an embedded struct",
    note = "a struct becomes one by `#[derive(Model)]` and `#[model(embedded)]`"
)]
pub trait Embed: Sized + Send + Sync + 'static {
    /// How many columns it has, those of structs embedded in it counted.
    const COLUMNS: usize;

    /// The fields.
    const FIELDS: &'static [FieldDef];

    /// Gives the value of a column.
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    fn value(&self, column: usize) -> Result<Bound<'_>>;

    /// Reads the columns at the given places.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(columns: &[usize], row: RowRef<'_>) -> Result<Self>;

    /// Gives its columns to a write, the first of them to the column `first`.
    #[doc(hidden)]
    fn assign<W: Assign>(&self, write: &mut W, first: usize) {
        for column in 0..Self::COLUMNS {
            write.assign(first + column, self.value(column).and_then(Bound::into_value).map(Assigned::Value));
        }
    }
}

/// An embedded struct of a model, from which its columns can be had.
pub struct Embedded<M, E> {
    first: usize,
    types: PhantomData<fn() -> (M, E)>,
}

impl<M, E> Embedded<M, E> {
    /// Names the struct whose first column has the index.
    #[must_use]
    pub const fn new(first: usize) -> Self {
        Self { first, types: PhantomData }
    }

    /// Gives a column of the struct as one of the model: `User::ADDRESS.column(Address::CITY)`.
    #[must_use]
    pub const fn column<T>(self, column: Column<E, T>) -> Column<M, T> {
        Column::new(self.first + column.index())
    }

    /// Gives a struct that is embedded in the struct.
    #[must_use]
    pub const fn embedded<F>(self, inner: Embedded<E, F>) -> Embedded<M, F> {
        Embedded::new(self.first + inner.first)
    }
}

impl<M, E> Clone for Embedded<M, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, E> Copy for Embedded<M, E> {}
