//! `rust_decimal::Decimal`, which holds 96 bits: 28 digits, and some numbers of 29.

use super::numbers::unfit;
use super::{Bound, Decimal, FromValue, ToValue, ValueRef};
use crate::Result;

/// Reads what [`Decimal`] reads and 96 bits can hold. Zeros at the end of a fraction are dropped where there are too many.
impl FromValue for rust_decimal::Decimal {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        let number = Decimal::from_value(value)?;
        narrow(number)
            .or_else(|| narrow(number.normalized()))
            .ok_or_else(|| unfit("a decimal of at most 28 digits", number))
    }
}

fn narrow(number: Decimal) -> Option<rust_decimal::Decimal> {
    rust_decimal::Decimal::try_from_i128_with_scale(number.coefficient(), number.scale().into()).ok()
}

impl ToValue for rust_decimal::Decimal {
    fn to_value(&self) -> Result<Bound<'_>> {
        let scale = u8::try_from(self.scale()).unwrap_or(u8::MAX);
        Ok(Bound::Borrowed(ValueRef::Decimal(Decimal::new(self.mantissa(), scale)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scale_is_kept_and_excess_is_refused() -> Result<()> {
        let number: rust_decimal::Decimal = "-19.90".parse().expect("a number");
        assert_eq!(number.to_value()?.as_ref(), ValueRef::Decimal("-19.90".parse()?));
        assert_eq!(rust_decimal::Decimal::from_value(ValueRef::Text("-19.90"))?.to_string(), "-19.90");
        let long = "1.000000000000000000000000000000";
        assert_eq!(rust_decimal::Decimal::from_value(ValueRef::Text(long))?.to_string(), "1");
        let error =
            rust_decimal::Decimal::from_value(ValueRef::Text("123456789012345678901234567890")).expect_err("wide");
        assert_eq!(error.message(), "expected a decimal of at most 28 digits, found 123456789012345678901234567890");
        Ok(())
    }

    proptest! {
        #[test]
        fn any_number_survives(coefficient in -(1_i128 << 96) + 1..1_i128 << 96, scale in 0_u32..=28) {
            let number = rust_decimal::Decimal::try_from_i128_with_scale(coefficient, scale)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read = rust_decimal::Decimal::from_value(number.to_value()?.as_ref())?;
            prop_assert_eq!((read.mantissa(), read.scale()), (coefficient, scale));
        }
    }
}
