//! Truth values and numbers: exact both ways, or an error that tells the value.

use std::fmt;

use super::{Bound, Decimal, FromValue, ToValue, ValueRef, mismatch};
use crate::{Error, ErrorKind, Result};

/// Makes the error of a scalar of a fitting kind whose value the type cannot hold.
#[cold]
pub(super) fn unfit(expected: &str, found: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Conversion, format!("expected {expected}, found {found}"))
}

/// Reads BOOLEAN, and the integers 0 and 1, as which MySQL and SQLite hold truth values.
impl FromValue for bool {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Bool(truth) => Ok(truth),
            ValueRef::I64(0) | ValueRef::U64(0) => Ok(false),
            ValueRef::I64(1) | ValueRef::U64(1) => Ok(true),
            ValueRef::I64(other) => Err(unfit("bool", other)),
            ValueRef::U64(other) => Err(unfit("bool", other)),
            other => Err(mismatch("bool", other)),
        }
    }
}

impl ToValue for bool {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Bool(*self)))
    }
}

/// Reads any integer, or a decimal number without a fraction, that is in range.
#[cold]
pub(crate) fn integer<T: TryFrom<i128>>(expected: &str, value: ValueRef<'_>) -> Result<T> {
    match value {
        ValueRef::I64(number) => T::try_from(i128::from(number)).map_err(|_| unfit(expected, number)),
        ValueRef::U64(number) => T::try_from(i128::from(number)).map_err(|_| unfit(expected, number)),
        ValueRef::Decimal(number) => {
            number.to_i128().and_then(|whole| T::try_from(whole).ok()).ok_or_else(|| unfit(expected, number))
        }
        other => Err(mismatch(expected, other)),
    }
}

macro_rules! signed {
    ($($type:ident),+) => {$(
        /// Reads integers in range, and decimal numbers in range whose fraction is nought.
        impl FromValue for $type {
            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self> {
                match value {
                    ValueRef::I64(number) => {
                        Self::try_from(number).map_err(|_| unfit(stringify!($type), number))
                    }
                    other => integer(stringify!($type), other),
                }
            }
        }

        impl ToValue for $type {
            #[inline]
            fn to_value(&self) -> Result<Bound<'_>> {
                Ok(Bound::Borrowed(ValueRef::I64(i64::from(*self))))
            }
        }
    )+};
}

signed!(i8, i16, i32, u16, u32);

/// Reads integers in range, and decimal numbers in range whose fraction is nought.
impl FromValue for i64 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::I64(number) => Ok(number),
            other => integer("i64", other),
        }
    }
}

impl ToValue for i64 {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::I64(*self)))
    }
}

/// Reads integers in range, decimal numbers in range whose fraction is nought, and text of exactly 20 digits, as which
/// SQLite holds what its own integers cannot.
impl FromValue for u64 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::U64(number) => Ok(number),
            ValueRef::I64(number) => Self::try_from(number).map_err(|_| unfit("u64", number)),
            ValueRef::Text(text) => twenty_digits(text),
            other => integer("u64", other),
        }
    }
}

fn twenty_digits(text: &str) -> Result<u64> {
    if text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| unfit("u64", text));
    }
    Err(mismatch("u64", ValueRef::Text(text)))
}

impl ToValue for u64 {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::U64(*self)))
    }
}

/// Reads what a 64-bit integer can hold and this platform's word too.
impl FromValue for isize {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let number = i64::from_value(value)?;
        Self::try_from(number).map_err(|_| unfit("isize", number))
    }
}

impl ToValue for isize {
    fn to_value(&self) -> Result<Bound<'_>> {
        let number = i64::try_from(*self).map_err(|_| unfit("i64", self))?;
        Ok(Bound::Borrowed(ValueRef::I64(number)))
    }
}

/// Reads what an unsigned 64-bit integer can hold and this platform's word too.
impl FromValue for usize {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let number = u64::from_value(value)?;
        Self::try_from(number).map_err(|_| unfit("usize", number))
    }
}

impl ToValue for usize {
    fn to_value(&self) -> Result<Bound<'_>> {
        let number = u64::try_from(*self).map_err(|_| unfit("u64", self))?;
        Ok(Bound::Borrowed(ValueRef::U64(number)))
    }
}

/// Tells whether an integer of this size is exact in a float of so many bits.
fn fits(magnitude: u64, bits: u32) -> bool {
    magnitude == 0 || u64::BITS - magnitude.leading_zeros() - magnitude.trailing_zeros() <= bits
}

