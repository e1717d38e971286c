//! time's types. Databases hold microseconds: binding cuts off what is finer, towards the past.

use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime};

use super::numbers::unfit;
use super::temporal::{DateText, HOUR, InstantText, MINUTE, SECOND, TimeText, calendar, read_instant, too_far};
use super::{Bound, FromValue, ToValue, ValueRef};
use crate::{Error, Result};

/// The Julian day of 1970-01-01.
const EPOCH: i32 = 2_440_588;

fn date_of(days: i32) -> Result<Date> {
    days.checked_add(EPOCH)
        .and_then(|day| Date::from_julian_day(day).ok())
        .ok_or_else(|| unfit("a date within time's calendar", DateText(days)))
}

fn time_of(micros: i64) -> Result<Time> {
    let part = |unit: i64, count: i64| u8::try_from(micros / unit % count).ok();
    let hours = u8::try_from(micros / HOUR).ok();
    hours
        .zip(part(MINUTE, 60))
        .zip(part(SECOND, 60))
        .zip(u32::try_from(micros % SECOND).ok())
        .and_then(|(((hours, minutes), seconds), micros)| Time::from_hms_micro(hours, minutes, seconds, micros).ok())
        .ok_or_else(|| unfit("a time before 24:00:00", TimeText(micros)))
}

fn days_since_1970(date: Date) -> i32 {
    date.to_julian_day() - EPOCH
}

fn micros_since_midnight(time: Time) -> i64 {
    let (hours, minutes, seconds, micros) = time.as_hms_micro();
    i64::from(hours) * HOUR + i64::from(minutes) * MINUTE + i64::from(seconds) * SECOND + i64::from(micros)
}

calendar! {
    date Date: date_of, |date| Ok::<i32, Error>(days_since_1970(date));
    time Time: time_of, |time| Ok::<i64, Error>(micros_since_midnight(time));
    datetime PrimitiveDateTime: PrimitiveDateTime::new, |datetime: PrimitiveDateTime| (datetime.date(), datetime.time());
    span Duration: Duration::microseconds, |span: Duration| i64::try_from(span.whole_microseconds()).ok();
}

fn instant_of(value: ValueRef<'_>) -> Result<OffsetDateTime> {
    let micros = read_instant(value)?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|_| unfit("an instant within time's calendar", InstantText(micros)))
}

fn instant(nanos: i128) -> Result<Bound<'static>> {
    let micros = i64::try_from(nanos.div_euclid(1000)).map_err(|_| too_far())?;
    Ok(Bound::Borrowed(ValueRef::Instant(micros)))
}

/// Reads instants, with an offset of nought: a database does not keep the offset that was bound.
impl FromValue for OffsetDateTime {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        instant_of(value)
    }
}

/// Binds the instant: the offset is lost, and what is finer than a microsecond is cut off.
impl ToValue for OffsetDateTime {
    fn to_value(&self) -> Result<Bound<'_>> {
        instant(self.unix_timestamp_nanos())
    }
}

/// Reads instants, and text with a zone. Datetimes without a zone are refused.
impl FromValue for UtcDateTime {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        instant_of(value).map(OffsetDateTime::to_utc)
    }
}

/// Cuts off what is finer than a microsecond.
impl ToValue for UtcDateTime {
    fn to_value(&self) -> Result<Bound<'_>> {
        instant(self.unix_timestamp_nanos())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Month, UtcOffset};

    use super::*;
    use crate::ErrorKind;
    use crate::value::Value;

    #[test]
    fn dates_and_instants_keep_apart() -> Result<()> {
        let day = Date::from_calendar_date(2024, Month::February, 29).expect("a day");
        assert_eq!(day.to_value()?.as_ref(), ValueRef::Date(19_782));
        assert_eq!(Date::from_value(ValueRef::Text("2024-02-29"))?, day);
        let datetime = PrimitiveDateTime::new(day, Time::from_hms_nano(13, 30, 0, 999).expect("a time"));
        assert_eq!(datetime.to_value()?.as_ref(), ValueRef::DateTime(1_709_213_400_000_000));
        assert!(PrimitiveDateTime::from_value(ValueRef::Instant(0)).is_err());
        assert!(OffsetDateTime::from_value(ValueRef::DateTime(0)).is_err());
        Ok(())
    }

    #[test]
    fn an_instant_loses_its_offset_and_is_cut_towards_the_past() -> Result<()> {
        let before = OffsetDateTime::from_unix_timestamp_nanos(-1).expect("in range");
        let east = before.to_offset(UtcOffset::from_hms(2, 0, 0).expect("an offset"));
        assert_eq!(east.to_value()?.as_ref(), ValueRef::Instant(-1));
        assert_eq!(OffsetDateTime::from_value(ValueRef::Instant(-1))?.offset(), UtcOffset::UTC);
        Ok(())
    }

    #[test]
    fn what_time_cannot_hold_is_refused_by_value() {
        let error = Date::from_value(ValueRef::Date(i32::MAX)).expect_err("far");
        assert_eq!(error.message(), "expected a date within time's calendar, found +5881580-07-11");
        assert!(Time::from_value(ValueRef::Time(86_400_000_000)).is_err());
        assert!(Time::from_value(ValueRef::Time(-1)).is_err());
        assert!(OffsetDateTime::from_value(ValueRef::Instant(i64::MIN)).is_err());
        assert_eq!(Duration::MIN.to_value().expect_err("long").kind(), ErrorKind::OutOfRange);
    }

    proptest! {
        #[test]
        fn what_is_read_is_bound_again(days in any::<i32>(), small in -4_000_000..4_000_000_i32, micros in any::<i64>()) {
            for days in [days, small] {
                if let Ok(date) = Date::from_value(ValueRef::Date(days)) {
                    prop_assert_eq!(date.to_value()?.into_value()?, Value::Date(days));
                }
            }
            let time = micros.rem_euclid(86_400_000_000);
            prop_assert_eq!(Time::from_value(ValueRef::Time(time))?.to_value()?.into_value()?, Value::Time(time));
            for micros in [micros, micros / 32] {
                if let Ok(datetime) = PrimitiveDateTime::from_value(ValueRef::DateTime(micros)) {
                    prop_assert_eq!(datetime.to_value()?.into_value()?, Value::DateTime(micros));
                }
                if let Ok(instant) = UtcDateTime::from_value(ValueRef::Instant(micros)) {
                    prop_assert_eq!(instant.to_value()?.into_value()?, Value::Instant(micros));
                }
            }
            prop_assert_eq!(Duration::from_value(ValueRef::Span(micros))?.to_value()?.into_value()?, Value::Span(micros));
        }
    }
}
