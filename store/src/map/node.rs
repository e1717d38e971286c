//! The nodes of the tree.

use std::sync::Arc;

use crate::key::{Key, Probe};

/// How many entries a leaf has at the most.
const LEAF: usize = 32;
/// How many children a branch has at the most.
const BRANCH: usize = 48;
/// A node with fewer than one in so many of what it may have looks for a neighbour to join.
const SPARSE: usize = 4;

#[derive(Debug, Clone)]
pub(super) enum Node<V> {
    Leaf(Leaf<V>),
    Branch(Branch<V>),
}

#[derive(Debug, Clone)]
pub(super) struct Leaf<V> {
    pub(super) keys: Vec<Key>,
    pub(super) values: Vec<V>,
}

#[derive(Debug, Clone)]
pub(super) struct Branch<V> {
    /// For each child but the first, a key that is not above its own and above all of the child before it.
    keys: Vec<Key>,
    pub(super) children: Vec<Arc<Node<V>>>,
    /// How many entries each child has.
    pub(super) counts: Vec<usize>,
}

/// What a node that grew too large gives away: the right part, and the least key that may be in it.
pub(super) type Split<V> = (Key, Arc<Node<V>>);

impl<V> Node<V> {
    pub(super) const fn empty() -> Self {
        Self::Leaf(Leaf { keys: Vec::new(), values: Vec::new() })
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.keys.len(),
            Self::Branch(branch) => branch.counts.iter().sum(),
        }
    }

    #[inline]
    pub(super) fn get(&self, key: &Probe<'_>) -> Option<&V> {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => {
                    let place = leaf.keys.binary_search_by(|own| own.compare(key)).ok()?;
                    return leaf.values.get(place);
                }
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
                        + match leaf.keys.binary_search_by(|own| own.compare(key)) {
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

impl<V> Branch<V> {
    fn child_of(&self, key: &Probe<'_>) -> usize {
        // What rises goes behind the last.
        if self.keys.last().is_some_and(|last| last.compare(key).is_le()) {
            return self.keys.len();
        }
        self.keys.partition_point(|own| own.compare(key).is_le())
    }
}

impl<V: Clone> Node<V> {
    pub(super) fn insert(this: &mut Arc<Self>, key: Key, value: V) -> (Option<V>, Option<Split<V>>) {
        match Arc::make_mut(this) {
            Self::Leaf(leaf) => leaf.insert(key, value),
            Self::Branch(branch) => {
                let child = branch.child_of(&Probe::new(key.as_bytes()));
                let (old, split) = Self::insert(&mut branch.children[child], key, value);
                branch.counts[child] += usize::from(old.is_none());
                (old, split.and_then(|split| branch.take(child, split)))
            }
        }
    }

    /// Puts a branch above a root that has split.
    pub(super) fn grow(root: &mut Arc<Self>, (key, right): Split<V>) {
        let left = std::mem::replace(root, Arc::new(Self::empty()));
        let counts = vec![left.count(), right.count()];
        *root = Arc::new(Self::Branch(Branch { keys: vec![key], children: vec![left, right], counts }));
    }

    /// Takes out a key that is there.
    pub(super) fn remove(this: &mut Arc<Self>, key: &Probe<'_>) -> Option<V> {
        match Arc::make_mut(this) {
            Self::Leaf(leaf) => {
                let place = leaf.keys.binary_search_by(|own| own.compare(key)).ok()?;
                leaf.keys.remove(place);
                Some(leaf.values.remove(place))
            }
            Self::Branch(branch) => {
                let child = branch.child_of(key);
                let old = Self::remove(&mut branch.children[child], key)?;
                branch.counts[child] -= 1;
                if branch.children[child].is_sparse() {
                    branch.join(child);
                }
                Some(old)
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
            Self::Leaf(leaf) => leaf.keys.len() < LEAF / SPARSE,
            Self::Branch(branch) => branch.children.len() < BRANCH / SPARSE,
        }
    }

    pub(super) fn for_each_own(this: &mut Arc<Self>, visit: &mut impl FnMut(&mut V)) {
        match Arc::get_mut(this) {
            None => {}
            Some(Self::Leaf(leaf)) => leaf.values.iter_mut().for_each(visit),
            Some(Self::Branch(branch)) => {
                for child in &mut branch.children {
                    Self::for_each_own(child, visit);
                }
            }
        }
    }

    pub(super) fn from_sorted(entries: impl Iterator<Item = (Key, V)>) -> Arc<Self> {
        let mut level: Vec<Split<V>> = Vec::new();
        let mut entries = entries.peekable();
        while let Some((first, _)) = entries.peek() {
            let first = first.clone();
            let (keys, values) = entries.by_ref().take(LEAF).unzip();
            level.push((first, Arc::new(Self::Leaf(Leaf { keys, values }))));
        }
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len() / BRANCH + 1);
            let mut nodes = level.into_iter().peekable();
            while let Some((first, _)) = nodes.peek() {
                let first = first.clone();
                let (mut keys, children): (Vec<_>, Vec<_>) = nodes.by_ref().take(BRANCH).unzip();
                keys.remove(0);
                let counts = children.iter().map(|child| child.count()).collect();
                above.push((first, Arc::new(Self::Branch(Branch { keys, children, counts }))));
            }
            level = above;
        }
        level.pop().map_or_else(|| Arc::new(Self::empty()), |(_, root)| root)
    }
}

