//! Parameters in the form in which SQLite stores them. See the crate's table of types.

use std::fmt::Display;

use oarlock_core::params::Arrangement;
use oarlock_core::value::UuidText;
use oarlock_core::value::temporal::{DateText, DateTimeText, InstantText, IntervalText, TimeText};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};
use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef as Stored};

use crate::error;

/// Binds all parameters; nothing is run when one does not fit.
///
/// `wide` says that the statement touches a column of type `u64_text`, whose numbers are texts of 20 digits.
pub(crate) fn bind_all(
    statement: &mut Statement<'_>,
    arrangement: &Arrangement<'_>,
    values: &[ValueRef<'_>],
    wide: bool,
) -> Result<()> {
    for (native, index) in arrangement.indexes().enumerate() {
        let stored =
            stored(values[index], wide).map_err(|error| error.context(format_args!("parameter {}", index + 1)))?;
        statement
            .raw_bind_parameter(native + 1, stored)
            .map_err(|error| error::from_rusqlite(error, None).context(format_args!("parameter {}", index + 1)))?;
    }
    Ok(())
}

/// Gives the size of the texts and blobs among the parameters.
pub(crate) fn size(values: &[ValueRef<'_>]) -> usize {
    let size = |value: &ValueRef<'_>| match value {
        ValueRef::Text(text) | ValueRef::Json(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    values.iter().map(size).fold(0, usize::saturating_add)
}

#[inline]
pub(crate) fn stored(value: ValueRef<'_>, wide: bool) -> Result<ToSqlOutput<'_>> {
    Ok(ToSqlOutput::Borrowed(match value {
        ValueRef::Null => Stored::Null,
        ValueRef::Bool(value) => Stored::Integer(value.into()),
        ValueRef::I64(value) | ValueRef::Span(value) => Stored::Integer(value),
        ValueRef::F32(value) => Stored::Real(number(f64::from(value))?),
        ValueRef::F64(value) => Stored::Real(number(value)?),
        ValueRef::Text(text) | ValueRef::Json(text) => Stored::Text(text.as_bytes()),
        ValueRef::Bytes(bytes) => Stored::Blob(bytes),
        other => return written(other, wide),
    }))
}

/// What has no storage class of its own is written as text.
fn written(value: ValueRef<'_>, wide: bool) -> Result<ToSqlOutput<'static>> {
    match value {
        ValueRef::U64(value) => Ok(ToSqlOutput::Owned(match i64::try_from(value) {
            Ok(value) if !wide => Owned::Integer(value),
            // Of one width, so that texts sort as numbers do.
            _ => Owned::Text(format!("{value:020}")),
        })),
        ValueRef::Decimal(value) => Ok(text(value)),
        ValueRef::Uuid(bytes) => Ok(text(UuidText(bytes))),
        ValueRef::Date(days) => Ok(text(DateText(days))),
        // All six digits, for the same reason.
        ValueRef::Time(micros) => Ok(text(format_args!("{:.6}", TimeText(micros)))),
        ValueRef::DateTime(micros) => Ok(text(format_args!("{:.6}", DateTimeText(micros)))),
        ValueRef::Instant(micros) => Ok(text(format_args!("{:.6}", InstantText(micros)))),
        ValueRef::Interval(interval) => Ok(text(IntervalText(interval))),
        ValueRef::Array(_) => Err(Error::not_supported("sqlite has no arrays").with_hint("bind them as JSON")),
        ValueRef::Typed(native, _) => {
            Err(Error::not_supported(format!("sqlite has no type {} to bind", native.name())))
        }
        other => Err(Error::not_supported(format!("sqlite cannot store a {}", other.kind_name()))),
    }
}

fn text(value: impl Display) -> ToSqlOutput<'static> {
    ToSqlOutput::Owned(Owned::Text(value.to_string()))
}

/// SQLite would store NaN as NULL without a word.
fn number(value: f64) -> Result<f64> {
    if value.is_nan() {
        return Err(Error::new(ErrorKind::NotSupported, "sqlite cannot store NaN").with_hint("bind NULL"));
    }
    Ok(value)
}
