//! Reading dates and times from ISO 8601 text. Nothing is guessed: no two-digit years, no missing zones, no rounding.

use super::{DAY, HOUR, MINUTE, SECOND, days_from_civil, join_micros};
use crate::{Error, ErrorKind, Result};

/// Reads a date (`2024-02-29`) as days since 1970-01-01.
///
/// # Errors
///
/// Text of another form, or a day that the calendar lacks, is a `Conversion` error; a day that 32 bits cannot count is
/// `OutOfRange`.
pub fn parse_date(text: &str) -> Result<i32> {
    let mut scan = Scan::new(text);
    let date = scan.date().and_then(|date| scan.end().then_some(date));
    date.ok_or_else(|| malformed("date", "2024-12-31"))?.days()
}

/// Reads a time of day (`13:30:00.000001`) as microseconds since midnight. The seconds may be missing, and the end of
/// the day is `24:00:00`.
///
/// # Errors
///
/// Text of another form, digits past the microsecond that are not zeros, and leap seconds are `Conversion` errors.
pub fn parse_time(text: &str) -> Result<i64> {
    let mut scan = Scan::new(text);
    let time = scan.time().filter(|_| scan.end());
    time.ok_or_else(|| malformed("time", "23:59:59.999999"))
}

/// Reads a date and time without a zone (`2024-02-29T13:30:00`) as microseconds since 1970-01-01 00:00:00.
///
/// # Errors
///
/// Text of another form, and text with a zone, are `Conversion` errors; what 64 bits cannot count is `OutOfRange`.
pub fn parse_datetime(text: &str) -> Result<i64> {
    let mut scan = Scan::new(text);
    let parts = scan.datetime();
    let (date, time) = parts.ok_or_else(|| malformed("datetime", "2024-12-31T23:59:59.999999"))?;
    if scan.end() {
        return join_micros(date.days()?, time).ok_or_else(|| out_of_range("datetime"));
    }
    match scan.offset().filter(|_| scan.end()) {
        Some(_) => Err(Error::new(ErrorKind::Conversion, "expected datetime, found text with a time zone")
            .with_hint("read it as an instant, or drop the zone in SQL")),
        None => Err(malformed("datetime", "2024-12-31T23:59:59.999999")),
    }
}

/// Reads an instant (`2024-02-29T13:30:00+02:00`) as microseconds since 1970-01-01 00:00:00 UTC.
///
/// # Errors
///
/// Text of another form, and text without a zone, are `Conversion` errors; what 64 bits cannot count is `OutOfRange`.
pub fn parse_instant(text: &str) -> Result<i64> {
    let mut scan = Scan::new(text);
    let parts = scan.datetime();
    let (date, time) = parts.ok_or_else(|| malformed("instant", "2024-12-31T23:59:59.999999Z"))?;
    if scan.end() {
        return Err(Error::new(ErrorKind::Conversion, "expected instant, found text without a time zone")
            .with_hint("read it as a datetime without a zone, or add the zone in SQL"));
    }
    let offset = scan.offset().filter(|_| scan.end());
    let offset = offset.ok_or_else(|| malformed("instant", "2024-12-31T23:59:59.999999Z"))?;
    join_micros(date.days()?, time - offset).ok_or_else(|| out_of_range("instant"))
}

/// Reads a span (`-838:59:59.000001`) as microseconds.
///
/// # Errors
///
/// Text of another form is a `Conversion` error; what 64 bits cannot count is `OutOfRange`.
pub fn parse_span(text: &str) -> Result<i64> {
    let mut scan = Scan::new(text);
    let negative = scan.sign();
    let parts = scan.span_parts().filter(|_| scan.end());
    let (hours, rest) = parts.ok_or_else(|| malformed("span", "-838:59:59.999999"))?;
    let micros = i128::from(hours) * i128::from(HOUR) + i128::from(rest);
    i64::try_from(if negative { -micros } else { micros }).map_err(|_| out_of_range("span"))
}

#[cold]
pub(super) fn malformed(expected: &str, form: &str) -> Error {
    Error::new(ErrorKind::Conversion, format!("expected {expected}, found text of another form"))
        .with_hint(format!("the form is {form}"))
}

#[cold]
pub(super) fn out_of_range(what: &str) -> Error {
    Error::new(ErrorKind::OutOfRange, format!("the {what} is too far from 1970 to be counted"))
}

/// Year, month and day as they stand in the text.
struct Civil {
    year: i32,
    month: u8,
    day: u8,
}

impl Civil {
    fn days(&self) -> Result<i32> {
        days_from_civil(self.year, self.month, self.day).ok_or_else(|| {
            // The year of the first and the last day that can be counted.
            if (-5_877_640..=5_881_579).contains(&self.year) {
                Error::new(ErrorKind::Conversion, "expected date, found text that names no day of the calendar")
            } else {
                out_of_range("date")
            }
        })
    }
}

