//! Rows, and how a row becomes a Rust value.

use std::fmt;
use std::sync::Arc;

use crate::result::{Column, RowBatch};
use crate::value::{FromValue, Value, ValueRef};
use crate::{Error, ErrorKind, Result};

/// A row that owns its share of the batch it came in. Cloning is cheap.
#[derive(Clone)]
pub struct Row {
    batch: Arc<dyn RowBatch>,
    index: usize,
    columns: Arc<[Column]>,
}

/// A borrowed row: what [`FromRow`] decodes. `Copy`.
#[derive(Clone, Copy)]
pub struct RowRef<'r> {
    cells: Cells<'r>,
    columns: &'r Arc<[Column]>,
}

/// Where a borrowed row's cells are.
#[derive(Clone, Copy)]
enum Cells<'r> {
    /// In a batch, to be decoded.
    Kept { batch: &'r Arc<dyn RowBatch>, row: usize },
    /// With a driver that goes on to the next row after this one.
    Lent(&'r [ValueRef<'r>]),
}

impl<'r> Cells<'r> {
    #[inline]
    fn get(self, column: usize) -> Result<ValueRef<'r>> {
        match self {
            Self::Lent(values) => Ok(values[column]),
            Self::Kept { batch, row } => batch.get(row, column),
        }
    }
}

/// What names a column of a row: its index from 0, or its name (the first of several equal ones).
pub trait ColumnIndex {
    /// Finds the column.
    ///
    /// # Errors
    ///
    /// `ColumnNotFound` that tells what there is.
    fn find(&self, columns: &[Column]) -> Result<usize>;
}

impl ColumnIndex for usize {
    #[inline]
    fn find(&self, columns: &[Column]) -> Result<usize> {
        if *self < columns.len() { Ok(*self) } else { Err(past_the_end(*self, columns.len())) }
    }
}

impl ColumnIndex for &str {
    fn find(&self, columns: &[Column]) -> Result<usize> {
        columns.iter().position(|column| &*column.name == *self).ok_or_else(|| unknown_column(self, columns))
    }
}

#[cold]
fn past_the_end(index: usize, count: usize) -> Error {
    Error::new(ErrorKind::ColumnNotFound, format!("there is no column {index}: the row has {count}, counted from 0"))
}

/// Makes the error of a column that a result lacks; it lists those that it has.
#[must_use]
#[cold]
pub fn unknown_column(name: &str, columns: &[Column]) -> Error {
    let known: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    Error::new(ErrorKind::ColumnNotFound, format!("there is no column {name}; the row has {}", known.join(", ")))
        .with_column(name)
}

#[cold]
pub(crate) fn at_column(error: Error, index: usize, columns: &[Column]) -> Error {
    match columns.get(index) {
        Some(column) => error.context(format_args!("column {index} ({})", column.name)).with_column(&*column.name),
        None => error,
    }
}

impl<'r> RowRef<'r> {
    /// Borrows one row of a batch.
    ///
    /// # Panics
    ///
    /// When `index` is not below the batch's length.
    #[must_use]
    pub fn new(batch: &'r Arc<dyn RowBatch>, index: usize, columns: &'r Arc<[Column]>) -> Self {
        assert!(index < batch.len(), "row {index} of a batch of {}", batch.len());
        Self { cells: Cells::Kept { batch, row: index }, columns }
    }

    /// Borrows a row whose cells are no batch's: what a driver lends to a [`RowSink`](crate::result::RowSink).
    ///
    /// # Panics
    ///
    /// When there is not one value for each column.
    #[must_use]
    #[inline]
    pub fn lent(values: &'r [ValueRef<'r>], columns: &'r Arc<[Column]>) -> Self {
        assert!(values.len() == columns.len(), "{} values for {} columns", values.len(), columns.len());
        Self { cells: Cells::Lent(values), columns }
    }

    /// Gives the columns.
    pub fn columns(self) -> &'r [Column] {
        self.columns
    }

    /// Gives a cell without a copy.
    ///
    /// # Errors
    ///
    /// `ColumnNotFound`, or `Conversion` when the server's bytes do not form a value.
    #[inline]
    pub fn value(self, column: impl ColumnIndex) -> Result<ValueRef<'r>> {
        let column = column.find(self.columns)?;
        self.cells.get(column).map_err(|error| at_column(error, column, self.columns))
    }

    /// Reads a cell.
    ///
    /// # Errors
    ///
    /// `ColumnNotFound`, or `Conversion` that names the column, what was expected and what was found.
    #[inline]
    pub fn get<T: FromValue>(self, column: impl ColumnIndex) -> Result<T> {
        let column = column.find(self.columns)?;
        match self.cells.get(column).and_then(T::from_value) {
            Ok(value) => Ok(value),
            Err(error) => Err(at_column(error, column, self.columns)),
        }
    }

    /// Makes a row that owns its share of the batch, or a copy of its cells where they are only lent.
    ///
    /// # Errors
    ///
    /// `Conversion` where a lent cell cannot be kept.
    pub fn to_row(self) -> Result<Row> {
        let (batch, index) = match self.cells {
            Cells::Kept { batch, row } => (Arc::clone(batch), row),
            Cells::Lent(values) => (Copied::of(values)?, 0),
        };
        Ok(Row { batch, index, columns: Arc::clone(self.columns) })
    }
}

