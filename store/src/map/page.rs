//! Keys in their order, each with a value, in one piece of memory: what a node of the tree holds.
//!
//! A look-up takes as long as it waits for memory, so what it needs stands together: first the numbers that it compares, then where each
//! entry stands, then the entries, a key's bytes beside those of its value. To copy a page is to copy memory, and a page that only one
//! tree has is changed in place.

use std::cmp::Ordering;
use std::hint::black_box;
use std::sync::Arc;

/// How many entries a page has at the most.
pub(super) const MOST: usize = 64;

/// A page of several entries is divided where it would have more bytes of them.
const MOST_BYTES: usize = 16 << 10;

/// As few bytes of entries as room is made for.
const LEAST: usize = 256;

/// How many heads stand in a line of memory.
const LINE: usize = 8;

/// How many lines the slots take.
const SLOT_LINES: usize = SLOT * MOST / (8 * LINE);

// What a page consists of: numbers in the machine's order of bytes, and the entries.
/// How many entries there are.
const COUNT: usize = 0;
/// Where the bytes of the entries end.
const END: usize = 4;
/// How many of them no slot leads to.
const DEAD: usize = 8;
/// How many bytes all keys begin with that count; those bytes as the highest of a number; ones for each of them.
const SHARED: usize = 12;
const PREFIX: usize = 16;
const MASK: usize = 32;
/// Of each key, the eight bytes behind what all begin with, the first as the highest of a number, noughts behind a shorter key: where two
/// differ, so do the keys, in the same way. Behind the last stand the highest of numbers.
const HEADS: usize = 48;
/// Of each entry, where it stands: before its bytes, the lengths of its key and of its value.
const SLOTS: usize = HEADS + 8 * MOST;
const SLOT: usize = 4;
const ENTRIES: usize = SLOTS + SLOT * MOST;
const LENGTHS: usize = 8;

/// Keys in their order, each with a value. A copy costs nothing.
#[derive(Debug, Clone)]
pub(super) struct Page(Arc<[u8]>);

/// A value in two pieces, which are put behind each other.
pub(crate) type Value<'v> = [&'v [u8]; 2];

fn length(value: Value<'_>) -> usize {
    value[0].len() + value[1].len()
}

/// Gives how many bytes an entry takes.
pub(super) fn entry_size(key: &[u8], value: Value<'_>) -> usize {
    LENGTHS + key.len() + length(value)
}

/// A key that is looked for, its first bytes put beside noughts once for all pages on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe<'p> {
    pub(super) bytes: &'p [u8],
    /// The first bytes as a number.
    start: u128,
    front: [u8; FRONT],
}

/// How many bytes of what all keys begin with count.
const PREFIX_LENGTH: usize = size_of::<u128>();

/// How many bytes a key's head may end at.
const FRONT: usize = PREFIX_LENGTH + size_of::<u64>();

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

/// Counts the bytes that both begin with.
pub(super) fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Where an entry's key stands, with the value behind it.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: usize,
    key: usize,
    value: usize,
}

impl Slot {
    /// Gives the place of an entry that begins there.
    fn at(start: usize, key: usize, value: usize) -> Self {
        Self { start: start + LENGTHS, key, value }
    }

    fn end(self) -> usize {
        self.start + self.key + self.value
    }

    fn size(self) -> usize {
        LENGTHS + self.key + self.value
    }
}

#[inline]
fn number(bytes: &[u8], at: usize) -> usize {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Lengths have been looked at: a record has 1 GiB at the most, and there is a new one beside an old one at the most.
fn put_number(bytes: &mut [u8], at: usize, number: usize) {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    bytes[at..at + 4].copy_from_slice(&number.to_ne_bytes());
}

#[inline]
fn wide(bytes: &[u8], at: usize) -> u128 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u128::from_ne_bytes(*bytes))
}

#[inline]
fn slot(bytes: &[u8], place: usize) -> Slot {
    let start = number(bytes, SLOTS + SLOT * place);
    Slot::at(start, number(bytes, start), number(bytes, start + 4))
}

fn put_slot(bytes: &mut [u8], place: usize, slot: Slot) {
    let start = slot.start - LENGTHS;
    put_number(bytes, SLOTS + SLOT * place, start);
    put_number(bytes, start, slot.key);
    put_number(bytes, start + 4, slot.value);
}

fn put_head(bytes: &mut [u8], place: usize, head: u64) {
    bytes[HEADS + 8 * place..][..8].copy_from_slice(&head.to_ne_bytes());
}