/// What is left of a text. A method that gives none has used up what it looked at.
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    pub(super) fn end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes a sign, and tells whether it is a minus.
    pub(super) fn sign(&mut self) -> bool {
        let minus = self.eat(b'-');
        if !minus {
            self.eat(b'+');
        }
        minus
    }

    /// Takes all digits there are, and tells how many; none where there are more than 18.
    pub(super) fn digits(&mut self) -> Option<(i64, usize)> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count > 18 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some((digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), count))
    }

    fn two(&mut self) -> Option<u8> {
        match self.rest {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
                self.rest = rest;
                Some((tens - b'0') * 10 + (ones - b'0'))
            }
            _ => None,
        }
    }

    fn two_below(&mut self, limit: u8) -> Option<i64> {
        self.two().filter(|number| *number < limit).map(i64::from)
    }

    fn date(&mut self) -> Option<Civil> {
        let negative = self.sign();
        let (year, count) = self.digits()?;
        if !(4..=9).contains(&count) {
            return None;
        }
        let year = i32::try_from(if negative { -year } else { year }).ok()?;
        let month = self.eat(b'-').then(|| self.two())??;
        let day = self.eat(b'-').then(|| self.two())??;
        Some(Civil { year, month, day })
    }

    fn time(&mut self) -> Option<i64> {
        let hours = self.two_below(25)?;
        let mut micros = hours * HOUR + self.eat(b':').then(|| self.two_below(60))?? * MINUTE;
        if self.eat(b':') {
            micros += self.two_below(60)? * SECOND + self.fraction()?;
        }
        (micros <= DAY).then_some(micros)
    }

    fn span_parts(&mut self) -> Option<(i64, i64)> {
        let (hours, count) = self.digits()?;
        if count == 0 {
            return None;
        }
        let minutes = self.eat(b':').then(|| self.two_below(60))??;
        let seconds = self.eat(b':').then(|| self.two_below(60))??;
        Some((hours, minutes * MINUTE + seconds * SECOND + self.fraction()?))
    }

    /// Takes a point and digits, if there is a point, as microseconds; what is finer must be zeros.
    pub(super) fn fraction(&mut self) -> Option<i64> {
        if !self.eat(b'.') {
            return Some(0);
        }
        let mut micros = 0;
        let mut unit = SECOND;
        let mut any = false;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            any = true;
            unit /= 10;
            if unit == 0 && *digit != b'0' {
                return None;
            }
            micros += i64::from(digit - b'0') * unit;
            self.rest = rest;
        }
        any.then_some(micros)
    }

    fn datetime(&mut self) -> Option<(Civil, i64)> {
        let date = self.date()?;
        if !(self.eat(b'T') || self.eat(b' ') || self.eat(b't')) {
            return None;
        }
        // The end of a day is the beginning of the next: one text for one value.
        let time = self.time().filter(|time| *time < DAY)?;
        Some((date, time))
    }

    /// Takes a zone as microseconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(0);
        }
        let west = match self.next()? {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        let mut micros = self.two_below(24)? * HOUR;
        let colon = self.eat(b':');
        if colon || !self.end() {
            micros += self.two_below(60)? * MINUTE;
        }
        // PostgreSQL gives seconds for zones before standard time.
        if colon && self.eat(b':') {
            micros += self.two_below(60)? * SECOND;
        }
        Some(if west { -micros } else { micros })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{DateText, DateTimeText, InstantText, SpanText, TimeText};
    use super::*;

    fn refusals<T: std::fmt::Debug>(parse: fn(&str) -> Result<T>, texts: &[&str]) {
        for text in texts {
            let error = parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Conversion, "{text}: {error}");
            assert!(text.len() < 4 || !error.to_string().contains(text), "{error} tells the text");
        }
    }

    #[test]
    fn dates_are_read_or_refused() -> Result<()> {
        assert_eq!(parse_date("1970-01-01")?, 0);
        assert_eq!(parse_date("2000-02-29")?, 11_016);
        assert_eq!(parse_date("+10000-01-01")?, 2_932_897);
        assert_eq!(parse_date("10000-01-01")?, 2_932_897);
        assert_eq!(parse_date("-0001-12-31")?, -719_529);
        refusals(
            parse_date,
            &[
                "",
                "1970",
                "70-01-01",
                "1970-1-1",
                "1970-01-01 ",
                " 1970-01-01",
                "1970/01/01",
                "2023-02-29",
                "2024-13-01",
                "0000-00-00",
                "1970-01-01T00:00:00",
                "٢٠٢٤-٠١-٠١",
                "--1970-01-01",
                "99999999999999999999-01-01",
            ],
        );
        for text in ["+5881580-07-12", "-5877641-06-22", "999999999-01-01", "-999999999-01-01"] {
            assert_eq!(parse_date(text).expect_err(text).kind(), ErrorKind::OutOfRange, "{text}");
        }
        Ok(())
    }

    #[test]
    fn times_are_read_or_refused() -> Result<()> {
        assert_eq!(parse_time("00:00:00")?, 0);
        assert_eq!(parse_time("23:59:59.999999")?, DAY - 1);
        assert_eq!(parse_time("13:30")?, 13 * HOUR + 30 * MINUTE);
        assert_eq!(parse_time("00:00:00.5")?, 500_000);
        assert_eq!(parse_time("00:00:00.123456000")?, 123_456);
        assert_eq!(parse_time("24:00:00")?, DAY);
        refusals(
            parse_time,
            &[
                "",
                "1:00:00",
                "24:00:00.000001",
                "24:01",
                "25:00",
                "12:60",
                "12:00:60",
                "12:00:00.",
                "12:00:00.1234567",
                "12:00:00Z",
                "12",
                "12:",
                "-01:00",
                "12:00:00,5",
            ],
        );
        Ok(())
    }

    #[test]
    fn datetimes_have_no_zone_and_instants_have_one() -> Result<()> {
        assert_eq!(parse_datetime("1970-01-02 00:00:01")?, DAY + SECOND);
        assert_eq!(parse_datetime("1970-01-02T00:00:01.5")?, DAY + SECOND + 500_000);
        for text in
            ["1970-01-01T00:00:00Z", "1970-01-01T02:00:00+02:00", "1969-12-31 19:00:00-05", "1970-01-01T02:30:00+0230"]
        {
            assert_eq!(parse_instant(text)?, 0, "{text}");
        }
        assert_eq!(parse_instant("1900-01-01 00:00:00+00:19:32")?, parse_instant("1899-12-31 23:40:28Z")?);
        let error = parse_instant("1970-01-01T00:00:00").expect_err("no zone");
        assert_eq!(error.message(), "expected instant, found text without a time zone");
        let error = parse_datetime("1970-01-01T00:00:00Z").expect_err("a zone");
        assert_eq!(error.message(), "expected datetime, found text with a time zone");
        refusals(
            parse_datetime,
            &["1970-01-01", "1970-01-01  00:00:00", "1970-01-01T24:00:00", "1970-01-01 00:00:00 UTC"],
        );
        refusals(
            parse_instant,
            &[
                "1970-01-01T00:00:00+",
                "1970-01-01T00:00:00+2",
                "1970-01-01T00:00:00+24:00",
                "1970-01-01T00:00:00Z ",
                "1970-01-01T00:00:00+02:",
            ],
        );
        assert_eq!(parse_datetime("+300000-01-01T00:00:00").expect_err("far").kind(), ErrorKind::OutOfRange);
        Ok(())
    }

    #[test]
    fn spans_are_read_or_refused() -> Result<()> {
        assert_eq!(parse_span("-838:59:59.000000")?, -(839 * HOUR - SECOND));
        assert_eq!(parse_span("00:00:00.000001")?, 1);
        assert_eq!(parse_span("+1:00:00")?, HOUR);
        refusals(parse_span, &["", "-", ":00:00", "1:0:0", "00:60:00", "00:00:60", "1:00", "--1:00:00", "P1D"]);
        assert_eq!(parse_span("2562047789:00:00").expect_err("far").kind(), ErrorKind::OutOfRange);
        Ok(())
    }

    proptest! {
        #[test]
        fn any_value_survives_its_text(days in any::<i32>(), micros in any::<i64>(), time in 0..=DAY) {
            prop_assert_eq!(parse_date(&DateText(days).to_string())?, days);
            prop_assert_eq!(parse_time(&TimeText(time).to_string())?, time);
            prop_assert_eq!(parse_span(&SpanText(micros).to_string())?, micros);
            prop_assert_eq!(parse_datetime(&DateTimeText(micros).to_string())?, micros);
            prop_assert_eq!(parse_datetime(&format!("{:#.6}", DateTimeText(micros)))?, micros);
            prop_assert_eq!(parse_instant(&InstantText(micros).to_string())?, micros);
        }

        #[test]
        fn fixed_texts_of_four_digit_years_sort_as_their_values(
            left in -62_167_219_200_000_000..253_402_300_800_000_000_i64,
            right in -62_167_219_200_000_000..253_402_300_800_000_000_i64,
        ) {
            let order = format!("{:.6}", InstantText(left)).cmp(&format!("{:.6}", InstantText(right)));
            prop_assert_eq!(order, left.cmp(&right));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[-+:.TZ 0-9]{0,40}|[-+]?[0-9]{1,9}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{0,9})?)?(Z|[-+][0-9:]{0,8})?") {
            let _ = parse_date(&text);
            let _ = parse_time(&text);
            let _ = parse_span(&text);
            let _ = parse_datetime(&text);
            let _ = parse_instant(&text);
        }
    }
}
