//! Exact decimal numbers of up to 38 digits: what SQL's NUMERIC holds, without a dependency.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

/// An exact number: `coefficient / 10^scale`, at most 38 digits.
///
/// Equality and hashing are by representation: `1.10` and `1.1` differ, as their scale does. Compare by worth with
/// [`cmp_numeric`](Self::cmp_numeric), or make both [`normalized`](Self::normalized). 24 bytes, aligned to 8.
///
/// # Examples
///
/// ```
/// use oarlock_core::value::Decimal;
///
/// let price: Decimal = "19.90".parse()?;
/// assert_eq!(price, Decimal::new(1990, 2)?);
/// assert_eq!(price.to_string(), "19.90");
/// assert_eq!(price.normalized().to_string(), "19.9");
/// assert_eq!(Decimal::from(7).to_i64(), Some(7));
/// # Ok::<(), oarlock_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    high: i64,
    low: u64,
    scale: u8,
}

/// One more than the largest coefficient: 10^38.
const LIMIT: u128 = 10_u128.pow(Decimal::MAX_DIGITS as u32);

/// 10^19, the largest power of ten in a u64: splits a coefficient into two machine words of digits.
const HALF: u128 = 10_u128.pow(19);

/// A digit each, a point, and the zero before it.
const TEXT_LEN: usize = Decimal::MAX_DIGITS as usize + 2;

impl Decimal {
    /// The largest number of digits, and the largest scale.
    pub const MAX_DIGITS: u8 = 38;

    /// Nought, without digits after the point.
    pub const ZERO: Self = Self { high: 0, low: 0, scale: 0 };

    /// Makes the number `coefficient / 10^scale`.
    ///
    /// # Errors
    ///
    /// More than 38 digits, or a scale past 38, is an `OutOfRange` error.
    pub fn new(coefficient: i128, scale: u8) -> Result<Self> {
        if coefficient.unsigned_abs() >= LIMIT {
            return Err(too_many_digits());
        }
        if scale > Self::MAX_DIGITS {
            return Err(too_fine());
        }
        Ok(Self::from_parts(coefficient, scale))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is stored")]
    fn from_parts(coefficient: i128, scale: u8) -> Self {
        Self { high: (coefficient >> 64) as i64, low: coefficient.cast_unsigned() as u64, scale }
    }

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

    /// Tells whether the number is below nought.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.high < 0
    }

    /// Gives the number without needless zeros at the end of its fraction: `1.500` as `1.5`, `2.00` as `2`.
    #[must_use]
    pub fn normalized(self) -> Self {
        let mut coefficient = self.coefficient();
        let mut scale = self.scale;
        while scale > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            scale -= 1;
        }
        Self::from_parts(coefficient, scale)
    }

    /// Compares by worth: `1.10` equals `1.1`.
    #[must_use]
    pub fn cmp_numeric(self, other: Self) -> Ordering {
        let (whole, part) = self.split();
        let (other_whole, other_part) = other.split();
        // Each part is below 10^scale, so brought to the larger scale it is below 10^38.
        let scale = self.scale.max(other.scale);
        let part = part * power_of_ten(scale - self.scale);
        let other_part = other_part * power_of_ten(scale - other.scale);
        whole.cmp(&other_whole).then(part.cmp(&other_part))
    }

    /// Gives the number as an integer, if it has no fraction.
    #[must_use]
    pub fn to_i128(self) -> Option<i128> {
        match self.split() {
            (whole, 0) => Some(whole),
            _ => None,
        }
    }

    /// Gives the number as an integer, if it has no fraction and fits.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    /// Gives the number as an unsigned integer, if it has no fraction and fits.
    #[must_use]
    pub fn to_u64(self) -> Option<u64> {
        u64::try_from(self.to_i128()?).ok()
    }

    /// Gives the nearest double-precision number. Most fractions have no exact one: `0.1` is not kept.
    #[must_use]
    pub fn to_f64_lossy(self) -> f64 {
        let mut buffer = [0; TEXT_LEN];
        let magnitude: f64 = self.digits(&mut buffer).parse().unwrap_or(f64::NAN);
        if self.is_negative() { -magnitude } else { magnitude }
    }

    /// Splits into the integer towards nought and the rest over 10^scale; both have the number's sign.
    fn split(self) -> (i128, i128) {
        let coefficient = self.coefficient();
        let unit = power_of_ten(self.scale);
        (coefficient / unit, coefficient % unit)
    }

    /// Writes the number without its sign.
    fn digits(self, buffer: &mut [u8; TEXT_LEN]) -> &str {
        let magnitude = self.coefficient().unsigned_abs();
        let scale = usize::from(self.scale);
        let mut at = TEXT_LEN;
        let mut written = 0;
        let mut put = |digit: u8| {
            at -= 1;
            buffer[at] = b'0' + digit;
            written += 1;
            if written == scale {
                at -= 1;
                buffer[at] = b'.';
            }
        };
        // Two divisions by a word instead of one by two words for each digit.
        let (upper, mut lower) = (half(magnitude / HALF), half(magnitude % HALF));
        let mut count = 0;
        while lower > 0 || (upper > 0 && count < 19) {
            put(last_digit(lower));
            lower /= 10;
            count += 1;
        }
        let mut upper = upper;
        while upper > 0 {
            put(last_digit(upper));
            upper /= 10;
            count += 1;
        }
        while count <= scale {
            put(0);
            count += 1;
        }
        std::str::from_utf8(&buffer[at..]).unwrap_or_default()
    }
}

