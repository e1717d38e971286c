//! Entries in any order, to make a map of them: they are sorted and then laid out, which is several times as fast as filling it.

use std::cmp::Ordering;

use super::{Builder, Map, Value};

/// Entries in any order.
pub(crate) struct Unsorted {
    bytes: Vec<u8>,
    items: Vec<Item>,
    rises: bool,
}

/// Where an entry stands: its key, and its value behind that.
struct Item {
    /// The key's first bytes as a number, noughts behind a shorter one.
    head: u128,
    start: usize,
    key: usize,
    end: usize,
}

impl Unsorted {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { bytes: Vec::with_capacity(entries * 32), items: Vec::with_capacity(entries), rises: true }
    }

    pub(crate) fn push(&mut self, key: &[u8], value: Value<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value[0]);
        self.bytes.extend_from_slice(value[1]);
        let mut head = [0; size_of::<u128>()];
        let length = key.len().min(head.len());
        head[..length].copy_from_slice(&key[..length]);
        let item = Item { head: u128::from_be_bytes(head), start, key: start + key.len(), end: self.bytes.len() };
        self.rises = self.rises && self.items.last().is_none_or(|last| self.compare(last, &item).is_lt());
        self.items.push(item);
    }

    fn key(&self, item: &Item) -> &[u8] {
        &self.bytes[item.start..item.key]
    }

    fn value(&self, item: &Item) -> &[u8] {
        &self.bytes[item.key..item.end]
    }

    fn compare(&self, one: &Item, other: &Item) -> Ordering {
        one.head.cmp(&other.head).then_with(|| self.key(one).cmp(self.key(other)))
    }

    /// Makes the map.
    ///
    /// # Errors
    ///
    /// The value of an entry whose key another one has.
    pub(crate) fn into_map(mut self) -> Result<Map, Vec<u8>> {
        let mut items = std::mem::take(&mut self.items);
        if !self.rises {
            items.sort_unstable_by(|one, other| self.compare(one, other));
        }
        let mut map = Builder::new();
        let mut last: Option<&Item> = None;
        for item in &items {
            if let Some(last) = last
                && self.compare(last, item).is_eq()
            {
                return Err(self.value(item).to_vec());
            }
            map.push(self.key(item), [self.value(item), &[]]);
            last = Some(item);
        }
        Ok(map.finish())
    }
}
