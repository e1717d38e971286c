//! The statement cache: what a driver prepared, by the text that the caller wrote, least recently used out first.

use std::sync::Arc;

use hashlink::LruCache;

/// A bounded cache of prepared statements. What falls out is handed back, so that a driver can close it on the server.
#[derive(Debug)]
pub struct StatementCache<T> {
    entries: LruCache<Arc<str>, T>,
}

impl<T> StatementCache<T> {
    /// The capacity that drivers use unless the URL's `statement_cache` says otherwise.
    pub const DEFAULT_CAPACITY: usize = 256;

    /// Makes a cache; capacity 0 keeps nothing.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { entries: LruCache::new(capacity) }
    }

    /// Finds a statement and makes it the most recently used.
    pub fn get(&mut self, sql: &str) -> Option<&mut T> {
        self.entries.get_mut(sql)
    }

    /// Keeps a statement; gives back what has to go for it: an older one of the same text, the least recently used, or the new
    /// one itself where the capacity is 0.
    pub fn insert(&mut self, sql: &str, statement: T) -> Option<T> {
        if self.entries.capacity() == 0 {
            return Some(statement);
        }
        let replaced = self.entries.remove(sql);
        let evicted = (self.entries.len() == self.entries.capacity()).then(|| self.entries.remove_lru()).flatten();
        self.entries.insert(sql.into(), statement);
        replaced.or(evicted.map(|(_, statement)| statement))
    }

    /// Takes a statement out.
    pub fn remove(&mut self, sql: &str) -> Option<T> {
        self.entries.remove(sql)
    }

    /// Takes all statements out.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.entries.remove_lru().map(|(_, statement)| statement))
    }

    /// Gives the number of statements kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether no statement is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives the largest number of statements kept.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first_and_is_handed_back() {
        let mut cache = StatementCache::new(2);
        assert_eq!(cache.insert("a", 1), None);
        assert_eq!(cache.insert("b", 2), None);
        assert_eq!(cache.get("a"), Some(&mut 1));
        assert_eq!(cache.insert("c", 3), Some(2));
        assert_eq!(cache.insert("a", 4), Some(1));
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.drain().collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn capacity_zero_keeps_nothing() {
        let mut cache = StatementCache::new(0);
        assert_eq!(cache.insert("a", 1), Some(1));
        assert!(cache.is_empty());
    }
}
