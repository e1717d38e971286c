//! Which type a column has that a Rust type is kept in.

use super::Type;
use crate::value::{Decimal, Interval, Json};

/// A Rust type that a column of a model can hold.
///
/// Newtypes and enums get it with `derive(ToValue)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of a column",
    label = "no column holds this type",
    note = "a newtype or an enum of texts derives `FromValue` and `ToValue`; a document is held in `Json<{Self}>`; a struct of several columns is embedded with `#[model(embed)]`",
    note = "integers are i16, i32, i64, u32, u64 (no u8: Vec<u8> is bytes); other crates' types need oarlock's `with-…` feature"
)]
pub trait ColumnType {
    /// Whether the column may be NULL.
    const NULLABLE: bool = false;

    /// Gives the type of the column.
    fn column_type() -> Type;
}

impl<T: ColumnType> ColumnType for Option<T> {
    const NULLABLE: bool = true;

    fn column_type() -> Type {
        T::column_type()
    }
}

impl<T: ColumnType> ColumnType for Box<T> {
    const NULLABLE: bool = T::NULLABLE;

    fn column_type() -> Type {
        T::column_type()
    }
}

impl<T> ColumnType for Json<T> {
    fn column_type() -> Type {
        Type::Json
    }
}

/// An array of PostgreSQL's; the other engines have none.
impl<T: ColumnType> ColumnType for Vec<T> {
    fn column_type() -> Type {
        T::column_type().array()
    }
}

impl ColumnType for Vec<u8> {
    fn column_type() -> Type {
        Type::Bytes
    }
}

macro_rules! types {
    ($($(#[$condition:meta])? $rust:ty => $column:expr;)+) => {$(
        $(#[$condition])?
        impl ColumnType for $rust {
            fn column_type() -> Type {
                $column
            }
        }
    )+};
}

types! {
    bool => Type::Bool;
    i16 => Type::Int2;
    u16 => Type::Int4;
    isize => Type::Int8;
    usize => Type::UInt8;
    i32 => Type::Int4;
    i64 => Type::Int8;
    u32 => Type::UInt4;
    u64 => Type::UInt8;
    f32 => Type::Float4;
    f64 => Type::Float8;
    String => Type::Text;
    Box<str> => Type::Text;
    Decimal => Type::Decimal { size: None };
    Interval => Type::Interval;
    std::time::Duration => Type::Span;
    serde_json::Value => Type::Json;
    #[cfg(feature = "with-uuid-1")]
    uuid::Uuid => Type::Uuid;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::NaiveDate => Type::Date;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::NaiveTime => Type::Time;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::NaiveDateTime => Type::DateTime;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::TimeDelta => Type::Span;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::DateTime<chrono::Utc> => Type::Timestamp;
    #[cfg(feature = "with-chrono-0_4")]
    chrono::DateTime<chrono::FixedOffset> => Type::Timestamp;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::civil::Date => Type::Date;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::civil::Time => Type::Time;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::civil::DateTime => Type::DateTime;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::Timestamp => Type::Timestamp;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::SignedDuration => Type::Span;
    #[cfg(feature = "with-jiff-0_2")]
    jiff::Span => Type::Interval;
    #[cfg(feature = "with-time-0_3")]
    time::Date => Type::Date;
    #[cfg(feature = "with-time-0_3")]
    time::Time => Type::Time;
    #[cfg(feature = "with-time-0_3")]
    time::PrimitiveDateTime => Type::DateTime;
    #[cfg(feature = "with-time-0_3")]
    time::OffsetDateTime => Type::Timestamp;
    #[cfg(feature = "with-time-0_3")]
    time::UtcDateTime => Type::Timestamp;
    #[cfg(feature = "with-time-0_3")]
    time::Duration => Type::Span;
    #[cfg(feature = "with-rust_decimal-1")]
    rust_decimal::Decimal => Type::Decimal { size: None };
}
