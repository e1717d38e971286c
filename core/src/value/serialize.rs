//! Values as JSON and in every other serde format.
//! The mapping stands in the documentation of [`value`](super).

use std::fmt;

use serde::ser::{Error as _, SerializeStruct};
use serde::{Serialize, Serializer};

use super::temporal::{DateText, DateTimeText, InstantText, IntervalText, SpanText, TimeText};
use super::{UuidText, Value, ValueRef};
use crate::{Error, ErrorKind, Result};

impl ValueRef<'_> {
    /// Gives the value as JSON, by the mapping that [`Serialize`] has.
    ///
    /// # Errors
    ///
    /// A JSON value that is no document, and an array that cannot be decoded, are `Conversion` errors.
    pub fn to_json(self) -> Result<serde_json::Value> {
        serde_json::to_value(self).map_err(|error| {
            Error::new(ErrorKind::Conversion, format!("the {} cannot be written as json: {error}", self.kind_name()))
        })
    }
}

impl Value {
    /// Gives the value as JSON, by the mapping that [`Serialize`] has.
    ///
    /// # Errors
    ///
    /// As [`ValueRef::to_json`].
    pub fn to_json(&self) -> Result<serde_json::Value> {
        self.as_ref().to_json()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().serialize(serializer)
    }
}

/// Numbers and text as themselves; exact numbers, dates and the like as text; bytes in base64; a JSON document as itself.
impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(truth),
            Self::I64(number) => serializer.serialize_i64(number),
            Self::U64(number) => serializer.serialize_u64(number),
            Self::F32(number) => float(widen(number), serializer),
            Self::F64(number) => float(number, serializer),
            Self::Decimal(number) => serializer.collect_str(&number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.collect_str(&Base64(bytes)),
            Self::Json(text) => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(document) => document.serialize(serializer),
                Err(_) => Err(S::Error::custom("it is no document")),
            },
            Self::Uuid(bytes) => serializer.collect_str(&UuidText(bytes)),
            Self::Date(days) => serializer.collect_str(&DateText(days)),
            Self::Time(micros) => serializer.collect_str(&TimeText(micros)),
            Self::Span(micros) => serializer.collect_str(&SpanText(micros)),
            Self::DateTime(micros) => serializer.collect_str(&DateTimeText(micros)),
            Self::Instant(micros) => serializer.collect_str(&InstantText(micros)),
            Self::Interval(interval) => serializer.collect_str(&IntervalText(interval)),
            Self::Array(super::ArrayRef::Values(values)) => serializer.collect_seq(values),
            Self::Array(array) => serializer.collect_seq(array.to_values().map_err(S::Error::custom)?),
            Self::Typed(native, bytes) => {
                let mut typed = serializer.serialize_struct("Typed", 2)?;
                typed.serialize_field("type", native.name())?;
                typed.serialize_field("hex", &format_args!("{}", Hex(bytes)))?;
                typed.end()
            }
        }
    }
}

fn float<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() {
        return serializer.serialize_f64(number);
    }
    serializer.serialize_str(match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    })
}

/// Gives the double that is written with the same digits: 0.1, not 0.10000000149011612.
fn widen(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

struct Base64<'a>(&'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for chunk in self.0.chunks(3) {
            let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            let mut text = [b'='; 4];
            for (index, digit) in text.iter_mut().take(chunk.len() + 1).enumerate() {
                let shift = 18 - 6 * index;
                *digit = DIGITS[usize::try_from(bits >> shift & 63).unwrap_or_default()];
            }
            f.write_str(std::str::from_utf8(&text).unwrap_or_default())?;
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{ArrayRef, Interval, NativeType};

    #[test]
    fn every_kind_has_its_json_form() -> Result<()> {
        let native = NativeType::new(869, "inet");
        let interval = Interval { months: 1, days: 2, micros: 3_000_000 };
        let values = [Value::I64(1), Value::Null, Value::Array(vec![Value::Bool(true)])];
        for (value, json) in [
            (ValueRef::Null, "null"),
            (ValueRef::Bool(true), "true"),
            (ValueRef::I64(i64::MIN), "-9223372036854775808"),
            (ValueRef::U64(u64::MAX), "18446744073709551615"),
            (ValueRef::F32(0.1), "0.1"),
            (ValueRef::F64(0.5), "0.5"),
            (ValueRef::F64(f64::NAN), r#""NaN""#),
            (ValueRef::F32(f32::NEG_INFINITY), r#""-Infinity""#),
            (ValueRef::Decimal("12345678901234567890.10".parse()?), r#""12345678901234567890.10""#),
            (ValueRef::Text("a\"b"), r#""a\"b""#),
            (ValueRef::Bytes(&[0xfb, 0xff]), r#""+/8=""#),
            (ValueRef::Json(r#"{"a": [1]}"#), r#"{"a":[1]}"#),
            (ValueRef::Uuid([0x11; 16]), r#""11111111-1111-1111-1111-111111111111""#),
            (ValueRef::Date(0), r#""1970-01-01""#),
            (ValueRef::Time(1), r#""00:00:00.000001""#),
            (ValueRef::Span(-3_600_000_000), r#""-01:00:00""#),
            (ValueRef::DateTime(0), r#""1970-01-01T00:00:00""#),
            (ValueRef::Instant(500_000), r#""1970-01-01T00:00:00.5Z""#),
            (ValueRef::Interval(interval), r#""P1M2DT3S""#),
            (ValueRef::Array(ArrayRef::Values(&values)), "[1,null,[true]]"),
            (ValueRef::Typed(&native, &[2, 32, 255]), r#"{"hex":"0220ff","type":"inet"}"#),
        ] {
            assert_eq!(value.to_json()?.to_string(), json, "{value:?}");
        }
        Ok(())
    }

    #[test]
    fn base64_is_padded_as_the_rfc_says() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(Base64(bytes.as_bytes()).to_string(), text);
        }
    }

    #[test]
    fn a_json_value_that_is_no_document_is_refused_without_its_contents() {
        let error = ValueRef::Json("{secret").to_json().expect_err("no document");
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Conversion, "the json cannot be written as json: it is no document")
        );
    }
}
