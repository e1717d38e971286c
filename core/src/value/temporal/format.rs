//! Writing dates and times as ISO 8601 text, without an allocation.

use std::fmt;

use super::{DAY, HOUR, MINUTE, SECOND, civil_from_days, split_micros};

/// Writes a date, given as days since 1970-01-01.
#[derive(Debug, Clone, Copy)]
pub struct DateText(pub i32);

/// Writes a time of day, given as microseconds since midnight; what is no time of day is written as a span.
#[derive(Debug, Clone, Copy)]
pub struct TimeText(pub i64);

/// Writes a span, given in microseconds, as hours, minutes and seconds.
#[derive(Debug, Clone, Copy)]
pub struct SpanText(pub i64);

/// Writes a date and time without a zone, given as microseconds since 1970-01-01 00:00:00.
#[derive(Debug, Clone, Copy)]
pub struct DateTimeText(pub i64);

/// Writes an instant, given as microseconds since 1970-01-01 00:00:00 UTC, in UTC.
#[derive(Debug, Clone, Copy)]
pub struct InstantText(pub i64);

impl fmt::Display for DateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        text.date(self.0);
        f.write_str(text.as_str())
    }
}

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SpanText(self.0).fmt(f)
    }
}

impl fmt::Display for SpanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        if self.0 < 0 {
            text.push(b'-');
        }
        text.clock(self.0.unsigned_abs(), f.precision());
        f.write_str(text.as_str())
    }
}

impl fmt::Display for DateTimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        text.datetime(self.0, f);
        f.write_str(text.as_str())
    }
}

impl fmt::Display for InstantText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Text::new();
        text.datetime(self.0, f);
        text.push(b'Z');
        f.write_str(text.as_str())
    }
}

/// ASCII text on the stack. The longest, of an instant, has 32 bytes.
struct Text {
    bytes: [u8; 40],
    len: usize,
}

impl Text {
    fn new() -> Self {
        Self { bytes: [0; 40], len: 0 }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Writes a number with at least so many digits.
    fn number(&mut self, mut number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        while number > 0 || digits.len() - at < width {
            at -= 1;
            digits[at] += u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        for digit in &digits[at..] {
            self.push(*digit);
        }
    }

    fn date(&mut self, days: i32) {
        let (year, month, day) = civil_from_days(days);
        if year < 0 {
            self.push(b'-');
        } else if year > 9999 {
            self.push(b'+');
        }
        self.number(u64::from(year.unsigned_abs()), 4);
        self.push(b'-');
        self.number(u64::from(month), 2);
        self.push(b'-');
        self.number(u64::from(day), 2);
    }

    fn clock(&mut self, micros: u64, precision: Option<usize>) {
        self.number(micros / HOUR.unsigned_abs(), 2);
        self.push(b':');
        self.number(micros / MINUTE.unsigned_abs() % 60, 2);
        self.push(b':');
        self.number(micros / SECOND.unsigned_abs() % 60, 2);
        self.fraction(micros % SECOND.unsigned_abs(), precision);
    }

    fn fraction(&mut self, micros: u64, precision: Option<usize>) {
        let start = self.len;
        self.push(b'.');
        self.number(micros, 6);
        match precision {
            Some(0) => self.len = start,
            Some(digits) => self.len = start + 1 + digits.min(6),
            None if micros == 0 => self.len = start,
            None => {
                while self.bytes[self.len - 1] == b'0' {
                    self.len -= 1;
                }
            }
        }
    }

    fn datetime(&mut self, micros: i64, f: &fmt::Formatter<'_>) {
        let (days, time) = split_micros(micros);
        debug_assert!((0..DAY).contains(&time));
        self.date(days);
        self.push(if f.alternate() { b' ' } else { b'T' });
        self.clock(time.unsigned_abs(), f.precision());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_past_four_digits_carry_their_sign() {
        assert_eq!(DateText(0).to_string(), "1970-01-01");
        assert_eq!(DateText(-719_528).to_string(), "0000-01-01");
        assert_eq!(DateText(-719_529).to_string(), "-0001-12-31");
        assert_eq!(DateText(2_932_897).to_string(), "+10000-01-01");
        assert_eq!(DateText(i32::MAX).to_string(), "+5881580-07-11");
        assert_eq!(DateText(i32::MIN).to_string(), "-5877641-06-23");
    }

    #[test]
    fn a_fraction_is_short_unless_a_precision_is_given() {
        assert_eq!(TimeText(0).to_string(), "00:00:00");
        assert_eq!(TimeText(1).to_string(), "00:00:00.000001");
        assert_eq!(TimeText(500_000).to_string(), "00:00:00.5");
        assert_eq!(format!("{:.6}", TimeText(500_000)), "00:00:00.500000");
        assert_eq!(format!("{:.6}", TimeText(0)), "00:00:00.000000");
        assert_eq!(format!("{:.3}", TimeText(999_999)), "00:00:00.999");
        assert_eq!(format!("{:.0}", TimeText(999_999)), "00:00:00");
        assert_eq!(format!("{:.9}", TimeText(1)), "00:00:00.000001");
        assert_eq!(TimeText(DAY).to_string(), "24:00:00");
    }

    #[test]
    fn spans_have_a_sign_and_any_hours() {
        assert_eq!(SpanText(-(838 * HOUR + 59 * MINUTE + 59 * SECOND)).to_string(), "-838:59:59");
        assert_eq!(SpanText(-1).to_string(), "-00:00:00.000001");
        assert_eq!(SpanText(i64::MIN).to_string(), "-2562047788:00:54.775808");
        assert_eq!(SpanText(i64::MAX).to_string(), "2562047788:00:54.775807");
    }

    #[test]
    fn datetimes_and_instants_take_a_t_or_a_space() {
        assert_eq!(DateTimeText(-1).to_string(), "1969-12-31T23:59:59.999999");
        assert_eq!(format!("{:#}", DateTimeText(0)), "1970-01-01 00:00:00");
        assert_eq!(format!("{:#.6}", InstantText(0)), "1970-01-01 00:00:00.000000Z");
        assert_eq!(InstantText(i64::MIN).to_string(), "-290308-12-21T19:59:05.224192Z");
        assert_eq!(InstantText(i64::MAX).to_string(), "+294247-01-10T04:00:54.775807Z");
    }
}
