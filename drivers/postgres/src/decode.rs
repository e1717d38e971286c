//! Cells: the server's binary forms as values, by decoders that are chosen once for each column.

use oarlock_core::value::{ArrayRef, Interval, NativeArray, NativeType};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};
use tokio_postgres::types::{Kind, Type};

use crate::array;
use crate::numeric::{self, Refusal};

/// A decoder of one type's binary form.
pub(crate) type Decode = for<'c> fn(&'c CellType, &'c [u8]) -> Result<ValueRef<'c>>;

/// A column's type with the way to read it.
#[derive(Debug)]
pub(crate) struct CellType {
    pub(crate) native: NativeType,
    array: Option<NativeArray>,
    decode: Decode,
}

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's calendar begins.
pub(crate) const EPOCH_DAYS: i32 = 10_957;

/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = 10_957 * 86_400_000_000;

impl CellType {
    /// Resolves a type of the server's.
    pub(crate) fn new(of: &Type) -> Self {
        let base = base(of);
        let native = NativeType::new(of.oid(), of.name());
        let array = match base.kind() {
            Kind::Array(element) => {
                array::decoder(element).map(|decode| NativeArray { native: native.clone(), decode })
            }
            _ => None,
        };
        let decode = if array.is_some() { cell_array } else { decoder(base) };
        Self { native, array, decode }
    }

    /// Reads a cell that is not NULL.
    pub(crate) fn read<'c>(&'c self, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
        (self.decode)(self, bytes)
    }
}

/// Gives the type under a domain.
pub(crate) fn base(mut of: &Type) -> &Type {
    while let Kind::Domain(under) = of.kind() {
        of = under;
    }
    of
}

/// Tells whether a type's binary form is its text.
pub(crate) fn is_textual(of: &Type) -> bool {
    let extension = matches!(of.kind(), Kind::Simple) && of.name() == "citext";
    extension
        || matches!(of.kind(), Kind::Enum(_))
        || matches!(
            *of,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::CSTRING | Type::REFCURSOR
        )
}

/// Finds the decoder of a type that is no domain; what the contract has no value for stays in the server's bytes.
pub(crate) fn decoder(of: &Type) -> Decode {
    if is_textual(of) {
        return text;
    }
    match *of {
        Type::BOOL => |_, bytes| fixed(bytes).map(|[byte]| ValueRef::Bool(byte != 0)),
        Type::INT2 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::I64(i16::from_be_bytes(bytes).into())),
        Type::INT4 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::I64(i32::from_be_bytes(bytes).into())),
        Type::INT8 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::I64(i64::from_be_bytes(bytes))),
        Type::OID
        | Type::XID
        | Type::CID
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGPROC
        | Type::REGPROCEDURE
        | Type::REGOPER
        | Type::REGOPERATOR
        | Type::REGNAMESPACE
        | Type::REGROLE
        | Type::REGCONFIG
        | Type::REGDICTIONARY => |_, bytes| fixed(bytes).map(|bytes| ValueRef::I64(u32::from_be_bytes(bytes).into())),
        Type::XID8 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::U64(u64::from_be_bytes(bytes))),
        Type::FLOAT4 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::F32(f32::from_be_bytes(bytes))),
        Type::FLOAT8 => |_, bytes| fixed(bytes).map(|bytes| ValueRef::F64(f64::from_be_bytes(bytes))),
        Type::NUMERIC => decimal,
        Type::BYTEA => |_, bytes| Ok(ValueRef::Bytes(bytes)),
        Type::JSON => |_, bytes| utf8(bytes).map(ValueRef::Json),
        Type::JSONB => |_, bytes| match bytes {
            [1, document @ ..] => utf8(document).map(ValueRef::Json),
            _ => Err(malformed()),
        },
        // Both are text in all but name; a void has none.
        Type::XML | Type::VOID => text,
        Type::CHAR => character,
        Type::UUID => |_, bytes| fixed(bytes).map(ValueRef::Uuid),
        Type::DATE => date,
        Type::TIME => |_, bytes| fixed(bytes).map(|bytes| ValueRef::Time(i64::from_be_bytes(bytes))),
        Type::TIMESTAMP => |cell, bytes| moment(cell, bytes, ValueRef::DateTime),
        Type::TIMESTAMPTZ => |cell, bytes| moment(cell, bytes, ValueRef::Instant),
        Type::INTERVAL => interval,
        _ => typed,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the decoders, which all can fail but this")]
fn typed<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    Ok(ValueRef::Typed(&cell.native, bytes))
}

