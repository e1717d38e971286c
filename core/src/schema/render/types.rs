//! The types of columns in the words of each engine.

use super::engine::{Engine, Place, qualified};
use super::literal::text;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{EnumStorage, EnumType, QualifiedName, Type};

/// The width of an enum that MySQL keeps as text: it must have one to be part of a key.
pub(in crate::schema) const MYSQL_ENUM_WIDTH: u32 = 255;

/// Writes a type.
pub(super) fn type_name(place: Place<'_>, dialect: &Dialect, ty: &Type) -> Result<String> {
    match place.engine {
        Engine::Postgres => postgres(place, dialect, ty),
        Engine::MySql | Engine::MariaDb => mysql(place, ty),
        Engine::Sqlite => sqlite(place, ty),
    }
}

fn postgres(place: Place<'_>, dialect: &Dialect, ty: &Type) -> Result<String> {
    Ok(match ty {
        Type::Bool => "boolean".to_owned(),
        Type::Int2 => "int2".to_owned(),
        Type::Int4 => "int4".to_owned(),
        Type::Int8 | Type::UInt4 => "int8".to_owned(),
        Type::UInt8 => "numeric(20)".to_owned(),
        Type::Float4 => "float4".to_owned(),
        Type::Float8 => "float8".to_owned(),
        Type::Decimal { size: None } => "numeric".to_owned(),
        Type::Decimal { size: Some(size) } => {
            if size.precision == 0 || size.precision > 1000 || size.scale > 1000 {
                return Err(too_wide(place, ty, "decimals of 1 to 1000 digits"));
            }
            format!("numeric({},{})", size.precision, size.scale)
        }
        Type::Text | Type::Enum(EnumType { storage: EnumStorage::Text, .. }) => "text".to_owned(),
        Type::VarChar(length) => format!("varchar({length})"),
        Type::Bytes | Type::VarBinary(_) => "bytea".to_owned(),
        Type::Uuid => "uuid".to_owned(),
        Type::Json => "jsonb".to_owned(),
        Type::Date => "date".to_owned(),
        Type::Time => "time".to_owned(),
        Type::DateTime => "timestamp".to_owned(),
        Type::Timestamp => "timestamptz".to_owned(),
        Type::Span | Type::Interval => "interval".to_owned(),
        Type::Array(element) => postgres(place, dialect, element)? + "[]",
        Type::Enum(enumeration) => {
            qualified(dialect, &QualifiedName { schema: enumeration.schema.clone(), name: enumeration.name.clone() })
        }
        Type::Native(name) => name.clone(),
    })
}

fn mysql(place: Place<'_>, ty: &Type) -> Result<String> {
    Ok(match ty {
        Type::Bool => "TINYINT(1)".to_owned(),
        Type::Int2 => "SMALLINT".to_owned(),
        Type::Int4 => "INT".to_owned(),
        Type::Int8 => "BIGINT".to_owned(),
        Type::UInt4 => "INT UNSIGNED".to_owned(),
        Type::UInt8 => "BIGINT UNSIGNED".to_owned(),
        Type::Float4 => "FLOAT".to_owned(),
        Type::Float8 => "DOUBLE".to_owned(),
        Type::Decimal { size: None } => {
            return Err(place.unsupported("decimal without a size", "give the column a precision and a scale"));
        }
        Type::Decimal { size: Some(size) } => {
            if size.precision == 0 || size.precision > 65 || size.scale > 30 || size.scale > size.precision {
                return Err(too_wide(place, ty, "decimals of 1 to 65 digits, 30 of them after the point at most"));
            }
            format!("DECIMAL({},{})", size.precision, size.scale)
        }
        // TEXT ends at 64 KiB, which no other engine does.
        Type::Text => "LONGTEXT".to_owned(),
        Type::VarChar(length) if *length > 16_383 => {
            return Err(too_wide(place, ty, "varchar up to 16383 characters"));
        }
        Type::VarChar(length) => format!("VARCHAR({length})"),
        Type::Bytes => "LONGBLOB".to_owned(),
        Type::VarBinary(length) if *length > 65_532 => {
            return Err(too_wide(place, ty, "varbinary up to 65532 bytes"));
        }
        Type::VarBinary(length) => format!("VARBINARY({length})"),
        Type::Uuid => "BINARY(16)".to_owned(),
        Type::Json => "JSON".to_owned(),
        Type::Date => "DATE".to_owned(),
        Type::Time | Type::Span => "TIME(6)".to_owned(),
        Type::DateTime => "DATETIME(6)".to_owned(),
        Type::Timestamp => "TIMESTAMP(6)".to_owned(),
        Type::Interval => {
            return Err(
                place.unsupported("type interval", "declare the column as a span (TIME, up to 838 hours) or as text")
            );
        }
        Type::Array(_) => return Err(no_array(place, ty)),
        Type::Enum(EnumType { storage: EnumStorage::Text, values, .. }) => {
            let longest = values.iter().map(|value| value.chars().count()).max().unwrap_or(0);
            if u32::try_from(longest).is_ok_and(|longest| longest > MYSQL_ENUM_WIDTH) {
                return Err(too_wide(place, ty, "an enum as text up to 255 characters"));
            }
            format!("VARCHAR({MYSQL_ENUM_WIDTH})")
        }
        Type::Enum(enumeration) => {
            let words = enumeration.values.iter().map(|value| text(place.engine, value)).collect::<Result<Vec<_>>>()?;
            format!("ENUM({})", words.join(", "))
        }
        Type::Native(name) => name.clone(),
    })
}

