//! The type of a column, in words that every engine has.

use serde::{Deserialize, Serialize};

/// The type of a column.
///
/// A neutral type is written by the renderer in the words of each dialect, and read back by [`Type::from_native`];
/// what only one engine has is carried as [`Type::Native`], word for word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Type {
    /// True or false.
    Bool,
    /// A signed integer of 16 bits.
    Int2,
    /// A signed integer of 32 bits.
    Int4,
    /// A signed integer of 64 bits.
    Int8,
    /// An unsigned integer of 32 bits.
    UInt4,
    /// An unsigned integer of 64 bits.
    UInt8,
    /// A binary floating point number of 32 bits.
    Float4,
    /// A binary floating point number of 64 bits.
    Float8,
    /// An exact number; without a size it has as many digits as the engine allows.
    Decimal {
        /// How many digits there are in all, and how many after the point.
        size: Option<DecimalSize>,
    },
    /// Text of any length.
    Text,
    /// Text of at most so many characters.
    VarChar(u32),
    /// Bytes of any length.
    Bytes,
    /// At most so many bytes.
    VarBinary(u32),
    /// A UUID.
    Uuid,
    /// A JSON document.
    Json,
    /// A calendar date.
    Date,
    /// A time of day, in microseconds.
    Time,
    /// A date and time without a zone, in microseconds.
    DateTime,
    /// An instant in UTC, in microseconds.
    Timestamp,
    /// A span of time of fixed length, in microseconds.
    Span,
    /// A span of time in months, days and microseconds.
    Interval,
    /// A list of values of one type.
    Array(Box<Type>),
    /// One of a fixed list of words.
    Enum(EnumType),
    /// A type that only one engine has, as that engine writes it.
    Native(String),
}

/// The size of a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DecimalSize {
    /// How many digits there are in all.
    pub precision: u16,
    /// How many of them stand after the point.
    pub scale: u16,
}

impl Type {
    /// Makes a decimal of `precision` digits, `scale` of them after the point.
    #[must_use]
    pub const fn decimal(precision: u16, scale: u16) -> Self {
        Self::Decimal { size: Some(DecimalSize { precision, scale }) }
    }

    /// Makes a list of this type.
    #[must_use]
    pub fn array(self) -> Self {
        Self::Array(Box::new(self))
    }

    /// Tells whether the type is an integer of any width.
    pub const fn is_integer(&self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8 | Self::UInt4 | Self::UInt8)
    }
}

impl From<EnumType> for Type {
    fn from(value: EnumType) -> Self {
        Self::Enum(value)
    }
}

/// A fixed list of words that a column may hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnumType {
    /// The schema of the type, where the engine has named types.
    pub schema: Option<String>,
    /// The name of the type.
    pub name: String,
    /// The words, in their order.
    pub values: Vec<String>,
    /// Whether the engine's own enum type is used.
    pub storage: EnumStorage,
}

/// How an enum is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EnumStorage {
    /// As text with a check constraint: the same on every engine, and changed without a type's own DDL.
    Text,
    /// As the engine's own enum: `CREATE TYPE … AS ENUM` on PostgreSQL, `ENUM(…)` on MySQL, text with a check on SQLite.
    Native,
}

impl EnumType {
    /// Makes an enum that is stored as text with a check.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            schema: None,
            name: name.into(),
            values: values.into_iter().map(Into::into).collect(),
            storage: EnumStorage::Text,
        }
    }

    /// Stores it as the engine's own enum where there is one.
    #[must_use]
    pub fn native(mut self) -> Self {
        self.storage = EnumStorage::Native;
        self
    }

    /// Puts the type into a schema.
    #[must_use]
    pub fn in_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }
}