fn cell_array<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    match &cell.array {
        Some(array) => Ok(ValueRef::Array(ArrayRef::Native { array, bytes })),
        None => typed(cell, bytes),
    }
}

fn text<'c>(_: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    utf8(bytes).map(ValueRef::Text)
}

/// Reads a `"char"`: one byte, nought standing for none at all, and not text where it is no ASCII.
fn character<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    match bytes {
        [0] => Ok(ValueRef::Text("")),
        [byte] if byte.is_ascii() => utf8(bytes).map(ValueRef::Text),
        _ => typed(cell, bytes),
    }
}

fn decimal<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    match numeric::decode(bytes) {
        Ok(number) => Ok(ValueRef::Decimal(number)),
        Err(Refusal::Beyond) => typed(cell, bytes),
        Err(Refusal::Malformed) => Err(malformed()),
    }
}

fn date<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    match i32::from_be_bytes(fixed(bytes)?) {
        i32::MIN | i32::MAX => typed(cell, bytes),
        days => Ok(days.checked_add(EPOCH_DAYS).map_or(ValueRef::Typed(&cell.native, bytes), ValueRef::Date)),
    }
}

fn moment<'c>(cell: &'c CellType, bytes: &'c [u8], value: fn(i64) -> ValueRef<'c>) -> Result<ValueRef<'c>> {
    match i64::from_be_bytes(fixed(bytes)?) {
        i64::MIN | i64::MAX => typed(cell, bytes),
        micros => Ok(micros.checked_add(EPOCH_MICROS).map_or(ValueRef::Typed(&cell.native, bytes), value)),
    }
}

fn interval<'c>(cell: &'c CellType, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
    let (micros, rest) = bytes.split_at_checked(8).ok_or_else(malformed)?;
    let (days, months) = rest.split_at_checked(4).ok_or_else(malformed)?;
    let micros = i64::from_be_bytes(fixed(micros)?);
    let (days, months) = (i32::from_be_bytes(fixed(days)?), i32::from_be_bytes(fixed(months)?));
    // PostgreSQL 17 has infinite intervals: all three parts at their end.
    match (months, days, micros) {
        (i32::MIN, i32::MIN, i64::MIN) | (i32::MAX, i32::MAX, i64::MAX) => typed(cell, bytes),
        _ => Ok(ValueRef::Interval(Interval { months, days, micros })),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Error::new(ErrorKind::Conversion, "expected text in UTF-8, found other bytes")
            .with_hint("the database's encoding is SQL_ASCII, or the session's client_encoding was changed")
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| malformed())
}

#[cold]
pub(crate) fn malformed() -> Error {
    Error::new(ErrorKind::Conversion, "the server's bytes do not form a value of the column's type")
}

#[cfg(test)]
mod tests {
    use oarlock_core::Value;

    use super::*;

    fn read(of: &Type, bytes: &[u8]) -> Value {
        let cell = CellType::new(of);
        let value = cell.read(bytes).and_then(ValueRef::to_owned);
        value.unwrap_or_else(|error| panic!("{of}: {error}"))
    }

    #[test]
    fn what_has_no_value_stays_typed() {
        for (of, bytes) in [
            (Type::DATE, &i32::MAX.to_be_bytes()[..]),
            (Type::DATE, &i32::MIN.to_be_bytes()),
            (Type::TIMESTAMP, &i64::MAX.to_be_bytes()),
            (Type::TIMESTAMPTZ, &i64::MIN.to_be_bytes()),
            (Type::CHAR, &[0xE9]),
            (Type::INET, &[2, 32, 0, 4, 127, 0, 0, 1]),
            (Type::NUMERIC, &[0, 0, 0, 0, 0xC0, 0, 0, 0]),
        ] {
            let native = NativeType::new(of.oid(), of.name());
            assert_eq!(read(&of, bytes), Value::Typed(native, bytes.to_vec()), "{of}");
        }
    }

    #[test]
    fn the_calendar_begins_in_1970() {
        assert_eq!(read(&Type::DATE, &0_i32.to_be_bytes()), Value::Date(EPOCH_DAYS));
        assert_eq!(read(&Type::TIMESTAMP, &(-EPOCH_MICROS).to_be_bytes()), Value::DateTime(0));
    }

    #[test]
    fn short_bytes_are_an_error() {
        for of in
            [Type::BOOL, Type::INT4, Type::INT8, Type::FLOAT8, Type::UUID, Type::INTERVAL, Type::JSONB, Type::NUMERIC]
        {
            let error = CellType::new(&of).read(&[]).expect_err("no bytes");
            assert_eq!(error.kind(), ErrorKind::Conversion, "{of}");
        }
    }
}
