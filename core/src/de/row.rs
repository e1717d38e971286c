//! A row as serde sees it.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::cell::CellDeserializer;
use super::error::Failure;
use super::{one_column, wrong_count};
use crate::row::{RowRef, at_column};

/// Gives a row to serde: as a map, as a sequence, or, if it has one column, as that.
#[derive(Clone, Copy)]
pub(super) struct RowDeserializer<'r> {
    pub(super) row: RowRef<'r>,
    pub(super) names: &'r [usize],
}

impl<'r> RowDeserializer<'r> {
    fn only(self) -> Result<CellDeserializer<'r>, Failure> {
        match self.row.columns().len() {
            1 => cell(self.row, 0),
            count => Err(Failure::new(one_column(count))),
        }
    }

    fn cells(self) -> Cells<'r> {
        Cells { row: self.row, next: 0 }
    }

    fn with_known_columns<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| {
            failure.map(|error| {
                if error.kind() != crate::ErrorKind::ColumnNotFound {
                    return error;
                }
                let known: Vec<&str> = self.row.columns().iter().map(|column| &*column.name).collect();
                error.with_hint(format!("the row has {}", known.join(", ")))
            })
        })
    }
}

fn cell(row: RowRef<'_>, index: usize) -> Result<CellDeserializer<'_>, Failure> {
    row.value(index).map(CellDeserializer).map_err(Failure::new)
}

/// Reads one cell by a seed, and says in an error which it was.
fn read<'de, T: DeserializeSeed<'de>>(row: RowRef<'_>, index: usize, seed: T) -> Result<T::Value, Failure> {
    let result = seed.deserialize(cell(row, index)?);
    result.map_err(|failure| failure.map(|error| at_column(error, index, row.columns())))
}

macro_rules! of_one_column {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Failure> {
            let result = self.only()?.$method($($argument,)* visitor);
            result.map_err(|failure| failure.map(|error| at_column(error, 0, self.row.columns())))
        }
    )+};
}

impl<'de> Deserializer<'de> for RowDeserializer<'_> {
    type Error = Failure;

    of_one_column! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf()
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    /// A row is there: NULL is a matter of its cells, unless it has but one.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.row.columns().len() {
            1 if self.row.value(0).map_err(Failure::new)?.is_null() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_seq(self.cells())
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        match self.row.columns().len() {
            count if count == len => visitor.visit_seq(self.cells()),
            count => Err(Failure::new(wrong_count(len, count))),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.with_known_columns(visitor.visit_map(NamedCells { row: self.row, names: self.names, value: 0 }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }
}

struct Cells<'r> {
    row: RowRef<'r>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Cells<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let index = self.next;
        if index == self.row.columns().len() {
            return Ok(None);
        }
        self.next += 1;
        read(self.row, index, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.columns().len() - self.next)
    }
}

struct NamedCells<'r> {
    row: RowRef<'r>,
    names: &'r [usize],
    value: usize,
}

impl<'de> MapAccess<'de> for NamedCells<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((index, rest)) = self.names.split_first() else { return Ok(None) };
        self.names = rest;
        self.value = *index;
        let name: StrDeserializer<'_, Failure> = self.row.columns()[*index].name.as_ref().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        read(self.row, self.value, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.names.len())
    }
}
