//! A table in memory: its records by their keys, and its indexes.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oarlock_core::value::ValueRef;
use oarlock_core::{Error, ErrorKind, Result};
use smallvec::SmallVec;

use crate::key::Key;
use crate::map::{Map, Range, Unsorted};
use crate::record::Located;
use crate::record::order::KeyBytes;
use crate::schema::TableDef;

/// A record, and where the operation stands that made it so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'t> {
    pub(crate) bytes: &'t [u8],
    pub(crate) place: Place,
}

impl<'t> Row<'t> {
    /// Reads a value of the map of records: the place, and the record.
    #[inline]
    pub(crate) fn new(value: &'t [u8]) -> Self {
        let (place, bytes) =
            value.split_first_chunk().map_or((Place(0), value), |(place, bytes)| (Place::decode(*place), bytes));
        Self { bytes, place }
    }

    /// Puts a record into a map of records.
    pub(crate) fn put(self, key: &[u8], rows: &mut Map) -> Option<usize> {
        rows.insert(key, [&self.place.encode(), self.bytes])
    }
}

/// Where an operation stands: in the file, or in the payload of a transaction that is not committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    const PENDING: u64 = 1 << 63;

    pub(crate) const fn in_file(place: u64) -> Self {
        Self(place)
    }

    pub(crate) const fn pending(offset: u64) -> Self {
        Self(offset | Self::PENDING)
    }

    /// Gives the place in the file, `None` where it is not there yet.
    pub(crate) const fn get(self) -> Option<u64> {
        if self.0 & Self::PENDING == 0 { Some(self.0) } else { None }
    }

    pub(crate) const fn encode(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    #[inline]
    const fn decode(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// Makes a place within a payload one in the file, at the beginning of a value.
    fn settle(value: &mut [u8], payload: u64) {
        if let Some(place) = value.first_chunk_mut()
            && let Self(pending @ Self::PENDING..) = Self::decode(*place)
        {
            *place = Self(payload + (pending & !Self::PENDING)).encode();
        }
    }
}

/// A table as of one transaction. A copy takes a few pointers.
#[derive(Debug, Clone)]
pub(crate) struct TableState {
    pub(crate) def: Arc<TableDef>,
    /// The records by their primary keys, as [`Row`] reads them.
    pub(crate) rows: Map,
    /// Keys of indexes with the primary keys that they lead to; where several records may have one, the primary key is part of it.
    pub(crate) indexes: Vec<Map>,
    /// Where the records went that are no more: places.
    pub(crate) deleted: Map,
    /// The next number. It is one for all copies: a number that was drawn is never drawn again.
    pub(crate) sequence: Arc<AtomicU64>,
    /// About how many bytes of memory the records and indexes take.
    pub(crate) memory: usize,
}

/// How many bytes a place has.
const PLACE: usize = size_of::<Place>();

/// What a record takes beside its bytes and its key's, and what an entry of an index does.
const ROW: usize = PLACE + 40;
const ENTRY: usize = 32;

/// The keys of all indexes that a record has.
pub(crate) type Entries = SmallVec<[Entry; 4]>;

/// The key of an index that a record has.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// Whether no other record may have it.
    pub(crate) exclusive: bool,
}

impl TableState {
    pub(crate) fn new(def: Arc<TableDef>) -> Self {
        let indexes = def.indexes.iter().map(|_| Map::new()).collect();
        let sequence = Arc::new(AtomicU64::new(1));
        Self { def, rows: Map::new(), indexes, deleted: Map::new(), sequence, memory: 0 }
    }