/// Reads floating-point numbers, and integers that are exact in one. Decimal numbers are refused: read a [`Decimal`],
/// or cast in SQL.
impl FromValue for f64 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::F64(number) => Ok(number),
            ValueRef::F32(number) => Ok(Self::from(number)),
            other => f64_from_integer(other),
        }
    }
}

#[cold]
#[expect(clippy::cast_precision_loss, reason = "the guards admit exact integers only")]
fn f64_from_integer(value: ValueRef<'_>) -> Result<f64> {
    match value {
        ValueRef::I64(number) if fits(number.unsigned_abs(), f64::MANTISSA_DIGITS) => Ok(number as f64),
        ValueRef::U64(number) if fits(number, f64::MANTISSA_DIGITS) => Ok(number as f64),
        ValueRef::I64(number) => Err(unfit("f64", number)),
        ValueRef::U64(number) => Err(unfit("f64", number)),
        ValueRef::Decimal(_) => Err(mismatch("f64", value).with_hint("read it as a Decimal, or cast it in SQL")),
        other => Err(mismatch("f64", other)),
    }
}

impl ToValue for f64 {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::F64(*self)))
    }
}

/// Reads single-precision numbers, and what is exact in one: some doubles, some integers, every NaN as NaN.
impl FromValue for f32 {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::F32(number) => Ok(number),
            other => f32_from_other(other),
        }
    }
}

#[cold]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the guards admit exact numbers only")]
fn f32_from_other(value: ValueRef<'_>) -> Result<f32> {
    match value {
        ValueRef::F64(number) if number.is_nan() => Ok(f32::NAN),
        ValueRef::F64(number) if f64::from(number as f32).to_bits() == number.to_bits() => Ok(number as f32),
        ValueRef::F64(number) => Err(unfit("f32", number).with_hint("read it as f64")),
        ValueRef::I64(number) if fits(number.unsigned_abs(), f32::MANTISSA_DIGITS) => Ok(number as f32),
        ValueRef::U64(number) if fits(number, f32::MANTISSA_DIGITS) => Ok(number as f32),
        ValueRef::I64(number) => Err(unfit("f32", number)),
        ValueRef::U64(number) => Err(unfit("f32", number)),
        ValueRef::Decimal(_) => Err(mismatch("f32", value).with_hint("read it as a Decimal, or cast it in SQL")),
        other => Err(mismatch("f32", other)),
    }
}

impl ToValue for f32 {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::F32(*self)))
    }
}

/// Reads decimal numbers, integers, and text that is a number, as which SQLite holds decimals.
impl FromValue for Decimal {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Decimal(number) => Ok(number),
            ValueRef::I64(number) => Ok(Self::from(number)),
            ValueRef::U64(number) => Ok(Self::from(number)),
            ValueRef::Text(text) => text.parse(),
            ValueRef::F32(_) | ValueRef::F64(_) => {
                Err(mismatch("decimal", value).with_hint("read it as f64, or cast it in SQL"))
            }
            other => Err(mismatch("decimal", other)),
        }
    }
}

impl ToValue for Decimal {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Decimal(*self)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refusal<T: FromValue + fmt::Debug>(value: ValueRef<'_>) -> String {
        let error = T::from_value(value).expect_err("the conversion must fail");
        assert_eq!(error.kind(), ErrorKind::Conversion);
        error.to_string()
    }

    #[test]
    fn bool_is_a_truth_value_or_0_or_1() -> Result<()> {
        for (value, truth) in [
            (ValueRef::Bool(true), true),
            (ValueRef::I64(0), false),
            (ValueRef::I64(1), true),
            (ValueRef::U64(1), true),
        ] {
            assert_eq!(bool::from_value(value)?, truth);
        }
        assert_eq!(refusal::<bool>(ValueRef::I64(2)), "expected bool, found 2");
        assert_eq!(refusal::<bool>(ValueRef::Text("true")), "expected bool, found text");
        assert_eq!(refusal::<bool>(ValueRef::Null), "expected bool, found null (read it as an Option)");
        Ok(())
    }