/// One row, copied.
struct Copied(Vec<Value>);

impl Copied {
    fn of(values: &[ValueRef<'_>]) -> Result<Arc<dyn RowBatch>> {
        let values: Result<Vec<_>> = values.iter().map(|value| ValueRef::to_owned(*value)).collect();
        Ok(Arc::new(Self(values?)))
    }
}

impl RowBatch for Copied {
    fn len(&self) -> usize {
        1
    }

    fn get(&self, _: usize, column: usize) -> Result<ValueRef<'_>> {
        Ok(self.0[column].as_ref())
    }
}

impl Row {
    /// Makes a row of its share of a batch.
    ///
    /// # Panics
    ///
    /// When `index` is not below the batch's length.
    #[must_use]
    pub fn new(batch: Arc<dyn RowBatch>, index: usize, columns: Arc<[Column]>) -> Self {
        assert!(index < batch.len(), "row {index} of a batch of {}", batch.len());
        Self { batch, index, columns }
    }

    /// Borrows the row.
    #[must_use]
    pub fn as_ref(&self) -> RowRef<'_> {
        RowRef { cells: Cells::Kept { batch: &self.batch, row: self.index }, columns: &self.columns }
    }

    /// Gives the columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Gives the number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Tells whether the row has no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Gives a cell without a copy.
    ///
    /// # Errors
    ///
    /// As [`RowRef::value`].
    pub fn value(&self, column: impl ColumnIndex) -> Result<ValueRef<'_>> {
        self.as_ref().value(column)
    }

    /// Reads a cell.
    ///
    /// # Errors
    ///
    /// As [`RowRef::get`].
    pub fn get<T: FromValue>(&self, column: impl ColumnIndex) -> Result<T> {
        self.as_ref().get(column)
    }

    /// Reads the whole row.
    ///
    /// # Errors
    ///
    /// As the type's [`FromRow`].
    pub fn read<T: FromRow>(&self) -> Result<T> {
        T::from_row(&T::plan(&self.columns)?, self.as_ref())
    }
}

/// Shows the columns' names and values: for tests and debuggers. oarlock itself never logs a row.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_map();
        for (index, column) in self.columns.iter().enumerate() {
            match self.value(index) {
                Ok(value) => out.entry(&column.name, &value),
                Err(error) => out.entry(&column.name, &error),
            };
        }
        out.finish()
    }
}

/// A Rust type that a row can be read into: tuples of up to sixteen, [`Row`] itself, and structs by `derive(FromRow)`.
///
/// What a row's columns mean to the type is found out once per statement ([`plan`](Self::plan)); a row is then read by
/// index.
#[diagnostic::on_unimplemented(
    message = "a row cannot be read into `{Self}`",
    label = "not a type that a row is read into",
    note = "a struct derives `FromRow`; one column is read into a tuple of one, `({Self},)`; a serde type is read into `De<T>`"
)]
pub trait FromRow: Sized {
    /// Where each field's column is.
    type Plan: Send + Sync + 'static;

    /// Whether it is, or has in it, a [`Row`]: one that is only [lent](crate::result::RowSink) would have to be copied.
    const KEEPS_ROW: bool = false;

    /// Matches the type with a result's columns.
    ///
    /// # Errors
    ///
    /// `ColumnNotFound` when a column is missing or the number of columns differs.
    fn plan(columns: &[Column]) -> Result<Self::Plan>;

