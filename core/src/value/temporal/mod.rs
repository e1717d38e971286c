//! Dates and times: the arithmetic of the calendar, and the text forms of ISO 8601.
//!
//! A date is a count of days since 1970-01-01 in the proleptic Gregorian calendar, a time of day a count of microseconds
//! since midnight, and so on as [`ValueRef`](super::ValueRef) says. Drivers and the conversions to foreign types share
//! these functions, so that a text means the same wherever it is read:
//!
//! | value | reads | writes |
//! |---|---|---|
//! | date | `2024-02-29`, years past 9999 and below 0 with their sign | the same |
//! | time | `13:30`, `13:30:00`, up to six digits of a second, `24:00:00` | `13:30:00`, `13:30:00.5` |
//! | datetime | date, `T` or a space, time | `2024-02-29T13:30:00` |
//! | instant | datetime and `Z` or an offset, `+02:00`, `+0200`, `+02` | `2024-02-29T13:30:00Z` |
//! | span | `-838:59:59.000001` | the same |
//! | interval | ISO 8601, `P1Y2M3DT4H5M6.7S`, each part with its own sign | the same |
//!
//! The writers are newtypes with `Display`, which need no allocation. Their precision is the number of digits of a second,
//! at most six (`{:.6}` writes them always, so that texts sort as their values do); the alternate form (`{:#}`) has a
//! space instead of the `T`.
//!
//! # Examples
//!
//! ```
//! use oarlock_core::value::temporal::{InstantText, parse_instant};
//!
//! let instant = parse_instant("2024-02-29 13:30:00.5+02:00")?;
//! assert_eq!(InstantText(instant).to_string(), "2024-02-29T11:30:00.5Z");
//! assert_eq!(format!("{:#.6}", InstantText(instant)), "2024-02-29 11:30:00.500000Z");
//! # Ok::<(), oarlock_core::Error>(())
//! ```

mod civil;
#[cfg(any(feature = "with-chrono-0_4", feature = "with-jiff-0_2", feature = "with-time-0_3"))]
mod foreign;
mod format;
mod interval;
mod parse;
mod read;

pub use civil::{civil_from_days, days_from_civil, join_micros, split_micros};
#[cfg(any(feature = "with-chrono-0_4", feature = "with-jiff-0_2", feature = "with-time-0_3"))]
pub(crate) use foreign::{calendar, too_far, too_long};
pub use format::{DateText, DateTimeText, InstantText, SpanText, TimeText};
pub use interval::{IntervalText, parse_interval};
pub use parse::{parse_date, parse_datetime, parse_instant, parse_span, parse_time};
pub use read::{read_date, read_datetime, read_instant, read_span, read_time};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day, which is also the time `24:00:00`.
pub const DAY: i64 = 24 * HOUR;
