//! The entries of a part of a map, from either end.

use super::Entry;
use super::node::Node;
use super::page::Page;

/// The entries of a part of a map. It holds the tree, so it borrows nothing.
///
/// Entries are lent: most callers copy little of them.
#[derive(Debug)]
pub(crate) struct Range {
    root: Node,
    /// How many entries stand before what is left, and before the end of that.
    start: usize,
    end: usize,
    front: Option<At>,
    back: Option<At>,
}

/// A leaf, and how many entries stand before it.
#[derive(Debug)]
struct At {
    before: usize,
    page: Page,
}

impl Range {
    pub(super) const fn new(root: Node, start: usize, end: usize) -> Self {
        Self { root, start, end, front: None, back: None }
    }

    /// Gives how many are left.
    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Gives the first of those that are left.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Entry<'_>> {
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
    pub(crate) fn entry(&mut self, place: usize, back: bool) -> Option<Entry<'_>> {
        entry(&self.root, if back { &mut self.back } else { &mut self.front }, place)
    }

    /// Gives the entry that was taken last from one end.
    pub(crate) fn last_entry(&mut self, back: bool) -> Option<Entry<'_>> {
        let place = if back { self.end } else { self.start.checked_sub(1)? };
        self.entry(place, back)
    }
}

/// Gives the entry of a place. The leaf of the last one is kept, for the next is mostly in it.
#[inline]
fn entry<'r>(root: &Node, at: &'r mut Option<At>, place: usize) -> Option<Entry<'r>> {
    let holds = |at: &At| (at.before..at.before + at.page.len()).contains(&place);
    if !at.as_ref().is_some_and(holds) {
        *at = Some(find(root, place));
    }
    let At { before, page } = at.as_ref()?;
    let (key, value) = page.get(place - before);
    Some(Entry { key, value })
}

fn find(root: &Node, place: usize) -> At {
    let (mut node, mut before) = (root, 0);
    loop {
        match node {
            Node::Leaf(page) => return At { before, page: page.clone() },
            Node::Branch(branch) => {
                let mut child = 0;
                while child + 1 < branch.children.len() && before + branch.counts[child] <= place {
                    before += branch.counts[child];
                    child += 1;
                }
                node = &branch.children[child];
            }
        }
    }
}
