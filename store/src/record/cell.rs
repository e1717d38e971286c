//! Values as bytes: one byte says what follows, small numbers and short texts within it.
//!
//! The bytes tell the value's kind by themselves, so that a record can be read without its table.

use std::sync::LazyLock;

use oarlock_core::value::{ArrayRef, Decimal, Interval, NativeArray, NativeType, Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};

use super::varint::{get_signed, get_unsigned, put_signed, put_unsigned, take, take_array};

pub(super) const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
const FLOAT4: u8 = 5;
const FLOAT8: u8 = 6;
const DECIMAL: u8 = 7;
const TEXT: u8 = 8;
const BYTES: u8 = 9;
const JSON: u8 = 10;
const UUID: u8 = 11;
const DATE: u8 = 12;
const TIME: u8 = 13;
const SPAN: u8 = 14;
const DATE_TIME: u8 = 15;
const INSTANT: u8 = 16;
const INTERVAL: u8 = 17;
const ARRAY: u8 = 18;
/// The whole numbers from 0 to 63.
const SMALL: u8 = 64;
/// Texts of 0 to 127 bytes.
const SHORT: u8 = 128;

/// An array's elements, one cell after the other.
static ELEMENTS: LazyLock<NativeArray> =
    LazyLock::new(|| NativeArray { native: NativeType::new(0, "array"), decode: elements });

/// Appends a value.
///
/// # Errors
///
/// `NotSupported` for what is in a database's own bytes, which mean nothing here.
pub(crate) fn put(out: &mut Vec<u8>, value: ValueRef<'_>) -> Result<()> {
    match value {
        ValueRef::Null => out.push(NULL),
        ValueRef::Bool(truth) => out.push(if truth { TRUE } else { FALSE }),
        ValueRef::I64(number) => match u8::try_from(number) {
            Ok(small) if small < SHORT - SMALL => out.push(SMALL + small),
            _ => {
                out.push(SIGNED);
                put_signed(out, number);
            }
        },
        ValueRef::U64(number) => {
            out.push(UNSIGNED);
            put_unsigned(out, number);
        }
        ValueRef::F32(number) => put_fixed(out, FLOAT4, &number.to_le_bytes()),
        ValueRef::F64(number) => put_fixed(out, FLOAT8, &number.to_le_bytes()),
        ValueRef::Decimal(number) => {
            out.extend_from_slice(&[DECIMAL, number.scale()]);
            out.extend_from_slice(&number.coefficient().to_le_bytes());
        }
        ValueRef::Text(text) => match u8::try_from(text.len()) {
            Ok(length) if length < SHORT => put_fixed(out, SHORT + length, text.as_bytes()),
            _ => put_counted(out, TEXT, text.as_bytes()),
        },
        ValueRef::Bytes(bytes) => put_counted(out, BYTES, bytes),
        ValueRef::Json(text) => put_counted(out, JSON, text.as_bytes()),
        ValueRef::Uuid(bytes) => put_fixed(out, UUID, &bytes),
        ValueRef::Date(days) => {
            out.push(DATE);
            put_signed(out, i64::from(days));
        }
        ValueRef::Time(micros) => put_fixed(out, TIME, &micros.to_le_bytes()),
        ValueRef::Span(micros) => put_fixed(out, SPAN, &micros.to_le_bytes()),
        ValueRef::DateTime(micros) => put_fixed(out, DATE_TIME, &micros.to_le_bytes()),
        ValueRef::Instant(micros) => put_fixed(out, INSTANT, &micros.to_le_bytes()),
        ValueRef::Interval(interval) => {
            out.push(INTERVAL);
            put_signed(out, i64::from(interval.months));
            put_signed(out, i64::from(interval.days));
            put_signed(out, interval.micros);
        }
        ValueRef::Array(array) => {
            let mut cells = Vec::new();
            for value in array.to_values()? {
                put(&mut cells, value.as_ref())?;
            }
            put_counted(out, ARRAY, &cells);
        }
        other => {
            let what = other.kind_name();
            return Err(Error::not_supported(format!("the record store cannot hold {what}")));
        }
    }
    Ok(())
}

