//! What the derive macros' code names. Not for users: it changes without notice.

use std::any::Any;
use std::error::Error as StdError;
use std::marker::PhantomData;
use std::sync::Arc;

pub use serde::Serialize;
pub use serde::de::DeserializeOwned;

pub use crate::params::{Bindings, Params};
pub use crate::record::{Definition, Fields, Record, RecordPart, Sink};
pub use crate::result::Column;
pub use crate::row::{FromRow, RowRef};
pub use crate::schema::{ColumnType, EnumType, Type};
pub use crate::value::{Bound, FromValue, TextEnum, ToValue, ValueRef};
pub use crate::{Error, Result};

use crate::ErrorKind;
use crate::row::{are_null, at_column};
use crate::value::{Json, mismatch};

/// The index of a column that the result lacks and whose field has a default.
pub const ABSENT: usize = usize::MAX;

/// Finds a field's column.
pub fn find(columns: &[Column], name: &str, field: &str) -> Result<usize> {
    let found = find_or_absent(columns, name);
    if found == ABSENT { Err(missing(columns, name).context(field)) } else { Ok(found) }
}

pub fn find_or_absent(columns: &[Column], name: &str) -> usize {
    columns.iter().position(|column| &*column.name == name).unwrap_or(ABSENT)
}

#[cold]
fn missing(columns: &[Column], name: &str) -> Error {
    // A nested struct sees the columns of others without a name.
    let known: Vec<&str> = columns.iter().map(|column| &*column.name).filter(|name| !name.is_empty()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::new(ErrorKind::ColumnNotFound, format!("there is no column {name}; the row has {known}")).with_column(name)
}

/// Stands for a type whose column another type takes.
pub struct Kept<'column, T: ?Sized>(PhantomData<&'column T>);

impl<T: ColumnType + ?Sized> ColumnType for Kept<'_, T> {
    const NULLABLE: bool = T::NULLABLE;

    fn column_type() -> Type {
        T::column_type()
    }
}

/// Reads a record's next field.
#[inline]
pub fn field<'f, T: FromValue, F: Fields<'f>>(fields: &mut F, field: &str) -> Result<T> {
    match fields.next().and_then(T::from_value) {
        Ok(value) => Ok(value),
        Err(error) => Err(in_field(error, field)),
    }
}

/// Reads a record's next field, which is a document.
#[inline]
pub fn field_json<'f, T: DeserializeOwned, F: Fields<'f>>(fields: &mut F, field: &str) -> Result<T> {
    match fields.next().and_then(Json::from_value) {
        Ok(Json(value)) => Ok(value),
        Err(error) => Err(in_field(error, field)),
    }
}

/// Checks that a tuple struct and a row are equally long.
pub fn check_count(columns: &[Column], wanted: usize, name: &str) -> Result<()> {
    if columns.len() == wanted {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ColumnNotFound,
        format!("{name}: expected a row of {wanted} columns, found {}", columns.len()),
    ))
}

/// How to read a nested struct.
///
/// Its type is erased, for a public struct's plan may not name the type of a private field, and so that a field that is no
/// `FromRow` is one compile error, not one for each mention.
pub struct Nested {
    read: Box<dyn Any + Send + Sync>,
    is_null: Box<dyn Fn(RowRef<'_>) -> Result<bool> + Send + Sync>,
}

type Reader<T> = Box<dyn Fn(RowRef<'_>) -> Result<T> + Send + Sync>;

impl Nested {
    /// Plans a nested struct over the columns whose names have the prefix, without it.
    pub fn plan<T: FromRow + 'static>(columns: &[Column], prefix: &str, field: &str) -> Result<Self> {
        let plan = Arc::new(plan_nested::<T>(columns, prefix, field)?);
        let shared = Arc::clone(&plan);
        let read: Reader<T> = Box::new(move |row| T::from_row(&shared, row));
        Ok(Self { read: Box::new(read), is_null: Box::new(move |row| T::is_null(&plan, row)) })
    }

    /// Plans a nested struct that is `None` where all of its columns are NULL.
    pub fn plan_option<T: FromRow + 'static>(columns: &[Column], prefix: &str, field: &str) -> Result<Self> {
        let plan = Arc::new(plan_nested::<T>(columns, prefix, field)?);
        let shared = Arc::clone(&plan);
        let read: Reader<Option<T>> =
            Box::new(move |row| if T::is_null(&shared, row)? { Ok(None) } else { T::from_row(&shared, row).map(Some) });
        Ok(Self { read: Box::new(read), is_null: Box::new(move |row| T::is_null(&plan, row)) })
    }