fn sqlite(place: Place<'_>, ty: &Type) -> Result<String> {
    // SQLite derives the affinity from these names by looking for INT first, then CHAR, CLOB or TEXT, then BLOB, then REAL:
    // `interval_text` and `uint8_text` would be integers, and any name without such a part turns '1.10' into 1.1.
    Ok(match ty {
        Type::Bool => "boolean".to_owned(),
        Type::Int2 | Type::Int4 | Type::Int8 | Type::UInt4 => "integer".to_owned(),
        Type::UInt8 => "u64_text".to_owned(),
        Type::Float4 | Type::Float8 => "real".to_owned(),
        Type::Decimal { size: None } => "decimal_text".to_owned(),
        Type::Decimal { size: Some(size) } => {
            format!("decimal_text({},{})", size.precision, size.scale)
        }
        Type::Text | Type::Enum(_) => "text".to_owned(),
        Type::VarChar(length) => format!("varchar({length})"),
        Type::Bytes => "blob".to_owned(),
        Type::VarBinary(length) => format!("blob({length})"),
        Type::Uuid => "uuid_text".to_owned(),
        Type::Json => "json_text".to_owned(),
        Type::Date => "date_text".to_owned(),
        Type::Time => "time_text".to_owned(),
        Type::DateTime => "datetime_text".to_owned(),
        Type::Timestamp => "timestamp_text".to_owned(),
        Type::Span => "span_integer".to_owned(),
        Type::Interval => "duration_text".to_owned(),
        Type::Array(_) => return Err(no_array(place, ty)),
        Type::Native(name) => name.clone(),
    })
}

fn no_array(place: Place<'_>, ty: &Type) -> Error {
    place.unsupported(format_args!("arrays (type {ty:?})"), "declare the column as json")
}

fn too_wide(place: Place<'_>, ty: &Type, limit: &str) -> Error {
    place.unsupported(format_args!("type {ty:?}"), &format!("it has {limit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;
    use crate::schema::guard::guard;

    /// The affinity of a declared type, by the rules of SQLite's documentation in their order.
    fn affinity(declared: &str) -> &'static str {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if has(&["INT"]) {
            "integer"
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            "text"
        } else if has(&["BLOB"]) || declared.is_empty() {
            "blob"
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            "real"
        } else {
            "numeric"
        }
    }

    #[test]
    fn affinity_of_sqlite_leaves_what_is_stored() -> Result<()> {
        assert_eq!((affinity("interval_text"), affinity("uint8_text")), ("integer", "integer"));
        let table = Table::new("t");
        let words = EnumType::new("e", ["a"]);
        for (ty, expected) in [
            // A whole number keeps its form under numeric affinity.
            (Type::Bool, "numeric"),
            (Type::Int2, "integer"),
            (Type::Int4, "integer"),
            (Type::Int8, "integer"),
            (Type::UInt4, "integer"),
            (Type::UInt8, "text"),
            (Type::Float4, "real"),
            (Type::Float8, "real"),
            (Type::decimal(9, 2), "text"),
            (Type::Decimal { size: None }, "text"),
            (Type::Text, "text"),
            (Type::VarChar(9), "text"),
            (Type::Bytes, "blob"),
            (Type::VarBinary(9), "blob"),
            (Type::Uuid, "text"),
            (Type::Json, "text"),
            (Type::Date, "text"),
            (Type::Time, "text"),
            (Type::DateTime, "text"),
            (Type::Timestamp, "text"),
            (Type::Span, "integer"),
            (Type::Interval, "text"),
            (Type::Enum(words), "text"),
        ] {
            let place = Place::column(Engine::Sqlite, &table, "c");
            let name = type_name(place, &Dialect::SQLITE, &ty)?;
            assert_eq!(affinity(&name), expected, "{name}");
            let class = if expected == "numeric" { "integer" } else { expected };
            let guard = guard("c", &ty).unwrap_or_default();
            assert!(guard.starts_with(&format!("typeof(c) IN ('{class}', 'null')")), "{name}: {guard}");
        }
        Ok(())
    }
}
