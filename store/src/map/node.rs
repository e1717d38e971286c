//! The nodes of the tree.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Entry;
use super::page::{MOST, Page, Probe, common};
use crate::key::Key;

#[derive(Debug, Clone)]
pub(super) enum Node<M> {
    Leaf(Leaf<M>),
    Branch(Branch<M>),
}

#[derive(Debug, Clone)]
pub(super) struct Leaf<M> {
    pub(super) page: Page,
    pub(super) marks: SmallVec<[M; MOST]>,
}

#[derive(Debug, Clone)]
pub(super) struct Branch<M> {
    /// For each child but the first, a key that is not above its own and above all of the child before it; they have no values.
    keys: Page,
    pub(super) children: Vec<Arc<Node<M>>>,
    /// How many entries each child has.
    pub(super) counts: Vec<usize>,
}

/// What a node that grew too large gives away: the right part, and a key that divides them.
pub(super) type Split<M> = (Key, Arc<Node<M>>);

impl<M> Node<M> {
    pub(super) fn empty() -> Self {
        Self::Leaf(Leaf { page: Page::new(), marks: SmallVec::new() })
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.page.len(),
            Self::Branch(branch) => branch.counts.iter().sum(),
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.page.bytes(),
            Self::Branch(branch) => branch.children.iter().map(|child| child.bytes()).sum(),
        }
    }

    /// Finds the leaf that a key would stand in.
    #[inline]
    pub(super) fn leaf_of(&self, key: &Probe<'_>) -> &Leaf<M> {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => return leaf,
                Self::Branch(branch) => node = &branch.children[branch.child_of(key)],
            }
        }
    }

    /// Counts the entries before a key, the key's own among them where `inclusive` says so.
    pub(super) fn rank(&self, key: &Probe<'_>, inclusive: bool) -> usize {
        let (mut node, mut before) = (self, 0);
        loop {
            match node {
                Self::Leaf(leaf) => {
                    return before
                        + match leaf.page.search(key) {
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
}

impl<M> Branch<M> {
    #[inline]
    fn child_of(&self, key: &Probe<'_>) -> usize {
        match self.keys.search(key) {
            Ok(place) => place + 1,
            Err(place) => place,
        }
    }
}

impl<M: Copy> Node<M> {
    /// Puts an entry in, and gives the length of the value that was there.
    pub(super) fn insert(
        this: &mut Arc<Self>,
        key: &Probe<'_>,
        value: &[u8],
        mark: M,
    ) -> (Option<usize>, Option<Split<M>>) {
        match Arc::make_mut(this) {
            Self::Leaf(leaf) => leaf.insert(key, value, mark),
            Self::Branch(branch) => {
                let child = branch.child_of(key);
                let (old, split) = Self::insert(&mut branch.children[child], key, value, mark);
                branch.counts[child] += usize::from(old.is_none());
                (old, split.and_then(|split| branch.take(child, split)))
            }
        }
    }

    /// Puts a branch above nodes that each have a key which divides it from the one before; the first key is of no use.
    pub(super) fn above(nodes: impl IntoIterator<Item = Split<M>>) -> Self {
        let mut branch =
            Branch { keys: Page::new(), children: Vec::with_capacity(MOST), counts: Vec::with_capacity(MOST) };
        for (key, node) in nodes {
            if !branch.children.is_empty() {
                branch.keys.insert(branch.keys.len(), key.as_bytes(), &[]);
            }
            branch.counts.push(node.count());
            branch.children.push(node);
        }
        Self::Branch(branch)
    }

    /// Puts a branch above a root that has split.
    pub(super) fn grow(root: &mut Arc<Self>, right: Split<M>) {
        let left = std::mem::replace(root, Arc::new(Self::empty()));
        *root = Arc::new(Self::above([(Key::new(&[]), left), right]));
    }

    /// Takes out a key that is there.
    pub(super) fn remove(this: &mut Arc<Self>, key: &Probe<'_>) {
        match Arc::make_mut(this) {
            Self::Leaf(leaf) => {
                if let Ok(place) = leaf.page.search(key) {
                    leaf.page.remove(place);
                    leaf.marks.remove(place);
                }
            }
            Self::Branch(branch) => {
                let child = branch.child_of(key);
                Self::remove(&mut branch.children[child], key);
                branch.counts[child] -= 1;
                if branch.children[child].is_sparse() {
                    branch.join(child);
                }
            }
        }
    }

    /// Takes away a root that has one child.
    pub(super) fn shrink(root: &mut Arc<Self>) {
        loop {
            let only = match &**root {
                Self::Branch(branch) if branch.children.len() == 1 => Arc::clone(&branch.children[0]),
                _ => return,
            };
            *root = only;
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.page.is_sparse(),
            Self::Branch(branch) => branch.keys.is_sparse(),
        }
    }

    pub(super) fn for_each_own(this: &mut Arc<Self>, visit: &mut impl FnMut(&mut M)) {
        match Arc::get_mut(this) {
            None => {}
            Some(Self::Leaf(leaf)) => leaf.marks.iter_mut().for_each(visit),
            Some(Self::Branch(branch)) => {
                for child in &mut branch.children {
                    Self::for_each_own(child, visit);
                }
            }
        }
    }
}

/// Gives a short key that is above one and not above the next.
pub(super) fn divider(below: &[u8], above: &[u8]) -> Key {
    Key::new(&above[..above.len().min(common(below, above) + 1)])
}

impl<M: Copy> Leaf<M> {
    #[inline]
    pub(super) fn entry(&self, place: usize) -> Entry<'_, M> {
        let (key, value) = self.page.get(place);
        Entry { key, value, mark: self.marks[place] }
    }

    pub(super) fn new() -> Self {
        Self { page: Page::new(), marks: SmallVec::new() }
    }

    /// Puts an entry behind all others.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8], mark: M) {
        self.page.insert(self.page.len(), key, value);
        self.marks.push(mark);
    }

    fn insert(&mut self, probe: &Probe<'_>, value: &[u8], mark: M) -> (Option<usize>, Option<Split<M>>) {
        let key = probe.bytes;
        let place = match self.page.search(probe) {
            Ok(place) => {
                self.marks[place] = mark;
                return (Some(self.page.replace(place, value)), None);
            }
            Err(place) => place,
        };
        if !self.page.is_full(key.len() + value.len()) {
            self.page.insert(place, key, value);
            self.marks.insert(place, mark);
            return (None, None);
        }
        let mut right = Self::new();
        if place == self.page.len() {
            // Keys that rise leave full leaves behind them.
            self.page.shrink();
            right.push(key, value, mark);
        } else {
            let middle = self.page.len() / 2;
            right.page = self.page.split_off(middle);
            right.marks.extend(self.marks.drain(middle..));
            let (half, place) = if place < middle { (&mut *self, place) } else { (&mut right, place - middle) };
            half.page.insert(place, key, value);
            half.marks.insert(place, mark);
        }
        let key = divider(self.page.key(self.page.len() - 1), right.page.key(0));
        (None, Some((key, Arc::new(Node::Leaf(right)))))
    }
}

impl<M: Copy> Branch<M> {
    /// Takes what a child gave away, and splits itself if that is too much.
    fn take(&mut self, child: usize, (key, right): Split<M>) -> Option<Split<M>> {
        let count = right.count();
        self.counts[child] -= count;
        self.keys.insert(child, key.as_bytes(), &[]);
        self.children.insert(child + 1, right);
        self.counts.insert(child + 1, count);
        if self.children.len() <= MOST {
            return None;
        }
        let middle = if child + 2 == self.children.len() { MOST } else { MOST / 2 };
        let keys = self.keys.split_off(middle);
        let least = Key::new(self.keys.key(middle - 1));
        self.keys.remove(middle - 1);
        let mut right = Self { keys, children: Vec::with_capacity(MOST), counts: Vec::with_capacity(MOST) };
        right.children.extend(self.children.drain(middle..));
        right.counts.extend(self.counts.drain(middle..));
        Some((least, Arc::new(Node::Branch(right))))
    }

    /// Joins a child with a neighbour if one node has room for both.
    fn join(&mut self, child: usize) {
        let left = if child + 1 < self.children.len() { child } else { child.saturating_sub(1) };
        if left + 1 >= self.children.len() {
            return;
        }
        let fits = match (&*self.children[left], &*self.children[left + 1]) {
            (Node::Leaf(one), Node::Leaf(other)) => one.page.has_room_for(&other.page),
            (Node::Branch(one), Node::Branch(other)) => one.children.len() + other.children.len() <= MOST,
            _ => false,
        };
        if !fits {
            return;
        }
        let between = Key::new(self.keys.key(left));
        self.keys.remove(left);
        let right = self.children.remove(left + 1);
        let count = self.counts.remove(left + 1);
        self.counts[left] += count;
        match (Arc::make_mut(&mut self.children[left]), &*right) {
            (Node::Leaf(one), Node::Leaf(other)) => {
                one.page.append(&other.page);
                one.marks.extend_from_slice(&other.marks);
            }
            (Node::Branch(one), Node::Branch(other)) => {
                one.keys.insert(one.keys.len(), between.as_bytes(), &[]);
                one.keys.append(&other.keys);
                one.children.extend(other.children.iter().map(Arc::clone));
                one.counts.extend_from_slice(&other.counts);
            }
            // All children of a branch are of one kind.
            _ => {}
        }
    }
}
