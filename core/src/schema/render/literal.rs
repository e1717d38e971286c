//! Constants and defaults as SQL.

use std::fmt::Write as _;

use super::engine::{Engine, Place};
use crate::error::{Error, Result};
use crate::schema::{Column, Default, Literal, Type};

/// Writes text as a string literal that means the same whatever the session's settings for backslashes are.
///
/// # Errors
///
/// `NotSupported` where the engine cannot hold the text: a NUL character on PostgreSQL and SQLite.
pub(in crate::schema) fn text(engine: Engine, value: &str) -> Result<String> {
    if value.contains('\0') && !engine.is_mysql() {
        return Err(Error::not_supported(format!("{engine} cannot write the text {value:?}: it has a NUL character")));
    }
    let plain = value.replace('\'', "''");
    Ok(match engine {
        Engine::Postgres if value.contains('\\') => format!("E'{}'", plain.replace('\\', "\\\\")),
        // NO_BACKSLASH_ESCAPES decides what a backslash means; hexadecimal digits mean the same either
        // way. No introducer of a character set stands before them: MariaDB (10.11) keeps `_utf8mb4 X'5C'` in a
        // check or a default as a string that it then reads with another meaning.
        Engine::MySql | Engine::MariaDb if value.contains(['\\', '\0']) => hex(value.as_bytes()),
        _ => format!("'{plain}'"),
    })
}

/// Writes bytes as `X'…'`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("X'");
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out.push('\'');
    out
}

/// Writes bytes as MySQL's expression: a literal of bytes comes back from its catalog as broken text.
fn unhex(literal: &str) -> String {
    format!("(unhex({}))", &literal[1..])
}

/// Writes a constant in the type of its column.
pub(super) fn literal(place: Place<'_>, ty: &Type, value: &Literal) -> Result<String> {
    let engine = place.engine;
    Ok(match value {
        Literal::Null => "NULL".to_owned(),
        Literal::Bool(value) if engine == Engine::Postgres => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Literal::Bool(value) => u8::from(*value).to_string(),
        Literal::Int(value) => number(place, ty, &value.to_string())?,
        Literal::Number(digits) if is_number(digits) => number(place, ty, digits)?,
        Literal::Number(digits) => {
            return Err(place.wrong(format_args!("the default {digits:?} is not a number")));
        }
        Literal::Text(value) if *ty == Type::Uuid => uuid(place, value)?,
        Literal::Text(value) => text(engine, value)?,
        Literal::Bytes(value) if engine == Engine::Postgres => {
            let digits = hex(value);
            format!(r"E'\\x{}'", &digits[2..digits.len() - 1].to_ascii_lowercase())
        }
        Literal::Bytes(value) if engine.is_mysql() => unhex(&hex(value)),
        Literal::Bytes(value) => hex(value),
    })
}

fn number(place: Place<'_>, ty: &Type, digits: &str) -> Result<String> {
    Ok(match (place.engine, ty) {
        (Engine::Sqlite, Type::UInt8) => match digits.parse::<u64>() {
            Ok(value) => format!("'{value:020}'"),
            Err(_) => {
                return Err(place.wrong(format_args!("the default {digits} is not an unsigned integer")));
            }
        },
        (Engine::Sqlite, Type::Decimal { .. }) => format!("'{digits}'"),
        // A guard of SQLite asks for the storage class `real`, which the column's affinity gives to a whole number.
        _ => digits.to_owned(),
    })
}

fn is_number(digits: &str) -> bool {
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits_only(whole) && digits_only(fraction) && exponent.is_none_or(digits_only)
}

fn uuid(place: Place<'_>, value: &str) -> Result<String> {
    let digits: String = value.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(place.wrong(format_args!("the default {value:?} is not a UUID")));
    }
    if place.engine.is_mysql() {
        return Ok(unhex(&format!("X'{}'", digits.to_ascii_uppercase())));
    }
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    Ok(format!("'{}'", groups.join("-")))
}

/// Writes what stands after `DEFAULT`.
pub(in crate::schema) fn default(place: Place<'_>, column: &Column, default: &Default) -> Result<String> {
    let ty = &column.ty;
    match default {
        Default::Literal(value) => {
            let sql = literal(place, ty, value)?;
            // MySQL takes a default of these types as an expression only.
            let expression = place.engine.is_mysql() && matches!(ty, Type::Text | Type::Bytes | Type::Json);
            Ok(match value {
                Literal::Text(_) if expression && sql.starts_with("X'") => {
                    format!("(convert({sql} using utf8mb4))")
                }
                Literal::Null | Literal::Bytes(_) => sql,
                _ if expression => format!("({sql})"),
                _ => sql,
            })
        }
        Default::Now => now(place, ty),
        Default::Uuid => new_uuid(place, ty),
        Default::Expression(sql) => Ok(format!("({sql})")),
    }
}

