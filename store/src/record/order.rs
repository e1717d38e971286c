//! Values as bytes whose order is the values' order: what keys of tables and indexes are made of.

use oarlock_core::schema::Type;
use oarlock_core::value::{Decimal, Interval, ValueRef, mismatch};
use oarlock_core::{Error, Result};
use smallvec::SmallVec;

/// The bytes of a key that is being made. Most need no allocation.
pub(crate) type KeyBytes = SmallVec<[u8; 64]>;

/// What a column's values are turned into, so that equal ones are equal bytes, whatever Rust type they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bool,
    Signed,
    Unsigned,
    Float4,
    Float8,
    Decimal,
    Text,
    Bytes,
    Uuid,
    Date,
    Time,
    Span,
    DateTime,
    Instant,
    Interval,
    /// It has no order of ours.
    None,
}

impl Form {
    pub(crate) const fn of(ty: &Type) -> Self {
        match ty {
            Type::Bool => Self::Bool,
            Type::Int2 | Type::Int4 | Type::Int8 | Type::UInt4 => Self::Signed,
            Type::UInt8 => Self::Unsigned,
            Type::Float4 => Self::Float4,
            Type::Float8 => Self::Float8,
            Type::Decimal { .. } => Self::Decimal,
            Type::Text | Type::VarChar(_) | Type::Enum(_) => Self::Text,
            Type::Bytes | Type::VarBinary(_) => Self::Bytes,
            Type::Uuid => Self::Uuid,
            Type::Date => Self::Date,
            Type::Time => Self::Time,
            Type::Span => Self::Span,
            Type::DateTime => Self::DateTime,
            Type::Timestamp => Self::Instant,
            Type::Interval => Self::Interval,
            _ => Self::None,
        }
    }
}

/// How one column stands in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) form: Form,
    pub(crate) descending: bool,
    /// Whether NULLs stand behind all values; else before them, as less than everything.
    pub(crate) nulls_last: bool,
}

/// What stands before a value in a key: below it NULLs that come first, above it those that come last.
pub(crate) const VALUE: u8 = 1;

/// Appends a value to a key. NULLs of equal parts are equal bytes.
///
/// # Errors
///
/// `Conversion` where the value is of another kind than the column.
pub(crate) fn put(out: &mut KeyBytes, part: Part, value: ValueRef<'_>) -> Result<()> {
    if value.is_null() {
        out.push(if part.nulls_last { VALUE + 1 } else { VALUE - 1 });
        return Ok(());
    }
    out.push(VALUE);
    let start = out.len();
    put_value(out, part.form, value)?;
    turn(out, part, start);
    Ok(())
}

/// Appends a text to a key.
pub(crate) fn put_text(out: &mut KeyBytes, part: Part, text: &[u8]) {
    out.push(VALUE);
    let start = out.len();
    put_bytes(out, text);
    turn(out, part, start);
}

/// Makes greater what was less, where the order falls.
fn turn(out: &mut KeyBytes, part: Part, start: usize) {
    if part.descending {
        for byte in &mut out[start..] {
            *byte = !*byte;
        }
    }
}

fn put_value(out: &mut KeyBytes, form: Form, value: ValueRef<'_>) -> Result<()> {
    match (form, value) {
        (Form::Bool, ValueRef::Bool(truth)) => out.push(u8::from(truth)),
        (Form::Signed, ValueRef::U64(number)) => match i64::try_from(number) {
            Ok(number) => put_i64(out, number),
            Err(_) => return Err(mismatch("a number below 2^63", value)),
        },
        (Form::Unsigned, ValueRef::U64(number)) => out.extend_from_slice(&number.to_be_bytes()),
        (Form::Unsigned, ValueRef::I64(number)) => match u64::try_from(number) {
            Ok(number) => out.extend_from_slice(&number.to_be_bytes()),
            Err(_) => return Err(mismatch("a number that is not negative", value)),
        },
        (Form::Float4 | Form::Float8, ValueRef::F32(number)) => put_f64(out, f64::from(number)),
        (Form::Float4 | Form::Float8, ValueRef::F64(number)) => put_f64(out, number),
        (Form::Decimal, ValueRef::Decimal(number)) => put_decimal(out, number),
        (Form::Decimal, ValueRef::I64(number)) => put_decimal(out, number.into()),
        (Form::Text, ValueRef::Text(text) | ValueRef::Json(text)) => put_bytes(out, text.as_bytes()),
        (Form::Bytes, ValueRef::Bytes(bytes)) => put_bytes(out, bytes),
        (Form::Uuid, ValueRef::Uuid(bytes)) => out.extend_from_slice(&bytes),
        (Form::Date, ValueRef::Date(days)) => put_i64(out, i64::from(days)),
        (Form::Signed, ValueRef::I64(number))
        | (Form::Time, ValueRef::Time(number))
        | (Form::Span, ValueRef::Span(number))
        | (Form::DateTime, ValueRef::DateTime(number))
        | (Form::Instant, ValueRef::Instant(number)) => put_i64(out, number),
        (Form::Interval, ValueRef::Interval(interval)) => put_interval(out, interval),
        (Form::None, value) => {
            return Err(Error::not_supported(format!(
                "{} has no order: it cannot be part of a key",
                value.kind_name()
            )));
        }
        (form, value) => return Err(mismatch(form.name(), value)),
    }
    Ok(())
}

impl Form {
    /// The word for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Signed => "i64",
            Self::Unsigned => "u64",
            Self::Float4 => "f32",
            Self::Float8 => "f64",
            Self::Decimal => "decimal",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Time => "time",
            Self::Span => "span",
            Self::DateTime => "datetime",
            Self::Instant => "instant",
            Self::Interval => "interval",
            Self::None => "another type",
        }
    }
}

