//! Parameters: the caller's values in the form of the type that the server inferred, exactly or not at all.
//!
//! Nothing is declared to the server: it infers a type for each parameter from the statement, and a value is
//! range-checked into that type before the first byte leaves. A text is sent as text where the type is not one, so the
//! server reads enums, network addresses and all the types that this driver does not know.

use std::error::Error as StdError;
use std::fmt;

use bytes::{BufMut, BytesMut};
use oarlock_core::value::{ArrayRef, Decimal};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};

use crate::array;
use crate::decode::{EPOCH_DAYS, EPOCH_MICROS, base, is_textual};
use crate::numeric;

/// The server ends the session when a message is larger: its `MaxAllocSize`, less some room for the message's head.
const MOST_BYTES: usize = 0x3fff_0000;

/// A parameter on its way to the server.
#[derive(Clone, Copy)]
pub(crate) struct Encoder<'v> {
    value: ValueRef<'v>,
    /// Its number among the server's parameters, counted from 1, for messages.
    number: usize,
}

impl<'v> Encoder<'v> {
    pub(crate) fn new(value: ValueRef<'v>, number: usize) -> Self {
        Self { value, number }
    }

    /// Writes the value in the form of a type.
    pub(crate) fn write(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull> {
        let long = match self.value {
            ValueRef::Text(text) => text.len(),
            ValueRef::Bytes(bytes) => bytes.len(),
            _ => 0,
        };
        if out.len().saturating_add(long) > MOST_BYTES {
            return Err(too_long());
        }
        let written = match (self.value, self.encode_format(of)) {
            (ValueRef::Null, _) => return Ok(IsNull::Yes),
            (value, Format::Binary) => write_binary(value, of, out),
            (value, Format::Text) => write_text(value, of, out),
        };
        match written {
            Ok(()) if out.len() > MOST_BYTES => Err(too_long()),
            Ok(()) => Ok(IsNull::No),
            Err(error) => Err(error.context(format_args!("parameter {}", self.number))),
        }
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::OutOfRange, "the parameters are more than the gigabyte that PostgreSQL takes in one message")
}

/// Tells the kind of the value only: tokio-postgres writes parameters to its log at level debug.
impl fmt::Debug for Encoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value.kind_name())
    }
}

impl ToSql for Encoder<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.write(of, out).map_err(Into::into)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(of, out)
    }

    fn encode_format(&self, of: &Type) -> Format {
        let of = base(of);
        let as_text = match self.value {
            ValueRef::Text(_) => !is_textual(of),
            // The shortest digits that give the same number again, which is what the server makes of a float too.
            ValueRef::F32(_) | ValueRef::F64(_) => *of == Type::NUMERIC,
            ValueRef::Array(ArrayRef::Values(values)) => match of.kind() {
                Kind::Array(element) => !is_textual(base(element)) && array::holds_text(values),
                _ => false,
            },
            _ => false,
        };
        if as_text { Format::Text } else { Format::Binary }
    }
}

fn write_text(value: ValueRef<'_>, of: &Type, out: &mut BytesMut) -> Result<()> {
    match value {
        // Text is not bytes; the server would read its escapes.
        ValueRef::Text(_) if *base(of) == Type::BYTEA => Err(misfit(value, of)),
        ValueRef::Text(text) => put_text(text, out),
        ValueRef::F32(number) => put_text(&number.to_string(), out),
        ValueRef::F64(number) => put_text(&number.to_string(), out),
        ValueRef::Array(ArrayRef::Values(values)) => {
            array::encode_text(values, out)?;
            if out.contains(&0) && values.iter().any(has_nul) { Err(nul()) } else { Ok(()) }
        }
        _ => Err(misfit(value, of)),
    }
}

fn has_nul(value: &oarlock_core::Value) -> bool {
    match value {
        oarlock_core::Value::Text(text) => text.contains('\0'),
        oarlock_core::Value::Array(values) => values.iter().any(has_nul),
        _ => false,
    }
}

