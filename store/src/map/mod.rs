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
use std::sync::Arc;

use node::{Leaf, Node, Split, divider};
use page::Probe;
pub(crate) use range::Range;
pub(crate) use sort::Unsorted;

use crate::key::Key;

/// A map in the order of its keys, copied in constant time: strings of bytes with strings of bytes, and a mark of a few bytes to each.
#[derive(Debug)]
pub(crate) struct Map<M> {
    root: Arc<Node<M>>,
}

/// What a map has for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'m, M> {
    pub(crate) key: &'m [u8],
    pub(crate) value: &'m [u8],
    pub(crate) mark: M,
}

impl<M> Clone for Map<M> {
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root) }
    }
}

impl<M: Copy> Map<M> {
    pub(crate) fn new() -> Self {
        Self { root: Arc::new(Node::empty()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.root.count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Entry<'_, M>> {
        let key = Probe::new(key);
        let leaf = self.root.leaf_of(&key);
        leaf.page.search(&key).ok().map(|place| leaf.entry(place))
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Puts an entry in, and gives the length of the value that was there.
    pub(crate) fn insert(&mut self, key: &[u8], value: &[u8], mark: M) -> Option<usize> {
        let (old, split) = Node::insert(&mut self.root, &Probe::new(key), value, mark);
        if let Some(split) = split {
            Node::grow(&mut self.root, split);
        }
        old
    }

    /// Takes a key out, and tells whether it was there. A map that has no such key copies nothing.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let found = self.contains(key);
        if found {
            Node::remove(&mut self.root, &Probe::new(key));
            Node::shrink(&mut self.root);
        }
        found
    }

    /// Gives the entries between two bounds, from either end. It holds a copy: the map may be changed meanwhile.
    pub(crate) fn range(&self, low: Bound<&[u8]>, high: Bound<&[u8]>) -> Range<M> {
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
    pub(crate) fn all(&self) -> Range<M> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    /// Visits the marks of the nodes that no other map has: all that were put in since this map was copied, and some of their neighbours'.
    pub(crate) fn for_each_own(&mut self, visit: &mut impl FnMut(&mut M)) {
        Node::for_each_own(&mut self.root, visit);
    }

    /// Tells whether two maps are certain to be equal, without a look at their entries.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }
}

/// Makes a map of entries that rise strictly.
pub(crate) struct Builder<M> {
    leaf: Leaf<M>,
    /// The leaves that are full.
    done: Vec<Split<M>>,
    /// What divides the leaf from the one before.
    divider: Key,
}

impl<M: Copy> Builder<M> {
    pub(crate) fn new() -> Self {
        Self { leaf: Leaf::new(), done: Vec::new(), divider: Key::new(&[]) }
    }

    /// Puts an entry behind all others.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8], mark: M) {
        if self.leaf.page.is_full(key.len() + value.len()) {
            let next = divider(self.leaf.page.key(self.leaf.page.len() - 1), key);
            self.turn(next);
        }
        self.leaf.push(key, value, mark);
    }

    fn turn(&mut self, next: Key) {
        let mut leaf = std::mem::replace(&mut self.leaf, Leaf::new());
        leaf.page.shrink();
        self.done.push((std::mem::replace(&mut self.divider, next), Arc::new(Node::Leaf(leaf))));
    }

    pub(crate) fn finish(mut self) -> Map<M> {
        self.turn(Key::new(&[]));
        let mut level = self.done;
        while level.len() > 1 {
            let mut nodes = level.into_iter();
            let mut above = Vec::with_capacity(nodes.len() / page::MOST + 1);
            while nodes.len() > 0 {
                let some: Vec<_> = nodes.by_ref().take(page::MOST).collect();
                let least = some[0].0.clone();
                above.push((least, Arc::new(Node::above(some))));
            }
            level = above;
        }
        level.pop().map_or_else(Map::new, |(_, root)| Map { root })
    }
}