    #[test]
    fn integers_are_exact_or_refused_by_value() -> Result<()> {
        assert_eq!(i64::from_value(ValueRef::I64(i64::MIN))?, i64::MIN);
        assert_eq!(i64::from_value(ValueRef::U64(7))?, 7);
        assert_eq!(i64::from_value(ValueRef::Decimal(decimal("7.00")))?, 7);
        assert_eq!(u64::from_value(ValueRef::U64(u64::MAX))?, u64::MAX);
        assert_eq!(u64::from_value(ValueRef::Decimal(decimal("18446744073709551615")))?, u64::MAX);
        assert_eq!(u16::from_value(ValueRef::U64(65_535))?, u16::MAX);
        assert_eq!(i8::from_value(ValueRef::I64(-128))?, i8::MIN);
        assert_eq!(usize::from_value(ValueRef::I64(3))?, 3);
        assert_eq!(refusal::<i16>(ValueRef::I64(70_000)), "expected i16, found 70000");
        assert_eq!(refusal::<i64>(ValueRef::U64(u64::MAX)), "expected i64, found 18446744073709551615");
        assert_eq!(refusal::<u32>(ValueRef::I64(-1)), "expected u32, found -1");
        assert_eq!(refusal::<i32>(ValueRef::Decimal(decimal("1.5"))), "expected i32, found 1.5");
        assert_eq!(refusal::<i64>(ValueRef::Text("5")), "expected i64, found text");
        assert_eq!(refusal::<i64>(ValueRef::F64(5.0)), "expected i64, found f64");
        assert_eq!(refusal::<i64>(ValueRef::Bool(true)), "expected i64, found bool");
        Ok(())
    }

    #[test]
    fn u64_reads_exactly_twenty_digits_of_text() -> Result<()> {
        assert_eq!(u64::from_value(ValueRef::Text("18446744073709551615"))?, u64::MAX);
        assert_eq!(u64::from_value(ValueRef::Text("00000000000000000007"))?, 7);
        assert_eq!(refusal::<u64>(ValueRef::Text("7")), "expected u64, found text");
        assert_eq!(refusal::<u64>(ValueRef::Text("+0000000000000000007")), "expected u64, found text");
        assert_eq!(refusal::<u64>(ValueRef::Text("18446744073709551616")), "expected u64, found 18446744073709551616");
        Ok(())
    }

    #[test]
    fn floats_never_round() -> Result<()> {
        assert_eq!(f64::from_value(ValueRef::F32(0.1))?.to_bits(), f64::from(0.1_f32).to_bits());
        assert_eq!(f64::from_value(ValueRef::I64(1 << 53))?.to_bits(), 9_007_199_254_740_992.0_f64.to_bits());
        assert_eq!(f64::from_value(ValueRef::I64(i64::MIN))?.to_bits(), (-9_223_372_036_854_775_808.0_f64).to_bits());
        assert_eq!(refusal::<f64>(ValueRef::I64((1 << 53) + 1)), "expected f64, found 9007199254740993");
        assert_eq!(f32::from_value(ValueRef::F64(0.5))?.to_bits(), 0.5_f32.to_bits());
        assert_eq!(f32::from_value(ValueRef::F64(-0.0))?.to_bits(), (-0.0_f32).to_bits());
        assert!(f32::from_value(ValueRef::F64(f64::NAN))?.is_nan());
        assert_eq!(f32::from_value(ValueRef::F64(f64::INFINITY))?.to_bits(), f32::INFINITY.to_bits());
        assert_eq!(refusal::<f32>(ValueRef::F64(0.1)), "expected f32, found 0.1 (read it as f64)");
        assert_eq!(refusal::<f32>(ValueRef::F64(1e300)), format!("expected f32, found {} (read it as f64)", 1e300));
        assert!(refusal::<f64>(ValueRef::Decimal(decimal("0.5"))).starts_with("expected f64, found decimal"));
        Ok(())
    }

    #[test]
    fn decimals_come_from_integers_and_text_but_not_from_floats() -> Result<()> {
        assert_eq!(Decimal::from_value(ValueRef::Text("1.10"))?, decimal("1.10"));
        assert_eq!(Decimal::from_value(ValueRef::I64(-5))?, decimal("-5"));
        assert_eq!(Decimal::from_value(ValueRef::U64(u64::MAX))?, Decimal::from(u64::MAX));
        assert!(refusal::<Decimal>(ValueRef::F64(1.0)).starts_with("expected decimal, found f64"));
        assert!(!refusal::<Decimal>(ValueRef::Text("secret")).contains("secret"));
        Ok(())
    }

    proptest! {
        #[test]
        fn an_integer_read_as_a_float_is_that_integer(number in any::<i64>()) {
            if let Ok(float) = f64::from_value(ValueRef::I64(number)) {
                prop_assert_eq!(format!("{float:.0}").parse::<i128>().ok(), Some(i128::from(number)));
            }
            if let Ok(float) = f32::from_value(ValueRef::I64(number)) {
                prop_assert_eq!(format!("{float:.0}").parse::<i128>().ok(), Some(i128::from(number)));
            }
        }

        #[test]
        fn a_narrow_integer_survives(number in any::<i16>()) {
            let bound = number.to_value()?;
            prop_assert_eq!(i16::from_value(bound.as_ref())?, number);
            prop_assert_eq!(i64::from_value(bound.as_ref())?, i64::from(number));
        }
    }
}
