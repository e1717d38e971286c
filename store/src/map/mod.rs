//! A map in the order of its keys whose copies cost nothing: a B+tree over shared nodes, of which a write copies those on its path.
//!
//! Copies are what snapshots are made of. A node that only one map has is changed in place, so a long transaction copies each node once.

mod node;
mod range;
#[cfg(test)]
mod tests;

use std::ops::Bound;
use std::sync::Arc;

use crate::key::{Key, Probe};
use node::Node;
pub(crate) use range::Range;

/// A map in the order of its keys, copied in constant time.
#[derive(Debug)]
pub(crate) struct Map<V> {
    root: Arc<Node<V>>,
}

impl<V> Clone for Map<V> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root) }
    }
}

impl<V: Clone> Map<V> {
    pub(crate) fn new() -> Self {
        Self { root: Arc::new(Node::empty()) }
    }

    /// Makes a map of entries that rise strictly.
    pub(crate) fn from_sorted(entries: impl Iterator<Item = (Key, V)>) -> Self {
        Self { root: Node::from_sorted(entries) }
    }

    pub(crate) fn len(&self) -> usize {
        self.root.count()
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.root.get(&Probe::new(key))
    }

    /// Puts a value to a key and gives the one that was there.
    pub(crate) fn insert(&mut self, key: Key, value: V) -> Option<V> {
        let (old, split) = Node::insert(&mut self.root, key, value);
        if let Some(split) = split {
            Node::grow(&mut self.root, split);
        }
        old
    }

    /// Takes a key out and gives its value. A map that has no such key copies nothing.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<V> {
        self.get(key)?;
        let old = Node::remove(&mut self.root, &Probe::new(key));
        Node::shrink(&mut self.root);
        old
    }

    /// Gives the entries between two bounds, from either end. It holds a copy: the map may be changed meanwhile.
    pub(crate) fn range(&self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range<V> {
        let start = match low {
            Bound::Unbounded => 0,
            Bound::Included(key) => self.root.rank(&Probe::new(key), false),
            Bound::Excluded(key) => self.root.rank(&Probe::new(key), true),
        };
        let end = match high {
            Bound::Unbounded => self.len(),
            Bound::Included(key) => self.root.rank(&Probe::new(key), true),
            Bound::Excluded(key) => self.root.rank(&Probe::new(key), false),
        };
        Range::new(Arc::clone(&self.root), start, end.max(start))
    }

    /// Gives all entries.
    pub(crate) fn all(&self) -> Range<V> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    /// Visits each entry of the nodes that no other map has: all that were put in since this map was copied, and some of their neighbours.
    pub(crate) fn for_each_own(&mut self, visit: &mut impl FnMut(&mut V)) {
        Node::for_each_own(&mut self.root, visit);
    }

    /// Tells whether two maps are certain to be equal, without a look at their entries.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }
}
