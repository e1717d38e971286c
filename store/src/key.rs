//! Keys: short strings of bytes that stand in the map's nodes themselves.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// How many bytes a key has room for without an allocation: most addresses of mail, UUIDs, pairs of numbers. A comparison in a node is then one of
/// bytes that are there; to follow a pointer costs more than all else of a look-up.
const INLINE: usize = 38;

/// The beginning of a longer key that stands beside the pointer, so that most comparisons need not follow it.
const PREFIX: usize = 23;

/// A key: bytes in the order of what they encode. 40 bytes.
#[derive(Clone)]
pub(crate) struct Key(Form);

#[derive(Clone)]
enum Form {
    Inline(u8, [u8; INLINE]),
    Shared([u8; PREFIX], Arc<[u8]>),
}

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= INLINE => {
                let mut inline = [0; INLINE];
                inline[..bytes.len()].copy_from_slice(bytes);
                Self(Form::Inline(length, inline))
            }
            _ => {
                let mut prefix = [0; PREFIX];
                prefix.copy_from_slice(&bytes[..PREFIX]);
                Self(Form::Shared(prefix, Arc::from(bytes)))
            }
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Form::Shared(_, bytes) => bytes,
        }
    }

    /// Compares with bytes.
    #[inline]
    pub(crate) fn compare(&self, other: &[u8]) -> Ordering {
        match &self.0 {
            Form::Inline(length, bytes) => bytes[..usize::from(*length)].cmp(other),
            Form::Shared(prefix, bytes) => {
                let near = prefix[..].cmp(&other[..other.len().min(PREFIX)]);
                near.then_with(|| bytes[..].cmp(other))
            }
        }
    }

    /// How many bytes stand outside of the key itself.
    pub(crate) fn heap_size(&self) -> usize {
        match &self.0 {
            Form::Inline(..) => 0,
            Form::Shared(_, bytes) => bytes.len() + 2 * size_of::<usize>(),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other.as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_five_words() {
        assert_eq!(size_of::<Key>(), 40);
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_bytes(
            one in proptest::collection::vec(0_u8..2, 0..60),
            other in proptest::collection::vec(0_u8..2, 0..60),
        ) {
            let (left, right) = (Key::new(&one), Key::new(&other));
            prop_assert_eq!(left.as_bytes(), &one[..]);
            prop_assert_eq!(left.cmp(&right), one.cmp(&other));
            prop_assert_eq!(left == right, one == other);
        }
    }
}
