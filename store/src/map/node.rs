//! The nodes of the tree.

use std::sync::Arc;

use super::page::{MOST, Page, Probe, Value, common, entry_size};
use crate::key::Key;

/// A node. A copy costs nothing.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf(Page),
    Branch(Arc<Branch>),
}

#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// For each child but the first, a key that is not above its own and above all of the child before it; they have no values.
    keys: Page,
    pub(super) children: Vec<Node>,
    /// How many entries each child has.
    pub(super) counts: Vec<usize>,
}

/// What a node that grew too large gives away: the right part, and a key that divides them.
pub(super) type Split = (Key, Node);

const NO_VALUE: Value<'_> = [&[], &[]];

impl Node {
    pub(super) fn empty() -> Self {
        Self::Leaf(Page::new())
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(page) => page.len(),
            Self::Branch(branch) => branch.counts.iter().sum(),
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Leaf(page) => page.size(),
            Self::Branch(branch) => branch.children.iter().map(Self::size).sum(),
        }
    }

    /// Tells whether two nodes are certain to be equal, without a look at their entries.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(one), Self::Leaf(other)) => one.is_same(other),
            (Self::Branch(one), Self::Branch(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Finds the leaf that a key would stand in.
    #[inline]
    pub(super) fn leaf_of(&self, key: &Probe<'_>) -> &Page {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(page) => return page,
                Self::Branch(branch) => node = &branch.children[branch.child_of(key)],
            }
        }
    }

    /// Counts the entries before a key, the key's own among them where `inclusive` says so.
    pub(super) fn rank(&self, key: &Probe<'_>, inclusive: bool) -> usize {
        let (mut node, mut before) = (self, 0);
        loop {
            match node {
                Self::Leaf(page) => {
                    return before
                        + match page.search(key) {
                            Ok(place) => place + usize::from(inclusive),
                            Err(place) => place,
                        };
                }
                Self::Branch(branch) => {
                    let child = branch.child_of(key);
                    before += branch.counts[..child].iter().sum::<usize>();
                    node = &branch.children[child];
                }
            }
        }
    }

    /// Puts an entry in, and gives the length of the value that was there, which stays unless it is said that it may be replaced.
    pub(super) fn insert(
        &mut self,
        key: &Probe<'_>,
        value: Value<'_>,
        replaces: bool,
    ) -> (Option<usize>, Option<Split>) {
        match self {
            Self::Leaf(page) => put(page, key, value, replaces),
            Self::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let child = match branch.keys.search_from_end(key) {
                    Ok(place) => place + 1,
                    Err(place) => place,
                };
                let (old, split) = branch.children[child].insert(key, value, replaces);
                branch.counts[child] += usize::from(old.is_none());
                (old, split.and_then(|split| branch.take(child, split)))
            }
        }
    }

    /// Puts a branch above nodes that each have a key which divides it from the one before; the first key is of no use.
    pub(super) fn above(nodes: impl IntoIterator<Item = Split>) -> Self {
        let mut branch = Branch::with_keys(Page::new());
        for (key, node) in nodes {
            if !branch.children.is_empty() {
                branch.keys.insert(branch.keys.len(), &Probe::new(key.as_bytes()), NO_VALUE);
            }
            branch.counts.push(node.count());
            branch.children.push(node);
        }
        Self::Branch(Arc::new(branch))
    }

    /// Puts a branch above a root that has split.
    pub(super) fn grow(&mut self, right: Split) {
        let left = std::mem::replace(self, Self::empty());
        *self = Self::above([(Key::new(&[]), left), right]);
    }

    /// Takes out a key that is there.
    pub(super) fn remove(&mut self, key: &Probe<'_>) {
        match self {
            Self::Leaf(page) => {
                if let Ok(place) = page.search(key) {
                    page.remove(place);
                }
            }
            Self::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                let child = branch.child_of(key);
                branch.children[child].remove(key);
                branch.counts[child] -= 1;
                if branch.children[child].is_sparse() {
                    branch.join(child);
                }
            }
        }
    }

    /// Takes away a root that has one child.
    pub(super) fn shrink(&mut self) {
        while let Self::Branch(branch) = self
            && let [only] = &branch.children[..]
        {
            *self = only.clone();
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Self::Leaf(page) => page.is_sparse(),
            Self::Branch(branch) => branch.keys.is_sparse(),
        }
    }

    pub(super) fn for_each_own(&mut self, visit: &mut impl FnMut(&mut [u8])) {
        match self {
            Self::Leaf(page) => page.for_each_own(visit),
            Self::Branch(branch) => {
                let Some(branch) = Arc::get_mut(branch) else { return };
                branch.children.iter_mut().for_each(|child| child.for_each_own(visit));
            }
        }
    }
}

