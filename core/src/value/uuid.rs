//! `uuid::Uuid`.

use uuid::Uuid;

use super::{Bound, FromValue, ToValue, ValueRef, mismatch, parse_uuid};
use crate::Result;

/// Reads UUIDs, their 16 bytes (MySQL's `BINARY(16)`), and their text.
impl FromValue for Uuid {
    #[inline]
    fn from_value(value: ValueRef<'_>) -> Result<Self> {
        match value {
            ValueRef::Uuid(bytes) => Ok(Self::from_bytes(bytes)),
            ValueRef::Text(text) => parse_uuid(text).map(Self::from_bytes),
            ValueRef::Bytes(_) => <[u8; 16]>::from_value(value).map(Self::from_bytes),
            other => Err(mismatch("uuid", other)),
        }
    }
}

impl ToValue for Uuid {
    #[inline]
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(ValueRef::Uuid(*self.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_from_its_three_forms() -> Result<()> {
        let uuid = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
        assert_eq!(uuid.to_value()?.as_ref(), ValueRef::Uuid(*uuid.as_bytes()));
        assert_eq!(Uuid::from_value(ValueRef::Uuid(*uuid.as_bytes()))?, uuid);
        assert_eq!(Uuid::from_value(ValueRef::Bytes(uuid.as_bytes()))?, uuid);
        assert_eq!(Uuid::from_value(ValueRef::Text("67e55044-10b1-426f-9247-bb680e5fe0c8"))?, uuid);
        let error = Uuid::from_value(ValueRef::Bytes(&[1, 2, 3])).expect_err("three bytes");
        assert_eq!(error.message(), "expected 16 bytes, found 3");
        Ok(())
    }
}
