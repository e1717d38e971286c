//! The entries of a part of a map, from either end.

use std::sync::Arc;

use super::Entry;
use super::node::Node;

/// The entries of a part of a map. It holds the tree, so it borrows nothing.
///
/// Entries are lent: most callers copy little of them.
#[derive(Debug)]
pub(crate) struct Range<M> {
    root: Arc<Node<M>>,
    /// How many entries stand before what is left, and before the end of that.
    start: usize,
    end: usize,
    front: Option<At<M>>,
    back: Option<At<M>>,
}

/// A leaf, and how many entries stand before it.
#[derive(Debug)]
struct At<M> {
    before: usize,
    node: Arc<Node<M>>,
}

impl<M: Copy> Range<M> {
    pub(super) const fn new(root: Arc<Node<M>>, start: usize, end: usize) -> Self {
        Self { root, start, end, front: None, back: None }
    }

    /// Gives how many are left.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Gives the first of those that are left.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Entry<'_, M>> {
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
    pub(crate) fn entry(&mut self, place: usize, back: bool) -> Option<Entry<'_, M>> {
        entry(&self.root, if back { &mut self.back } else { &mut self.front }, place)
    }

    /// Gives the entry that was taken last from one end.
    pub(crate) fn last_entry(&mut self, back: bool) -> Option<Entry<'_, M>> {
        let place = if back { self.end } else { self.start.checked_sub(1)? };
        self.entry(place, back)
    }
}

/// Gives the entry of a place. The leaf of the last one is kept, for the next is mostly in it.
#[inline]
fn entry<'r, M: Copy>(root: &'r Arc<Node<M>>, at: &'r mut Option<At<M>>, place: usize) -> Option<Entry<'r, M>> {
    let holds = |at: &At<M>| (at.before..at.before + at.node.count()).contains(&place);
    if !at.as_ref().is_some_and(holds) {
        *at = Some(find(root, place));
    }
    let At { before, node } = at.as_ref()?;
    match &**node {
        Node::Leaf(leaf) => Some(leaf.entry(place - before)),
        Node::Branch(_) => None,
    }
}

fn find<M>(root: &Arc<Node<M>>, place: usize) -> At<M> {
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
