//! Reading dates and times from cells: what every date library's conversion starts from.

use super::{parse_date, parse_datetime, parse_instant, parse_span, parse_time};
use crate::value::{ValueRef, mismatch};
use crate::{Error, ErrorKind, Result};

/// Reads a date, or text that is one, as days since 1970-01-01.
///
/// # Errors
///
/// `Conversion` for any other value; a datetime is not cut down to its date.
pub fn read_date(value: ValueRef<'_>) -> Result<i32> {
    match value {
        ValueRef::Date(days) => Ok(days),
        ValueRef::Text(text) => parse_date(text),
        ValueRef::DateTime(_) => {
            Err(mismatch("date", value).with_hint("read it as a datetime without a zone, or cast it in SQL"))
        }
        other => Err(mismatch("date", other)),
    }
}

/// Reads a time of day, or text that is one, as microseconds since midnight.
///
/// # Errors
///
/// `Conversion` for any other value; a span (MySQL's TIME) is a time of day from 0 to 24 hours only.
pub fn read_time(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Time(micros) | ValueRef::Span(micros @ 0..=super::DAY) => Ok(micros),
        ValueRef::Span(_) => Err(mismatch("time", value).with_hint("read it as a duration: it is no time of day")),
        ValueRef::Text(text) => parse_time(text),
        other => Err(mismatch("time", other)),
    }
}

/// Reads a date and time without a zone, or text that is one, as microseconds since 1970-01-01 00:00:00.
///
/// # Errors
///
/// `Conversion` for any other value; an instant is none, for its clock depends on the zone.
pub fn read_datetime(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::DateTime(micros) => Ok(micros),
        ValueRef::Text(text) => parse_datetime(text),
        ValueRef::Instant(_) => Err(mismatch("datetime", value)
            .with_hint("it is a moment in UTC: read it as an instant, a datetime with a zone")),
        other => Err(mismatch("datetime", other)),
    }
}

/// Reads an instant, or text that is one, as microseconds since 1970-01-01 00:00:00 UTC.
///
/// # Errors
///
/// `Conversion` for any other value; a datetime without a zone is none, for nobody knows which zone it means.
pub fn read_instant(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Instant(micros) => Ok(micros),
        ValueRef::Text(text) => parse_instant(text),
        ValueRef::DateTime(_) => Err(mismatch("instant", value)
            .with_hint("it has no time zone: read it as a datetime without one, or give the column a type with one")),
        other => Err(mismatch("instant", other)),
    }
}

/// Reads a span of fixed length as microseconds: a span, an interval without months and days, or text that is a span.
///
/// # Errors
///
/// `Conversion` for any other value; an integer is none, for nobody knows its unit.
pub fn read_span(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Span(micros) => Ok(micros),
        ValueRef::Interval(interval) if interval.months == 0 && interval.days == 0 => Ok(interval.micros),
        ValueRef::Interval(_) => Err(Error::new(
            ErrorKind::Conversion,
            "expected a span of fixed length, found an interval with days or months",
        )
        .with_hint("read it as an Interval")),
        ValueRef::Text(text) => parse_span(text),
        ValueRef::I64(_) => Err(mismatch("span", value).with_hint("read it as an integer, whose unit only you know")),
        other => Err(mismatch("span", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Interval;

    #[test]
    fn a_naive_datetime_and_an_instant_are_never_taken_for_one_another() {
        let error = read_instant(ValueRef::DateTime(0)).expect_err("naive");
        assert!(error.to_string().starts_with("expected instant, found datetime (it has no time zone"), "{error}");
        let error = read_datetime(ValueRef::Instant(0)).expect_err("instant");
        assert!(error.to_string().starts_with("expected datetime, found instant (it is a moment in UTC"), "{error}");
        assert_eq!(read_date(ValueRef::DateTime(0)).expect_err("datetime").kind(), ErrorKind::Conversion);
    }

    #[test]
    fn only_an_interval_of_fixed_length_is_a_span() -> Result<()> {
        assert_eq!(read_span(ValueRef::Interval(Interval { months: 0, days: 0, micros: -5 }))?, -5);
        for interval in [Interval { months: 1, ..Interval::default() }, Interval { days: 1, ..Interval::default() }] {
            assert_eq!(read_span(ValueRef::Interval(interval)).expect_err("calendar").kind(), ErrorKind::Conversion);
        }
        Ok(())
    }

    #[test]
    fn a_span_within_a_day_is_a_time() -> Result<()> {
        assert_eq!(read_time(ValueRef::Span(5))?, 5);
        assert_eq!(read_time(ValueRef::Span(-1)).expect_err("negative").kind(), ErrorKind::Conversion);
        assert_eq!(read_time(ValueRef::Span(i64::MAX)).expect_err("years").kind(), ErrorKind::Conversion);
        Ok(())
    }
}