fn put_text(text: &str, out: &mut BytesMut) -> Result<()> {
    if text.as_bytes().contains(&0) {
        return Err(nul());
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

#[cold]
fn nul() -> Error {
    Error::new(ErrorKind::NotSupported, "text of PostgreSQL cannot hold the NUL character")
}

/// Writes a value in the binary form of a type.
fn write_binary(value: ValueRef<'_>, of: &Type, out: &mut BytesMut) -> Result<()> {
    let under = base(of);
    match value {
        ValueRef::Bool(truth) if *under == Type::BOOL => out.put_u8(u8::from(truth)),
        ValueRef::I64(number) => return write_integer(number.into(), value, under, of, out),
        ValueRef::U64(number) => return write_integer(number.into(), value, under, of, out),
        ValueRef::F32(number) => match *under {
            Type::FLOAT4 => out.put_f32(number),
            Type::FLOAT8 => out.put_f64(number.into()),
            _ => return Err(misfit(value, of)),
        },
        ValueRef::F64(number) => match *under {
            Type::FLOAT4 => out.put_f32(narrow(number).ok_or_else(|| inexact(value, of))?),
            Type::FLOAT8 => out.put_f64(number),
            _ => return Err(misfit(value, of)),
        },
        ValueRef::Decimal(number) => match *under {
            Type::NUMERIC => numeric::encode(number, out),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
                let integer = number.to_i128().ok_or_else(|| inexact(value, of))?;
                return write_integer(integer, value, under, of, out);
            }
            _ => return Err(misfit(value, of)),
        },
        ValueRef::Text(text) if is_textual(under) => return put_text(text, out),
        ValueRef::Json(text) if *under == Type::JSON || is_textual(under) => {
            return put_text(text, out);
        }
        ValueRef::Json(text) if *under == Type::JSONB => {
            out.put_u8(1);
            return put_text(text, out);
        }
        ValueRef::Bytes(bytes) if *under == Type::BYTEA => out.extend_from_slice(bytes),
        ValueRef::Uuid(uuid) if *under == Type::UUID => out.extend_from_slice(&uuid),
        ValueRef::Date(days) if *under == Type::DATE => {
            out.put_i32(days.checked_sub(EPOCH_DAYS).ok_or_else(|| out_of_range(value, of))?);
        }
        ValueRef::Time(micros) if *under == Type::TIME => out.put_i64(micros),
        ValueRef::DateTime(micros) if *under == Type::TIMESTAMP => out.put_i64(since_2000(micros, value, of)?),
        ValueRef::Instant(micros) if *under == Type::TIMESTAMPTZ => out.put_i64(since_2000(micros, value, of)?),
        ValueRef::Span(micros) if *under == Type::INTERVAL => {
            out.put_i64(micros);
            out.put_i64(0);
        }
        ValueRef::Interval(interval) if *under == Type::INTERVAL => {
            out.put_i64(interval.micros);
            out.put_i32(interval.days);
            out.put_i32(interval.months);
        }
        ValueRef::Array(array) => return write_array(array, value, under, of, out),
        ValueRef::Typed(native, bytes) if array::is_same(native, of) || array::is_same(native, under) => {
            out.extend_from_slice(bytes);
        }
        _ => return Err(misfit(value, of)),
    }
    Ok(())
}

fn write_integer(number: i128, value: ValueRef<'_>, under: &Type, of: &Type, out: &mut BytesMut) -> Result<()> {
    let beyond = |_| out_of_range(value, of);
    match *under {
        Type::INT2 => out.put_i16(i16::try_from(number).map_err(beyond)?),
        Type::INT4 => out.put_i32(i32::try_from(number).map_err(beyond)?),
        Type::INT8 => out.put_i64(i64::try_from(number).map_err(beyond)?),
        Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC | Type::REGROLE | Type::REGNAMESPACE => {
            out.put_u32(u32::try_from(number).map_err(beyond)?);
        }
        Type::XID8 => out.put_u64(u64::try_from(number).map_err(beyond)?),
        Type::NUMERIC => numeric::encode(Decimal::new(number, 0)?, out),
        Type::FLOAT8 => out.put_f64(to_f64(number).ok_or_else(|| inexact(value, of))?),
        Type::FLOAT4 => out.put_f32(to_f64(number).and_then(narrow).ok_or_else(|| inexact(value, of))?),
        _ => return Err(misfit(value, of)),
    }
    Ok(())
}

fn write_array(array: ArrayRef<'_>, value: ValueRef<'_>, under: &Type, of: &Type, out: &mut BytesMut) -> Result<()> {
    let Kind::Array(element) = under.kind() else {
        return Err(misfit(value, of));
    };
    match array {
        ArrayRef::Values(values) => array::encode(values, element, out, write_binary),
        ArrayRef::Native { array, bytes } if array::is_same(&array.native, under) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        ArrayRef::Native { .. } => array::encode(&array.to_values()?, element, out, write_binary),
    }
}

fn since_2000(micros: i64, value: ValueRef<'_>, of: &Type) -> Result<i64> {
    micros.checked_sub(EPOCH_MICROS).ok_or_else(|| out_of_range(value, of))
}

/// Gives an integer as a float where that is the same number.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the way back shows whether it is exact"
)]
fn to_f64(number: i128) -> Option<f64> {
    let float = number as f64;
    (float as i128 == number).then_some(float)
}

