//! Intervals of calendar parts as ISO 8601 durations.

use std::fmt;

use super::parse::{Scan, malformed};
use super::{HOUR, MINUTE, SECOND};
use crate::value::Interval;
use crate::{Error, ErrorKind, Result};

/// Writes an interval as an ISO 8601 duration, each part with its own sign as PostgreSQL does: `P1Y2M-3DT4H5M6.7S`.
#[derive(Debug, Clone, Copy)]
pub struct IntervalText(pub Interval);

impl fmt::Display for IntervalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { months, days, micros } = self.0;
        if (months, days, micros) == (0, 0, 0) {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        for (number, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
            if number != 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        if micros == 0 {
            return Ok(());
        }
        f.write_str("T")?;
        for (number, unit) in [(micros / HOUR, 'H'), (micros / MINUTE % 60, 'M')] {
            if number != 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        let seconds = micros % MINUTE;
        if seconds == 0 {
            return Ok(());
        }
        let sign = if seconds < 0 { "-" } else { "" };
        let (whole, mut part) = (seconds.abs() / SECOND, seconds.abs() % SECOND);
        if part == 0 {
            return write!(f, "{sign}{whole}S");
        }
        let mut width = 6;
        while part % 10 == 0 {
            part /= 10;
            width -= 1;
        }
        write!(f, "{sign}{whole}.{part:0width$}S")
    }
}

/// Reads an interval from an ISO 8601 duration: years, months, weeks, days, hours, minutes and seconds in that order,
/// each with its own sign, or all with one before the `P`. Only the seconds may have a fraction.
///
/// # Errors
///
/// Text of another form is a `Conversion` error; a part that its integer cannot count is `OutOfRange`.
pub fn parse_interval(text: &str) -> Result<Interval> {
    let form = || malformed("interval", "P1Y2M3DT4H5M6.7S");
    let range = || Error::new(ErrorKind::OutOfRange, "the interval is too long to be counted");
    let mut scan = Scan::new(text);
    let negative = scan.sign();
    if !scan.eat(b'P') {
        return Err(form());
    }
    // 18 digits of hours fit in 128 bits as microseconds with much to spare.
    let (mut months, mut days, mut micros) = (0_i128, 0_i128, 0_i128);
    let mut units: &[u8] = b"YMWD";
    let mut clock = false;
    let mut any = false;
    while !scan.end() {
        if !clock && scan.eat(b'T') {
            (clock, units, any) = (true, b"HMS", false);
            continue;
        }
        let minus = scan.sign() != negative;
        let (number, count) = scan.digits().ok_or_else(form)?;
        let fraction = scan.fraction().ok_or_else(form)?;
        let unit = scan.next().ok_or_else(form)?;
        let place = units.iter().position(|known| *known == unit).ok_or_else(form)?;
        if count == 0 || (fraction != 0 && unit != b'S') {
            return Err(form());
        }
        units = &units[place + 1..];
        any = true;
        let sign = if minus { -1 } else { 1 };
        let number = i128::from(number) * sign;
        match (clock, unit) {
            (false, b'Y') => months += number * 12,
            (false, b'M') => months += number,
            (false, b'W') => days += number * 7,
            (false, _) => days += number,
            (true, b'H') => micros += number * i128::from(HOUR),
            (true, b'M') => micros += number * i128::from(MINUTE),
            (true, _) => micros += number * i128::from(SECOND) + i128::from(fraction) * sign,
        }
    }
    if !any {
        return Err(form());
    }
    Ok(Interval {
        months: i32::try_from(months).map_err(|_| range())?,
        days: i32::try_from(days).map_err(|_| range())?,
        micros: i64::try_from(micros).map_err(|_| range())?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(months: i32, days: i32, micros: i64) -> Interval {
        Interval { months, days, micros }
    }

    #[test]
    fn intervals_have_an_iso_form() {
        for (value, text) in [
            (interval(0, 0, 0), "PT0S"),
            (interval(14, 3, 4 * HOUR + 5 * MINUTE + 6_700_000), "P1Y2M3DT4H5M6.7S"),
            (interval(-14, 3, -HOUR), "P-1Y-2M3DT-1H"),
            (interval(0, 0, -1), "PT-0.000001S"),
            (interval(0, 0, -MINUTE - 500_000), "PT-1M-0.5S"),
            (interval(1, 0, 0), "P1M"),
            (interval(i32::MIN, i32::MIN, i64::MIN), "P-178956970Y-8M-2147483648DT-2562047788H-54.775808S"),
        ] {
            assert_eq!(IntervalText(value).to_string(), text);
            assert_eq!(parse_interval(text).expect(text), value);
        }
    }

    #[test]
    fn other_iso_forms_are_read() -> Result<()> {
        assert_eq!(parse_interval("-P1Y2M")?, interval(-14, 0, 0));
        assert_eq!(parse_interval("-P-1D")?, interval(0, 1, 0));
        assert_eq!(parse_interval("P2W1D")?, interval(0, 15, 0));
        assert_eq!(parse_interval("PT90M")?, interval(0, 0, 90 * MINUTE));
        assert_eq!(parse_interval("PT0.5S")?, interval(0, 0, 500_000));
        Ok(())
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1",
            "P1D1Y",
            "P1Y1Y",
            "P1.5D",
            "P1H",
            "PT1D",
            "PT1.0000001S",
            "PT.5S",
            "P--1D",
            "1 day",
        ] {
            assert_eq!(parse_interval(text).expect_err(text).kind(), ErrorKind::Conversion, "{text}");
        }
        for text in ["P178956971Y", "P2147483648D", "PT2562047789H", "P999999999999999999Y"] {
            assert_eq!(parse_interval(text).expect_err(text).kind(), ErrorKind::OutOfRange, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_interval_survives_its_text(months in any::<i32>(), days in any::<i32>(), micros in any::<i64>()) {
            let value = interval(months, days, micros);
            prop_assert_eq!(parse_interval(&IntervalText(value).to_string())?, value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[-+]?P[-+YMWDTHS.0-9]{0,40}") {
            let _ = parse_interval(&text);
        }
    }
}