    /// Finds the values of a record.
    pub(crate) fn locate<'b>(&self, bytes: &'b [u8]) -> Result<Located<'b>> {
        Located::new(bytes, self.def.columns().len())
    }

    /// Gives the primary key of a record.
    pub(crate) fn key_of(&self, record: &Located<'_>) -> Result<Key> {
        let mut out = KeyBytes::new();
        self.def.key.put(&mut out, record)?;
        Ok(Key::new(&out))
    }

    /// Gives the keys of the indexes that a record has, in their order.
    pub(crate) fn entries(&self, key: &Key, record: &Located<'_>) -> Result<Entries> {
        let mut out = KeyBytes::new();
        let mut entries = SmallVec::with_capacity(self.def.indexes.len());
        for index in &self.def.indexes {
            out.clear();
            let has_null = index.key.put(&mut out, record)?;
            let exclusive = index.unique && !(has_null && index.nulls_distinct);
            if !exclusive {
                out.extend_from_slice(key.as_bytes());
            }
            entries.push(Entry { key: Key::new(&out), exclusive });
        }
        Ok(entries)
    }

    /// Gives the record of a key.
    #[inline]
    pub(crate) fn row(&self, key: &[u8]) -> Option<Row<'_>> {
        self.rows.get(key).map(Row::new)
    }

    /// Gives where the record of a key went that is no more.
    pub(crate) fn deleted_at(&self, key: &Key) -> Option<Place> {
        if self.deleted.is_empty() {
            return None;
        }
        self.deleted.get(key.as_bytes()).map(|place| Row::new(place).place)
    }

    /// Gives the record that a key of an index leads to.
    pub(crate) fn row_by(&self, index: usize, key: &[u8]) -> Option<Row<'_>> {
        self.row(self.indexes[index].get(key)?)
    }

    /// Puts a record in whose entries are free, in the place of one that had others.
    pub(crate) fn put(&mut self, key: &Key, row: Row<'_>, entries: Entries, before: Entries) {
        let mut before = before.into_iter();
        for (index, entry) in self.indexes.iter_mut().zip(entries) {
            if let Some(before) = before.next() {
                if before.key == entry.key {
                    continue;
                }
                self.memory = self.memory.saturating_sub(entry_size(&before, key));
                index.remove(before.key.as_bytes());
            }
            self.memory += entry_size(&entry, key);
            index.insert(entry.key.as_bytes(), [key.as_bytes(), &[]]);
        }
        self.put_row(key, row);
    }

    /// Puts a new record in, unless another has its key or one of an index that no other may have: then nothing is changed, and which index it is is
    /// told, `None` of the primary key. What is known of where it went before stays, too.
    pub(crate) fn put_new(
        &mut self,
        key: &Key,
        row: Row<'_>,
        entries: &Entries,
    ) -> std::result::Result<(), Option<usize>> {
        if !self.rows.insert_new(key.as_bytes(), [&row.place.encode(), row.bytes]) {
            return Err(None);
        }
        let taken = self
            .indexes
            .iter_mut()
            .zip(entries)
            .position(|(index, entry)| !index.insert_new(entry.key.as_bytes(), [key.as_bytes(), &[]]));
        self.memory += row_size(key, row.bytes) + entries.iter().map(|entry| entry_size(entry, key)).sum::<usize>();
        match taken {
            None => Ok(()),
            Some(taken) => {
                self.take_back(key, row.bytes, entries, taken);
                Err(Some(taken))
            }
        }
    }

    /// Takes a new record out again that has come into so many of the indexes.
    pub(crate) fn take_back(&mut self, key: &Key, bytes: &[u8], entries: &Entries, count: usize) {
        self.rows.remove(key.as_bytes());
        for (index, entry) in self.indexes.iter_mut().zip(entries).take(count) {
            index.remove(entry.key.as_bytes());
        }
        let size = row_size(key, bytes) + entries.iter().map(|entry| entry_size(entry, key)).sum::<usize>();
        self.memory = self.memory.saturating_sub(size);
    }

    /// Forgets where a record went that is there again.
    pub(crate) fn forget_deleted(&mut self, key: &Key) {
        if !self.deleted.is_empty() {
            self.deleted.remove(key.as_bytes());
        }
    }

    /// Finds the record that has a key of an index which another must not have.
    pub(crate) fn taken(&self, entries: &Entries, own: Option<&Key>) -> Option<usize> {
        self.indexes.iter().zip(entries).position(|(index, entry)| {
            entry.exclusive
                && index.get(entry.key.as_bytes()).is_some_and(|other| Some(other) != own.map(Key::as_bytes))
        })
    }

    /// Puts a record in and leaves the indexes alone.
    pub(crate) fn put_row(&mut self, key: &Key, row: Row<'_>) {
        self.forget_deleted(key);
        self.memory += row_size(key, row.bytes);
        let key = key.as_bytes();
        if let Some(old) = row.put(key, &mut self.rows) {
            self.memory = self.memory.saturating_sub(ROW + key.len() + old.saturating_sub(PLACE));
        }
    }

    /// Takes a record out, and keeps in mind where it went, if that is given.
    pub(crate) fn delete(&mut self, key: &Key, deleted: Option<Place>) -> Result<Option<Vec<u8>>> {
        let Some(row) = self.row(key.as_bytes()) else { return Ok(None) };
        let bytes = row.bytes.to_vec();
        let entries = self.entries(key, &self.locate(&bytes)?)?;
        for (index, entry) in self.indexes.iter_mut().zip(entries) {
            self.memory = self.memory.saturating_sub(entry_size(&entry, key));
            index.remove(entry.key.as_bytes());
        }
        self.delete_row(key, deleted);
        Ok(Some(bytes))
    }

    /// Takes a record out and leaves the indexes alone.
    pub(crate) fn delete_row(&mut self, key: &Key, deleted: Option<Place>) {
        let Some(row) = self.row(key.as_bytes()) else { return };
        self.memory = self.memory.saturating_sub(row_size(key, row.bytes));
        let key = key.as_bytes();
        self.rows.remove(key);
        if let Some(place) = deleted {
            self.deleted.insert(key, [&place.encode(), &[]]);
        }
    }

    /// Makes the indexes anew.
    ///
    /// # Errors
    ///
    /// `UniqueViolation` where two records have a key that only one may have.
    pub(crate) fn reindex(&mut self) -> Result<()> {
        let count = self.rows.len();
        let mut lists: Vec<Unsorted> = self.def.indexes.iter().map(|_| Unsorted::with_capacity(count)).collect();
        let mut memory = 0;
        let mut rows = self.rows.all();
        while let Some(entry) = rows.next() {
            let row = Row::new(entry.value);
            memory += ROW + entry.key.len() + row.bytes.len();
            if lists.is_empty() {
                continue;
            }
            let key = Key::new(entry.key);
            for (list, entry) in lists.iter_mut().zip(self.entries(&key, &self.locate(row.bytes)?)?) {
                memory += entry_size(&entry, &key);
                list.push(entry.key.as_bytes(), [key.as_bytes(), &[]]);
            }
        }
        self.indexes.clear();
        for (list, index) in lists.into_iter().zip(&self.def.indexes) {
            let map = list.into_map().or_else(|key| {
                let record = self.row(&key).ok_or_else(missing_row)?;
                Err(duplicate(&self.def, &index.key.name, &index.key.columns, &self.locate(record.bytes)?))
            })?;
            self.indexes.push(map);
        }
        self.memory = memory;
        Ok(())
    }

    /// Gives the entries of an index whose keys begin with these bytes.
    pub(crate) fn with_prefix(&self, index: usize, prefix: &[u8]) -> Range {
        // Behind each whole value stands the mark of the next one, which is never 255.
        let end = [prefix, &[255]].concat();
        self.indexes[index].range(Bound::Included(prefix), Bound::Excluded(&end))
    }

    /// Sees to it that no number up to this one is drawn.
    pub(crate) fn number_past(&self, number: u64) {
        self.sequence.fetch_max(number.saturating_add(1), Ordering::Relaxed);
    }

    /// Draws a number.
    pub(crate) fn draw(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// Says where the operations of a payload stand, now that it is in the file.
    pub(crate) fn settle(&mut self, payload: u64) {
        self.rows.for_each_own(&mut |value| Place::settle(value, payload));
        self.deleted.for_each_own(&mut |value| Place::settle(value, payload));
    }
}

fn row_size(key: &Key, record: &[u8]) -> usize {
    ROW + key.as_bytes().len() + record.len()
}

fn entry_size(entry: &Entry, key: &Key) -> usize {
    ENTRY + entry.key.as_bytes().len() + key.as_bytes().len()
}

/// Makes the error of a key that two records would have. Its values are in the detail, which is never logged.
#[cold]
pub(crate) fn duplicate(def: &TableDef, constraint: &str, columns: &[usize], record: &Located<'_>) -> Error {
    let names: Vec<&str> = columns.iter().map(|column| def.columns()[*column].name.as_str()).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|column| record.get(*column).map_or_else(|_| "?".to_owned(), |value: ValueRef<'_>| format!("{value:?}")))
        .collect();
    Error::new(ErrorKind::UniqueViolation, format!("duplicate key of {} violates {constraint}", def.name()))
        .with_sqlstate("23505")
        .with_constraint(constraint)
        .with_table(def.name())
        .with_column(names.first().copied().unwrap_or_default())
        .with_detail(format!("key ({}) = ({}) is there already", names.join(", "), values.join(", ")))
}

#[cold]
pub(crate) fn missing_row() -> Error {
    Error::new(ErrorKind::Internal, "an index leads to a record that is not there")
}