fn put_shared(bytes: &mut [u8], key: &Probe<'_>, length: usize) {
    let length = length.min(PREFIX_LENGTH).min(key.bytes.len());
    let bits = u32::try_from(8 * (PREFIX_LENGTH - length)).unwrap_or(u128::BITS);
    let mask = u128::MAX.checked_shl(bits).unwrap_or(0);
    put_number(bytes, SHARED, length);
    bytes[PREFIX..MASK].copy_from_slice(&(key.start & mask).to_ne_bytes());
    bytes[MASK..HEADS].copy_from_slice(&mask.to_ne_bytes());
}

impl Page {
    pub(super) fn new() -> Self {
        Self::with_room(0)
    }

    /// Makes an empty page that has room for so many bytes of entries.
    pub(super) fn with_room(room: usize) -> Self {
        let mut page = Self(zeros(ENTRIES + room).collect());
        let bytes = Arc::make_mut(&mut page.0);
        put_number(bytes, END, ENTRIES);
        bytes[HEADS..SLOTS].fill(u8::MAX);
        page
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        number(&self.0, COUNT)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Counts the bytes of the entries.
    pub(super) fn entries_size(&self) -> usize {
        number(&self.0, END) - ENTRIES - number(&self.0, DEAD)
    }

    /// Tells whether there is no room for one more entry of so many bytes.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let count = self.len();
        count >= MOST || (count > 0 && self.entries_size() + more > MOST_BYTES)
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.len() < MOST / 4
    }

    /// Tells whether one page has room for the entries of both.
    pub(super) fn has_room_for(&self, other: &Self) -> bool {
        self.len() + other.len() <= MOST && self.entries_size() + other.entries_size() <= MOST_BYTES
    }

    /// Gives a key and its value.
    #[inline]
    pub(super) fn get(&self, place: usize) -> (&[u8], &[u8]) {
        let slot = slot(&self.0, place);
        self.0[slot.start..slot.end()].split_at(slot.key)
    }

    #[inline]
    pub(super) fn key(&self, place: usize) -> &[u8] {
        self.get(place).0
    }

    /// Finds a key, or the place where it would stand.
    #[inline]
    pub(super) fn search(&self, key: &Probe<'_>) -> Result<usize, usize> {
        let front = self.front();
        match (key.start & wide(front, MASK)).cmp(&wide(front, PREFIX)) {
            Ordering::Less => return Err(0),
            Ordering::Greater => return Err(self.len()),
            Ordering::Equal => {}
        }
        let head = key.head(number(front, SHARED));
        let (heads, _) = front[HEADS..SLOTS].as_chunks::<8>();
        let is_below = |own: &[u8; 8]| usize::from(u64::from_ne_bytes(*own) < head);
        // One head of each line of memory at first, so that they are waited for together; and no branches, whose guesses would be wrong half
        // of the time.
        // The slots' lines, of which one is read next, are asked for at the same time.
        black_box((0..SLOT_LINES).fold(0, |all, line| all | number(front, SLOTS + 8 * LINE * line)));
        let (lines, _) = heads.as_chunks::<LINE>();
        let line: usize = lines.iter().map(|line| is_below(&line[LINE - 1])).sum();
        let below: usize = lines.get(line).map_or(0, |line| line.iter().map(is_below).sum());
        let low = line * LINE + below;
        if low >= self.len() || heads.get(low).map(|own| u64::from_ne_bytes(*own)) != Some(head) {
            return Err(low);
        }
        self.search_same(low, key.bytes)
    }

    /// Finds a key, or the place where it would stand: at once where it is above all, as it is where keys rise.
    #[inline]
    pub(super) fn search_from_end(&self, key: &Probe<'_>) -> Result<usize, usize> {
        let front = self.front();
        let count = self.len();
        let (heads, _) = front[HEADS..SLOTS].as_chunks::<8>();
        let last = heads.get(count.wrapping_sub(1)).map(|own| u64::from_ne_bytes(*own));
        let begins_alike = key.start & wide(front, MASK) == wide(front, PREFIX);
        if begins_alike && last.is_some_and(|last| last < key.head(number(front, SHARED))) {
            return Err(count);
        }
        self.search(key)
    }