/// Gives a short key that is above one and not above the next.
pub(super) fn divider(below: &[u8], above: &[u8]) -> Key {
    Key::new(&above[..above.len().min(common(below, above) + 1)])
}

/// Puts an entry into a leaf.
fn put(page: &mut Page, key: &Probe<'_>, value: Value<'_>, replaces: bool) -> (Option<usize>, Option<Split>) {
    let place = match page.search_from_end(key) {
        Ok(place) if replaces => return (Some(page.replace(place, value)), None),
        Ok(place) => return (Some(page.get(place).1.len()), None),
        Err(place) => place,
    };
    let more = entry_size(key.bytes, value);
    if !page.is_full(more) {
        page.insert(place, key, value);
        return (None, None);
    }
    let right = if place == page.len() {
        // Keys that rise leave full leaves behind them, and are likely to fill another.
        page.shrink();
        let mut right = Page::with_room(page.usual_room());
        right.insert(0, key, value);
        right
    } else {
        // Of one entry alone the new one stands before it.
        let middle = page.len() / 2;
        let is_left = place <= middle && (place < middle || middle == 0);
        // Where one has come more are likely to.
        let room = page.usual_room();
        let mut right = page.split_off(middle, if is_left { [room, 0] } else { [0, room] });
        if is_left {
            page.insert(place, key, value);
        } else {
            right.insert(place - middle, key, value);
        }
        right
    };
    let least = divider(page.key(page.len() - 1), right.key(0));
    (None, Some((least, Node::Leaf(right))))
}

impl Branch {
    fn with_keys(keys: Page) -> Self {
        Self { keys, children: Vec::with_capacity(MOST + 1), counts: Vec::with_capacity(MOST + 1) }
    }

    #[inline]
    fn child_of(&self, key: &Probe<'_>) -> usize {
        match self.keys.search(key) {
            Ok(place) => place + 1,
            Err(place) => place,
        }
    }

    /// Takes what a child gave away, and splits itself if that is too much.
    fn take(&mut self, child: usize, (key, right): Split) -> Option<Split> {
        let count = right.count();
        self.counts[child] -= count;
        self.keys.insert(child, &Probe::new(key.as_bytes()), NO_VALUE);
        self.children.insert(child + 1, right);
        self.counts.insert(child + 1, count);
        if self.children.len() <= MOST {
            return None;
        }
        let middle = if child + 2 == self.children.len() { MOST } else { MOST / 2 };
        let mut right = Self::with_keys(self.keys.split_off(middle, [0, 0]));
        let least = Key::new(self.keys.key(middle - 1));
        self.keys.remove(middle - 1);
        right.children.extend(self.children.drain(middle..));
        right.counts.extend(self.counts.drain(middle..));
        Some((least, Node::Branch(Arc::new(right))))
    }

    /// Joins a child with a neighbour if one node has room for both.
    fn join(&mut self, child: usize) {
        let left = if child + 1 < self.children.len() { child } else { child.saturating_sub(1) };
        let Some([one, other]) = self.children.get_mut(left..).and_then(<[Node]>::first_chunk_mut) else { return };
        match (one, other) {
            (Node::Leaf(one), Node::Leaf(other)) if one.has_room_for(other) => one.append(other),
            (Node::Branch(one), Node::Branch(other)) if one.children.len() + other.children.len() <= MOST => {
                let one = Arc::make_mut(one);
                one.keys.insert(one.keys.len(), &Probe::new(self.keys.key(left)), NO_VALUE);
                one.keys.append(&other.keys);
                one.children.extend(other.children.iter().cloned());
                one.counts.extend_from_slice(&other.counts);
            }
            _ => return,
        }
        self.keys.remove(left);
        self.children.remove(left + 1);
        let count = self.counts.remove(left + 1);
        self.counts[left] += count;
    }
}