fn put_i64(out: &mut KeyBytes, number: i64) {
    out.extend_from_slice(&(number.cast_unsigned() ^ (1 << 63)).to_be_bytes());
}

/// As PostgreSQL has it: both noughts are equal, and what is not a number is equal to itself and above all numbers.
fn put_f64(out: &mut KeyBytes, number: f64) {
    let number = if number.is_nan() { f64::NAN.abs() } else { number + 0.0 };
    let bits = number.to_bits();
    let ordered = if bits >> 63 == 0 { bits | (1 << 63) } else { !bits };
    out.extend_from_slice(&ordered.to_be_bytes());
}

/// The sign, the place of the first digit, the digits, an end that is below each of them.
fn put_decimal(out: &mut KeyBytes, number: Decimal) {
    let number = number.normalized();
    let digits = number.coefficient().unsigned_abs().to_string();
    if number.coefficient() == 0 {
        out.push(1);
        return;
    }
    let start = out.len() + 1;
    out.push(if number.is_negative() { 0 } else { 2 });
    // From -38 to 38.
    let place = i64::try_from(digits.len()).unwrap_or(i64::MAX) - i64::from(number.scale());
    out.push(u8::try_from(place + 64).unwrap_or(u8::MAX));
    out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    out.push(0);
    if number.is_negative() {
        for byte in &mut out[start..] {
            *byte = !*byte;
        }
    }
}

/// A zero byte is followed by 255, the end is two zeros: so a text stands before those that it begins.
fn put_bytes(out: &mut KeyBytes, bytes: &[u8]) {
    if bytes.contains(&0) {
        for byte in bytes {
            out.push(*byte);
            if *byte == 0 {
                out.push(255);
            }
        }
    } else {
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&[0, 0]);
}

/// As PostgreSQL compares them: a month is 30 days then, and a day 24 hours.
fn put_interval(out: &mut KeyBytes, interval: Interval) {
    const DAY: i128 = 86_400_000_000;
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    let micros = days * DAY + i128::from(interval.micros);
    out.extend_from_slice(&(micros.cast_unsigned() ^ (1 << 127)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use oarlock_core::value::Value;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    const PART: Part = Part { form: Form::None, descending: false, nulls_last: false };

    fn key(form: Form, value: &Value) -> KeyBytes {
        let mut bytes = KeyBytes::new();
        put(&mut bytes, Part { form, ..PART }, value.as_ref()).unwrap();
        bytes
    }

    fn agrees<T>(
        form: Form,
        one: T,
        other: T,
        value: impl Fn(T) -> Value,
        ordering: Ordering,
    ) -> Result<(), TestCaseError> {
        let (one, other) = (value(one), value(other));
        prop_assert_eq!(key(form, &one).cmp(&key(form, &other)), ordering, "{:?} and {:?}", one, other);
        let falling = |value: &Value| {
            let mut bytes = KeyBytes::new();
            put(&mut bytes, Part { form, descending: true, nulls_last: false }, value.as_ref()).unwrap();
            bytes
        };
        prop_assert_eq!(falling(&one).cmp(&falling(&other)), ordering.reverse());
        prop_assert!(key(form, &Value::Null) < key(form, &one));
        Ok(())
    }

    proptest! {
        #[test]
        fn numbers(one: i64, other: i64, near in -3_i64..3) {
            for other in [other, one.saturating_add(near)] {
                agrees(Form::Signed, one, other, Value::I64, one.cmp(&other))?;
                let (one, other) = (one.cast_unsigned(), other.cast_unsigned());
                agrees(Form::Unsigned, one, other, Value::U64, one.cmp(&other))?;
            }
        }

        #[test]
        fn floats(one in proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::INFINITE, other in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            agrees(Form::Float8, one, other, Value::F64, one.partial_cmp(&other).unwrap())?;
            prop_assert!(key(Form::Float8, &Value::F64(-f64::NAN)) > key(Form::Float8, &Value::F64(one)));
        }

        #[test]
        fn decimals(one: i32, other: i32, scale in 0_u8..9, other_scale in 0_u8..9) {
            let one = Decimal::new(i128::from(one), scale).unwrap();
            let other = Decimal::new(i128::from(other), other_scale).unwrap();
            agrees(Form::Decimal, one, other, Value::Decimal, one.cmp_numeric(other))?;
        }

        #[test]
        fn texts(one in "[\u{0}-\u{2}a]{0,5}", other in "[\u{0}-\u{2}a]{0,5}") {
            let ordering = one.cmp(&other);
            agrees(Form::Text, one, other, Value::Text, ordering)?;
        }

        #[test]
        fn pairs_are_ordered_by_their_first_and_then_their_second(
            one in ("[\u{0}ab]{0,3}", -2_i64..2),
            other in ("[\u{0}ab]{0,3}", -2_i64..2),
        ) {
            let pair = |(text, number): &(String, i64)| {
                [key(Form::Text, &Value::Text(text.clone())), key(Form::Signed, &Value::I64(*number))].concat()
            };
            prop_assert_eq!(pair(&one).cmp(&pair(&other)), one.cmp(&other));
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        let error = put(&mut KeyBytes::new(), Part { form: Form::Signed, ..PART }, ValueRef::Text("7")).unwrap_err();
        assert_eq!(error.message(), "expected i64, found text");
    }

    #[test]
    fn equal_numbers_are_one_key() {
        let decimal = |text: &str| key(Form::Decimal, &Value::Decimal(text.parse().unwrap()));
        assert_eq!(decimal("1.10"), decimal("1.1"));
        assert_eq!(decimal("0.00"), decimal("0"));
        assert_eq!(key(Form::Float8, &Value::F64(-0.0)), key(Form::Float8, &Value::F64(0.0)));
    }
}