    /// Gives what stands in front of the entries, of one length, so that places in it need not be looked at.
    #[inline]
    fn front(&self) -> &[u8; ENTRIES] {
        static NONE: [u8; ENTRIES] = [0; ENTRIES];
        self.0.first_chunk().unwrap_or(&NONE)
    }

    /// Finds a key among those of one head.
    #[inline]
    fn search_same(&self, low: usize, key: &[u8]) -> Result<usize, usize> {
        match self.key(low).cmp(key) {
            Ordering::Equal => return Ok(low),
            Ordering::Greater => return Err(low),
            Ordering::Less => {}
        }
        let heads = &self.0[HEADS..HEADS + 8 * self.len()];
        let mut size = heads[8 * low..].chunks_exact(8).take_while(|own| **own == heads[8 * low..][..8]).count();
        let mut low = low;
        while size > 0 {
            let half = size / 2;
            match self.key(low + half).cmp(key) {
                Ordering::Equal => return Ok(low + half),
                Ordering::Greater => size = half,
                Ordering::Less => (low, size) = (low + half + 1, size - half - 1),
            }
        }
        Err(low)
    }

    /// Gives the bytes to change them, with room for so many behind the entries.
    fn room(&mut self, more: usize) -> &mut [u8] {
        let end = number(&self.0, END);
        if end + more > self.0.len() {
            // Bytes that are of no use any more may be room enough.
            let needed = self.entries_size() + more;
            let room = if ENTRIES + needed > self.0.len() { self.grown(needed) } else { self.0.len() - ENTRIES };
            if number(&self.0, DEAD) > 0 {
                *self = self.part(0, self.len(), room);
            } else {
                let mut grown: Arc<[u8]> = zeros(ENTRIES + room).collect();
                Arc::make_mut(&mut grown)[..end].copy_from_slice(&self.0[..end]);
                self.0 = grown;
            }
        }
        Arc::make_mut(&mut self.0)
    }

    /// Gives how much room there should be where one more entry needs so much: twice that, or what a page takes that is full of such entries, and
    /// a little more, as they are not all alike.
    fn grown(&self, needed: usize) -> usize {
        let full = needed * MOST / (self.len() + 1);
        (2 * needed).min(full + full / 16).min(MOST_BYTES).max(needed).max(LEAST)
    }

    /// Gives how much room a page should have that is to take such entries as these.
    pub(super) fn usual_room(&self) -> usize {
        self.entries_size().min(MOST_BYTES)
    }

    /// Puts an entry at the place where it has to stand.
    pub(super) fn insert(&mut self, place: usize, key: &Probe<'_>, value: Value<'_>) {
        let bytes = self.room(entry_size(key.bytes, value));
        admit(bytes, key);
        let slot = Slot::at(number(bytes, END), key.bytes.len(), length(value));
        let count = number(bytes, COUNT);
        bytes.copy_within(HEADS + 8 * place..HEADS + 8 * count, HEADS + 8 * (place + 1));
        bytes.copy_within(SLOTS + SLOT * place..SLOTS + SLOT * count, SLOTS + SLOT * (place + 1));
        let head = key.head(number(bytes, SHARED));
        put_head(bytes, place, head);
        put_slot(bytes, place, slot);
        put_entry(bytes, slot, key.bytes, value);
        put_number(bytes, COUNT, count + 1);
        put_number(bytes, END, slot.end());
    }

    /// Gives a key another value, and tells how many bytes the old one had.
    pub(super) fn replace(&mut self, place: usize, value: Value<'_>) -> usize {
        let old = slot(&self.0, place);
        let new = length(value);
        if new <= old.value {
            let bytes = self.room(0);
            let slot = Slot { value: new, ..old };
            put_slot(bytes, place, slot);
            put_value(bytes, slot, value);
            put_number(bytes, DEAD, number(bytes, DEAD) + old.value - new);
        } else {
            let bytes = self.room(LENGTHS + old.key + new);
            // It may stand elsewhere now.
            let old = slot(bytes, place);
            let slot = Slot::at(number(bytes, END), old.key, new);
            bytes.copy_within(old.start..old.start + old.key, slot.start);
            put_slot(bytes, place, slot);
            put_value(bytes, slot, value);
            put_number(bytes, END, slot.end());
            put_number(bytes, DEAD, number(bytes, DEAD) + old.size());
        }
        self.tidy();
        old.value
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, place: usize) {
        let count = self.len();
        let bytes = self.room(0);
        let slot = slot(bytes, place);
        bytes.copy_within(HEADS + 8 * (place + 1)..HEADS + 8 * count, HEADS + 8 * place);
        bytes.copy_within(SLOTS + SLOT * (place + 1)..SLOTS + SLOT * count, SLOTS + SLOT * place);
        put_head(bytes, count - 1, u64::MAX);
        put_number(bytes, COUNT, count - 1);
        put_number(bytes, DEAD, number(bytes, DEAD) + slot.size());
        self.tidy();
    }