/// Gives a float in single precision where that is the same number.
#[expect(clippy::cast_possible_truncation, reason = "the way back shows whether it is exact")]
fn narrow(number: f64) -> Option<f32> {
    let narrow = number as f32;
    (number.is_nan() || f64::from(narrow).to_bits() == number.to_bits()).then_some(narrow)
}

#[cold]
fn misfit(value: ValueRef<'_>, of: &Type) -> Error {
    let error = Error::new(
        ErrorKind::Conversion,
        format!("the server expects {}, but {} was given", of.name(), value.kind_name()),
    );
    match (value, base(of)) {
        // What is inferred where nothing in the statement tells.
        (_, under) if is_textual(under) => {
            error.with_hint("the statement makes it text; write CAST(? AS …) to give it another type")
        }
        (ValueRef::DateTime(_), &Type::TIMESTAMPTZ) | (ValueRef::Instant(_), &Type::TIMESTAMP) => {
            error.with_hint("a datetime without a zone is no instant; convert it to the other in your code")
        }
        (ValueRef::Typed(..), _) => error.with_hint("a value in a database's own form goes into its own type only"),
        _ => error,
    }
}

#[cold]
fn out_of_range(value: ValueRef<'_>, of: &Type) -> Error {
    Error::new(
        ErrorKind::OutOfRange,
        format!("the server expects {}, which cannot hold this {}", of.name(), value.kind_name()),
    )
}

#[cold]
fn inexact(value: ValueRef<'_>, of: &Type) -> Error {
    Error::new(
        ErrorKind::OutOfRange,
        format!("the server expects {}, which cannot hold this {} exactly", of.name(), value.kind_name()),
    )
}

#[cfg(test)]
mod tests {
    use oarlock_core::Value;
    use oarlock_core::value::{Interval, NativeType};

    use super::*;

    fn write(value: ValueRef<'_>, of: &Type) -> Result<Vec<u8>> {
        let mut out = BytesMut::new();
        Encoder::new(value, 3).write(of, &mut out)?;
        Ok(out.to_vec())
    }

    fn refusal(value: ValueRef<'_>, of: &Type) -> (ErrorKind, String) {
        let error = write(value, of).expect_err("must be refused");
        (error.kind(), error.message().to_owned())
    }

    #[test]
    fn integers_are_checked_into_the_inferred_type() -> Result<()> {
        assert_eq!(write(ValueRef::I64(-2), &Type::INT2)?, (-2_i16).to_be_bytes());
        assert_eq!(write(ValueRef::U64(7), &Type::INT4)?, 7_i32.to_be_bytes());
        assert_eq!(write(ValueRef::U64(4_000_000_000), &Type::OID)?, 4_000_000_000_u32.to_be_bytes());
        let expected = "parameter 3: the server expects int2, which cannot hold this i64";
        assert_eq!(refusal(ValueRef::I64(70_000), &Type::INT2), (ErrorKind::OutOfRange, expected.to_owned()));
        assert_eq!(refusal(ValueRef::U64(u64::MAX), &Type::INT8).0, ErrorKind::OutOfRange);
        assert_eq!(refusal(ValueRef::I64(-1), &Type::OID).0, ErrorKind::OutOfRange);
        Ok(())
    }

