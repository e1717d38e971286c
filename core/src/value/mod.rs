//! Values: what a parameter carries in and a cell carries out, and the traits between them and Rust's types.
//!
//! [`ValueRef`] borrows and is `Copy`: drivers take parameters and hand out cells as `ValueRef`s without an allocation.
//! [`Value`] owns. [`FromValue`] and [`ToValue`] connect both to Rust types; a reading conversion never truncates,
//! wraps or guesses.
//!
//! # Serialize
//!
//! [`Value`], [`ValueRef`] and rows serialize in any format:
//!
//! | value | serde form |
//! |---|---|
//! | null, bool, integers | null, bool, numbers |
//! | f32, f64 | numbers; `"NaN"`, `"Infinity"`, `"-Infinity"` as text, as PostgreSQL writes them |
//! | decimal | text, which keeps every digit |
//! | text | text |
//! | bytes | text in base64 (RFC 4648, padded) |
//! | json | the document itself |
//! | uuid, date, time, datetime, instant, interval | text, ISO 8601 for the times |
//! | span | text, `-838:59:59.5` |
//! | array | a sequence |
//! | a type of the database's own | `{"type": "inet", "hex": "…"}` |

mod array;
#[cfg(feature = "with-chrono-0_4")]
mod chrono;
mod decimal;
mod duration;
mod from;
#[cfg(feature = "with-jiff-0_2")]
mod jiff;
mod json;
mod native;
mod numbers;
#[cfg(feature = "with-rust_decimal-1")]
mod rust_decimal;
mod serialize;
pub mod temporal;
mod text;
#[cfg(feature = "with-time-0_3")]
mod time;
mod to;
#[cfg(feature = "with-uuid-1")]
mod uuid;
mod uuid_text;

use std::fmt;

pub use array::{ArrayRef, DecodeArray, NativeArray};
pub use decimal::Decimal;
pub use from::{FromValue, TextEnum, mismatch};
pub use json::Json;
pub use native::NativeType;
pub(crate) use numbers::integer;
pub use to::{Bound, ToValue};
pub use uuid_text::{UuidText, parse_uuid};

/// A time span of calendar parts, as SQL's INTERVAL has them: a month is no fixed number of days, and a day no fixed
/// number of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// Months, years counted as twelve.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// A borrowed cell or parameter. It is `Copy` and needs no allocation.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// SQL's NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer of up to 64 bits.
    I64(i64),
    /// An unsigned integer; drivers use it where the column is unsigned.
    U64(u64),
    /// A single-precision number.
    F32(f32),
    /// A double-precision number.
    F64(f64),
    /// An exact number of up to 38 digits.
    Decimal(Decimal),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A JSON document as text.
    Json(&'a str),
    /// A UUID's 16 bytes in order.
    Uuid([u8; 16]),
    /// A date: days since 1970-01-01.
    Date(i32),
    /// A time of day: microseconds since midnight.
    Time(i64),
    /// A span of time of fixed length: microseconds (MySQL's TIME, SQLite's by declaration).
    Span(i64),
    /// A date and time without a zone: microseconds since 1970-01-01 00:00:00 on the same clock.
    DateTime(i64),
    /// An instant: microseconds since 1970-01-01 00:00:00 UTC.
    Instant(i64),
    /// A span of calendar parts (PostgreSQL's interval).
    Interval(Interval),
    /// An array.
    Array(ArrayRef<'a>),
    /// What only one database has, in that database's own bytes.
    Typed(&'a NativeType, &'a [u8]),
}

/// An owned value.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Value {
    /// SQL's NULL.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer of up to 64 bits.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A single-precision number.
    F32(f32),
    /// A double-precision number.
    F64(f64),
    /// An exact number of up to 38 digits.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A JSON document as text.
    Json(String),
    /// A UUID's 16 bytes in order.
    Uuid([u8; 16]),
    /// A date: days since 1970-01-01.
    Date(i32),
    /// A time of day: microseconds since midnight.
    Time(i64),
    /// A span of time of fixed length, in microseconds.
    Span(i64),
    /// A date and time without a zone: microseconds since 1970-01-01 00:00:00 on the same clock.
    DateTime(i64),
    /// An instant: microseconds since 1970-01-01 00:00:00 UTC.
    Instant(i64),
    /// A span of calendar parts.
    Interval(Interval),
    /// An array; nested arrays are further dimensions.
    Array(Vec<Value>),
    /// What only one database has, in that database's own bytes.
    Typed(Box<Typed>),
}