fn half(part: u128) -> u64 {
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn last_digit(number: u64) -> u8 {
    u8::try_from(number % 10).unwrap_or_default()
}

fn power_of_ten(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent))
}

/// Writes the plain form, with as many digits after the point as the scale says, never an exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; TEXT_LEN];
        f.pad_integral(!self.is_negative(), "", self.digits(&mut buffer))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the plain form (`-12.50`) and the one with an exponent (`1.25e3`); zeros after the point are kept as scale, as far as 38 digits
/// have room for them.
impl FromStr for Decimal {
    type Err = Error;

    /// # Errors
    ///
    /// Text that is no number is a `Conversion` error; more than 38 digits, or a scale past 38, is `OutOfRange`.
    fn from_str(text: &str) -> Result<Self> {
        let (negative, rest) = take_sign(text.as_bytes());
        let mut coefficient = 0_u128;
        let mut scale = 0_i64;
        let mut point = false;
        let mut digits = false;
        let mut full = false;
        let mut exponent = 0;
        for (index, byte) in rest.iter().enumerate() {
            match byte {
                // A nought that there is no room for at the end says nothing.
                b'0' if point && (full || coefficient >= LIMIT / 10) => full = true,
                b'0'..=b'9' => {
                    digits = true;
                    if full || coefficient >= LIMIT / 10 {
                        // The rest may still be malformed; which of the two is told does not matter.
                        return Err(too_many_digits());
                    }
                    scale += i64::from(point);
                    coefficient = coefficient * 10 + u128::from(byte - b'0');
                }
                b'.' if !point => point = true,
                b'e' | b'E' if digits => {
                    exponent = parse_exponent(&rest[index + 1..]).ok_or_else(malformed)?;
                    break;
                }
                _ => return Err(malformed()),
            }
        }
        if !digits {
            return Err(malformed());
        }
        let mut scale = scale - exponent;
        while scale < 0 {
            if coefficient == 0 {
                scale = 0;
                break;
            }
            if coefficient >= LIMIT / 10 {
                return Err(too_many_digits());
            }
            coefficient *= 10;
            scale += 1;
        }
        let scale = u8::try_from(scale).map_err(|_| too_fine())?;
        let coefficient = i128::try_from(coefficient).map_err(|_| too_many_digits())?;
        Self::new(if negative { -coefficient } else { coefficient }, scale)
    }
}

/// Takes a sign, and tells whether it is a minus.
fn take_sign(text: &[u8]) -> (bool, &[u8]) {
    match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"+").unwrap_or(text)),
    }
}

/// Reads an exponent; one past a million stands for every larger one.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = take_sign(text);
    if digits.is_empty() {
        return None;
    }
    let mut exponent = 0_i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(1_000_000);
    }
    Some(if negative { -exponent } else { exponent })
}

#[cold]
fn malformed() -> Error {
    Error::new(ErrorKind::Conversion, "expected a decimal number, found text of another form")
}

#[cold]
fn too_many_digits() -> Error {
    Error::new(ErrorKind::OutOfRange, "a decimal number has at most 38 digits")
}

#[cold]
fn too_fine() -> Error {
    Error::new(ErrorKind::OutOfRange, "a decimal number has at most 38 digits after the point")
}

macro_rules! from_integer {
    ($($integer:ty),+) => {$(
        impl From<$integer> for Decimal {
            fn from(integer: $integer) -> Self {
                Self::from_parts(i128::from(integer), 0)
            }
        }
    )+};
}

