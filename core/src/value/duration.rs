//! Spans of time: `std::time::Duration` as a span of fixed length, and [`Interval`] of calendar parts.

use std::time::Duration;

use super::numbers::unfit;
use super::{Bound, FromValue, Interval, ToValue, ValueRef, mismatch, temporal};
use crate::{Error, ErrorKind, Result};

/// Reads a span that is not negative, an interval of fixed length, and text (`13:30:00`).
impl FromValue for Duration {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let micros = temporal::read_span(value)?;
        match u64::try_from(micros) {
            Ok(micros) => Ok(Self::from_micros(micros)),
            Err(_) => Err(unfit("a span that is not negative", format_args!("{micros} microseconds"))),
        }
    }
}

/// Binds a span. Databases hold microseconds: what is finer is cut off.
impl ToValue for Duration {
    /// # Errors
    ///
    /// More than 2^63 microseconds (292 thousand years) is an `OutOfRange` error.
    fn to_value(&self) -> Result<Bound<'_>> {
        let micros = i64::try_from(self.as_micros())
            .map_err(|_| Error::new(ErrorKind::OutOfRange, "a span holds at most 2^63 microseconds"))?;
        Ok(Bound::Borrowed(ValueRef::Span(micros)))
    }
}

/// Reads intervals, spans as an interval of microseconds, and text (`P1Y2M3DT4H5M6.7S`).
impl FromValue for Interval {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Interval(interval) => Ok(interval),
            ValueRef::Span(micros) => Ok(Self { months: 0, days: 0, micros }),
            ValueRef::Text(text) => temporal::parse_interval(text),
            other => Err(mismatch("interval", other)),
        }
    }
}

impl ToValue for Interval {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Interval(*self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_span_cut_to_microseconds() -> Result<()> {
        let elapsed = Duration::new(3, 1_999);
        assert_eq!(elapsed.to_value()?.as_ref(), ValueRef::Span(3_000_001));
        assert_eq!(Duration::from_value(ValueRef::Span(3_000_001))?, Duration::from_micros(3_000_001));
        assert_eq!(Duration::MAX.to_value().expect_err("too long").kind(), ErrorKind::OutOfRange);
        let error = Duration::from_value(ValueRef::Span(-1)).expect_err("negative");
        assert_eq!(error.message(), "expected a span that is not negative, found -1 microseconds");
        Ok(())
    }

    #[test]
    fn a_span_is_an_interval_of_microseconds() -> Result<()> {
        let hour = Interval { months: 0, days: 0, micros: 3_600_000_000 };
        assert_eq!(Interval::from_value(ValueRef::Span(3_600_000_000))?, hour);
        assert_eq!(Interval::from_value(ValueRef::Text("PT1H"))?, hour);
        assert_eq!(Duration::from_value(ValueRef::Interval(hour))?, Duration::from_hours(1));
        assert_eq!(Duration::from_value(ValueRef::Text("01:00:00"))?, Duration::from_hours(1));
        Ok(())
    }
}