    /// Gives back bytes that no slot leads to, once they are the greater part.
    fn tidy(&mut self) {
        if number(&self.0, DEAD) > self.entries_size() {
            *self = self.part(0, self.len(), self.entries_size());
        }
    }

    /// Gives away the entries from a place on. There is room for so many bytes of entries then, in the one and in the other.
    pub(super) fn split_off(&mut self, place: usize, rooms: [usize; 2]) -> Self {
        let right = self.part(place, self.len(), rooms[1]);
        *self = self.part(0, place, rooms[0]);
        right
    }

    /// Takes over the entries of a page all of whose keys are above its own.
    pub(super) fn append(&mut self, other: &Self) {
        for place in 0..other.len() {
            let (key, value) = other.get(place);
            self.insert(self.len(), &Probe::new(key), [value, &[]]);
        }
    }

    /// Gives back what is not needed, if it is worth the while, of a page that nothing is put into for long.
    pub(super) fn shrink(&mut self) {
        let end = number(&self.0, END);
        if end + end / 8 < self.0.len() {
            self.0 = Arc::from(&self.0[..end]);
        }
    }

    /// Makes a page of some of the entries, with room for so many bytes of them, or just as many as they have.
    fn part(&self, from: usize, to: usize, room: usize) -> Self {
        let needed: usize = (from..to).map(|place| slot(&self.0, place).size()).sum();
        let mut part = Self::with_room(room.max(needed));
        let bytes = Arc::make_mut(&mut part.0);
        if from < to {
            let (first, last) = (self.key(from), self.key(to - 1));
            put_shared(bytes, &Probe::new(first), common(first, last));
        }
        let shared = number(bytes, SHARED);
        let mut start = ENTRIES;
        for (place, own) in (from..to).enumerate() {
            let (key, value) = self.get(own);
            let slot = Slot::at(start, key.len(), value.len());
            put_head(bytes, place, Probe::new(key).head(shared));
            put_slot(bytes, place, slot);
            put_entry(bytes, slot, key, [value, &[]]);
            start = slot.end();
        }
        put_number(bytes, COUNT, to - from);
        put_number(bytes, END, start);
        part
    }

    /// Visits the values, if nobody else has the page.
    pub(super) fn for_each_own(&mut self, visit: &mut impl FnMut(&mut [u8])) {
        let Some(bytes) = Arc::get_mut(&mut self.0) else { return };
        for place in 0..number(bytes, COUNT) {
            let slot = slot(bytes, place);
            visit(&mut bytes[slot.start + slot.key..slot.end()]);
        }
    }
}

/// Sees to it that a key begins as all do.
fn admit(bytes: &mut [u8], key: &Probe<'_>) {
    let count = number(bytes, COUNT);
    if count == 0 {
        return put_shared(bytes, key, PREFIX_LENGTH);
    }
    let shared = number(bytes, SHARED);
    let differ = (key.start & wide(bytes, MASK)) ^ wide(bytes, PREFIX);
    let same = usize::try_from(differ.leading_zeros() / 8).unwrap_or(0);
    let common = same.min(shared).min(key.bytes.len());
    if common < shared {
        put_shared(bytes, key, common);
        for place in 0..count {
            let slot = slot(bytes, place);
            let head = Probe::new(&bytes[slot.start..slot.start + slot.key]).head(common);
            put_head(bytes, place, head);
        }
    }
}

fn zeros(count: usize) -> impl Iterator<Item = u8> {
    std::iter::repeat_n(0, count)
}

fn put_entry(bytes: &mut [u8], slot: Slot, key: &[u8], value: Value<'_>) {
    bytes[slot.start..slot.start + slot.key].copy_from_slice(key);
    put_value(bytes, slot, value);
}

fn put_value(bytes: &mut [u8], slot: Slot, [first, second]: Value<'_>) {
    let (own, rest) = bytes[slot.start + slot.key..slot.end()].split_at_mut(first.len());
    own.copy_from_slice(first);
    rest.copy_from_slice(second);
}
