//! JSON documents: `serde_json`'s values, and any serde type in [`Json`].

use std::any::type_name;
use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Bound, FromValue, ToValue, Value, ValueRef, mismatch};
use crate::{Error, ErrorKind, Result};

/// A serde type that is held in the database as a JSON document.
///
/// # Examples
///
/// ```
/// use oarlock_core::value::{FromValue, Json, ToValue, ValueRef};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Settings {
///     theme: String,
/// }
///
/// let settings = Json(Settings { theme: "dark".to_owned() });
/// assert_eq!(settings.to_value()?.as_ref(), ValueRef::Json(r#"{"theme":"dark"}"#));
/// assert_eq!(Json::<Settings>::from_value(ValueRef::Json(r#"{"theme":"dark"}"#))?, settings);
/// # Ok::<(), oarlock_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// Gives what is inside.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Gives the document of a JSON value, or of text where the database has no JSON type.
fn document(value: ValueRef<'_>) -> Result<&str> {
    match value {
        ValueRef::Json(text) | ValueRef::Text(text) => Ok(text),
        other => Err(mismatch("json", other)),
    }
}

/// The message tells where, not what: serde's words may quote the document, so they are kept as the detail.
#[cold]
fn unreadable<T: ?Sized>(error: &serde_json::Error) -> Error {
    let message = match error.classify() {
        serde_json::error::Category::Data => {
            format!("expected {} as json, found a document of another shape", type_name::<T>())
        }
        _ => "expected json, found text that is no document".to_owned(),
    };
    Error::new(ErrorKind::Conversion, format!("{message} at line {} column {}", error.line(), error.column()))
        .with_detail(error.to_string())
}

#[cold]
fn unwritable<T>(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Conversion, format!("{} cannot be written as json", type_name::<T>())).with_source(error)
}

/// Reads JSON documents, and text that is one.
impl<T: DeserializeOwned> FromValue for Json<T> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        serde_json::from_str(document(value)?).map(Self).map_err(|error| unreadable::<T>(&error))
    }
}

impl<T: Serialize> ToValue for Json<T> {
    /// # Errors
    ///
    /// What serde cannot write as JSON (a map whose keys are no text) is a `Conversion` error.
    fn to_value(&self) -> Result<Bound<'_>> {
        let text = serde_json::to_string(&self.0).map_err(unwritable::<T>)?;
        Ok(Bound::Owned(Value::Json(text)))
    }
}

/// Reads JSON documents, and text that is one.
impl FromValue for serde_json::Value {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        serde_json::from_str(document(value)?).map_err(|error| unreadable::<Self>(&error))
    }
}

impl ToValue for serde_json::Value {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Owned(Value::Json(self.to_string())))
    }
}

/// Reads JSON documents, and text that is one, without taking them apart.
impl FromValue for Box<RawValue> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        RawValue::from_string(document(value)?.to_owned()).map_err(|error| unreadable::<RawValue>(&error))
    }
}

impl ToValue for RawValue {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Json(self.get())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn documents_are_read_from_json_and_text() -> Result<()> {
        for value in [ValueRef::Json("[1, 2]"), ValueRef::Text("[1, 2]")] {
            assert_eq!(Json::<Vec<i32>>::from_value(value)?.0, [1, 2]);
            assert_eq!(serde_json::Value::from_value(value)?, serde_json::json!([1, 2]));
            assert_eq!(Box::<RawValue>::from_value(value)?.get(), "[1, 2]");
        }
        let error = Json::<i32>::from_value(ValueRef::I64(1)).expect_err("an integer");
        assert_eq!(error.message(), "expected json, found i64");
        Ok(())
    }

    #[test]
    fn documents_are_bound_as_json() -> Result<()> {
        assert_eq!(Json(vec![1, 2]).to_value()?.as_ref(), ValueRef::Json("[1,2]"));
        assert_eq!(serde_json::json!({"a": null}).to_value()?.as_ref(), ValueRef::Json(r#"{"a":null}"#));
        let raw = RawValue::from_string("[1,  2]".to_owned()).expect("a document");
        assert_eq!(raw.to_value()?.as_ref(), ValueRef::Json("[1,  2]"));
        let unwritable = Json(BTreeMap::from([(vec![1], 2)]));
        assert_eq!(unwritable.to_value().expect_err("a key").kind(), ErrorKind::Conversion);
        Ok(())
    }

    #[test]
    fn an_error_tells_the_place_and_keeps_the_contents_out_of_display() {
        let error = Json::<BTreeMap<String, i32>>::from_value(ValueRef::Json(r#"{"a": "secret"}"#)).expect_err("text");
        assert_eq!(error.kind(), ErrorKind::Conversion);
        assert!(error.message().ends_with("found a document of another shape at line 1 column 14"), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert!(error.detail().is_some_and(|detail| detail.contains("expected i32")));
        let error = serde_json::Value::from_value(ValueRef::Text("{secret")).expect_err("no document");
        assert_eq!(error.message(), "expected json, found text that is no document at line 1 column 2");
    }
}
