//! Exact decimal numbers of up to 38 digits: what SQL's NUMERIC holds, without a dependency.

/// An exact number: `coefficient / 10^scale`, at most 38 digits.
///
/// Equality and hashing are by representation: `1.10` and `1.1` differ, as their scale does. 24 bytes, aligned to 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    high: i64,
    low: u64,
    scale: u8,
}

impl Decimal {
    /// The largest number of digits.
    pub const MAX_DIGITS: u8 = 38;

    /// Gives the number's digits as one integer.
    #[must_use]
    pub fn coefficient(self) -> i128 {
        (i128::from(self.high) << 64) | i128::from(self.low)
    }

    /// Gives the number of digits after the point.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }
}
