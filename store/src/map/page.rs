//! Keys in their order, each with a value, in one piece of memory: what a node of the tree holds.
//!
//! A look-up takes few steps from one line of memory to another, for each may be a wait as long as all else of it: the heads stand
//! beside each other in the node itself, and a key's bytes beside those of its value. To copy a page is to copy memory.

use std::cmp::Ordering;
use std::sync::Arc;

use smallvec::SmallVec;

/// How many entries a page has at the most.
pub(super) const MOST: usize = 32;

/// How many heads stand in a line of memory.
const LINE: usize = 8;

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
    shared: Shared,
    /// Of each key, the eight bytes behind what all begin with as a number, noughts behind a shorter key: where two differ, so do the
    /// keys, in the same way.
    heads: SmallVec<[u64; MOST]>,
    slots: SmallVec<[Slot; MOST]>,
    bytes: Vec<u8>,
    /// How many of the bytes no slot leads to.
    dead: usize,
    apart: Vec<Arc<[u8]>>,
}

/// A key that is looked for, its first bytes put beside noughts once for all pages on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe<'p> {
    pub(super) bytes: &'p [u8],
    /// The first bytes as a number.
    start: u128,
    front: [u8; FRONT],
}

/// How many bytes a key's head may end at.
const FRONT: usize = Shared::MOST + size_of::<u64>();

impl<'p> Probe<'p> {
    #[inline]
    pub(super) fn new(bytes: &'p [u8]) -> Self {
        let front = bytes.first_chunk().copied().unwrap_or_else(|| {
            let mut front = [0; FRONT];
            front[..bytes.len()].copy_from_slice(bytes);
            front
        });
        let start = front.first_chunk().map_or(0, |start| u128::from_be_bytes(*start));
        Self { bytes, start, front }
    }

    /// Gives the eight bytes behind so many.
    #[inline]
    fn head(&self, behind: usize) -> u64 {
        self.front.get(behind..).and_then(<[u8]>::first_chunk).map_or(0, |head| u64::from_be_bytes(*head))
    }
}

/// The beginning that keys have in common, as far as it counts.
#[derive(Debug, Clone, Copy)]
struct Shared {
    length: usize,
    /// The bytes as the highest of a number, and ones for each of them.
    bytes: u128,
    mask: u128,
}

impl Shared {
    const MOST: usize = size_of::<u128>();

    const NONE: Self = Self { length: 0, bytes: 0, mask: 0 };

    /// What begins with some of the first bytes of a key.
    fn of(key: &Probe<'_>, length: usize) -> Self {
        let length = length.min(Self::MOST).min(key.bytes.len());
        let bits = u32::try_from(8 * (Self::MOST - length)).unwrap_or(u128::BITS);
        let mask = u128::MAX.checked_shl(bits).unwrap_or(0);
        Self { length, bytes: key.start & mask, mask }
    }

    #[inline]
    fn compare(&self, key: &Probe<'_>) -> Ordering {
        (key.start & self.mask).cmp(&self.bytes)
    }

    /// Counts the bytes that a key has in common with it.
    fn common(&self, key: &Probe<'_>) -> usize {
        let differ = (key.start & self.mask) ^ self.bytes;
        let same = usize::try_from(differ.leading_zeros() / 8).unwrap_or(0);
        same.min(self.length).min(key.bytes.len())
    }
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

/// Counts the bytes that both begin with.
pub(super) fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
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
            shared: Shared::NONE,
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
    pub(super) fn search(&self, key: &Probe<'_>) -> Result<usize, usize> {
        match self.shared.compare(key) {
            Ordering::Less => return Err(0),
            Ordering::Greater => return Err(self.len()),
            Ordering::Equal => {}
        }
        let head = key.head(self.shared.length);
        let heads = self.heads.as_slice();
        // One head of each line of memory at first, so that they are waited for together; and no branches, whose guesses would be wrong half
        // of the time.
        let lines: usize = heads.chunks_exact(LINE).map(|line| usize::from(line[LINE - 1] < head)).sum();
        let rest = &heads[lines * LINE..];
        let rest = rest.get(..LINE).unwrap_or(rest);
        let low = lines * LINE + rest.iter().map(|own| usize::from(*own < head)).sum::<usize>();
        if heads.get(low) != Some(&head) {
            return Err(low);
        }
        self.search_same(low, head, key.bytes)
    }

    /// Finds a key among those of one head.
    fn search_same(&self, low: usize, head: u64, key: &[u8]) -> Result<usize, usize> {
        let same = self.heads[low..].iter().take_while(|own| **own == head).count();
        let found = self.slots[low..low + same].binary_search_by(|slot| self.entry(*slot).0.cmp(key));
        found.map(|place| low + place).map_err(|place| low + place)
    }

    /// Puts an entry at the place where it has to stand.
    pub(super) fn insert(&mut self, place: usize, key: &[u8], value: &[u8]) {
        let probe = Probe::new(key);
        self.admit(&probe);
        let slot = self.store(key, value);
        self.heads.insert(place, probe.head(self.shared.length));
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
            part.shared = Shared::of(&Probe::new(first), common(first, last));
        }
        for slot in &self.slots[from..to] {
            let (key, value) = self.entry(*slot);
            part.heads.push(Probe::new(key).head(part.shared.length));
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
    fn admit(&mut self, key: &Probe<'_>) {
        if self.heads.is_empty() {
            self.shared = Shared::of(key, Shared::MOST);
            return;
        }
        let common = self.shared.common(key);
        if common < self.shared.length {
            self.shared = Shared::of(key, common);
            for place in 0..self.len() {
                self.heads[place] = Probe::new(self.key(place)).head(common);
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