fn put_fixed(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

fn put_counted(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_unsigned(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

/// Takes a value from the front of bytes.
///
/// # Errors
///
/// `Internal` where the bytes form none, which a checksum above them has ruled out but for a fault of ours.
#[inline]
pub(crate) fn get<'b>(bytes: &mut &'b [u8]) -> Result<ValueRef<'b>> {
    let [tag] = take_array(bytes)?;
    if tag >= SHORT {
        return Ok(ValueRef::Text(text(take(bytes, usize::from(tag - SHORT))?)?));
    }
    if tag >= SMALL {
        return Ok(ValueRef::I64(i64::from(tag - SMALL)));
    }
    Ok(match tag {
        NULL => ValueRef::Null,
        FALSE => ValueRef::Bool(false),
        TRUE => ValueRef::Bool(true),
        SIGNED => ValueRef::I64(get_signed(bytes)?),
        UNSIGNED => ValueRef::U64(get_unsigned(bytes)?),
        FLOAT4 => ValueRef::F32(f32::from_le_bytes(take_array(bytes)?)),
        FLOAT8 => ValueRef::F64(f64::from_le_bytes(take_array(bytes)?)),
        DECIMAL => {
            let [scale] = take_array(bytes)?;
            ValueRef::Decimal(Decimal::new(i128::from_le_bytes(take_array(bytes)?), scale)?)
        }
        TEXT => ValueRef::Text(text(counted(bytes)?)?),
        BYTES => ValueRef::Bytes(counted(bytes)?),
        JSON => ValueRef::Json(text(counted(bytes)?)?),
        UUID => ValueRef::Uuid(take_array(bytes)?),
        DATE => ValueRef::Date(i32::try_from(get_signed(bytes)?).map_err(|_| malformed())?),
        TIME => ValueRef::Time(i64::from_le_bytes(take_array(bytes)?)),
        SPAN => ValueRef::Span(i64::from_le_bytes(take_array(bytes)?)),
        DATE_TIME => ValueRef::DateTime(i64::from_le_bytes(take_array(bytes)?)),
        INSTANT => ValueRef::Instant(i64::from_le_bytes(take_array(bytes)?)),
        INTERVAL => ValueRef::Interval(Interval {
            months: i32::try_from(get_signed(bytes)?).map_err(|_| malformed())?,
            days: i32::try_from(get_signed(bytes)?).map_err(|_| malformed())?,
            micros: get_signed(bytes)?,
        }),
        ARRAY => ValueRef::Array(ArrayRef::Native { array: &ELEMENTS, bytes: counted(bytes)? }),
        _ => return Err(malformed()),
    })
}

/// Passes over a value, which need not be looked at.
#[inline]
pub(crate) fn skip(bytes: &mut &[u8]) -> Result<()> {
    let [tag] = take_array(bytes)?;
    let length = match tag {
        SHORT.. => usize::from(tag - SHORT),
        SMALL.. | NULL | FALSE | TRUE => 0,
        SIGNED | UNSIGNED | DATE => return get_unsigned(bytes).map(drop),
        FLOAT4 => 4,
        FLOAT8 | TIME | SPAN | DATE_TIME | INSTANT => 8,
        UUID => 16,
        DECIMAL => 17,
        TEXT | BYTES | JSON | ARRAY => return counted(bytes).map(drop),
        INTERVAL => {
            for _ in 0..3 {
                get_unsigned(bytes)?;
            }
            0
        }
        _ => return Err(malformed()),
    };
    take(bytes, length).map(drop)
}

/// Gives the bytes of a text at the front of bytes, of any other value none. They are not looked at.
#[inline]
pub(crate) fn text_bytes(mut bytes: &[u8]) -> Option<&[u8]> {
    let [tag] = take_array(&mut bytes).ok()?;
    match tag {
        SHORT.. => take(&mut bytes, usize::from(tag - SHORT)).ok(),
        TEXT | JSON => counted(&mut bytes).ok(),
        _ => None,
    }
}

fn counted<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8]> {
    let length = usize::try_from(get_unsigned(bytes)?).map_err(|_| malformed())?;
    take(bytes, length)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| malformed())
}

fn elements(_: &NativeType, mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(ValueRef::to_owned(get(&mut bytes)?)?);
    }
    Ok(values)
}

#[cold]
pub(super) fn malformed() -> Error {
    Error::new(ErrorKind::Internal, "the bytes of a record form no value")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values of every kind that a record can hold.
    pub(crate) fn values() -> impl Strategy<Value = Value> {
        let decimal = (any::<i64>(), 0_u8..20)
            .prop_map(|(digits, scale)| Value::Decimal(Decimal::new(i128::from(digits), scale).unwrap()));
        let interval = (any::<i32>(), any::<i32>(), any::<i64>())
            .prop_map(|(months, days, micros)| Value::Interval(Interval { months, days, micros }));
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            (-10_i64..200).prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            proptest::num::f64::NORMAL.prop_map(Value::F64),
            proptest::num::f32::NORMAL.prop_map(Value::F32),
            decimal,
            ".{0,200}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
            any::<[u8; 16]>().prop_map(Value::Uuid),
            any::<i32>().prop_map(Value::Date),
            any::<i64>().prop_map(Value::Time),
            any::<i64>().prop_map(Value::Span),
            any::<i64>().prop_map(Value::DateTime),
            any::<i64>().prop_map(Value::Instant),
            interval,
            "[a-z]{0,9}".prop_map(|word| Value::Json(format!("\"{word}\""))),
            proptest::collection::vec(any::<i64>().prop_map(Value::I64), 0..5).prop_map(Value::Array),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_were(values in proptest::collection::vec(values(), 0..9)) {
            let mut bytes = Vec::new();
            for value in &values {
                put(&mut bytes, value.as_ref()).unwrap();
            }
            let (mut read, mut passed) = (bytes.as_slice(), bytes.as_slice());
            for value in &values {
                prop_assert_eq!(&ValueRef::to_owned(get(&mut read).unwrap()).unwrap(), value);
                skip(&mut passed).unwrap();
                prop_assert_eq!(read.len(), passed.len());
            }
            prop_assert!(read.is_empty());
        }

        #[test]
        fn bytes_of_any_kind_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (mut read, mut passed) = (bytes.as_slice(), bytes.as_slice());
            if let Ok(value) = get(&mut read) {
                prop_assert!(skip(&mut passed).is_ok());
                prop_assert_eq!(read.len(), passed.len());
                drop(ValueRef::to_owned(value));
            }
        }
    }
}
