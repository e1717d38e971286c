//! Keys in their order, each with a value, in one piece of memory: what a node of the tree holds.
//!
//! A look-up takes few steps from one line of memory to another, for each may be a wait as long as all else of it: the heads stand
//! beside each other in the node itself, and a key's bytes beside those of its value. To copy a page is to copy memory.

use std::cmp::Ordering;
use std::sync::Arc;

use smallvec::SmallVec;

/// How many entries a page has at the most.
pub(super) const MOST: usize = 32;

/// How many bytes a page of several entries has at the most, about.
const MOST_BYTES: usize = 16 << 10;

/// As few entries as a page may have that is divided for its bytes.
const FEW: usize = 4;

/// An entry of more bytes stands by itself, so that copies of its page need not copy it.
const APART: usize = 1 << 10;

/// How many bytes a copy has room for beyond what it holds: most are made for one more entry.
const SPARE: usize = 256;

/// Keys in their order, each with a value.
#[derive(Debug)]
pub(super) struct Page {
    /// What all keys begin with.
    shared: Prefix,
    /// Of each key, the eight bytes behind what all begin with as a number, noughts behind a shorter key: where two differ, so do the
    /// keys, in the same way.
    heads: SmallVec<[u64; MOST]>,
    slots: SmallVec<[Slot; MOST]>,
    bytes: Vec<u8>,
    /// How many of the bytes no slot leads to.
    dead: usize,
    apart: Vec<Arc<[u8]>>,
}

/// Where an entry stands: its key, and its value behind that.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The place in the page's bytes; with the highest bit, the place in the list of those that stand apart.
    start: u32,
    key: u32,
    value: u32,
}

impl Slot {
    const APART: u32 = 1 << 31;
}

/// The beginning that keys have in common, as far as there is room for it.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    length: u8,
    bytes: [u8; Self::MOST],
}

impl Prefix {
    const MOST: usize = 23;

    const fn empty() -> Self {
        Self { length: 0, bytes: [0; Self::MOST] }
    }

    fn new(bytes: &[u8]) -> Self {
        let length = bytes.len().min(Self::MOST);
        let mut prefix = Self { length: u8::try_from(length).unwrap_or(0), bytes: [0; Self::MOST] };
        prefix.bytes[..length].copy_from_slice(&bytes[..length]);
        prefix
    }

    #[inline]
    fn get(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Counts the bytes that both begin with.
pub(super) fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[inline]
fn head(bytes: &[u8]) -> u64 {
    let head = bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut head = [0; 8];
        head[..bytes.len()].copy_from_slice(bytes);
        head
    });
    u64::from_be_bytes(head)
}

