//! The entries of a part of a map, from either end.

use std::sync::Arc;

use super::node::{Leaf, Node};
use crate::key::Key;

/// The entries of a part of a map. It holds the tree, so it borrows nothing.
///
/// Entries are lent: most callers copy little of them.
#[derive(Debug)]
pub(crate) struct Range<V> {
    root: Arc<Node<V>>,
    /// How many entries stand before what is left, and before the end of that.
    start: usize,
    end: usize,
    front: Option<At<V>>,
    back: Option<At<V>>,
}

/// A leaf, and how many entries stand before it.
#[derive(Debug)]
struct At<V> {
    before: usize,
    node: Arc<Node<V>>,
}

impl<V> Range<V> {
    pub(super) const fn new(root: Arc<Node<V>>, start: usize, end: usize) -> Self {
        Self { root, start, end, front: None, back: None }
    }

    /// Gives how many are left.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Gives the first of those that are left.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(&Key, &V)> {
        let place = self.step(false)?;
        self.entry(place, false)
    }

    /// Takes the first or the last of those that are left, and gives its place.
    #[inline]
    pub(crate) fn step(&mut self, back: bool) -> Option<usize> {
        if self.start == self.end {
            return None;
        }
        if back {
            self.end -= 1;
            Some(self.end)
        } else {
            self.start += 1;
            Some(self.start - 1)
        }
    }

    /// Gives the entry of the place that was taken last from one end.
    #[inline]
    pub(crate) fn entry(&mut self, place: usize, back: bool) -> Option<(&Key, &V)> {
        entry(&self.root, if back { &mut self.back } else { &mut self.front }, place)
    }

    /// Gives the entry that was taken last from one end.
    pub(crate) fn last_entry(&mut self, back: bool) -> Option<(&Key, &V)> {
        let place = if back { self.end } else { self.start.checked_sub(1)? };
        self.entry(place, back)
    }
}

/// Gives the entry of a place. The leaf of the last one is kept, for the next is mostly in it.
#[inline]
fn entry<'r, V>(root: &'r Arc<Node<V>>, at: &'r mut Option<At<V>>, place: usize) -> Option<(&'r Key, &'r V)> {
    let holds = |at: &At<V>| (at.before..at.before + at.node.count()).contains(&place);
    if !at.as_ref().is_some_and(holds) {
        *at = Some(find(root, place));
    }
    let At { before, node } = at.as_ref()?;
    let leaf = leaf(node)?;
    Some((leaf.keys.get(place - before)?, leaf.values.get(place - before)?))
}

fn leaf<V>(node: &Node<V>) -> Option<&Leaf<V>> {
    match node {
        Node::Leaf(leaf) => Some(leaf),
        Node::Branch(_) => None,
    }
}

fn find<V>(root: &Arc<Node<V>>, place: usize) -> At<V> {
    let (mut node, mut before) = (root, 0);
    while let Node::Branch(branch) = &**node {
        let mut child = 0;
        while child + 1 < branch.children.len() && before + branch.counts[child] <= place {
            before += branch.counts[child];
            child += 1;
        }
        node = &branch.children[child];
    }
    At { before, node: Arc::clone(node) }
}
