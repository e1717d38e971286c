//! Values as literals of each family of dialects, in the form that a column of the type stores.

use std::fmt::Write as _;

use oarlock_core::Value;
use oarlock_core::dialect::Flavor;
use oarlock_core::schema::Type;
use oarlock_core::value::UuidText;
use oarlock_core::value::temporal::{DateText, DateTimeText, InstantText, IntervalText, SpanText, TimeText};

/// Writes a value as a literal for a column of the type; `None` where the dialect has no such literal.
pub(crate) fn literal(flavor: Flavor, ty: &Type, value: &Value) -> Option<String> {
    let mysql = flavor == Flavor::MySql;
    Some(match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) if flavor == Flavor::Postgres => truth.to_string(),
        Value::Bool(truth) => u8::from(*truth).to_string(),
        Value::U64(number) if flavor == Flavor::Sqlite && *ty == Type::UInt8 => {
            format!("'{number:020}'")
        }
        Value::I64(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        // A literal is of double precision there: the nearest double of these digits is another number.
        Value::F32(number) if flavor != Flavor::Postgres => {
            float(flavor, number.is_finite(), &format!("{:e}", f64::from(*number)))?
        }
        Value::F32(number) => float(flavor, number.is_finite(), &format!("{number:e}"))?,
        Value::F64(number) => {
            // MySQL rounds literals beneath the smallest normal number to nought.
            if mysql && number.is_subnormal() {
                return None;
            }
            float(flavor, number.is_finite(), &format!("{number:e}"))?
        }
        Value::Decimal(number) if flavor == Flavor::Sqlite => quote(flavor, &number.to_string())?,
        Value::Decimal(number) => number.to_string(),
        Value::Text(text) | Value::Json(text) => quote(flavor, text)?,
        Value::Bytes(bytes) if flavor == Flavor::Postgres => format!("'\\x{}'", hex(bytes)),
        Value::Bytes(bytes) => format!("X'{}'", hex(bytes)),
        Value::Uuid(bytes) if mysql => format!("X'{}'", hex(bytes)),
        Value::Uuid(bytes) => format!("'{}'", UuidText(*bytes)),
        Value::Date(days) => format!("'{}'", DateText(*days)),
        Value::Time(micros) => format!("'{:.6}'", TimeText(*micros)),
        Value::Span(micros) if flavor == Flavor::Sqlite => micros.to_string(),
        Value::Span(micros) => format!("'{:.6}'", SpanText(*micros)),
        Value::DateTime(micros) => format!("'{:.6}'", DateTimeText(*micros)),
        // MySQL takes an instant by the clock of the session's time zone, which is UTC.
        Value::Instant(micros) if mysql => format!("'{:.6}'", DateTimeText(*micros)),
        Value::Instant(micros) => format!("'{:.6}'", InstantText(*micros)),
        Value::Interval(interval) => format!("'{}'", IntervalText(*interval)),
        Value::Array(elements) if flavor == Flavor::Postgres => array(elements)?,
        _ => return None,
    })
}

fn float(flavor: Flavor, finite: bool, digits: &str) -> Option<String> {
    match flavor {
        // A bare literal is a decimal first, which has no negative nought.
        Flavor::Postgres => Some(format!("'{digits}'")),
        _ => finite.then(|| digits.to_owned()),
    }
}

fn quote(flavor: Flavor, text: &str) -> Option<String> {
    if text.contains('\0') {
        return None;
    }
    let text = text.replace('\'', "''");
    Some(match flavor {
        Flavor::MySql => format!("'{}'", text.replace('\\', "\\\\")),
        _ => format!("'{text}'"),
    })
}

fn array(elements: &[Value]) -> Option<String> {
    let elements = elements.iter().map(|element| match element {
        Value::Null => Some("NULL".to_owned()),
        Value::I64(number) => Some(number.to_string()),
        Value::Text(text) => {
            Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "''")))
        }
        _ => None,
    });
    Some(format!("'{{{}}}'", elements.collect::<Option<Vec<_>>>()?.join(",")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
