//! jiff's types. Databases hold microseconds: binding cuts off what is finer, towards the past.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, Timestamp};

use super::numbers::unfit;
use super::temporal::{
    DateText, HOUR, InstantText, IntervalText, MINUTE, SECOND, TimeText, calendar, civil_from_days, days_from_civil,
    read_instant, too_far,
};
use super::{Bound, FromValue, Interval, ToValue, ValueRef};
use crate::{Error, ErrorKind, Result};

fn date_of(days: i32) -> Result<Date> {
    let (year, month, day) = civil_from_days(days);
    let parts = i16::try_from(year).ok().zip(i8::try_from(month).ok()).zip(i8::try_from(day).ok());
    parts
        .and_then(|((year, month), day)| Date::new(year, month, day).ok())
        .ok_or_else(|| unfit("a date within jiff's calendar", DateText(days)))
}

fn time_of(micros: i64) -> Result<Time> {
    let part = |unit: i64, count: i64| i8::try_from(micros / unit % count).ok();
    let nanos = i32::try_from(micros % SECOND * 1000).ok();
    let hours = i8::try_from(micros / HOUR).ok();
    hours
        .zip(part(MINUTE, 60))
        .zip(part(SECOND, 60))
        .zip(nanos)
        .and_then(|(((hours, minutes), seconds), nanos)| Time::new(hours, minutes, seconds, nanos).ok())
        .ok_or_else(|| unfit("a time before 24:00:00", TimeText(micros)))
}

fn days_since_1970(date: Date) -> Result<i32> {
    let parts = u8::try_from(date.month()).ok().zip(u8::try_from(date.day()).ok());
    parts.and_then(|(month, day)| days_from_civil(date.year().into(), month, day)).ok_or_else(too_far)
}

fn micros_since_midnight(time: Time) -> i64 {
    i64::from(time.hour()) * HOUR
        + i64::from(time.minute()) * MINUTE
        + i64::from(time.second()) * SECOND
        + i64::from(time.subsec_nanosecond() / 1000)
}

calendar! {
    date Date: date_of, days_since_1970;
    time Time: time_of, |time| Ok::<i64, Error>(micros_since_midnight(time));
    datetime DateTime: DateTime::from_parts, |datetime: DateTime| (datetime.date(), datetime.time());
    span SignedDuration: SignedDuration::from_micros, |span: SignedDuration| i64::try_from(span.as_micros()).ok();
}

/// Reads instants, and text with a zone. Datetimes without a zone are refused.
impl FromValue for Timestamp {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let micros = read_instant(value)?;
        Self::from_microsecond(micros).map_err(|_| unfit("an instant within jiff's calendar", InstantText(micros)))
    }
}

/// Cuts off what is finer than a microsecond.
impl ToValue for Timestamp {
    fn to_value(&self) -> Result<Bound<'_>> {
        let micros = i64::try_from(self.as_nanosecond().div_euclid(1000)).map_err(|_| too_far())?;
        Ok(Bound::Borrowed(ValueRef::Instant(micros)))
    }
}

/// Reads what [`Interval`] reads, in years, months, days, hours, minutes, seconds and microseconds.
impl FromValue for Span {
    /// # Errors
    ///
    /// An interval whose parts have different signs, or one past jiff's limits, is a `Conversion` error.
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let interval = Interval::from_value(value)?;
        let Interval { months, days, micros } = interval;
        let signs = [i64::from(months), i64::from(days), micros];
        if signs.iter().any(|part| *part < 0) && signs.iter().any(|part| *part > 0) {
            return Err(unfit("an interval whose parts have one sign", IntervalText(interval)));
        }
        Self::new()
            .try_years(months / 12)
            .and_then(|span| span.try_months(months % 12))
            .and_then(|span| span.try_days(days))
            .and_then(|span| span.try_hours(micros / HOUR))
            .and_then(|span| span.try_minutes(micros / MINUTE % 60))
            .and_then(|span| span.try_seconds(micros / SECOND % 60))
            .and_then(|span| span.try_microseconds(micros % SECOND))
            .map_err(|_| unfit("an interval within jiff's limits", IntervalText(interval)))
    }
}

/// Binds an interval: years as twelve months, weeks as seven days, the rest as microseconds, cut towards nought.
impl ToValue for Span {
    /// # Errors
    ///
    /// What an interval cannot count is `OutOfRange`.
    fn to_value(&self) -> Result<Bound<'_>> {
        let nanos = i128::from(self.get_hours()) * i128::from(HOUR) * 1000
            + i128::from(self.get_minutes()) * i128::from(MINUTE) * 1000
            + i128::from(self.get_seconds()) * 1_000_000_000
            + i128::from(self.get_milliseconds()) * 1_000_000
            + i128::from(self.get_microseconds()) * 1000
            + i128::from(self.get_nanoseconds());
        let months = i64::from(self.get_years()) * 12 + i64::from(self.get_months());
        let days = i64::from(self.get_weeks()) * 7 + i64::from(self.get_days());
        let range = || Error::new(ErrorKind::OutOfRange, "the span is too long for an interval");
        Ok(Bound::Borrowed(ValueRef::Interval(Interval {
            months: i32::try_from(months).map_err(|_| range())?,
            days: i32::try_from(days).map_err(|_| range())?,
            micros: i64::try_from(nanos / 1000).map_err(|_| range())?,
        })))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::value::Value;