    /// Reads a row.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the column, what was expected and what was found.
    fn from_row(plan: &Self::Plan, row: RowRef<'_>) -> Result<Self>;

    /// Tells whether all columns that it reads are NULL, as an outer join gives them for a row without a partner: a nested
    /// `Option` is `None` then. A type that does not say so never is.
    ///
    /// # Errors
    ///
    /// `Conversion` when the server's bytes do not form a value.
    fn is_null(plan: &Self::Plan, row: RowRef<'_>) -> Result<bool> {
        let _ = (plan, row);
        Ok(false)
    }
}

/// Tells whether columns are all NULL.
pub(crate) fn are_null(row: RowRef<'_>, mut columns: impl Iterator<Item = usize>) -> Result<bool> {
    columns.try_fold(true, |null, column| Ok(null && matches!(row.value(column)?, ValueRef::Null)))
}

impl FromRow for Row {
    type Plan = ();

    const KEEPS_ROW: bool = true;

    fn plan(_: &[Column]) -> Result<()> {
        Ok(())
    }

    fn from_row((): &(), row: RowRef<'_>) -> Result<Self> {
        row.to_row()
    }

    fn is_null((): &(), row: RowRef<'_>) -> Result<bool> {
        are_null(row, 0..row.columns().len())
    }
}

/// Reads nothing: for statements whose rows do not matter.
impl FromRow for () {
    type Plan = ();

    fn plan(_: &[Column]) -> Result<()> {
        Ok(())
    }

    fn from_row((): &(), _: RowRef<'_>) -> Result<Self> {
        Ok(())
    }
}

fn check_count(columns: &[Column], wanted: usize) -> Result<()> {
    if columns.len() == wanted {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ColumnNotFound,
        format!("a tuple of {wanted} was asked for, but the row has {} columns", columns.len()),
    ))
}

macro_rules! tuples {
    ($($count:literal ($($name:ident . $index:tt),+))+) => {$(
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            type Plan = ();

            fn plan(columns: &[Column]) -> Result<()> {
                check_count(columns, $count)
            }

            #[inline]
            fn from_row((): &(), row: RowRef<'_>) -> Result<Self> {
                Ok(($(row.get::<$name>($index)?,)+))
            }

            fn is_null((): &(), row: RowRef<'_>) -> Result<bool> {
                are_null(row, 0..$count)
            }
        }
    )+};
}

tuples! {
    1 (A.0)
    2 (A.0, B.1)
    3 (A.0, B.1, C.2)
    4 (A.0, B.1, C.2, D.3)
    5 (A.0, B.1, C.2, D.3, E.4)
    6 (A.0, B.1, C.2, D.3, E.4, F.5)
    7 (A.0, B.1, C.2, D.3, E.4, F.5, G.6)
    8 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7)
    9 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8)
    10 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9)
    11 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10)
    12 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11)
    13 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12)
    14 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13)
    15 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13, O.14)
    16 (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13, O.14, P.15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{NativeType, Value};

    struct Values(Vec<Vec<Value>>);

    impl RowBatch for Values {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
            Ok(self.0[row][column].as_ref())
        }
    }

    fn row(cells: &[(&str, Value)]) -> Row {
        let columns = cells.iter().map(|(name, _)| Column::new(*name, NativeType::new(0, "t"))).collect();
        Row { batch: Arc::new(Values(vec![cells.iter().map(|(_, v)| v.clone()).collect()])), index: 0, columns }
    }

    #[test]
    fn a_name_finds_the_first_of_equal_columns() {
        let row = row(&[("a", Value::I64(1)), ("a", Value::I64(2))]);
        assert_eq!(row.get::<i64>("a").unwrap_or_default(), 1);
        assert_eq!(row.read::<(i64, i64)>().unwrap_or_default(), (1, 2));
    }

    #[test]
    fn errors_name_the_column_and_what_there_is() {
        let row = row(&[("id", Value::I64(1)), ("age", Value::Null)]);
        let message = row.get::<i64>("age").expect_err("null").to_string();
        assert_eq!(message, "column 1 (age): expected i64, found null (read it as an Option)");
        assert_eq!(
            row.get::<i64>("name").expect_err("none").to_string(),
            "there is no column name; the row has id, age"
        );
        assert_eq!(row.get::<i64>(2).expect_err("none").kind(), ErrorKind::ColumnNotFound);
        let message = row.read::<(i64,)>().expect_err("two columns").to_string();
        assert_eq!(message, "a tuple of 1 was asked for, but the row has 2 columns");
    }
}
