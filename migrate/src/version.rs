//! The number by which migrations are ordered.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The version of a migration: a number from 1 up, mostly the time at which it was written, as `20261121093000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// Makes a version; `None` where the number is not above zero.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// Gives the number.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        number.and_then(Self::new).ok_or_else(|| {
            Error::new(ErrorKind::Source, format!("`{text}` is no version"))
                .with_hint("a version is a number from 1 to 9223372036854775807, such as 20261121093000")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_above_zero_that_a_column_can_hold() {
        for (text, number) in [
            ("1", Some(1)),
            ("0001", Some(1)),
            ("20261121093000", Some(20_261_121_093_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("0", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1a", None),
        ] {
            assert_eq!(text.parse().ok().map(Version::number), number, "{text:?}");
        }
    }
}
