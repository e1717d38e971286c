//! A cell as serde sees it.

use std::fmt::Display;

use serde::Deserializer;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, SeqAccess, Visitor};
use serde_json::de::IoRead;

use super::error::Failure;
use crate::value::temporal::{DateText, DateTimeText, InstantText, IntervalText, SpanText, TimeText};
use crate::value::{FromValue, UuidText, Value, ValueRef, integer, mismatch};
use crate::{Error, ErrorKind};

/// Gives a value to serde, which copies what it keeps: an array's elements live no longer than their decoding.
#[derive(Clone, Copy)]
pub(super) struct CellDeserializer<'v>(pub(super) ValueRef<'v>);

impl CellDeserializer<'_> {
    fn read<T: FromValue>(self) -> Result<T, Failure> {
        T::from_value(self.0).map_err(Failure::new)
    }

    /// Visits the text of what has a text form that nobody can take for another.
    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        fn write<'de, V: Visitor<'de>>(text: impl Display, visitor: V) -> Result<V::Value, Failure> {
            visitor.visit_string(text.to_string())
        }
        match self.0 {
            ValueRef::Text(text) | ValueRef::Json(text) => visitor.visit_str(text),
            ValueRef::Decimal(number) => write(number, visitor),
            ValueRef::Uuid(bytes) => write(UuidText(bytes), visitor),
            ValueRef::Date(days) => write(DateText(days), visitor),
            ValueRef::Time(micros) => write(TimeText(micros), visitor),
            ValueRef::Span(micros) => write(SpanText(micros), visitor),
            ValueRef::DateTime(micros) => write(DateTimeText(micros), visitor),
            ValueRef::Instant(micros) => write(InstantText(micros), visitor),
            ValueRef::Interval(interval) => write(IntervalText(interval), visitor),
            other => Err(Failure::new(mismatch("text", other))),
        }
    }
}

/// Reads a whole JSON document.
fn document<'t, T>(
    text: &'t str,
    read: impl FnOnce(&mut serde_json::Deserializer<IoRead<&'t [u8]>>) -> serde_json::Result<T>,
) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_reader(text.as_bytes());
    let result = read(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    result.map_err(|error| unreadable(&error))
}

/// The message tells where, not what: serde's words may quote the document, so they are kept as the detail.
#[cold]
fn unreadable(error: &serde_json::Error) -> Failure {
    let what = match error.classify() {
        serde_json::error::Category::Data => "found a json document of another shape",
        _ => "expected json, found text that is no document",
    };
    let message = format!("{what} at line {} column {}", error.line(), error.column());
    Failure::new(Error::new(ErrorKind::Conversion, message).with_detail(error.to_string()))
}

macro_rules! exact {
    ($($method:ident $visit:ident $type:ty;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.$visit(self.read::<$type>()?)
        }
    )+};
}

impl<'de> Deserializer<'de> for CellDeserializer<'_> {
    type Error = Failure;

    exact! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Json(text) | ValueRef::Text(text) => document(text, |json| json.deserialize_map(visitor)),
            other => Err(Failure::new(mismatch("json", other))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Json(text) | ValueRef::Text(text) => {
                document(text, |json| json.deserialize_struct(name, fields, visitor))
            }
            other => Err(Failure::new(mismatch("json", other))),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Null => visitor.visit_unit(),
            ValueRef::Bool(truth) => visitor.visit_bool(truth),
            ValueRef::I64(number) => visitor.visit_i64(number),
            ValueRef::U64(number) => visitor.visit_u64(number),
            ValueRef::F32(number) => visitor.visit_f32(number),
            ValueRef::F64(number) => visitor.visit_f64(number),
            ValueRef::Bytes(bytes) => visitor.visit_bytes(bytes),
            ValueRef::Json(text) => document(text, |json| json.deserialize_any(visitor)),
            ValueRef::Array(_) => self.deserialize_seq(visitor),
            ValueRef::Typed(..) => Err(Failure::new(mismatch("a value that serde knows", self.0))),
            _ => self.text(visitor),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_u8(integer("u8", self.0).map_err(Failure::new)?)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_i128(integer("i128", self.0).map_err(Failure::new)?)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_u128(integer("u128", self.0).map_err(Failure::new)?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Bytes(bytes) => visitor.visit_bytes(bytes),
            other => Err(Failure::new(mismatch("bytes", other))),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Null => visitor.visit_unit(),
            other => Err(Failure::new(mismatch("null", other))),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            ValueRef::Array(array) => {
                let values = array.to_values().map_err(Failure::new)?;
                visitor.visit_seq(Elements { values: values.iter(), index: 0 })
            }
            ValueRef::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            ValueRef::Json(text) | ValueRef::Text(text) => document(text, |json| json.deserialize_seq(visitor)),
            other => Err(Failure::new(mismatch("array", other))),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let text = match self.0 {
            ValueRef::Text(text) => text,
            ValueRef::Typed(_, bytes) => {
                std::str::from_utf8(bytes).map_err(|_| Failure::new(mismatch("text of an enum", self.0)))?
            }
            ValueRef::Json(text) => return document(text, |json| json.deserialize_enum(name, variants, visitor)),
            other => return Err(Failure::new(mismatch("text of an enum", other))),
        };
        let variant: StrDeserializer<'_, Failure> = text.into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.text(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}

struct Elements<'v> {
    values: std::slice::Iter<'v, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(value) = self.values.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        let element = seed.deserialize(CellDeserializer(value.as_ref()));
        element.map(Some).map_err(|failure| failure.map(|error| error.context(format_args!("element {index}"))))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}
