//! chrono's types. Databases hold microseconds: binding cuts off what is finer, towards the past.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};

use super::numbers::unfit;
use super::temporal::{DateText, InstantText, SECOND, TimeText, calendar, civil_from_days, read_instant, too_far};
use super::{Bound, FromValue, ToValue, ValueRef};
use crate::{Error, ErrorKind, Result};

fn date_of(days: i32) -> Result<NaiveDate> {
    let (year, month, day) = civil_from_days(days);
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| unfit("a date within chrono's calendar", DateText(days)))
}

fn time_of(micros: i64) -> Result<NaiveTime> {
    let parts = u32::try_from(micros / SECOND).ok().zip(u32::try_from(micros % SECOND * 1000).ok());
    parts
        .and_then(|(seconds, nanos)| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos))
        .ok_or_else(|| unfit("a time before 24:00:00", TimeText(micros)))
}

fn days_since_1970(date: NaiveDate) -> Result<i32> {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).map_err(|_| too_far())
}

/// chrono marks a leap second by a fraction of a second or more; a database has no place for one.
fn micros_since_midnight(time: NaiveTime) -> Result<i64> {
    if time.nanosecond() >= 1_000_000_000 {
        return Err(Error::new(ErrorKind::OutOfRange, "a leap second cannot be bound: databases have none")
            .with_hint("round it to the second before or after"));
    }
    Ok(i64::from(time.num_seconds_from_midnight()) * SECOND + i64::from(time.nanosecond() / 1000))
}

calendar! {
    date NaiveDate: date_of, days_since_1970;
    time NaiveTime: time_of, micros_since_midnight;
    datetime NaiveDateTime: NaiveDateTime::new, |datetime: NaiveDateTime| (datetime.date(), datetime.time());
    span TimeDelta: TimeDelta::microseconds, |span: TimeDelta| span.num_microseconds();
}

/// Reads instants, and text with a zone. Datetimes without a zone are refused.
impl FromValue for DateTime<Utc> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let micros = read_instant(value)?;
        Self::from_timestamp_micros(micros)
            .ok_or_else(|| unfit("an instant within chrono's calendar", InstantText(micros)))
    }
}

/// Reads instants, with an offset of nought: a database does not keep the offset that was bound.
impl FromValue for DateTime<FixedOffset> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        DateTime::<Utc>::from_value(value).map(|instant| instant.fixed_offset())
    }
}

/// Binds the instant: the zone is lost, and what is finer than a microsecond is cut off.
impl<Z: TimeZone> ToValue for DateTime<Z> {
    /// # Errors
    ///
    /// A leap second is `OutOfRange`.
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Instant(micros_since_1970(self.naive_utc())?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Value;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_instant_is_cut_towards_the_past() -> Result<()> {
        let before = utc("1969-12-31T23:59:59.999999999Z");
        assert_eq!(before.to_value()?.as_ref(), ValueRef::Instant(-1));
        let after = utc("1970-01-01T00:00:00.000001999Z");
        assert_eq!(after.to_value()?.as_ref(), ValueRef::Instant(1));
        assert_eq!(DateTime::<Utc>::from_value(ValueRef::Instant(-1))?, utc("1969-12-31T23:59:59.999999Z"));
        Ok(())
    }

    #[test]
    fn an_offset_is_normalised_to_utc() -> Result<()> {
        let local: DateTime<FixedOffset> = "2024-02-29T13:30:00+02:00".parse().expect("a datetime");
        let bound = local.to_value()?.into_value()?;
        assert_eq!(DateTime::<Utc>::from_value(bound.as_ref())?, utc("2024-02-29T11:30:00Z"));
        let read = DateTime::<FixedOffset>::from_value(bound.as_ref())?;
        assert_eq!((read, read.offset().local_minus_utc()), (local, 0));
        Ok(())
    }

    #[test]
    fn a_zone_is_neither_invented_nor_dropped() {
        assert!(NaiveDateTime::from_value(ValueRef::Instant(0)).is_err());
        assert!(DateTime::<Utc>::from_value(ValueRef::DateTime(0)).is_err());
        assert!(NaiveDateTime::from_value(ValueRef::Text("2024-01-01T00:00:00Z")).is_err());
        assert!(DateTime::<Utc>::from_value(ValueRef::Text("2024-01-01T00:00:00")).is_err());
    }

    #[test]
    fn text_is_read() -> Result<()> {
        assert_eq!(
            NaiveDate::from_value(ValueRef::Text("2024-02-29"))?,
            NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day")
        );
        assert_eq!(NaiveTime::from_value(ValueRef::Text("13:30:00.5"))?.nanosecond(), 500_000_000);
        assert_eq!(DateTime::<Utc>::from_value(ValueRef::Text("1970-01-01 00:00:00+00"))?, DateTime::UNIX_EPOCH);
        assert_eq!(TimeDelta::from_value(ValueRef::Text("-01:00:00"))?, TimeDelta::hours(-1));
        Ok(())
    }

    #[test]
    fn a_leap_second_is_refused_when_bound() {
        let leap = NaiveTime::from_hms_micro_opt(23, 59, 59, 1_500_000).expect("a leap second");
        let day = NaiveDate::from_ymd_opt(2016, 12, 31).expect("a day");
        assert_eq!(leap.to_value().expect_err("leap").kind(), ErrorKind::OutOfRange);
        assert_eq!(day.and_time(leap).and_utc().to_value().expect_err("leap").kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn what_chrono_cannot_hold_is_refused_by_value() {
        let error = NaiveDate::from_value(ValueRef::Date(i32::MAX)).expect_err("far");
        assert_eq!(error.message(), "expected a date within chrono's calendar, found +5881580-07-11");
        let error = NaiveTime::from_value(ValueRef::Time(86_400_000_000)).expect_err("24:00");
        assert_eq!(error.message(), "expected a time before 24:00:00, found 24:00:00");
        assert!(NaiveTime::from_value(ValueRef::Time(-1)).is_err());
        assert!(DateTime::<Utc>::from_value(ValueRef::Instant(i64::MIN)).is_err());
    }

    #[test]
    fn the_ends_of_the_calendar_are_bound_or_refused() {
        assert!(NaiveDate::MIN.to_value().is_ok() && NaiveDate::MAX.to_value().is_ok());
        assert!(DateTime::<Utc>::MIN_UTC.to_value().is_ok() && DateTime::<Utc>::MAX_UTC.to_value().is_ok());
        assert_eq!(TimeDelta::MAX.to_value().expect_err("long").kind(), ErrorKind::OutOfRange);
    }

    proptest! {
        #[test]
        fn what_is_read_is_bound_again(days in any::<i32>(), micros in any::<i64>()) {
            if let Ok(date) = NaiveDate::from_value(ValueRef::Date(days)) {
                prop_assert_eq!(date.to_value()?.into_value()?, Value::Date(days));
            }
            if let Ok(time) = NaiveTime::from_value(ValueRef::Time(micros % 100_000_000_000)) {
                prop_assert_eq!(time.to_value()?.into_value()?, Value::Time(micros % 100_000_000_000));
            }
            if let Ok(datetime) = NaiveDateTime::from_value(ValueRef::DateTime(micros)) {
                prop_assert_eq!(datetime.to_value()?.into_value()?, Value::DateTime(micros));
            }
            if let Ok(instant) = DateTime::<Utc>::from_value(ValueRef::Instant(micros)) {
                prop_assert_eq!(instant.to_value()?.into_value()?, Value::Instant(micros));
            }
            prop_assert_eq!(TimeDelta::from_value(ValueRef::Span(micros))?.to_value()?.into_value()?, Value::Span(micros));
        }
    }
}
