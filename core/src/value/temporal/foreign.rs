//! What chrono, jiff and time have in common.

use crate::{Error, ErrorKind};

/// Implements reading and binding of a crate's date, time of day, datetime without a zone, and span.
///
/// Of each: the function that makes it of the count that the database has, and the one that counts it.
macro_rules! calendar {
    (
        date $date:ty: $date_of:path, $days_since_1970:expr;
        time $time:ty: $time_of:path, $micros_since_midnight:expr;
        datetime $datetime:ty: $join:expr, $split:expr;
        span $span:ty: $span_of:path, $micros:expr;
    ) => {
        /// Reads dates, and text that is one.
        impl $crate::FromValue for $date {
            fn from_value(value: $crate::ValueRef<'_>) -> $crate::Result<Self> {
                $date_of($crate::value::temporal::read_date(value)?)
            }
        }

        impl $crate::ToValue for $date {
            fn to_value(&self) -> $crate::Result<$crate::value::Bound<'_>> {
                Ok($crate::value::Bound::Borrowed($crate::ValueRef::Date($days_since_1970(*self)?)))
            }
        }

        /// Reads times of day before 24:00:00, and text that is one.
        impl $crate::FromValue for $time {
            fn from_value(value: $crate::ValueRef<'_>) -> $crate::Result<Self> {
                $time_of($crate::value::temporal::read_time(value)?)
            }
        }

        /// Cuts off what is finer than a microsecond.
        impl $crate::ToValue for $time {
            /// # Errors
            ///
            /// A leap second is `OutOfRange`.
            fn to_value(&self) -> $crate::Result<$crate::value::Bound<'_>> {
                Ok($crate::value::Bound::Borrowed($crate::ValueRef::Time($micros_since_midnight(*self)?)))
            }
        }

        /// Reads datetimes without a zone, and text that is one. Instants are refused.
        impl $crate::FromValue for $datetime {
            fn from_value(value: $crate::ValueRef<'_>) -> $crate::Result<Self> {
                let (days, micros) =
                    $crate::value::temporal::split_micros($crate::value::temporal::read_datetime(value)?);
                Ok($join($date_of(days)?, $time_of(micros)?))
            }
        }

        /// Cuts off what is finer than a microsecond.
        impl $crate::ToValue for $datetime {
            /// # Errors
            ///
            /// A leap second is `OutOfRange`.
            fn to_value(&self) -> $crate::Result<$crate::value::Bound<'_>> {
                micros_since_1970(*self)
                    .map(|micros| $crate::value::Bound::Borrowed($crate::ValueRef::DateTime(micros)))
            }
        }

        fn micros_since_1970(datetime: $datetime) -> $crate::Result<i64> {
            let (date, time) = $split(datetime);
            $crate::value::temporal::join_micros($days_since_1970(date)?, $micros_since_midnight(time)?)
                .ok_or_else($crate::value::temporal::too_far)
        }

        /// Reads spans, intervals without months and days, and text (`-838:59:59`).
        impl $crate::FromValue for $span {
            fn from_value(value: $crate::ValueRef<'_>) -> $crate::Result<Self> {
                $crate::value::temporal::read_span(value).map($span_of)
            }
        }

        /// Binds a span, cut towards nought to microseconds.
        impl $crate::ToValue for $span {
            /// # Errors
            ///
            /// More than 2^63 microseconds (292 thousand years) is `OutOfRange`.
            fn to_value(&self) -> $crate::Result<$crate::value::Bound<'_>> {
                let micros: Option<i64> = $micros(*self);
                let micros = micros.ok_or_else($crate::value::temporal::too_long)?;
                Ok($crate::value::Bound::Borrowed($crate::ValueRef::Span(micros)))
            }
        }
    };
}

pub(crate) use calendar;

#[cold]
pub(crate) fn too_far() -> Error {
    Error::new(ErrorKind::OutOfRange, "the date is too far from 1970 to be bound")
}

#[cold]
pub(crate) fn too_long() -> Error {
    Error::new(ErrorKind::OutOfRange, "a span holds at most 2^63 microseconds")
}
