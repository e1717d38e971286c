//! How a column's stored values are read: by its declared type, resolved once per statement.
//!
//! SQLite stores any value in any column. The declared type says what a stored value means; a value that does not have
//! that meaning (text in a `DATETIME` column that is no date, a number where a UUID is expected) is handed out as it is
//! stored, so that a typed read names what it found instead of a guess. An expression has no declared type.

use oarlock_core::schema::Type;
use oarlock_core::value::temporal::{parse_date, parse_datetime, parse_instant, parse_interval, parse_time};
use oarlock_core::value::{Decimal, parse_uuid};
use oarlock_core::{Dialect, Error, ErrorKind, ValueRef};

/// What the declared type of a column says about its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoder {
    /// The storage class says it all.
    Stored,
    Bool,
    U64,
    Decimal,
    Uuid,
    Json,
    Date,
    Time,
    DateTime,
    Instant,
    Span,
    Interval,
}

impl Decoder {
    /// Finds the decoder of a declared type: the names that the schema renderer writes, and those that people use.
    pub(crate) fn of(declared: Option<&str>) -> Self {
        match declared.map(|declared| Type::from_native(declared, &Dialect::SQLITE)) {
            Some(Type::Bool) => Self::Bool,
            Some(Type::UInt8) => Self::U64,
            Some(Type::Decimal { .. }) => Self::Decimal,
            Some(Type::Uuid) => Self::Uuid,
            Some(Type::Json) => Self::Json,
            Some(Type::Date) => Self::Date,
            Some(Type::Time) => Self::Time,
            Some(Type::DateTime) => Self::DateTime,
            Some(Type::Timestamp) => Self::Instant,
            Some(Type::Span) => Self::Span,
            Some(Type::Interval) => Self::Interval,
            _ => Self::Stored,
        }
    }

    #[inline]
    pub(crate) fn integer(self, value: i64) -> ValueRef<'static> {
        match self {
            Self::Bool if value == 0 || value == 1 => ValueRef::Bool(value == 1),
            Self::Span => ValueRef::Span(value),
            _ => ValueRef::I64(value),
        }
    }

    #[inline]
    pub(crate) fn text(self, text: &str) -> ValueRef<'_> {
        match self {
            Self::Stored => ValueRef::Text(text),
            other => other.meaning(text).unwrap_or(ValueRef::Text(text)),
        }
    }

    fn meaning(self, text: &str) -> Option<ValueRef<'_>> {
        match self {
            Self::U64 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(ValueRef::U64),
            Self::Stored | Self::Bool | Self::Span | Self::U64 => None,
            Self::Decimal => text.parse::<Decimal>().ok().map(ValueRef::Decimal),
            Self::Uuid => parse_uuid(text).ok().map(ValueRef::Uuid),
            Self::Json => Some(ValueRef::Json(text)),
            Self::Date => parse_date(text).ok().map(ValueRef::Date),
            Self::Time => parse_time(text).ok().map(ValueRef::Time),
            Self::DateTime => parse_datetime(text).ok().map(ValueRef::DateTime),
            // SQLite's own CURRENT_TIMESTAMP is in UTC and does not say so.
            Self::Instant => parse_instant(text).or_else(|_| parse_datetime(text)).ok().map(ValueRef::Instant),
            Self::Interval => parse_interval(text).ok().map(ValueRef::Interval),
        }
    }

    #[inline]
    pub(crate) fn blob(self, bytes: &[u8]) -> ValueRef<'_> {
        match (self, <[u8; 16]>::try_from(bytes)) {
            (Self::Uuid, Ok(uuid)) => ValueRef::Uuid(uuid),
            _ => ValueRef::Bytes(bytes),
        }
    }
}

#[cold]
pub(crate) fn not_utf8() -> Error {
    Error::new(ErrorKind::Conversion, "expected text, found text that is not UTF-8")
        .with_hint("read the bytes with CAST(… AS BLOB)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_names_lose_their_size_and_case() {
        for (declared, decoder) in [
            ("decimal_text(10,2)", Decoder::Decimal),
            ("DECIMAL (10, 2)", Decoder::Decimal),
            ("Boolean", Decoder::Bool),
            ("TIMESTAMP", Decoder::Instant),
            ("DATETIME", Decoder::DateTime),
            ("varchar(20)", Decoder::Stored),
            ("", Decoder::Stored),
        ] {
            assert_eq!(Decoder::of(Some(declared)), decoder, "{declared}");
        }
        assert_eq!(Decoder::of(None), Decoder::Stored);
    }

    #[test]
    fn what_does_not_fit_its_declared_type_is_handed_out_as_stored() {
        assert_eq!(Decoder::DateTime.text("yesterday"), ValueRef::Text("yesterday"));
        assert_eq!(Decoder::Bool.integer(2), ValueRef::I64(2));
        assert_eq!(Decoder::Uuid.blob(&[1, 2]), ValueRef::Bytes(&[1, 2]));
        assert_eq!(Decoder::U64.text("-1"), ValueRef::Text("-1"));
    }

    #[test]
    fn a_timestamp_without_a_zone_is_utc() {
        assert_eq!(Decoder::Instant.text("1970-01-01 00:00:01"), ValueRef::Instant(1_000_000));
        assert_eq!(Decoder::Instant.text("1970-01-01T01:00:01.000000+01:00"), ValueRef::Instant(1_000_000));
    }
}