#[inline]
fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Lengths have been looked at: a record has less than 4 GiB.
#[inline]
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            shared: Prefix::empty(),
            heads: SmallVec::new(),
            slots: SmallVec::new(),
            bytes: Vec::new(),
            dead: 0,
            apart: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Tells whether there is no room for one more entry of so many bytes.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let bytes = self.bytes.len() - self.dead + if more > APART { 0 } else { more };
        self.len() >= MOST || (bytes > MOST_BYTES && self.len() >= FEW)
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.len() < MOST / 4
    }

    /// Tells whether one page has room for the entries of both.
    pub(super) fn has_room_for(&self, other: &Self) -> bool {
        self.len() + other.len() <= MOST && self.bytes.len() + other.bytes.len() <= MOST_BYTES
    }

    #[inline]
    fn entry(&self, slot: Slot) -> (&[u8], &[u8]) {
        let (key, both) = (wide(slot.key), wide(slot.key) + wide(slot.value));
        let bytes = if slot.start & Slot::APART == 0 {
            &self.bytes[wide(slot.start)..][..both]
        } else {
            &self.apart[wide(slot.start & !Slot::APART)][..both]
        };
        bytes.split_at(key)
    }

    /// Gives a key and its value.
    #[inline]
    pub(super) fn get(&self, place: usize) -> (&[u8], &[u8]) {
        self.entry(self.slots[place])
    }

    #[inline]
    pub(super) fn key(&self, place: usize) -> &[u8] {
        self.get(place).0
    }

    /// Finds a key, or the place where it would stand.
    #[inline]
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let shared = self.shared.get();
        let Some((first, rest)) = key.split_at_checked(shared.len()) else {
            // A beginning of what all begin with stands before them all.
            return Err(if key > &shared[..key.len()] { self.len() } else { 0 });
        };
        match first.cmp(shared) {
            Ordering::Less => return Err(0),
            Ordering::Greater => return Err(self.len()),
            Ordering::Equal => {}
        }
        let head = head(rest);
        if self.heads.last().is_none_or(|last| *last < head) {
            return Err(self.len());
        }
        // No branches: their guesses would be wrong half of the time.
        let low: usize = self.heads.iter().map(|own| usize::from(*own < head)).sum();
        if self.heads.get(low) != Some(&head) {
            return Err(low);
        }
        let same = self.heads[low..].iter().take_while(|own| **own == head).count();
        let found = self.slots[low..low + same].binary_search_by(|slot| self.entry(*slot).0.cmp(key));
        found.map(|place| low + place).map_err(|place| low + place)
    }

    /// Puts an entry at the place where it has to stand.
    pub(super) fn insert(&mut self, place: usize, key: &[u8], value: &[u8]) {
        self.admit(key);
        let slot = self.store(key, value);
        self.heads.insert(place, head(&key[self.shared.get().len()..]));
        self.slots.insert(place, slot);
    }

    /// Gives a key another value, and tells how many bytes the old one had.
    pub(super) fn replace(&mut self, place: usize, value: &[u8]) -> usize {
        let slot = self.slots[place];
        let (old, start) = (wide(slot.value), wide(slot.start) + wide(slot.key));
        if slot.start & Slot::APART == 0 && value.len() <= old {
            self.bytes[start..start + value.len()].copy_from_slice(value);
            self.dead += old - value.len();
            self.slots[place].value = narrow(value.len());
        } else {
            let key = SmallVec::<[u8; 64]>::from_slice(self.key(place));
            self.free(slot);
            self.slots[place] = self.store(&key, value);
        }
        self.tidy();
        old
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, place: usize) {
        self.heads.remove(place);
        let slot = self.slots.remove(place);
        self.free(slot);
        self.tidy();
    }

    /// Gives back bytes that no slot leads to, once they are the greater part.
    fn tidy(&mut self) {
        if self.dead > self.bytes.len() / 2 {
            *self = self.clone();
        }
    }

    /// Gives away the entries from a place on.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        let right = self.part(place, self.len());
        *self = self.part(0, place);
        right
    }

    /// Takes over the entries of a page all of whose keys are above its own.
    pub(super) fn append(&mut self, other: &Self) {
        for place in 0..other.len() {
            let (key, value) = other.get(place);
            self.insert(self.len(), key, value);
        }
    }

    /// Gives back what is not needed by a page that nothing is put into for long.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Makes a page of some of the entries.
    fn part(&self, from: usize, to: usize) -> Self {
        let mut part = Self::new();
        if from < to {
            let (first, last) = (self.key(from), self.key(to - 1));
            part.shared = Prefix::new(&first[..common(first, last)]);
        }
        for slot in &self.slots[from..to] {
            let (key, value) = self.entry(*slot);
            part.heads.push(head(&key[part.shared.get().len()..]));
            let slot = if slot.start & Slot::APART == 0 {
                part.store(key, value)
            } else {
                part.apart.push(Arc::clone(&self.apart[wide(slot.start & !Slot::APART)]));
                Slot { start: narrow(part.apart.len() - 1) | Slot::APART, ..*slot }
            };
            part.slots.push(slot);
        }
        part
    }

    /// Sees to it that a key begins as all do.
    fn admit(&mut self, key: &[u8]) {
        if self.heads.is_empty() {
            self.shared = Prefix::new(key);
            return;
        }
        let common = common(self.shared.get(), key);
        if common < self.shared.get().len() {
            self.shared = Prefix::new(&self.shared.get()[..common]);
            for place in 0..self.len() {
                self.heads[place] = head(&self.key(place)[common..]);
            }
        }
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Slot {
        let (start, lengths) = (self.bytes.len(), (narrow(key.len()), narrow(value.len())));
        let start = if key.len() + value.len() > APART {
            self.apart.push([key, value].concat().into());
            narrow(self.apart.len() - 1) | Slot::APART
        } else {
            self.bytes.extend_from_slice(key);
            self.bytes.extend_from_slice(value);
            narrow(start)
        };
        Slot { start, key: lengths.0, value: lengths.1 }
    }

    /// Gives up the bytes of an entry that has no slot any more.
    fn free(&mut self, slot: Slot) {
        if slot.start & Slot::APART == 0 {
            self.dead += wide(slot.key) + wide(slot.value);
            return;
        }
        let place = wide(slot.start & !Slot::APART);
        self.apart.swap_remove(place);
        let last = narrow(self.apart.len()) | Slot::APART;
        for other in &mut self.slots {
            if other.start == last {
                other.start = slot.start;
            }
        }
    }
}

impl Clone for Page {
    fn clone(&self) -> Self {
        let mut copy = Self {
            shared: self.shared,
            heads: SmallVec::from_slice(&self.heads),
            slots: SmallVec::from_slice(&self.slots),
            bytes: Vec::with_capacity(self.bytes.len() - self.dead + SPARE),
            dead: 0,
            apart: self.apart.clone(),
        };
        if self.dead == 0 {
            copy.bytes.extend_from_slice(&self.bytes);
            return copy;
        }
        for slot in &mut copy.slots {
            if slot.start & Slot::APART == 0 {
                let bytes = &self.bytes[wide(slot.start)..][..wide(slot.key) + wide(slot.value)];
                slot.start = narrow(copy.bytes.len());
                copy.bytes.extend_from_slice(bytes);
            }
        }
        copy
    }
}