    #[test]
    fn numbers_change_their_type_only_where_nothing_is_lost() -> Result<()> {
        assert_eq!(write(ValueRef::I64(1 << 53), &Type::FLOAT8)?, 9_007_199_254_740_992_f64.to_be_bytes());
        assert_eq!(refusal(ValueRef::I64((1 << 53) + 1), &Type::FLOAT8).0, ErrorKind::OutOfRange);
        assert_eq!(write(ValueRef::F64(0.5), &Type::FLOAT4)?, 0.5_f32.to_be_bytes());
        assert_eq!(refusal(ValueRef::F64(0.1), &Type::FLOAT4).0, ErrorKind::OutOfRange);
        assert_eq!(write(ValueRef::F64(f64::INFINITY), &Type::FLOAT4)?, f32::INFINITY.to_be_bytes());
        assert_eq!(write(ValueRef::Decimal(Decimal::from(5)), &Type::INT4)?, 5_i32.to_be_bytes());
        assert_eq!(refusal(ValueRef::Decimal(Decimal::new(15, 1)?), &Type::INT4).0, ErrorKind::OutOfRange);
        assert_eq!(write(ValueRef::F64(19.9), &Type::NUMERIC)?, b"19.9");
        assert_eq!(write(ValueRef::F64(1e-7), &Type::NUMERIC)?, b"0.0000001");
        Ok(())
    }

    #[test]
    fn wrong_kinds_are_named_by_number_and_type() {
        let expected = "parameter 3: the server expects int4, but bytes was given";
        assert_eq!(refusal(ValueRef::Bytes(b"secret"), &Type::INT4), (ErrorKind::Conversion, expected.to_owned()));
        for (value, of) in [
            (ValueRef::Text("x"), Type::BYTEA),
            (ValueRef::Bool(true), Type::TEXT),
            (ValueRef::I64(1), Type::BOOL),
            (ValueRef::I64(1), Type::TEXT),
            (ValueRef::F64(1.0), Type::INT4),
            (ValueRef::DateTime(0), Type::TIMESTAMPTZ),
            (ValueRef::Instant(0), Type::TIMESTAMP),
            (ValueRef::Date(0), Type::TIMESTAMP),
            (ValueRef::Array(ArrayRef::Values(&[])), Type::INT4),
            (ValueRef::Typed(&NativeType::new(869, "inet"), b""), Type::CIDR),
        ] {
            assert_eq!(refusal(value, &of).0, ErrorKind::Conversion, "{} into {of}", value.kind_name());
        }
    }

    #[test]
    fn text_goes_as_text_where_the_type_is_another() -> Result<()> {
        let text = Encoder::new(ValueRef::Text("127.0.0.1"), 1);
        assert!(matches!(text.encode_format(&Type::INET), Format::Text));
        assert!(matches!(text.encode_format(&Type::VARCHAR), Format::Binary));
        assert_eq!(write(ValueRef::Text("127.0.0.1"), &Type::INET)?, b"127.0.0.1");
        assert_eq!(write(ValueRef::Json("{}"), &Type::JSONB)?, b"\x01{}");
        assert_eq!(write(ValueRef::Json("{}"), &Type::TEXT)?, b"{}");
        let values = [Value::Text("10.0.0.0/8".into()), Value::Null];
        let array = ValueRef::Array(ArrayRef::Values(&values));
        assert_eq!(write(array, &Type::INET_ARRAY)?, br#"{"10.0.0.0/8",NULL}"#);
        Ok(())
    }

    #[test]
    fn nul_in_text_never_leaves() {
        let values = [Value::Text("a\0".into())];
        for (value, of) in [
            (ValueRef::Text("a\0b"), Type::TEXT),
            (ValueRef::Text("a\0b"), Type::INET),
            (ValueRef::Array(ArrayRef::Values(&values)), Type::TEXT_ARRAY),
            (ValueRef::Array(ArrayRef::Values(&values)), Type::INET_ARRAY),
        ] {
            assert_eq!(refusal(value, &of).0, ErrorKind::NotSupported, "{of}");
        }
    }

    #[test]
    fn spans_are_intervals() -> Result<()> {
        let interval = Interval { months: 0, days: 0, micros: -5 };
        assert_eq!(write(ValueRef::Span(-5), &Type::INTERVAL)?, write(ValueRef::Interval(interval), &Type::INTERVAL)?);
        Ok(())
    }

    #[test]
    fn a_value_is_never_in_the_log() {
        assert_eq!(format!("{:?}", Encoder::new(ValueRef::Text("secret"), 1)), "text");
    }
}
