//! Rows into serde's types, and rows as JSON objects.
//!
//! [`De<T>`] stands where a [`FromRow`] is wanted, for any `T` that serde deserializes. `derive(FromRow)` is faster and says
//! more in its errors; this is for types that have serde's derive anyway.
//!
//! A struct or a map takes the columns by name (the first of equal ones), a tuple or a sequence in order; a number, a text or
//! an enum is a row of one column. In a cell, a struct, a map or a sequence is read from a JSON document, a sequence also
//! from an array or from bytes, an enum from text; numbers convert as [`FromValue`](crate::FromValue) says, exactly or not
//! at all. serde has one idea of text, so dates, UUIDs, decimals and the like give their text where text is asked for, in
//! the form of [`temporal`](crate::value::temporal).

mod cell;
mod error;
mod row;

use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::result::Column;
use crate::row::{FromRow, Row, RowRef, are_null};
use crate::{Error, ErrorKind, Result};

/// A row read by serde: `fetch_all::<De<User>>()`.
///
/// # Examples
///
/// ```no_run
/// # async fn example(db: &dyn oarlock_core::Db) -> oarlock_core::Result<()> {
/// use oarlock_core::DbExt;
/// use oarlock_core::de::De;
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     id: i64,
///     name: Option<String>,
/// }
///
/// let users: Vec<De<User>> = db.fetch_all("SELECT id, name FROM users", ()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct De<T>(pub T);

impl<T> De<T> {
    /// Gives what is inside.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for De<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for De<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// The columns that a struct or a map reads: of equal names, the first.
#[derive(Debug)]
pub struct Names(Box<[usize]>);

impl Names {
    fn of(columns: &[Column]) -> Self {
        let first = |index: &usize| columns[..*index].iter().all(|column| column.name != columns[*index].name);
        Self((0..columns.len()).filter(first).collect())
    }
}

impl<T: DeserializeOwned> FromRow for De<T> {
    type Plan = Names;

    fn plan(columns: &[Column]) -> Result<Names> {
        Ok(Names::of(columns))
    }

    /// # Errors
    ///
    /// `Conversion`, or `ColumnNotFound` when a field has no column; what serde's own types say is in the message.
    fn from_row(names: &Names, row: RowRef<'_>) -> Result<Self> {
        T::deserialize(row::RowDeserializer { row, names: &names.0 }).map(Self).map_err(error::Failure::into_error)
    }

    fn is_null(names: &Names, row: RowRef<'_>) -> Result<bool> {
        are_null(row, names.0.iter().copied())
    }
}

impl Row {
    /// Gives the row as a JSON object; of columns with equal names, the first.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the column, when a cell has no JSON form.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        let mut object = serde_json::Map::new();
        for index in Names::of(self.columns()).0 {
            let json = self.value(index)?.to_json();
            let json = json.map_err(|error| crate::row::at_column(error, index, self.columns()))?;
            object.insert(self.columns()[index].name.to_string(), json);
        }
        Ok(serde_json::Value::Object(object))
    }
}

/// A map from column names to values; of columns with equal names, the first.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = Names::of(self.columns()).0;
        let cells: Result<Vec<_>> =
            names.iter().map(|index| Ok((&*self.columns()[*index].name, self.value(*index)?))).collect();
        serializer.collect_map(cells.map_err(serde::ser::Error::custom)?)
    }
}

#[cold]
fn one_column(found: usize) -> Error {
    Error::new(ErrorKind::ColumnNotFound, format!("a single value was asked for, but the row has {found} columns"))
}

#[cold]
fn wrong_count(expected: usize, found: usize) -> Error {
    Error::new(
        ErrorKind::ColumnNotFound,
        format!("a tuple of {expected} was asked for, but the row has {found} columns"),
    )
}

#[cfg(test)]
mod tests;
