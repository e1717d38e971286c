//! The time of day in UTC, from the seconds since 1970. A calendar of the whole world is more than this needs.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time, to the second, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp {
    year: i64,
    month: i64,
    day: i64,
    seconds: i64,
}

impl Timestamp {
    /// Reads the system's clock.
    pub(crate) fn now() -> Self {
        SystemTime::now().into()
    }

    /// Writes it as one number: 20261121093000.
    pub(crate) fn number(self) -> i64 {
        let (hour, minute, second) = self.time();
        ((((self.year * 100 + self.month) * 100 + self.day) * 100 + hour) * 100 + minute) * 100 + second
    }

    fn time(self) -> (i64, i64, i64) {
        (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        // Days are counted from the 1st of March of year 0, so that a leap day is the last of its year.
        let days = since / 86_400 + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            seconds: since % 86_400,
        }
    }
}

/// As RFC 3339 has it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.time();
        write!(f, "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text, number) in [
            (0, "1970-01-01T00:00:00Z", 19_700_101_000_000),
            (951_782_399, "2000-02-28T23:59:59Z", 20_000_228_235_959),
            (951_782_400, "2000-02-29T00:00:00Z", 20_000_229_000_000),
            (951_868_800, "2000-03-01T00:00:00Z", 20_000_301_000_000),
            (1_798_761_599, "2026-12-31T23:59:59Z", 20_261_231_235_959),
            (4_107_542_400, "2100-03-01T00:00:00Z", 21_000_301_000_000),
        ] {
            let timestamp = Timestamp::from(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!((&*timestamp.to_string(), timestamp.number()), (text, number));
        }
    }
}