    #[test]
    fn civil_types_and_instants_keep_apart() -> Result<()> {
        let datetime = date(2024, 2, 29).at(13, 30, 0, 500_000_999);
        let micros = 1_709_213_400_500_000;
        assert_eq!(datetime.to_value()?.as_ref(), ValueRef::DateTime(micros));
        assert_eq!(DateTime::from_value(ValueRef::DateTime(micros))?, date(2024, 2, 29).at(13, 30, 0, 500_000_000));
        assert_eq!(Timestamp::from_value(ValueRef::Instant(micros))?.as_microsecond(), micros);
        assert!(DateTime::from_value(ValueRef::Instant(micros)).is_err());
        assert!(Timestamp::from_value(ValueRef::DateTime(micros)).is_err());
        assert_eq!(Date::from_value(ValueRef::Text("2024-02-29"))?, date(2024, 2, 29));
        Ok(())
    }

    #[test]
    fn an_instant_is_cut_towards_the_past() -> Result<()> {
        let before = Timestamp::from_nanosecond(-1).expect("in range");
        assert_eq!(before.to_value()?.as_ref(), ValueRef::Instant(-1));
        Ok(())
    }

    #[test]
    fn an_interval_is_a_span_where_its_signs_agree() -> Result<()> {
        let span = 1.year().months(2).weeks(1).days(3).hours(4).microseconds(5).nanoseconds(999);
        let interval = Interval { months: 14, days: 10, micros: 4 * HOUR + 5 };
        assert_eq!(span.to_value()?.as_ref(), ValueRef::Interval(interval));
        let read = Span::from_value(ValueRef::Interval(interval))?;
        assert_eq!(read.fieldwise(), 1.year().months(2).days(10).hours(4).microseconds(5).fieldwise());
        let mixed = Interval { months: 1, days: -1, micros: 0 };
        let error = Span::from_value(ValueRef::Interval(mixed)).expect_err("mixed");
        assert_eq!(error.message(), "expected an interval whose parts have one sign, found P1M-1D");
        Ok(())
    }

    #[test]
    fn what_jiff_cannot_hold_is_refused_by_value() {
        let error = Date::from_value(ValueRef::Date(i32::MAX)).expect_err("far");
        assert_eq!(error.message(), "expected a date within jiff's calendar, found +5881580-07-11");
        assert!(Time::from_value(ValueRef::Time(86_400_000_000)).is_err());
        assert!(Time::from_value(ValueRef::Time(-1)).is_err());
        assert!(Timestamp::from_value(ValueRef::Instant(i64::MAX)).is_err());
        let longest = Interval { months: i32::MAX, days: i32::MAX, micros: i64::MAX };
        assert_eq!(Span::from_value(ValueRef::Interval(longest)).expect_err("long").kind(), ErrorKind::Conversion);
        assert_eq!(SignedDuration::MAX.to_value().expect_err("long").kind(), ErrorKind::OutOfRange);
    }

    proptest! {
        #[test]
        fn what_is_read_is_bound_again(days in any::<i32>(), small in -4_000_000..4_000_000_i32, micros in any::<i64>(), months in -200_000..200_000_i32) {
            for days in [days, small] {
                if let Ok(date) = Date::from_value(ValueRef::Date(days)) {
                    prop_assert_eq!(date.to_value()?.into_value()?, Value::Date(days));
                }
            }
            let time = micros.rem_euclid(86_400_000_000);
            prop_assert_eq!(Time::from_value(ValueRef::Time(time))?.to_value()?.into_value()?, Value::Time(time));
            for micros in [micros, micros / 32] {
                if let Ok(datetime) = DateTime::from_value(ValueRef::DateTime(micros)) {
                    prop_assert_eq!(datetime.to_value()?.into_value()?, Value::DateTime(micros));
                }
                if let Ok(instant) = Timestamp::from_value(ValueRef::Instant(micros)) {
                    prop_assert_eq!(instant.to_value()?.into_value()?, Value::Instant(micros));
                }
                let interval = Interval { months, days: small, micros };
                if let Ok(span) = Span::from_value(ValueRef::Interval(interval)) {
                    prop_assert_eq!(span.to_value()?.into_value()?, Value::Interval(interval));
                }
            }
            prop_assert_eq!(SignedDuration::from_value(ValueRef::Span(micros))?.to_value()?.into_value()?, Value::Span(micros));
        }
    }
}
