//! A map in the order of its keys whose copies cost nothing: a B+tree over shared nodes, of which a write copies those on its path.
//!
//! Copies are what snapshots are made of. A node that only one map has is changed in place, so a long transaction copies each node once.

mod node;
mod page;
mod range;
mod sort;
#[cfg(test)]
mod tests;

use std::ops::Bound;

use node::{Node, Split, divider};
pub(crate) use page::Value;
use page::{Page, Probe, entry_size};
pub(crate) use range::Range;
pub(crate) use sort::Unsorted;

use crate::key::Key;

/// A map in the order of its keys, copied in constant time: strings of bytes with strings of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    root: Node,
}

/// What a map has for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'m> {
    pub(crate) key: &'m [u8],
    pub(crate) value: &'m [u8],
}

impl Map {
    pub(crate) fn new() -> Self {
        Self { root: Node::empty() }
    }

    pub(crate) fn len(&self) -> usize {
        self.root.count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let key = Probe::new(key);
        let page = self.root.leaf_of(&key);
        page.search(&key).ok().map(|place| page.get(place).1)
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Puts an entry in, and gives the length of the value that was there.
    pub(crate) fn insert(&mut self, key: &[u8], value: Value<'_>) -> Option<usize> {
        self.put(key, value, true)
    }

    /// Puts an entry in unless one is there, and tells whether it did.
    pub(crate) fn insert_new(&mut self, key: &[u8], value: Value<'_>) -> bool {
        self.put(key, value, false).is_none()
    }

    fn put(&mut self, key: &[u8], value: Value<'_>, replaces: bool) -> Option<usize> {
        let (old, split) = self.root.insert(&Probe::new(key), value, replaces);
        if let Some(split) = split {
            self.root.grow(split);
        }
        old
    }

    /// Takes a key out, and tells whether it was there. A map that has no such key copies nothing.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.contains(key);
        if found {
            self.root.remove(&Probe::new(key));
            self.root.shrink();
        }
        found
    }

    /// Gives the entries between two bounds, from either end. It holds a copy: the map may be changed meanwhile.
    pub(crate) fn range(&self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range {
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
        Range::new(self.root.clone(), start, end.max(start))
    }

    /// Gives all entries.
    pub(crate) fn all(&self) -> Range {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    /// Visits the values of the nodes that no other map has, which may be changed: all that were put in since this map was copied, and some of
    /// their neighbours'.
    pub(crate) fn for_each_own(&mut self, visit: &mut impl FnMut(&mut [u8])) {
        self.root.for_each_own(visit);
    }

    /// Tells whether two maps are certain to be equal, without a look at their entries.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.root.is_same(&other.root)
    }
}

/// Makes a map of entries that rise strictly.
pub(crate) struct Builder {
    leaf: Page,
    /// The leaves that are full.
    done: Vec<Split>,
    /// What divides the leaf from the one before.
    divider: Key,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { leaf: Page::new(), done: Vec::new(), divider: Key::new(&[]) }
    }

    /// Puts an entry behind all others.
    pub(crate) fn push(&mut self, key: &[u8], value: Value<'_>) {
        if self.leaf.is_full(entry_size(key, value)) {
            let next = divider(self.leaf.key(self.leaf.len() - 1), key);
            self.turn(next);
        }
        self.leaf.insert(self.leaf.len(), &Probe::new(key), value);
    }

    fn turn(&mut self, next: Key) {
        let next_leaf = Page::with_room(self.leaf.usual_room());
        let mut leaf = std::mem::replace(&mut self.leaf, next_leaf);
        leaf.shrink();
        self.done.push((std::mem::replace(&mut self.divider, next), Node::Leaf(leaf)));
    }

    pub(crate) fn finish(mut self) -> Map {
        self.turn(Key::new(&[]));
        let mut level = self.done;
        while level.len() > 1 {
            let mut nodes = level.into_iter();
            let mut above = Vec::with_capacity(nodes.len() / page::MOST + 1);
            while nodes.len() > 0 {
                let some: Vec<_> = nodes.by_ref().take(page::MOST).collect();
                let least = some[0].0.clone();
                above.push((least, Node::above(some)));
            }
            level = above;
        }
        level.pop().map_or_else(Map::new, |(_, root)| Map { root })
    }
}
