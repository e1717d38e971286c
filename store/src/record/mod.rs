//! Records as bytes: the number of their layout, and their values one after the other.

pub(crate) mod cell;
pub(crate) mod order;
pub(crate) mod varint;

use oarlock_core::record::{Fields, Sink};
use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};
use smallvec::SmallVec;

use crate::key::Key;
use crate::record::order::{Form, KeyBytes};
use crate::schema::{KeyDef, TableDef};

/// Writes a record's values behind each other.
pub(crate) struct Writer<'w> {
    pub(crate) out: &'w mut Vec<u8>,
}

impl<'w> Writer<'w> {
    /// Begins a record of a layout.
    pub(crate) fn begin(out: &'w mut Vec<u8>, layout: usize) -> Self {
        varint::put_unsigned(out, u64::try_from(layout).unwrap_or(u64::MAX));
        Self { out }
    }
}

impl Sink for Writer<'_> {
    #[inline]
    fn put(&mut self, value: ValueRef<'_>) -> Result<()> {
        cell::put(self.out, value)
    }
}

/// Reads a record's values one after the other.
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) fn new(mut bytes: &'b [u8]) -> Result<Self> {
        varint::get_unsigned(&mut bytes)?;
        Ok(Self { bytes })
    }
}

impl<'b> Fields<'b> for Reader<'b> {
    #[inline]
    fn next(&mut self) -> Result<ValueRef<'b>> {
        cell::get(&mut self.bytes)
    }
}

/// How many bytes a record has at the most: places within it, and within the page that it stands in, are numbers of 32 bits.
const MOST: usize = 1 << 30;

/// A record whose values have been found, so that each can be read by its place.
#[derive(Debug)]
pub(crate) struct Located<'b> {
    bytes: &'b [u8],
    starts: SmallVec<[u32; 24]>,
    has_null: bool,
}

impl<'b> Located<'b> {
    /// Finds the values of a record of so many columns.
    pub(crate) fn new(bytes: &'b [u8], columns: usize) -> Result<Self> {
        if bytes.len() > MOST {
            return Err(too_long());
        }
        let mut rest = bytes;
        varint::get_unsigned(&mut rest)?;
        let mut starts = SmallVec::with_capacity(columns);
        let mut has_null = false;
        for _ in 0..columns {
            starts.push(u32::try_from(bytes.len() - rest.len()).map_err(|_| too_long())?);
            has_null |= rest.first() == Some(&cell::NULL);
            cell::skip(&mut rest)?;
        }
        if rest.is_empty() { Ok(Self { bytes, starts, has_null }) } else { Err(cell::malformed()) }
    }

    /// Gives the bytes of a value.
    fn raw(&self, column: usize) -> Option<&'b [u8]> {
        let at = |column: usize| self.starts.get(column).and_then(|start| usize::try_from(*start).ok());
        self.bytes.get(at(column)?..at(column + 1).unwrap_or(self.bytes.len()))
    }

    /// Tells whether a value is the same, byte for byte, as that of another record of the layout.
    pub(crate) fn is_same(&self, other: &Self, column: usize) -> bool {
        self.raw(column) == other.raw(column)
    }

    /// Tells whether all values up to one are the same as those of another record, byte for byte.
    pub(crate) fn begins_as(&self, other: &[u8], last: usize) -> bool {
        let end = self.starts.get(last + 1).map_or(Some(self.bytes.len()), |end| usize::try_from(*end).ok());
        end.is_some_and(|end| other.get(..end).is_some_and(|other| self.bytes.get(..end) == Some(other)))
    }

    /// Tells whether a value is NULL, without reading it.
    #[inline]
    pub(crate) fn is_null(&self, column: usize) -> bool {
        self.has_null && self.from(column).and_then(<[u8]>::first) == Some(&cell::NULL)
    }

    /// Gives the bytes from a value on.
    #[inline]
    fn from(&self, column: usize) -> Option<&'b [u8]> {
        let start = self.starts.get(column).and_then(|start| usize::try_from(*start).ok())?;
        self.bytes.get(start..)
    }

    /// Gives the bytes of a text, which are not looked at; of any other value none.
    #[inline]
    pub(crate) fn text(&self, column: usize) -> Option<&'b [u8]> {
        self.from(column).and_then(cell::text_bytes)
    }

    #[inline]
    pub(crate) fn get(&self, column: usize) -> Result<ValueRef<'b>> {
        cell::get(&mut self.from(column).ok_or_else(cell::malformed)?)
    }
}

