//! Parameters on their way to the server, in the binary protocol's forms.

use mysql_async::Value;
use oarlock_core::value::temporal::{DAY, HOUR, MINUTE, SECOND, civil_from_days, split_micros};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};

/// The longest span that TIME holds: 838:59:59.
const LONGEST_SPAN: i64 = 838 * HOUR + 59 * MINUTE + 59 * SECOND;

/// What the session's time zone is ahead of UTC, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// So many microseconds: 0 unless the user has set another zone.
    Offset(i64),
    /// A zone with a name: when it is ahead of UTC by how much, only the server knows.
    Named,
}

impl Zone {
    /// Gives the offset, or refuses.
    pub(crate) fn offset(self) -> Result<i64> {
        match self {
            Self::Offset(micros) => Ok(micros),
            Self::Named => Err(Error::new(
                ErrorKind::Conversion,
                "the session's time zone has a name, so an instant cannot be told",
            )
            .with_hint("SET time_zone = '+00:00'")),
        }
    }
}

/// Converts a parameter; its number counts from 1, for messages.
pub(crate) fn bind(value: ValueRef<'_>, zone: Zone, number: usize) -> Result<Value> {
    convert(value, zone).map_err(|error| error.context(format_args!("parameter {number}")))
}

fn convert(value: ValueRef<'_>, zone: Zone) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::NULL,
        ValueRef::Bool(truth) => Value::Int(i64::from(truth)),
        ValueRef::I64(number) => Value::Int(number),
        ValueRef::U64(number) => Value::UInt(number),
        ValueRef::F32(number) if number.is_finite() => Value::Float(number),
        ValueRef::F64(number) if number.is_finite() => Value::Double(number),
        ValueRef::F32(_) | ValueRef::F64(_) => {
            return Err(Error::not_supported("MySQL has neither NaN nor infinities"));
        }
        // The protocol's own form of a decimal is text too, but mysql_common offers only the string.
        ValueRef::Decimal(number) => Value::Bytes(number.to_string().into_bytes()),
        ValueRef::Text(text) | ValueRef::Json(text) => Value::Bytes(text.as_bytes().to_vec()),
        ValueRef::Bytes(bytes) | ValueRef::Typed(_, bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Uuid(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Date(days) => datetime(days, 0)?,
        ValueRef::Time(micros) | ValueRef::Span(micros) => span(micros)?,
        ValueRef::DateTime(micros) => {
            let (days, time) = split_micros(micros);
            datetime(days, time)?
        }
        ValueRef::Instant(micros) => {
            let local = micros.checked_add(zone.offset()?);
            let (days, time) = split_micros(local.ok_or_else(no_such_year)?);
            datetime(days, time)?
        }
        ValueRef::Interval(_) => {
            return Err(Error::not_supported("MySQL has no type for intervals").with_hint("bind a span, or an integer"));
        }
        ValueRef::Array(_) => return Err(Error::not_supported("MySQL has no arrays").with_hint("bind a JSON document")),
        other => return Err(Error::not_supported(format!("MySQL has no type for {}", other.kind_name()))),
    })
}

fn datetime(days: i32, time: i64) -> Result<Value> {
    let (year, month, day) = civil_from_days(days);
    let year = u16::try_from(year).ok().filter(|year| *year <= 9999).ok_or_else(no_such_year)?;
    let (hour, minute, second, micros) = clock(time);
    Ok(Value::Date(year, month, day, part(hour), minute, second, micros))
}

fn span(micros: i64) -> Result<Value> {
    if !(-LONGEST_SPAN..=LONGEST_SPAN).contains(&micros) {
        return Err(Error::new(ErrorKind::OutOfRange, "a span on MySQL is at most 838:59:59 long"));
    }
    let length = micros.abs();
    let (hour, minute, second, fraction) = clock(length % DAY);
    Ok(Value::Time(micros < 0, part(length / DAY), part(hour), minute, second, fraction))
}

/// Splits the microseconds of less than a day.
fn clock(micros: i64) -> (i64, u8, u8, u32) {
    (micros / HOUR, part(micros % HOUR / MINUTE), part(micros % MINUTE / SECOND), part(micros % SECOND))
}

/// Narrows a part of a clock, which fits by construction.
fn part<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

fn no_such_year() -> Error {
    Error::new(ErrorKind::OutOfRange, "MySQL's years end at 9999 and begin at 0")
}

#[cfg(test)]
mod tests {
    use oarlock_core::value::Interval;

    use super::*;

    const UTC: Zone = Zone::Offset(0);

    #[test]
    fn dates_and_times_are_split_into_their_parts() -> Result<()> {
        assert_eq!(bind(ValueRef::Date(19_782), UTC, 1)?, Value::Date(2024, 2, 29, 0, 0, 0, 0));
        assert_eq!(bind(ValueRef::DateTime(-1), UTC, 1)?, Value::Date(1969, 12, 31, 23, 59, 59, 999_999));
        assert_eq!(bind(ValueRef::Time(3_723_000_004), UTC, 1)?, Value::Time(false, 0, 1, 2, 3, 4));
        assert_eq!(bind(ValueRef::Span(-LONGEST_SPAN), UTC, 1)?, Value::Time(true, 34, 22, 59, 59, 0));
        assert_eq!(bind(ValueRef::Instant(0), Zone::Offset(2 * HOUR), 1)?, Value::Date(1970, 1, 1, 2, 0, 0, 0));
        Ok(())
    }

    #[test]
    fn what_the_server_cannot_hold_is_refused_by_number() {
        for (value, kind) in [
            (ValueRef::F64(f64::NAN), ErrorKind::NotSupported),
            (ValueRef::F32(f32::INFINITY), ErrorKind::NotSupported),
            (ValueRef::Span(LONGEST_SPAN + 1), ErrorKind::OutOfRange),
            (ValueRef::Date(i32::MAX), ErrorKind::OutOfRange),
            (ValueRef::Date(-800_000), ErrorKind::OutOfRange),
            (ValueRef::Interval(Interval::default()), ErrorKind::NotSupported),
        ] {
            let error = bind(value, UTC, 3).expect_err("must be refused");
            assert_eq!(error.kind(), kind);
            assert!(error.message().starts_with("parameter 3: "), "{error}");
        }
        assert_eq!(bind(ValueRef::Instant(0), Zone::Named, 1).expect_err("no offset").kind(), ErrorKind::Conversion);
    }
}
