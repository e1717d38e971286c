//! Text and bytes, which are never taken for one another.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Bound, FromValue, ToValue, ValueRef, mismatch};
use crate::Result;

/// Reads text, and JSON documents as text. No other type is turned into its text form.
impl FromValue for String {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Text(text) | ValueRef::Json(text) => Ok(text.to_owned()),
            other => Err(mismatch("text", other)),
        }
    }
}

macro_rules! like_string {
    ($($type:ty),+) => {$(
        /// Reads what `String` reads.
        impl FromValue for $type {
            #[inline]
            fn from_value(value: ValueRef<'_>) -> Result<Self> {
                match value {
                    ValueRef::Text(text) | ValueRef::Json(text) => Ok(Self::from(text)),
                    other => Err(mismatch("text", other)),
                }
            }
        }
    )+};
}

like_string!(Box<str>, Arc<str>);

/// Reads what `String` reads, as an owned text.
impl FromValue for Cow<'static, str> {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        String::from_value(value).map(Self::Owned)
    }
}

impl ToValue for str {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Text(self)))
    }
}

impl ToValue for String {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Text(self)))
    }
}

/// Reads bytes only: text has an encoding, and a UUID its own type.
impl FromValue for Vec<u8> {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Bytes(bytes) => Ok(bytes.to_owned()),
            other => Err(mismatch("bytes", other)),
        }
    }
}

/// Reads bytes of exactly this length.
impl<const N: usize> FromValue for [u8; N] {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Bytes(bytes) => Self::try_from(bytes).map_err(|_| wrong_length(N, bytes.len())),
            other => Err(mismatch("bytes", other)),
        }
    }
}

#[cold]
fn wrong_length(expected: usize, found: usize) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Conversion, format!("expected {expected} bytes, found {found}"))
}

impl ToValue for [u8] {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Bytes(self)))
    }
}

impl ToValue for Vec<u8> {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Bytes(self)))
    }
}

impl<const N: usize> ToValue for [u8; N] {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Bytes(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_text_and_json_and_nothing_else() -> Result<()> {
        assert_eq!(String::from_value(ValueRef::Text("ada"))?, "ada");
        assert_eq!(String::from_value(ValueRef::Json("{}"))?, "{}");
        assert_eq!(&*Box::<str>::from_value(ValueRef::Text("ada"))?, "ada");
        assert_eq!(Cow::<str>::from_value(ValueRef::Text("ada"))?, "ada");
        for other in [ValueRef::I64(1), ValueRef::Bytes(b"ada"), ValueRef::Uuid([0; 16]), ValueRef::Date(0)] {
            let error = String::from_value(other).expect_err("not text");
            assert_eq!(error.message(), format!("expected text, found {}", other.kind_name()));
        }
        Ok(())
    }

    #[test]
    fn bytes_read_bytes_and_nothing_else() -> Result<()> {
        assert_eq!(Vec::<u8>::from_value(ValueRef::Bytes(&[0, 255]))?, [0, 255]);
        assert_eq!(<[u8; 2]>::from_value(ValueRef::Bytes(&[0, 255]))?, [0, 255]);
        let error = <[u8; 3]>::from_value(ValueRef::Bytes(&[0, 255])).expect_err("two bytes");
        assert_eq!(error.message(), "expected 3 bytes, found 2");
        let error = Vec::<u8>::from_value(ValueRef::Text("ada")).expect_err("text");
        assert_eq!(error.message(), "expected bytes, found text");
        Ok(())
    }

    #[test]
    fn text_and_bytes_are_bound_without_a_copy() -> Result<()> {
        let text = "ada".to_owned();
        let bound = text.to_value()?;
        assert_eq!(bound.as_ref().as_str().map(str::as_ptr), Some(text.as_ptr()));
        let bytes = vec![1_u8, 2];
        let bound = bytes.to_value()?;
        assert_eq!(bound.as_ref().as_bytes().map(<[u8]>::as_ptr), Some(bytes.as_ptr()));
        assert_eq!(Cow::Borrowed("ada").to_value()?.as_ref(), ValueRef::Text("ada"));
        assert_eq!([1_u8, 2].to_value()?.as_ref(), ValueRef::Bytes(&[1, 2]));
        Ok(())
    }
}
