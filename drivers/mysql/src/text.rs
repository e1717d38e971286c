//! Numbers, dates and times as the text protocol writes them.
//!
//! Only statements that cannot be prepared come this way.

use std::str::FromStr;

use oarlock_core::value::temporal::{HOUR, MINUTE, SECOND};

use crate::batch::Date;

/// Reads a number.
pub(crate) fn number<T: FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Reads `2024-02-29` or `2024-02-29 01:02:03.000004`, zeros allowed.
pub(crate) fn date(bytes: &[u8]) -> Option<Date> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (day, clock) = match text.split_once(' ') {
        Some((day, clock)) => (day, Some(clock)),
        None => (text, None),
    };
    let mut parts = day.splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    let (hour, minute, second, micros) = clock.map_or(Some((0, 0, 0, 0)), clock_parts)?;
    Some(Date { year, month, day, hour: u8::try_from(hour).ok()?, minute, second, micros })
}

/// Reads `-838:59:59.000000` as microseconds.
pub(crate) fn span(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (negative, length) = match text.strip_prefix('-') {
        Some(length) => (true, length),
        None => (false, text),
    };
    let (hour, minute, second, micros) = clock_parts(length)?;
    let length = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second) * SECOND + i64::from(micros);
    Some(if negative { -length } else { length })
}

fn clock_parts(text: &str) -> Option<(u16, u8, u8, u32)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.splitn(3, ':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let second = parts.next()?.parse().ok()?;
    Some((hour, minute, second, format!("{fraction:0<6}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_protocols_forms_are_read() {
        assert_eq!(number::<i64>(b"-42"), Some(-42));
        assert_eq!(number::<u64>(b"-42"), None);
        assert_eq!(span(b"-838:59:59.000001"), Some(-(838 * HOUR + 59 * MINUTE + 59 * SECOND + 1)));
        assert_eq!(span(b"00:00:00.5"), Some(500_000));
        let read =
            date(b"2024-02-29 23:59:58.25").map(|d| (d.year, d.month, d.day, d.hour, d.minute, d.second, d.micros));
        assert_eq!(read, Some((2024, 2, 29, 23, 59, 58, 250_000)));
        assert_eq!(date(b"0000-00-00").map(|d| (d.year, d.month, d.day)), Some((0, 0, 0)));
        assert!(date(b"2024").is_none() && span(b"1:2").is_none());
    }
}