from_integer!(i8, i16, i32, i64, u8, u16, u32, u64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn text_forms_keep_their_scale() {
        for text in ["0", "0.0", "1", "-1", "1.10", "-0.05", "123456789012345678901234567890.12345678", "0.00000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        let widest = "9".repeat(38);
        assert_eq!(decimal(&widest).to_string(), widest);
        let finest = format!("-0.{}", "9".repeat(38));
        assert_eq!(decimal(&finest).to_string(), finest);
        assert_eq!(decimal("10000000000000000000").to_string(), "10000000000000000000");
        assert_eq!(decimal("10000000000000000000.0").to_string(), "10000000000000000000.0");
    }

    #[test]
    fn other_forms_are_read() {
        for (text, plain) in [
            ("+5", "5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007", "7"),
            ("1e3", "1000"),
            ("1.25E+3", "1250"),
            ("1.5e-3", "0.0015"),
            ("0e999999999999999999999", "0"),
            ("-0", "0"),
            ("1.2345e2", "123.45"),
        ] {
            assert_eq!(decimal(text).to_string(), plain, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1 ", " 1", "1_000", "0x10", "NaN", "inf", "--1", "1e5.5",
            "١",
        ] {
            let error = text.parse::<Decimal>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Conversion, "{text}");
        }
    }

    #[test]
    fn digits_past_38_are_out_of_range() {
        for text in [
            "1".repeat(39),
            "9".repeat(39),
            format!("{}.1", "9".repeat(38)),
            format!("9.{}1", "0".repeat(40)),
            "9e38".to_owned(),
            "1e38".to_owned(),
            "1e-39".to_owned(),
            format!("0.{}", "0".repeat(39)),
            "1e999999999999".to_owned(),
        ] {
            let error = text.parse::<Decimal>().expect_err(&text);
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{text}");
        }
        assert_eq!(Decimal::new(10_i128.pow(38), 0).expect_err("39 digits").kind(), ErrorKind::OutOfRange);
        assert_eq!(Decimal::new(i128::MIN, 0).expect_err("39 digits").kind(), ErrorKind::OutOfRange);
        assert_eq!(Decimal::new(1, 39).expect_err("scale").kind(), ErrorKind::OutOfRange);
    }

    #[test]
    fn noughts_at_the_end_are_dropped_where_there_is_no_room() {
        let widest = "9".repeat(38);
        assert_eq!(decimal(&format!("{widest}.000")).to_string(), widest);
        assert_eq!(
            decimal(&format!("370370367037037033.000003{}", "0".repeat(24))).normalized().to_string(),
            "370370367037037033.000003"
        );
        assert_eq!(decimal(&format!("1.5{}e1", "0".repeat(50))).normalized().to_string(), "15");
    }

    #[test]
    fn integers_are_exact_or_none() {
        assert_eq!(decimal("9223372036854775807.000").to_i64(), Some(i64::MAX));
        assert_eq!(decimal("9223372036854775808").to_i64(), None);
        assert_eq!(decimal("18446744073709551615").to_u64(), Some(u64::MAX));
        assert_eq!(decimal("-1").to_u64(), None);
        assert_eq!(decimal("1.5").to_i64(), None);
        assert_eq!(Decimal::from(i64::MIN).to_i64(), Some(i64::MIN));
        assert_eq!(Decimal::from(u64::MAX).to_u64(), Some(u64::MAX));
    }

    #[test]
    fn worth_is_compared_across_scales() {
        let ascending = ["-2", "-1.5", "-1.10", "-0.5", "0.00", "0.5", "1.1", "1.5", "10"];
        for pair in ascending.windows(2) {
            assert_eq!(decimal(pair[0]).cmp_numeric(decimal(pair[1])), Ordering::Less, "{pair:?}");
        }
        assert_eq!(decimal("1.10").cmp_numeric(decimal("1.1")), Ordering::Equal);
        assert_ne!(decimal("1.10"), decimal("1.1"));
        let widest = decimal(&"9".repeat(38));
        let finest = decimal(&format!("0.{}", "9".repeat(38)));
        assert_eq!(widest.cmp_numeric(finest), Ordering::Greater);
    }

    #[test]
    fn padding_and_sign_are_honoured() {
        assert_eq!(
            format!("{:>8}|{:08}|{:+}", decimal("-1.50"), decimal("-1.50"), decimal("2")),
            "   -1.50|-0001.50|+2"
        );
        assert_eq!(format!("{:?}", decimal("-1.50")), "-1.50");
    }

    #[test]
    fn the_nearest_float_is_given() {
        assert!((decimal("-0.1").to_f64_lossy() - -0.1).abs() < f64::EPSILON);
        assert!((decimal("1e22").to_f64_lossy() - 1e22).abs() < f64::EPSILON);
    }

    #[test]
    fn it_takes_three_words() {
        assert_eq!((size_of::<Decimal>(), align_of::<Decimal>()), (24, 8));
    }

    proptest! {
        #[test]
        fn any_number_survives_its_text(coefficient in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38) {
            let number = Decimal::new(coefficient, scale)?;
            prop_assert_eq!(number.to_string().parse::<Decimal>()?, number);
            prop_assert_eq!(number.cmp_numeric(number.normalized()), Ordering::Equal);
            prop_assert_eq!((number.coefficient(), number.scale()), (coefficient, scale));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[-+.eE0-9]{0,60}") {
            let _ = text.parse::<Decimal>();
        }

        #[test]
        fn order_is_that_of_the_integers(left in any::<i32>(), right in any::<i32>(), scale in 0_u8..=28) {
            let scaled = i128::from(right) * power_of_ten(scale);
            let order = Decimal::from(left).cmp_numeric(Decimal::new(scaled, scale)?);
            prop_assert_eq!(order, left.cmp(&right));
        }
    }
}