impl Located<'_> {
    /// Gives all values.
    pub(crate) fn values(&self) -> Result<Vec<Value>> {
        (0..self.starts.len()).map(|column| ValueRef::to_owned(self.get(column)?)).collect()
    }
}

#[cold]
fn too_long() -> Error {
    Error::new(ErrorKind::OutOfRange, "a record has 1 GiB at the most")
}

impl KeyDef {
    /// Appends the key that a record has, and tells whether one of its values is NULL.
    pub(crate) fn put(&self, out: &mut KeyBytes, record: &Located<'_>) -> Result<bool> {
        let mut has_null = false;
        for (column, part) in self.columns.iter().zip(&self.parts) {
            // A text's order is that of its bytes, whatever they are.
            if part.form == Form::Text
                && let Some(text) = record.text(*column)
            {
                order::put_text(out, *part, text);
                continue;
            }
            let value = record.get(*column)?;
            has_null = has_null || value.is_null();
            order::put(out, *part, value)?;
        }
        Ok(has_null)
    }

    /// Gives the key of values, or the beginning that keys with these first values have in common.
    pub(crate) fn of_values<'v>(&self, values: impl IntoIterator<Item = ValueRef<'v>>) -> Result<KeyBytes> {
        let mut out = KeyBytes::new();
        for (value, part) in values.into_iter().zip(&self.parts) {
            order::put(&mut out, *part, value)?;
        }
        Ok(out)
    }
}

/// Takes the values of a primary key one after the other.
pub(crate) struct KeyWriter<'k> {
    key: &'k KeyDef,
    part: usize,
    out: KeyBytes,
}

impl<'k> KeyWriter<'k> {
    pub(crate) fn new(key: &'k KeyDef) -> Self {
        Self { key, part: 0, out: KeyBytes::new() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out
    }

    pub(crate) fn finish(self) -> Key {
        Key::new(&self.out)
    }
}

impl Sink for KeyWriter<'_> {
    #[inline]
    fn put(&mut self, value: ValueRef<'_>) -> Result<()> {
        let Some(part) = self.key.parts.get(self.part) else {
            return Err(Error::new(ErrorKind::Internal, "a key has more values than columns"));
        };
        self.part += 1;
        order::put(&mut self.out, *part, value)
    }
}

impl TableDef {
    /// Gives a record's values in the present layout, whatever layout it was written in.
    pub(crate) fn modern(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut rest = bytes;
        let written = usize::try_from(varint::get_unsigned(&mut rest)?).unwrap_or(usize::MAX);
        if written == self.layout {
            return Ok(None);
        }
        let (Some(old), Some(new)) = (self.stored.layouts.get(written), self.stored.layouts.last()) else {
            return Err(cell::malformed());
        };
        let values = Located::new(bytes, old.columns.len())?;
        let mut out = Vec::with_capacity(bytes.len() + 16);
        let mut writer = Writer::begin(&mut out, self.layout);
        for (place, column) in new.columns.iter().enumerate() {
            let definition = &self.columns()[place];
            match old.columns.iter().position(|former| former.id == column.id) {
                Some(former) if old.columns[former].ty == column.ty => writer.put(values.get(former)?)?,
                Some(former) => {
                    let value = crate::convert::convert(values.get(former)?, &column.ty)
                        .map_err(|error| error.context(format_args!("{}.{}", self.name(), definition.name)))?;
                    writer.put(value.as_ref())?;
                }
                None => writer.put(crate::convert::constant(definition)?.as_ref())?,
            }
        }
        Ok(Some(out))
    }
}