fn now(place: Place<'_>, ty: &Type) -> Result<String> {
    let sql = match (place.engine, ty) {
        (Engine::Postgres, Type::Timestamp) => "now()",
        (Engine::Postgres, Type::DateTime) => "(now() AT TIME ZONE 'UTC')",
        (Engine::Postgres, Type::Date) => "((now() AT TIME ZONE 'UTC')::date)",
        (Engine::Postgres, Type::Time) => "((now() AT TIME ZONE 'UTC')::time)",
        (Engine::MySql | Engine::MariaDb, Type::Timestamp) => "CURRENT_TIMESTAMP(6)",
        (Engine::MySql | Engine::MariaDb, Type::DateTime) => "(UTC_TIMESTAMP(6))",
        (Engine::MySql | Engine::MariaDb, Type::Date) => "(UTC_DATE())",
        (Engine::MySql | Engine::MariaDb, Type::Time) => "(UTC_TIME(6))",
        // Six digits, as everything else that is stored there: text of one width sorts as the instants do.
        (Engine::Sqlite, Type::Timestamp) => "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')",
        (Engine::Sqlite, Type::DateTime) => "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000')",
        (Engine::Sqlite, Type::Date) => "(strftime('%Y-%m-%d', 'now'))",
        (Engine::Sqlite, Type::Time) => "(strftime('%H:%M:%f', 'now') || '000')",
        (_, Type::Native(_)) => "CURRENT_TIMESTAMP",
        _ => {
            return Err(place.wrong("the default `now` needs a date, a time, a datetime or a timestamp"));
        }
    };
    Ok(sql.to_owned())
}

fn new_uuid(place: Place<'_>, ty: &Type) -> Result<String> {
    let sql = match (place.engine, ty) {
        (Engine::Postgres, Type::Uuid) => "gen_random_uuid()",
        (Engine::Postgres, Type::Text | Type::VarChar(_)) => "(gen_random_uuid()::text)",
        (Engine::MySql | Engine::MariaDb, Type::Uuid) => "(unhex(replace(uuid(), '-', '')))",
        (Engine::MySql | Engine::MariaDb, Type::Text | Type::VarChar(_)) => "(uuid())",
        (Engine::Sqlite, Type::Uuid | Type::Text | Type::VarChar(_)) => {
            "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' \
             || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
        }
        _ => return Err(place.wrong("the default `uuid` needs a column of type uuid or text")),
    };
    Ok(sql.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Table;

    #[test]
    fn backslash_means_itself_whatever_the_mode() -> Result<()> {
        assert_eq!(text(Engine::Postgres, r"a\'b")?, r"E'a\\''b'");
        assert_eq!(text(Engine::MariaDb, r"a\b")?, "X'615C62'");
        assert_eq!(text(Engine::MySql, "it's")?, "'it''s'");
        assert_eq!(text(Engine::Sqlite, r"a\b")?, r"'a\b'");
        Ok(())
    }

    #[test]
    fn nul_is_refused_where_text_cannot_hold_it() {
        for engine in [Engine::Postgres, Engine::Sqlite] {
            let kind = text(engine, "a\0b").map_err(|error| error.kind());
            assert_eq!(kind, Err(crate::ErrorKind::NotSupported));
        }
    }

    #[test]
    fn number_is_checked_and_never_pasted() {
        let table = Table::new("t");
        let place = Place::column(Engine::Sqlite, &table, "n");
        let render = |digits: &str, ty| literal(place, &ty, &Literal::Number(digits.into())).map_err(|e| e.kind());
        assert_eq!(render("18446744073709551615", Type::UInt8).as_deref(), Ok("'18446744073709551615'"));
        assert_eq!(render("7", Type::UInt8).as_deref(), Ok("'00000000000000000007'"));
        assert_eq!(render("-1.50", Type::decimal(4, 2)).as_deref(), Ok("'-1.50'"));
        assert_eq!(render("1e-3", Type::Float8).as_deref(), Ok("1e-3"));
        assert_eq!(render("1); DROP TABLE t", Type::Int4), Err(crate::ErrorKind::Interface));
        assert_eq!(render("-1", Type::UInt8), Err(crate::ErrorKind::Interface));
    }

    #[test]
    fn uuid_is_written_as_it_is_stored() -> Result<()> {
        let table = Table::new("t");
        let value = Literal::from("6BA7B810-9DAD-11D1-80B4-00C04FD430C8");
        let render = |engine| literal(Place::column(engine, &table, "u"), &Type::Uuid, &value);
        assert_eq!(render(Engine::MySql)?, "(unhex('6BA7B8109DAD11D180B400C04FD430C8'))");
        assert_eq!(render(Engine::Sqlite)?, "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'");
        Ok(())
    }
}
