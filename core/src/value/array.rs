//! Arrays: owned values, or a database's own form that is decoded when it is read.

use super::{Bound, FromValue, NativeType, ToValue, Value, ValueRef, mismatch};
use crate::Result;

/// Decodes an array from a database's own bytes; a driver supplies it.
pub type DecodeArray = fn(&NativeType, &[u8]) -> Result<Vec<Value>>;

/// A database's array type and its decoder; a driver makes one per column.
#[derive(Debug, Clone)]
pub struct NativeArray {
    /// The array's type.
    pub native: NativeType,
    /// The driver's decoder.
    pub decode: DecodeArray,
}

/// A borrowed array.
#[derive(Clone, Copy)]
pub enum ArrayRef<'a> {
    /// Elements as values; nested arrays are further dimensions.
    Values(&'a [Value]),
    /// The database's own bytes, and how to read them.
    Native {
        /// The array's type, and the driver's decoder.
        array: &'a NativeArray,
        /// The array as the server sent it.
        bytes: &'a [u8],
    },
}

impl ArrayRef<'_> {
    /// Gives the elements, decoding them where needed.
    ///
    /// # Errors
    ///
    /// Bytes that do not form an array of the type are an `Internal` error; an element that the contract cannot carry
    /// is a `Conversion` error.
    pub fn to_values(self) -> Result<Vec<Value>> {
        match self {
            Self::Values(values) => Ok(values.to_vec()),
            Self::Native { array, bytes } => (array.decode)(&array.native, bytes),
        }
    }
}

/// Reads an array, each element by its type; the elements of an array with NULLs are `Option`s.
impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        fn elements<T: FromValue>(values: &[Value]) -> Result<Vec<T>> {
            let mut elements = Vec::with_capacity(values.len());
            for (index, value) in values.iter().enumerate() {
                let element = T::from_value(value.as_ref());
                elements.push(element.map_err(|error| error.context(format_args!("element {index}")))?);
            }
            Ok(elements)
        }
        match value {
            ValueRef::Array(ArrayRef::Values(values)) => elements(values),
            ValueRef::Array(array) => elements(&array.to_values()?),
            other => Err(mismatch("array", other)),
        }
    }
}

/// Binds an array, each element by its type. Bytes are bound as bytes, not as an array.
impl<T: ToValue> ToValue for [T] {
    fn to_value(&self) -> Result<Bound<'_>> {
        let mut values = Vec::with_capacity(self.len());
        for (index, element) in self.iter().enumerate() {
            let value = element.to_value().and_then(Bound::into_value);
            values.push(value.map_err(|error| error.context(format_args!("element {index}")))?);
        }
        Ok(Bound::Owned(Value::Array(values)))
    }
}

impl<T: ToValue> ToValue for Vec<T> {
    fn to_value(&self) -> Result<Bound<'_>> {
        self.as_slice().to_value()
    }
}

impl<T: ToValue, const N: usize> ToValue for [T; N] {
    fn to_value(&self) -> Result<Bound<'_>> {
        self.as_slice().to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn arrays_convert_element_by_element() -> Result<()> {
        let numbers = vec![Some(1_i32), None, Some(-3)];
        let bound = numbers.to_value()?;
        assert_eq!(bound.as_ref(), ValueRef::Array(ArrayRef::Values(&[Value::I64(1), Value::Null, Value::I64(-3)])));
        assert_eq!(Vec::<Option<i32>>::from_value(bound.as_ref())?, numbers);
        let nested = [vec!["a", "b"], vec!["c"]];
        let read = Vec::<Vec<String>>::from_value(nested.to_value()?.as_ref())?;
        assert_eq!(read, nested);
        Ok(())
    }

    #[test]
    fn an_element_that_does_not_fit_is_named() -> Result<()> {
        let bound = vec![1_i64, 70_000].to_value()?.into_value()?;
        let error = Vec::<i16>::from_value(bound.as_ref()).expect_err("70000");
        assert_eq!(error.message(), "element 1: expected i16, found 70000");
        let error = Vec::<i16>::from_value(ValueRef::Text("{1}")).expect_err("text");
        assert_eq!((error.kind(), error.message()), (ErrorKind::Conversion, "expected array, found text"));
        Ok(())
    }

    #[test]
    fn a_native_array_is_decoded_when_it_is_read() -> Result<()> {
        let array = NativeArray {
            native: NativeType::new(1005, "_int2"),
            decode: |_, bytes| Ok(bytes.iter().map(|byte| Value::I64(i64::from(*byte))).collect()),
        };
        let array = ArrayRef::Native { array: &array, bytes: &[1, 2] };
        assert_eq!(Vec::<i16>::from_value(ValueRef::Array(array))?, [1, 2]);
        Ok(())
    }
}