    /// Reads the struct that was planned.
    pub fn read<T: 'static>(&self, row: RowRef<'_>) -> Result<T> {
        match self.read.downcast_ref::<Reader<T>>() {
            Some(reader) => reader(row),
            None => Err(Error::new(ErrorKind::Internal, "a nested struct was planned as another type")),
        }
    }
}

fn plan_nested<T: FromRow>(columns: &[Column], prefix: &str, field: &str) -> Result<T::Plan> {
    if prefix.is_empty() {
        return T::plan(columns).map_err(|error| error.context(field));
    }
    // Indexes stay those of the row.
    let stripped: Vec<Column> = columns
        .iter()
        .map(|column| Column { name: column.name.strip_prefix(prefix).unwrap_or_default().into(), ..column.clone() })
        .collect();
    T::plan(&stripped).map_err(|error| error.context(format_args!("{field} (prefix {prefix})")))
}

/// Tells whether a struct's columns, and those of the structs in it, are all NULL.
pub fn is_null(columns: &[usize], nested: &[Nested], row: RowRef<'_>) -> Result<bool> {
    Ok(are_null(row, columns.iter().copied().filter(|column| *column != ABSENT))?
        && nested.iter().try_fold(true, |null, nested| Ok::<_, Error>(null && (nested.is_null)(row)?))?)
}

#[inline]
pub fn read<T: FromValue>(row: RowRef<'_>, index: usize, field: &str) -> Result<T> {
    match row.get(index) {
        Ok(value) => Ok(value),
        Err(error) => Err(in_field(error, field)),
    }
}

#[cold]
fn in_field(error: Error, field: &str) -> Error {
    error.context(field)
}

pub fn read_json<T: DeserializeOwned>(row: RowRef<'_>, index: usize, field: &str) -> Result<T> {
    read::<Json<T>>(row, index, field).map(Json::into_inner)
}

pub fn read_try_from<S, T>(row: RowRef<'_>, index: usize, field: &str) -> Result<T>
where
    S: FromValue,
    T: TryFrom<S, Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    let source: S = read(row, index, field)?;
    T::try_from(source)
        .map_err(|error| in_field(at_column(refused("the field's type", error), index, row.columns()), field))
}

pub fn value_try_from<S, T>(value: ValueRef<'_>, name: &str) -> Result<T>
where
    S: FromValue,
    T: TryFrom<S, Error: Into<Box<dyn StdError + Send + Sync>>>,
{
    T::try_from(S::from_value(value)?).map_err(|error| refused(name, error))
}

#[cold]
fn refused(what: &str, error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Conversion, format!("{what} refused the value")).with_source(error)
}

pub fn value_into<T: Clone + Into<S>, S: ToValue>(value: &T) -> Result<Bound<'static>> {
    let target: S = value.clone().into();
    target.to_value()?.into_value().map(Bound::Owned)
}

/// Gives the text of an enum, which a database's own enum type may hold.
#[inline]
pub fn enum_text<'v>(value: ValueRef<'v>, name: &str) -> Result<&'v str> {
    match value {
        ValueRef::Text(text) => Ok(text),
        ValueRef::Typed(_, bytes) => std::str::from_utf8(bytes).map_err(|_| mismatch(name, value)),
        other => Err(mismatch(name, other)),
    }
}

#[cold]
pub fn unknown_variant<E: TextEnum>(name: &str) -> Error {
    Error::new(ErrorKind::Conversion, format!("expected {name} ({}), found other text", E::VALUES.join(", ")))
}

pub fn bind<'a, T: ToValue + ?Sized>(bindings: &mut Bindings<'a>, name: Option<&'a str>, value: &'a T) -> Result<()> {
    match name {
        Some(name) => bindings.push_named(name, value),
        None => bindings.push(value),
    }
}

pub fn bind_json<'a, T: Serialize>(bindings: &mut Bindings<'a>, name: Option<&'a str>, value: &'a T) -> Result<()> {
    bindings.push_bound(name, Json(value).to_value().and_then(Bound::into_value).map(Bound::Owned))
}

pub fn bind_into<'a, T, S>(bindings: &mut Bindings<'a>, name: Option<&'a str>, value: &'a T) -> Result<()>
where
    T: Clone + Into<S>,
    S: ToValue,
{
    bindings.push_bound(name, value_into::<T, S>(value))
}
