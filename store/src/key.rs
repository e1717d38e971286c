//! Keys by themselves: outside of a map, whose nodes hold keys' bytes.

use std::fmt;

use smallvec::SmallVec;

/// A key: bytes in the order of what they encode. Most need no allocation: numbers, UUIDs, addresses of mail.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(SmallVec<[u8; 40]>);

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().fmt(f)
    }
}
