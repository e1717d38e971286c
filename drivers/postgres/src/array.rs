//! Arrays in binary form: dimensions, the element's type, and each element with its length.

use bytes::{BufMut, BytesMut};
use oarlock_core::value::{DecodeArray, NativeType, Value};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};
use tokio_postgres::types::{IsNull, Type};

use crate::decode::{CellType, base, is_textual, malformed};

/// PostgreSQL's own limit.
const MOST_DIMENSIONS: usize = 6;

/// Finds the decoder of arrays of a type; `None` where the array must stay in the server's bytes.
///
/// A decoder is a plain function, so it cannot carry the element's type. A type of PostgreSQL's own is told by the number
/// in the array; a type of the user's is read as what it stands for.
pub(crate) fn decoder(element: &Type) -> Option<DecodeArray> {
    if Type::from_oid(element.oid()).is_some() {
        return Some(|_, bytes| decode(bytes, None));
    }
    let under = base(element);
    if is_textual(under) {
        return Some(|_, bytes| decode(bytes, Some(&Type::TEXT)));
    }
    macro_rules! domains {
        ($($name:ident),+) => {
            match *under {
                $(Type::$name => Some(|_, bytes| decode(bytes, Some(&Type::$name))),)+
                _ => None,
            }
        };
    }
    domains!(
        BOOL,
        INT2,
        INT4,
        INT8,
        FLOAT4,
        FLOAT8,
        NUMERIC,
        BYTEA,
        JSON,
        JSONB,
        UUID,
        DATE,
        TIME,
        TIMESTAMP,
        TIMESTAMPTZ,
        INTERVAL
    )
}

/// Reads an array. The indexes at which its dimensions begin are not kept: a vector begins at its beginning.
fn decode(bytes: &[u8], element: Option<&Type>) -> Result<Vec<Value>> {
    let mut reader = Reader { bytes };
    let dimensions = usize::try_from(reader.word()?).map_err(|_| malformed())?;
    let _has_nulls = reader.word()?;
    let oid = reader.word()?.cast_unsigned();
    let cell = match element {
        Some(element) => CellType::new(element),
        None => CellType::new(&Type::from_oid(oid).ok_or_else(malformed)?),
    };
    if dimensions > MOST_DIMENSIONS {
        return Err(malformed());
    }
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lengths.push(usize::try_from(reader.word()?).map_err(|_| malformed())?);
        let _first_index = reader.word()?;
    }
    if dimensions == 0 { Ok(Vec::new()) } else { reader.dimension(&lengths, &cell) }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<i32> {
        let bytes = self.take(4)?.try_into().map_err(|_| malformed())?;
        Ok(i32::from_be_bytes(bytes))
    }

    fn dimension(&mut self, lengths: &[usize], cell: &CellType) -> Result<Vec<Value>> {
        let [length, inner @ ..] = lengths else {
            return Err(malformed());
        };
        // An element takes four bytes at least, so a false length cannot claim more memory than the message had.
        let mut values = Vec::with_capacity((*length).min(self.bytes.len() / 4 + 1));
        for _ in 0..*length {
            values.push(if inner.is_empty() {
                self.element(cell)?
            } else {
                Value::Array(self.dimension(inner, cell)?)
            });
        }
        Ok(values)
    }

    fn element(&mut self, cell: &CellType) -> Result<Value> {
        match self.word()? {
            -1 => Ok(Value::Null),
            length => {
                let bytes = self.take(usize::try_from(length).map_err(|_| malformed())?)?;
                cell.read(bytes).and_then(ValueRef::to_owned)
            }
        }
    }
}