impl<V: Clone> Leaf<V> {
    fn insert(&mut self, key: Key, value: V) -> (Option<V>, Option<Split<V>>) {
        let rises = self.keys.last().is_some_and(|last| *last < key);
        let found = if rises { Err(self.keys.len()) } else { self.keys.binary_search(&key) };
        let place = match found {
            Ok(place) => return (Some(std::mem::replace(&mut self.values[place], value)), None),
            Err(place) => place,
        };
        if self.keys.len() < LEAF {
            self.keys.insert(place, key);
            self.values.insert(place, value);
            return (None, None);
        }
        // Keys that rise leave full leaves behind them.
        let middle = if place == LEAF { LEAF } else { LEAF / 2 };
        let mut right = Self { keys: Vec::with_capacity(LEAF), values: Vec::with_capacity(LEAF) };
        right.keys.extend(self.keys.drain(middle..));
        right.values.extend(self.values.drain(middle..));
        let (half, place) = if place < middle { (self, place) } else { (&mut right, place - middle) };
        half.keys.insert(place, key);
        half.values.insert(place, value);
        let least = right.keys[0].clone();
        (None, Some((least, Arc::new(Node::Leaf(right)))))
    }
}

impl<V: Clone> Branch<V> {
    /// Takes what a child gave away, and splits itself if that is too much.
    fn take(&mut self, child: usize, (key, right): Split<V>) -> Option<Split<V>> {
        let count = right.count();
        self.counts[child] -= count;
        self.keys.insert(child, key);
        self.children.insert(child + 1, right);
        self.counts.insert(child + 1, count);
        if self.children.len() <= BRANCH {
            return None;
        }
        let middle = if child + 2 == self.children.len() { BRANCH } else { BRANCH / 2 };
        let mut right = Self {
            keys: Vec::with_capacity(BRANCH),
            children: Vec::with_capacity(BRANCH),
            counts: Vec::with_capacity(BRANCH),
        };
        right.keys.extend(self.keys.drain(middle..));
        right.children.extend(self.children.drain(middle..));
        right.counts.extend(self.counts.drain(middle..));
        let least = self.keys.pop()?;
        Some((least, Arc::new(Node::Branch(right))))
    }

    /// Joins a child with a neighbour if one node has room for both.
    fn join(&mut self, child: usize) {
        let left = if child + 1 < self.children.len() { child } else { child.saturating_sub(1) };
        if left + 1 >= self.children.len() {
            return;
        }
        let fits = match (&*self.children[left], &*self.children[left + 1]) {
            (Node::Leaf(one), Node::Leaf(other)) => one.keys.len() + other.keys.len() <= LEAF,
            (Node::Branch(one), Node::Branch(other)) => one.children.len() + other.children.len() <= BRANCH,
            _ => false,
        };
        if !fits {
            return;
        }
        let between = self.keys.remove(left);
        let right = self.children.remove(left + 1);
        let count = self.counts.remove(left + 1);
        self.counts[left] += count;
        match (Arc::make_mut(&mut self.children[left]), Arc::unwrap_or_clone(right)) {
            (Node::Leaf(one), Node::Leaf(mut other)) => {
                one.keys.append(&mut other.keys);
                one.values.append(&mut other.values);
            }
            (Node::Branch(one), Node::Branch(mut other)) => {
                one.keys.push(between);
                one.keys.append(&mut other.keys);
                one.children.append(&mut other.children);
                one.counts.append(&mut other.counts);
            }
            // All children of a branch are of one kind.
            _ => {}
        }
    }
}