/// A value of a type that only one database has. It is boxed in a [`Value`], which it would make half as large again.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    /// The type.
    pub native: NativeType,
    /// The value in that database's own bytes.
    pub bytes: Vec<u8>,
}

impl<'a> ValueRef<'a> {
    /// Copies what is borrowed.
    ///
    /// # Errors
    ///
    /// An array in the database's own form that cannot be decoded gives that error.
    pub fn to_owned(self) -> crate::Result<Value> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(v),
            Self::I64(v) => Value::I64(v),
            Self::U64(v) => Value::U64(v),
            Self::F32(v) => Value::F32(v),
            Self::F64(v) => Value::F64(v),
            Self::Decimal(v) => Value::Decimal(v),
            Self::Text(v) => Value::Text(v.to_owned()),
            Self::Bytes(v) => Value::Bytes(v.to_owned()),
            Self::Json(v) => Value::Json(v.to_owned()),
            Self::Uuid(v) => Value::Uuid(v),
            Self::Date(v) => Value::Date(v),
            Self::Time(v) => Value::Time(v),
            Self::Span(v) => Value::Span(v),
            Self::DateTime(v) => Value::DateTime(v),
            Self::Instant(v) => Value::Instant(v),
            Self::Interval(v) => Value::Interval(v),
            Self::Array(v) => Value::Array(v.to_values()?),
            Self::Typed(native, bytes) => Value::typed(native.clone(), bytes),
        })
    }

    /// Tells whether this is NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// Gives the text of a text or JSON value without a copy.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text),
            _ => None,
        }
    }

    /// Gives the bytes of a bytes value without a copy.
    #[must_use]
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Names the kind of value, for messages; the value itself is never told.
    #[must_use]
    pub fn kind_name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::I64(_) => "i64",
            Self::U64(_) => "u64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Decimal(_) => "decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Json(_) => "json",
            Self::Uuid(_) => "uuid",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Span(_) => "span",
            Self::DateTime(_) => "datetime",
            Self::Instant(_) => "instant",
            Self::Interval(_) => "interval",
            Self::Array(_) => "array",
            Self::Typed(..) => "a type of the database's own",
        }
    }
}

/// Shows the value in full: for tests and debuggers. oarlock itself never logs a value.
impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ValueRef::to_owned(*self) {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "Array(<{error}>)"),
        }
    }
}

impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (ValueRef::to_owned(*self), ValueRef::to_owned(*other)) {
            (Ok(left), Ok(right)) => left == right,
            _ => false,
        }
    }
}

impl Value {
    /// Makes a value of a type that only one database has, of that database's own bytes.
    #[must_use]
    pub fn typed(native: NativeType, bytes: impl Into<Vec<u8>>) -> Self {
        Self::Typed(Box::new(Typed { native, bytes: bytes.into() }))
    }

    /// Borrows the value.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Bool(v) => ValueRef::Bool(*v),
            Self::I64(v) => ValueRef::I64(*v),
            Self::U64(v) => ValueRef::U64(*v),
            Self::F32(v) => ValueRef::F32(*v),
            Self::F64(v) => ValueRef::F64(*v),
            Self::Decimal(v) => ValueRef::Decimal(*v),
            Self::Text(v) => ValueRef::Text(v),
            Self::Bytes(v) => ValueRef::Bytes(v),
            Self::Json(v) => ValueRef::Json(v),
            Self::Uuid(v) => ValueRef::Uuid(*v),
            Self::Date(v) => ValueRef::Date(*v),
            Self::Time(v) => ValueRef::Time(*v),
            Self::Span(v) => ValueRef::Span(*v),
            Self::DateTime(v) => ValueRef::DateTime(*v),
            Self::Instant(v) => ValueRef::Instant(*v),
            Self::Interval(v) => ValueRef::Interval(*v),
            Self::Array(v) => ValueRef::Array(ArrayRef::Values(v)),
            Self::Typed(typed) => ValueRef::Typed(&typed.native, &typed.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_borrowed_value_is_four_words() {
        assert!(size_of::<ValueRef<'_>>() <= 32, "{}", size_of::<ValueRef<'_>>());
        assert!(size_of::<crate::Result<ValueRef<'_>>>() <= 32);
        assert!(size_of::<Value>() <= 32, "{}", size_of::<Value>());
    }
}
