//! Cells: the server's binary forms as values. Which form a column has is found once for each statement.

use oarlock_core::value::{ArrayRef, Interval, NativeArray, NativeType};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};
use tokio_postgres::types::{Kind, Type};

use crate::array;
use crate::numeric::{self, Refusal};

/// A column's type with the way to read it.
#[derive(Debug)]
pub(crate) struct CellType {
    form: Form,
    pub(crate) native: NativeType,
    array: Option<NativeArray>,
}

/// A binary form that the contract has a value for, or `Typed` where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Int4,
    Int8,
    Int2,
    Bool,
    Float4,
    Float8,
    Numeric,
    Bytes,
    Json,
    Jsonb,
    Uuid,
    Date,
    Time,
    DateTime,
    Instant,
    Interval,
    /// A number that stands for an object of the database.
    Oid,
    Xid8,
    /// `"char"`, a single byte.
    Char,
    Array,
    Typed,
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
        let form = if array.is_some() { Form::Array } else { Form::of(base) };
        Self { form, native, array }
    }

    /// Reads a cell that is not NULL.
    #[inline]
    pub(crate) fn read<'c>(&'c self, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
        Ok(match self.form {
            Form::Text => ValueRef::Text(utf8(bytes)?),
            Form::Int4 => ValueRef::I64(i32::from_be_bytes(fixed(bytes)?).into()),
            Form::Int8 => ValueRef::I64(i64::from_be_bytes(fixed(bytes)?)),
            Form::Int2 => ValueRef::I64(i16::from_be_bytes(fixed(bytes)?).into()),
            Form::Bool => ValueRef::Bool(fixed::<1>(bytes)? != [0]),
            Form::Float4 => ValueRef::F32(f32::from_be_bytes(fixed(bytes)?)),
            Form::Float8 => ValueRef::F64(f64::from_be_bytes(fixed(bytes)?)),
            Form::Numeric => return self.numeric(bytes),
            Form::Bytes => ValueRef::Bytes(bytes),
            Form::Json => ValueRef::Json(utf8(bytes)?),
            Form::Jsonb => match bytes {
                [1, document @ ..] => ValueRef::Json(utf8(document)?),
                _ => return Err(malformed()),
            },
            Form::Uuid => ValueRef::Uuid(fixed(bytes)?),
            Form::Date => match i32::from_be_bytes(fixed(bytes)?) {
                i32::MIN | i32::MAX => self.typed(bytes),
                days => days.checked_add(EPOCH_DAYS).map_or(self.typed(bytes), ValueRef::Date),
            },
            Form::Time => ValueRef::Time(i64::from_be_bytes(fixed(bytes)?)),
            Form::DateTime => micros(bytes)?.map_or(self.typed(bytes), ValueRef::DateTime),
            Form::Instant => micros(bytes)?.map_or(self.typed(bytes), ValueRef::Instant),
            Form::Interval => return self.interval(bytes),
            Form::Oid => ValueRef::I64(u32::from_be_bytes(fixed(bytes)?).into()),
            Form::Xid8 => ValueRef::U64(u64::from_be_bytes(fixed(bytes)?)),
            Form::Char => match bytes {
                // Nought stands for no character at all.
                [0] => ValueRef::Text(""),
                [byte] if byte.is_ascii() => ValueRef::Text(utf8(bytes)?),
                _ => self.typed(bytes),
            },
            Form::Array => match &self.array {
                Some(array) => ValueRef::Array(ArrayRef::Native { array, bytes }),
                None => self.typed(bytes),
            },
            Form::Typed => self.typed(bytes),
        })
    }

    fn typed<'c>(&'c self, bytes: &'c [u8]) -> ValueRef<'c> {
        ValueRef::Typed(&self.native, bytes)
    }

    fn numeric<'c>(&'c self, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
        match numeric::decode(bytes) {
            Ok(number) => Ok(ValueRef::Decimal(number)),
            Err(Refusal::Beyond) => Ok(self.typed(bytes)),
            Err(Refusal::Malformed) => Err(malformed()),
        }
    }

    fn interval<'c>(&'c self, bytes: &'c [u8]) -> Result<ValueRef<'c>> {
        let (micros, rest) = bytes.split_at_checked(8).ok_or_else(malformed)?;
        let (days, months) = rest.split_at_checked(4).ok_or_else(malformed)?;
        let micros = i64::from_be_bytes(fixed(micros)?);
        let (days, months) = (i32::from_be_bytes(fixed(days)?), i32::from_be_bytes(fixed(months)?));
        // PostgreSQL 17 has infinite intervals: all three parts at their end.
        Ok(match (months, days, micros) {
            (i32::MIN, i32::MIN, i64::MIN) | (i32::MAX, i32::MAX, i64::MAX) => self.typed(bytes),
            _ => ValueRef::Interval(Interval { months, days, micros }),
        })
    }
}

/// Gives microseconds since 1970; `None` for an infinity, and for what only PostgreSQL's wider calendar holds.
fn micros(bytes: &[u8]) -> Result<Option<i64>> {
    Ok(match i64::from_be_bytes(fixed(bytes)?) {
        i64::MIN | i64::MAX => None,
        micros => micros.checked_add(EPOCH_MICROS),
    })
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

impl Form {
    /// Finds the form of a type that is neither a domain nor an array.
    fn of(of: &Type) -> Self {
        if is_textual(of) {
            return Self::Text;
        }
        match *of {
            // Both are text in all but name; a void has none.
            Type::XML | Type::VOID => Self::Text,
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
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
            | Type::REGDICTIONARY => Self::Oid,
            Type::XID8 => Self::Xid8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::BYTEA => Self::Bytes,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::CHAR => Self::Char,
            Type::UUID => Self::Uuid,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::DateTime,
            Type::TIMESTAMPTZ => Self::Instant,
            Type::INTERVAL => Self::Interval,
            _ => Self::Typed,
        }
    }
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Error::new(ErrorKind::Conversion, "expected text in UTF-8, found other bytes")
            .with_hint("the database's encoding is SQL_ASCII, or the session's client_encoding was changed")
    })
}

#[inline]
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
            assert_eq!(read(&of, bytes), Value::typed(native, bytes), "{of}");
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
