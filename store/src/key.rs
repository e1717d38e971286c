//! Keys: short strings of bytes that stand in the map's nodes themselves.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// How many bytes a key has room for without an allocation: most addresses of mail, UUIDs, pairs of numbers. A comparison in a node is then one of
/// bytes that are there; to follow a pointer costs more than all else of a look-up.
const INLINE: usize = 38;

/// The beginning of a longer key that stands beside the pointer, so that most comparisons need not follow it.
const PREFIX: usize = 16;

/// As many bytes as are compared at once.
type Head = u128;

/// A key that is looked for: bytes that need not live long, their head taken once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe<'p> {
    head: Head,
    bytes: &'p [u8],
}

impl<'p> Probe<'p> {
    #[inline]
    pub(crate) fn new(bytes: &'p [u8]) -> Self {
        let head = bytes.first_chunk().copied().unwrap_or_else(|| {
            let mut head = [0; size_of::<Head>()];
            head[..bytes.len()].copy_from_slice(bytes);
            head
        });
        Self { head: Head::from_be_bytes(head), bytes }
    }
}

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

    /// The first bytes as a number, noughts behind a shorter key.
    #[inline]
    fn head(&self) -> Head {
        let head = match &self.0 {
            Form::Inline(_, bytes) => bytes.first_chunk(),
            Form::Shared(bytes, _) => Some(bytes),
        };
        head.map_or(0, |head| Head::from_be_bytes(*head))
    }

    /// Compares with what is looked for.
    #[inline]
    pub(crate) fn compare(&self, probe: &Probe<'_>) -> Ordering {
        // Where the heads differ, so do the bytes, in the same way; noughts that stand for nothing make heads equal at the most.
        self.head().cmp(&probe.head).then_with(|| self.as_bytes().cmp(probe.bytes))
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
        self.head().cmp(&other.head()).then_with(|| self.as_bytes().cmp(other.as_bytes()))
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
            prop_assert_eq!(left.compare(&Probe::new(&other)), one.cmp(&other));
            prop_assert_eq!(left == right, one == other);
        }
    }
}
