//! Arrays: owned values, or a database's own form that is decoded when it is read.

use super::{NativeType, Value};
use crate::Result;

/// Decodes an array from a database's own bytes; a driver supplies it.
pub type DecodeArray = fn(&NativeType, &[u8]) -> Result<Vec<Value>>;

/// A borrowed array.
#[derive(Clone, Copy)]
pub enum ArrayRef<'a> {
    /// Elements as values; nested arrays are further dimensions.
    Values(&'a [Value]),
    /// The database's own bytes, and how to read them.
    Native {
        /// The array's type.
        native: &'a NativeType,
        /// The array as the server sent it.
        bytes: &'a [u8],
        /// The driver's decoder.
        decode: &'a DecodeArray,
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
            Self::Native { native, bytes, decode } => decode(native, bytes),
        }
    }
}
