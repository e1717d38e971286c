//! Values of one type as values of another: of a column that was retyped, and of what a program gives without a type.

use oarlock_core::schema::{Column, Default, Literal, Type};
use oarlock_core::value::{Decimal, Value, ValueRef, parse_uuid};
use oarlock_core::{Error, ErrorKind, FromValue, Result};

use crate::record::order::Form;

/// Makes a value one of a column's type. Nothing is truncated, wrapped or rounded.
///
/// # Errors
///
/// `Conversion` where the value has no exact counterpart.
pub(crate) fn convert(value: ValueRef<'_>, ty: &Type) -> Result<Value> {
    use ValueRef as V;
    let refuse = || {
        let message = format!("{} does not become {}", value.kind_name(), Form::of(ty).name());
        Error::new(ErrorKind::Conversion, message)
    };
    Ok(match (ty, value) {
        (_, V::Null) => Value::Null,
        (Type::Int2 | Type::Int4 | Type::Int8 | Type::UInt4, V::Text(text)) => {
            Value::I64(text.trim().parse().map_err(|_| refuse())?)
        }
        (Type::Int2 | Type::Int4 | Type::Int8 | Type::UInt4, V::Bool(truth)) => Value::I64(truth.into()),
        (Type::Int2 | Type::Int4 | Type::Int8 | Type::UInt4, value) => Value::I64(i64::from_value(value)?),
        (Type::UInt8, V::Text(text)) => Value::U64(text.trim().parse().map_err(|_| refuse())?),
        (Type::UInt8, value) => Value::U64(u64::from_value(value)?),
        (Type::Float8, V::I64(number)) => Value::F64(exact_float(number).ok_or_else(refuse)?),
        (Type::Float8, value) => Value::F64(f64::from_value(value)?),
        (Type::Float4, value) => Value::F32(f32::from_value(value)?),
        (Type::Decimal { .. }, V::Text(text)) => Value::Decimal(text.trim().parse().map_err(|_| refuse())?),
        (Type::Decimal { .. }, V::U64(number)) => Value::Decimal(Decimal::new(number.into(), 0)?),
        (Type::Decimal { .. }, V::I64(number)) => Value::Decimal(number.into()),
        (Type::Decimal { .. }, V::Decimal(number)) => Value::Decimal(number),
        (Type::Bool, value) => Value::Bool(bool::from_value(value)?),
        (Type::Text | Type::VarChar(_) | Type::Enum(_), value) => Value::Text(match value {
            V::Text(text) | V::Json(text) => text.to_owned(),
            V::I64(number) => number.to_string(),
            V::U64(number) => number.to_string(),
            V::Decimal(number) => number.to_string(),
            V::Bool(truth) => truth.to_string(),
            _ => return Err(refuse()),
        }),
        (Type::Json, V::Text(text) | V::Json(text)) => Value::Json(text.to_owned()),
        (Type::Bytes | Type::VarBinary(_), V::Bytes(bytes)) => Value::Bytes(bytes.to_vec()),
        (Type::Uuid, V::Uuid(bytes)) => Value::Uuid(bytes),
        (Type::Uuid, V::Text(text)) => Value::Uuid(parse_uuid(text)?),
        (Type::Timestamp, V::DateTime(micros) | V::Instant(micros)) => Value::Instant(micros),
        (Type::DateTime, V::DateTime(micros) | V::Instant(micros)) => Value::DateTime(micros),
        (Type::DateTime, V::Date(days)) => Value::DateTime(i64::from(days) * DAY),
        (Type::Timestamp, V::Date(days)) => Value::Instant(i64::from(days) * DAY),
        (Type::Date, V::DateTime(micros) | V::Instant(micros)) if micros % DAY == 0 => {
            Value::Date(i32::try_from(micros / DAY).map_err(|_| refuse())?)
        }
        (Type::Array(element), V::Array(array)) => {
            let values = array.to_values()?;
            Value::Array(values.iter().map(|value| convert(value.as_ref(), element)).collect::<Result<_>>()?)
        }
        (ty, value) if is_of(value, ty) => ValueRef::to_owned(value)?,
        _ => return Err(refuse()),
    })
}

const DAY: i64 = 86_400_000_000;

fn exact_float(number: i64) -> Option<f64> {
    const WHOLE: u64 = 1 << f64::MANTISSA_DIGITS;
    #[expect(clippy::cast_precision_loss, reason = "whole numbers up to this one are exact")]
    (number.unsigned_abs() <= WHOLE).then_some(number as f64)
}

/// Tells whether a value is of a column's type as it stands.
fn is_of(value: ValueRef<'_>, ty: &Type) -> bool {
    matches!(
        (ty, value),
        (Type::Date, ValueRef::Date(_))
            | (Type::Time, ValueRef::Time(_))
            | (Type::Span, ValueRef::Span(_))
            | (Type::Interval, ValueRef::Interval(_))
    )
}

/// Gives what a column holds in records that were there before it.
pub(crate) fn constant(column: &Column) -> Result<Value> {
    let value = match &column.default {
        Some(default) => default_value(column, default)?,
        None => Value::Null,
    };
    if value == Value::Null && !column.nullable {
        let message =
            format!("column {} may not be NULL and has no default for the records that are there", column.name);
        return Err(Error::new(ErrorKind::NotNullViolation, message)
            .with_column(column.name.as_str())
            .with_hint("give it a default, or let it be NULL"));
    }
    Ok(value)
}

/// Gives the value of a default. `now` and `uuid` are new each time.
pub(crate) fn default_value(column: &Column, default: &Default) -> Result<Value> {
    let literal = match default {
        Default::Now => return now_as(&column.ty),
        Default::Uuid => return random_uuid(&column.ty),
        Default::Literal(literal) => literal,
        _ => return Err(Error::not_supported(format!("column {}: the default is SQL", column.name))),
    };
    let value = match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Int(number) => Value::I64(*number),
        Literal::Number(digits) => match column.ty {
            Type::Float4 | Type::Float8 => Value::F64(digits.parse().map_err(|_| unreadable(column, digits))?),
            _ => Value::Decimal(digits.parse()?),
        },
        Literal::Text(text) => Value::Text(text.clone()),
        Literal::Bytes(bytes) => Value::Bytes(bytes.clone()),
        other => return Err(Error::not_supported(format!("column {}: the default {other:?}", column.name))),
    };
    convert(value.as_ref(), &column.ty).map_err(|error| error.context(format_args!("the default of {}", column.name)))
}

#[cold]
fn unreadable(column: &Column, digits: &str) -> Error {
    Error::new(ErrorKind::Conversion, format!("the default of {}: {digits} is not a number", column.name))
}

/// Gives the present time as a column's type has it.
pub(crate) fn now_as(ty: &Type) -> Result<Value> {
    let micros = now();
    Ok(match ty {
        Type::Timestamp => Value::Instant(micros),
        Type::DateTime => Value::DateTime(micros),
        Type::Date => Value::Date(i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX)),
        Type::Time => Value::Time(micros.rem_euclid(DAY)),
        Type::Int8 => Value::I64(micros),
        _ => return Err(Error::not_supported("the present time is kept in dates, times and instants")),
    })
}

/// Gives the present time in microseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Makes a UUID of version 4.
fn random_uuid(ty: &Type) -> Result<Value> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(ErrorKind::ResourcesExhausted, "the system has no random numbers").with_source(error)
    })?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    convert(ValueRef::Uuid(bytes), ty)
}