/// Writes an array of elements that `write` writes in binary form.
pub(crate) fn encode(
    values: &[Value],
    element: &Type,
    out: &mut BytesMut,
    write: fn(ValueRef<'_>, &Type, &mut BytesMut) -> Result<()>,
) -> Result<()> {
    let lengths = shape(values)?;
    let leaves = || Leaves { stack: vec![values.iter()] };
    out.put_i32(word(lengths.len())?);
    out.put_i32(i32::from(leaves().any(|value| *value == Value::Null)));
    out.put_u32(element.oid());
    for length in &lengths {
        out.put_i32(word(*length)?);
        out.put_i32(1);
    }
    for (index, value) in leaves().enumerate() {
        put_element(out, |out| match value {
            Value::Null => Ok(IsNull::Yes),
            value => write(value.as_ref(), element, out)
                .map(|()| IsNull::No)
                .map_err(|error| error.context(format_args!("element {index}"))),
        })?;
    }
    Ok(())
}

/// Writes an element with its length before it.
pub(crate) fn put_element(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<IsNull>) -> Result<()> {
    let start = out.len();
    out.put_i32(-1);
    if let IsNull::No = write(out)? {
        let length = word(out.len() - start - 4)?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// Writes an element of the text form, whatever it holds.
pub(crate) fn put_quoted(text: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// Tells whether an array holds text: its first element that is not NULL decides.
pub(crate) fn holds_text(values: &[Value]) -> bool {
    Leaves { stack: vec![values.iter()] }
        .find(|value| **value != Value::Null)
        .is_some_and(|value| matches!(value, Value::Text(_)))
}

/// Writes an array of texts in the text form, for elements whose type only the server can read.
pub(crate) fn encode_text(values: &[Value], out: &mut BytesMut) -> Result<()> {
    shape(values)?;
    write_text(values, out)
}

fn write_text(values: &[Value], out: &mut BytesMut) -> Result<()> {
    out.put_u8(b'{');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        match value {
            Value::Null => out.extend_from_slice(b"NULL"),
            Value::Array(inner) => write_text(inner, out)?,
            Value::Text(text) => put_quoted(text.as_bytes(), out),
            other => {
                return Err(Error::new(
                    ErrorKind::Conversion,
                    format!("the array holds text and {}", other.as_ref().kind_name()),
                ));
            }
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// Gives the length of each dimension; none for an empty array.
fn shape(values: &[Value]) -> Result<Vec<usize>> {
    let mut lengths = Vec::new();
    let mut level = values;
    while !level.is_empty() {
        lengths.push(level.len());
        match &level[0] {
            Value::Array(inner) => level = inner,
            _ => break,
        }
    }
    if lengths.len() > MOST_DIMENSIONS {
        return Err(Error::new(ErrorKind::Conversion, "an array has at most 6 dimensions"));
    }
    // Arrays of empty arrays are empty.
    if level.is_empty() {
        lengths.clear();
    }
    if lengths.is_empty() && !values.iter().all(is_hollow) || !lengths.is_empty() && !is_even(values, &lengths) {
        return Err(Error::new(ErrorKind::Conversion, "the inner arrays differ in length or depth"));
    }
    Ok(lengths)
}

fn is_hollow(value: &Value) -> bool {
    matches!(value, Value::Array(inner) if inner.iter().all(is_hollow))
}

fn is_even(values: &[Value], lengths: &[usize]) -> bool {
    let [length, inner @ ..] = lengths else {
        return false;
    };
    values.len() == *length
        && values.iter().all(|value| match value {
            Value::Array(values) => is_even(values, inner),
            _ => inner.is_empty(),
        })
}

/// Writes the number of fields of a row.
pub(crate) fn field_count(fields: usize) -> Result<i16> {
    i16::try_from(fields)
        .map_err(|_| Error::new(ErrorKind::OutOfRange, "a row has more fields than the protocol allows"))
}

pub(crate) fn word(length: usize) -> Result<i32> {
    i32::try_from(length).map_err(|_| Error::new(ErrorKind::OutOfRange, "the array is longer than the protocol allows"))
}

/// The elements of an array of any depth, in order.
struct Leaves<'v> {
    stack: Vec<std::slice::Iter<'v, Value>>,
}

impl<'v> Iterator for Leaves<'v> {
    type Item = &'v Value;

    fn next(&mut self) -> Option<&'v Value> {
        loop {
            match self.stack.last_mut()?.next() {
                Some(Value::Array(inner)) => self.stack.push(inner.iter()),
                Some(value) => return Some(value),
                None => {
                    self.stack.pop();
                }
            }
        }
    }
}

/// Tells whether two native types are the same one.
pub(crate) fn is_same(native: &NativeType, of: &Type) -> bool {
    native.id() == of.oid()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: &[Value]) -> Result<Vec<u8>> {
        let mut out = BytesMut::new();
        encode(values, &Type::INT4, &mut out, |value, _, out| match value {
            ValueRef::I64(number) => {
                out.put_i32(i32::try_from(number).unwrap_or_default());
                Ok(())
            }
            _ => Err(malformed()),
        })?;
        Ok(out.to_vec())
    }

    fn row(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::I64).collect())
    }

    #[test]
    fn arrays_of_any_depth_survive() -> Result<()> {
        for values in [
            vec![],
            vec![Value::I64(1), Value::Null, Value::I64(-3)],
            vec![row(&[1, 2, 3]), row(&[4, 5, 6])],
            vec![Value::Array(vec![row(&[1]), row(&[2])])],
        ] {
            assert_eq!(decode(&array(&values)?, None)?, values);
        }
        assert_eq!(decode(&array(&[row(&[]), row(&[])])?, None)?, []);
        Ok(())
    }

    #[test]
    fn uneven_arrays_are_refused() {
        for values in [
            vec![row(&[1]), row(&[1, 2])],
            vec![Value::I64(1), row(&[1])],
            vec![row(&[]), row(&[1])],
            vec![row(&[1]), Value::Null],
        ] {
            let error = array(&values).expect_err("uneven");
            assert_eq!(error.kind(), ErrorKind::Conversion, "{values:?}");
        }
    }

    #[test]
    fn cut_bytes_are_an_error() -> Result<()> {
        let whole = array(&[row(&[1, 2]), row(&[3, 4])])?;
        for end in 0..whole.len() {
            assert!(decode(&whole[..end], None).is_err(), "{end}");
        }
        Ok(())
    }

    #[test]
    fn texts_are_quoted() -> Result<()> {
        let mut out = BytesMut::new();
        let values = [Value::Text(r#"a"b\c,{}"#.into()), Value::Null, Value::Text(String::new())];
        encode_text(&values, &mut out)?;
        assert_eq!(&out[..], br#"{"a\"b\\c,{}",NULL,""}"#);
        Ok(())
    }
}
