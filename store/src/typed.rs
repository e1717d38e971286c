//! Tables of typed records.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use oarlock_core::record::{Accepts, Definition, Record, Sink};
use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result, ToValue};

use crate::convert::{convert, now_as};
use crate::history::{Found, Version};
use crate::key::Key;
use crate::link::{Link, follow};
use crate::query::{Condition, Field, Query, decode};
use crate::record::{KeyWriter, Writer};
use crate::records::{Records, Source};
use crate::schema::{TableDef, Target};
use crate::state::State;
use crate::store::unknown_table;
use crate::table::{Row, TableState};
use crate::view::{Change, View};
use crate::work::{Interval, Work, assigned, no_record};

/// A table of records, through a store, a snapshot or a transaction.
///
/// ```
/// use oarlock::store::Store;
/// use oarlock::{Model, Record};
///
/// #[derive(Debug, Clone, PartialEq, Model)]
/// struct Player {
///     #[model(primary_key, auto)]
///     id: i64,
///     #[model(unique)]
///     name: String,
///     score: i64,
/// }
///
/// # fn main() -> oarlock::Result<()> {
/// let store = Store::in_memory()?;
/// store.define([Player::definition()])?;
/// let players = store.table::<Player>();
/// let ada = players.insert(Player { id: 0, name: "Ada".to_owned(), score: 7 })?;
/// assert_eq!(players.get(ada.id)?, Some(ada.clone()));
/// assert_eq!(players.get_by(Player::NAME, "Ada")?, Some(ada));
/// # Ok(())
/// # }
/// ```
pub struct Table<'v, R, V> {
    view: &'v V,
    /// Where the table was found the last time.
    slot: AtomicUsize,
    with_deleted: bool,
    record: PhantomData<fn() -> R>,
}

impl<R, V> Clone for Table<'_, R, V> {
    fn clone(&self) -> Self {
        Self {
            view: self.view,
            slot: AtomicUsize::new(self.slot.load(Relaxed)),
            with_deleted: self.with_deleted,
            record: PhantomData,
        }
    }
}

impl<R, V> fmt::Debug for Table<'_, R, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("record", &std::any::type_name::<R>()).finish_non_exhaustive()
    }
}

impl<'v, R: Record, V: View> Table<'v, R, V> {
    pub(crate) const fn new(view: &'v V) -> Self {
        Self { view, slot: AtomicUsize::new(usize::MAX), with_deleted: false, record: PhantomData }
    }

    /// Gives records that are marked as deleted, too, of a model with `soft_delete`.
    #[must_use]
    pub fn with_deleted(mut self) -> Self {
        self.with_deleted = true;
        self
    }

    /// Reads the record of a key, `None` where there is none. It takes a look into a map, and the time to make the struct.
    ///
    /// # Errors
    ///
    /// `TableNotFound` where the table was never defined.
    pub fn get(&self, key: impl Into<R::Key>) -> Result<Option<R>> {
        let key = key.into();
        let mut looked_for = None;
        let found = self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            let mut bytes = KeyWriter::new(&table.def.key);
            R::encode_key(&key, &mut bytes)?;
            if V::KEEPS_READS {
                looked_for = Some((slot, Key::new(bytes.bytes())));
            }
            self.read(table.rows.get(bytes.bytes()), table)
        })?;
        if let Some((slot, key)) = looked_for {
            self.view.has_read(slot, &key);
        }
        Ok(found)
    }

    /// Reads the record of a key. None is a `RowNotFound` error.
    ///
    /// # Errors
    ///
    /// `RowNotFound`, and as [`get`](Self::get).
    pub fn require(&self, key: impl Into<R::Key>) -> Result<R> {
        self.get(key)?.ok_or_else(|| {
            let name = R::definition().name;
            Error::new(ErrorKind::RowNotFound, format!("there is no {name} of this key"))
                .with_table(&*R::definition().table.name)
        })
    }

    /// Reads the record that has a value in a column with a unique index, `None` where there is none.
    ///
    /// # Errors
    ///
    /// `Interface` where the column has no unique index of its own.
    pub fn get_by<F, T>(&self, field: F, value: &T) -> Result<Option<R>>
    where
        F: Field<R, Type: Accepts<T>>,
        T: ToValue + ?Sized,
    {
        let bound = value.to_value()?;
        let value = bound.as_ref();
        let mut read = None;
        let found = self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            let target =
                table.def.unique_on(&[field.column()]).ok_or_else(|| not_unique(&table.def, field.column()))?;
            let (index, key) = match target {
                Target::Primary => (None, &table.def.key),
                Target::Index(index) => (Some(index), &table.def.indexes[index].key),
            };
            if value.is_null() {
                return Ok(None);
            }
            let bytes = key.of_values([value])?;
            let row = match target {
                Target::Primary => table.rows.get(&bytes),
                Target::Index(index) => table.indexes[index].get(&bytes).and_then(|key| table.rows.get(key.as_bytes())),
            };
            let result = self.read(row, table);
            read = Some((slot, index, bytes));
            result
        })?;
        self.view.has_read_interval(|| {
            let (slot, index, bytes) = read.unwrap_or_default();
            Interval { slot, index, low: Bound::Included(bytes.clone()), high: Bound::Included(bytes) }
        });
        Ok(found)
    }

    /// Counts the records.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn count(&self) -> Result<usize> {
        if self.deleted_at().is_some() {
            return self.query().count();
        }
        self.open(|slot, _| Ok((Interval::all(slot), false, true))).map(|(source, ..)| source.len())
    }

    /// Gives all records in the order of the primary key, from either end.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn records(&self) -> Result<Records<'v, R>> {
        self.open(|slot, _| Ok((Interval::all(slot), false, true))).map(|(source, ..)| Records::new(source))
    }

    /// Gives the records whose values in a column lie within bounds, in the order of the column, from either end. The column has to be the first of
    /// the primary key or of an index.
    ///
    /// # Errors
    ///
    /// `Interface` where the column has no index, and as [`get`](Self::get).
    pub fn range<F, T, B>(&self, field: F, bounds: B) -> Result<Records<'v, R>>
    where
        F: Field<R, Type: Accepts<T>>,
        T: ToValue,
        B: RangeBounds<T>,
    {
        let value = |bound: Bound<&T>| match bound {
            Bound::Included(value) => value.to_value()?.into_value().map(Bound::Included),
            Bound::Excluded(value) => value.to_value()?.into_value().map(Bound::Excluded),
            Bound::Unbounded => Ok(Bound::Unbounded),
        };
        let (low, high): (Bound<Value>, Bound<Value>) = (value(bounds.start_bound())?, value(bounds.end_bound())?);
        let (source, ..) = self.open(|slot, def| {
            let (index, key) = def.leading(field.column()).ok_or_else(|| no_index(def, field.column()))?;
            let (low, high) = key.between(low.as_ref().map(Value::as_ref), high.as_ref().map(Value::as_ref))?;
            Ok((Interval { slot, index, low, high }, false, true))
        })?;
        Ok(Records::new(source))
    }

    /// Begins a query.
    pub fn query(&self) -> Query<'v, R, V> {
        Query::new(self.clone())
    }

    /// Begins a query of the records for which a condition is true.
    pub fn filter(&self, condition: impl Condition<R>) -> Query<'v, R, V> {
        self.query().filter(condition)
    }

    /// Reads the records that a relation leads to from one, in the order of the key by which they are found.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn related<L: Link<R>>(&self, record: &R, link: L) -> Result<Vec<L::Record>> {
        let mut intervals = Vec::new();
        let found = self.view.look(|state| {
            let (_, table) = self.find(state)?;
            let mut bytes = Vec::with_capacity(128);
            record.encode(&mut Writer::begin(&mut bytes, table.def.layout))?;
            follow(state, &bytes, table.def.columns().len(), &link.hops(), |read| intervals.push(read.clone()))
        })?;
        for interval in intervals {
            self.view.has_read_interval(|| interval);
        }
        Ok(found)
    }

    /// Gives the versions of the record of a key, the newest first, as far back as the file goes. Each takes a few reads of the file.
    ///
    /// # Errors
    ///
    /// What reading gives; `Conversion` where a value of then has no counterpart in the present definition.
    pub fn history(&self, key: impl Into<R::Key>) -> Result<Vec<Version<R>>> {
        let mut versions = Vec::new();
        self.versions(&key.into(), |found| {
            let record = found.record.map(|bytes| decode_bytes(&bytes)).transpose()?;
            versions.push(Version { transaction: found.transaction, time: found.time, note: found.note, record });
            Ok(false)
        })?;
        Ok(versions)
    }

    /// Reads the record of a key as it was after a transaction, `None` where there was none, or where the file was packed beyond it.
    ///
    /// # Errors
    ///
    /// As [`history`](Self::history).
    pub fn get_as_of(&self, key: impl Into<R::Key>, transaction: u64) -> Result<Option<R>> {
        let mut record = None;
        self.versions(&key.into(), |found| {
            let reached = found.transaction <= transaction;
            if reached {
                record = found.record;
            }
            Ok(reached)
        })?;
        record.map(|bytes| decode_bytes(&bytes)).transpose()
    }

    fn versions(&self, key: &R::Key, enough: impl FnMut(Found) -> Result<bool>) -> Result<()> {
        self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            let mut bytes = KeyWriter::new(&table.def.key);
            R::encode_key(key, &mut bytes)?;
            state.versions(slot, &bytes.finish(), enough)
        })
    }

    /// Finds the table and sees to it, once for each definition, that the struct is of it.
    #[inline]
    pub(crate) fn find<'s>(&self, state: &'s State) -> Result<(usize, &'s Arc<TableState>)> {
        let hint = self.slot.load(Relaxed);
        if let Some(Some(table)) = state.tables.get(hint)
            && table.def.is_verified(R::definition())
        {
            return Ok((hint, table));
        }
        self.look_up(state)
    }

    fn look_up<'s>(&self, state: &'s State) -> Result<(usize, &'s Arc<TableState>)> {
        let definition = R::definition();
        let name = &definition.table.name;
        let slot = state.find(name).ok_or_else(|| unknown_table(name))?;
        let table = state.tables.get(slot).and_then(Option::as_ref).ok_or_else(|| unknown_table(name))?;
        if !table.def.is_verified(definition) {
            table.def.verify_struct(definition)?;
        }
        self.slot.store(slot, Relaxed);
        Ok((slot, table))
    }

    /// Opens a part of the table, and notes that it is read.
    pub(crate) fn open(
        &self,
        part: impl FnOnce(usize, &TableDef) -> Result<(Interval, bool, bool)>,
    ) -> Result<(Source, bool, bool)> {
        let mut read = None;
        let source = self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            let (interval, backwards, ordered) = part(slot, &table.def)?;
            let source = Source::new(Arc::clone(table), &interval, self.deleted_at());
            read = Some(interval);
            Ok((source, backwards, ordered))
        })?;
        if let Some(interval) = read {
            self.view.has_read_interval(|| interval);
        }
        Ok(source)
    }

    fn deleted_at(&self) -> Option<usize> {
        if self.with_deleted { None } else { R::definition().deleted_at }
    }

    fn read(&self, row: Option<&Row>, table: &TableState) -> Result<Option<R>> {
        let Some(row) = row else { return Ok(None) };
        if let Some(column) = self.deleted_at()
            && !table.locate(&row.bytes)?.get(column)?.is_null()
        {
            return Ok(None);
        }
        decode(row).map(Some)
    }
}

impl<R: Record, V: Change> Table<'_, R, V> {
    /// Puts a new record in, and gives it as it is stored.
    ///
    /// A key that is numbered is drawn where it is nought. A `created_at` or `updated_at` that is NULL or at the beginning of 1970 is the present
    /// time, and a `version` that is nought is 1.
    ///
    /// # Errors
    ///
    /// `UniqueViolation`, `ForeignKeyViolation`, `CheckViolation` and the like, with the constraint's name; `Invalid` of the struct's own rules;
    /// `ResourcesExhausted` past the limit of memory; what the commit gives, where this is one.
    pub fn insert(&self, record: R) -> Result<R> {
        let stored = self.view.change(|work| self.insert_one(work, &record))?;
        Ok(stored.unwrap_or(record))
    }

    /// Puts new records in, all or none, and tells how many.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_all<'r>(&self, records: impl IntoIterator<Item = &'r R>) -> Result<usize> {
        let records: Vec<&R> = records.into_iter().collect();
        self.all_or_none(&records, |work, record| self.insert_one(work, record).map(drop))
    }

    /// Puts a record in the place of the one with its key, and gives it as it is stored: `updated_at` is the present time, and `version` is counted.
    ///
    /// # Errors
    ///
    /// `RowNotFound`; [`StaleRow`](ErrorKind::StaleRow) where the model has a `version` and the record was changed since it was read; as
    /// [`insert`](Self::insert).
    pub fn update(&self, record: R) -> Result<R> {
        let stored = self.view.change(|work| self.update_one(work, &record))?;
        Ok(stored.unwrap_or(record))
    }

    /// Changes the record of a key by a function, and gives it as it is stored. The function is called again where others were first.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub fn modify(&self, key: impl Into<R::Key>, mut change: impl FnMut(&mut R)) -> Result<R> {
        let key = key.into();
        self.view.change(|work| {
            let (slot, table) = self.find(&work.state)?;
            let mut bytes = KeyWriter::new(&table.def.key);
            R::encode_key(&key, &mut bytes)?;
            let key = bytes.finish();
            let row = table.rows.get(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
            let mut record: R = decode(row)?;
            change(&mut record);
            let (bytes, _) = Self::encoded(table, &record, Some(row))?;
            work.update(slot, &key, &bytes)?;
            decode_bytes(&bytes)
        })
    }

    /// Puts a record in, or in the place of the one with its key, and gives it as it is stored.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert) and [`update`](Self::update).
    pub fn upsert(&self, record: R) -> Result<R> {
        let stored = self.view.change(|work| {
            let (_, table) = self.find(&work.state)?;
            let mut bytes = Vec::new();
            record.encode(&mut Writer::begin(&mut bytes, table.def.layout))?;
            let key = table.key_of(&table.locate(&bytes)?)?;
            if table.rows.get(key.as_bytes()).is_some() {
                self.update_one(work, &record)
            } else {
                self.insert_one(work, &record)
            }
        })?;
        Ok(stored.unwrap_or(record))
    }

    /// Takes the record of a key out, or marks it as deleted where the model has a `soft_delete`. What refers to it goes with it, or forbids it, as
    /// its foreign key says. False where there is none.
    ///
    /// # Errors
    ///
    /// `ForeignKeyViolation`, and what the commit gives, where this is one.
    pub fn delete(&self, key: impl Into<R::Key>) -> Result<bool> {
        let key = key.into();
        self.view.change(|work| self.delete_one(work, &key, false))
    }

    /// Takes the record of a key out for good, whether it is marked as deleted or not. False where there is none.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub fn delete_for_good(&self, key: impl Into<R::Key>) -> Result<bool> {
        let key = key.into();
        self.view.change(|work| self.delete_one(work, &key, true))
    }

    /// Deletes records by their keys, all or none.
    pub(crate) fn delete_records(&self, keys: &[Key]) -> Result<()> {
        self.all_or_none(keys, |work, key| {
            let (slot, _) = self.find(&work.state)?;
            Self::delete_key(work, slot, key, false).map(drop)
        })
        .map(drop)
    }

    fn all_or_none<T>(&self, items: &[T], mut act: impl FnMut(&mut Work, &T) -> Result<()>) -> Result<usize> {
        self.view.change(|work| {
            work.atomically(|work| {
                for (place, item) in items.iter().enumerate() {
                    act(work, item).map_err(|error| error.with_batch_index(place))?;
                }
                Ok(items.len())
            })
        })
    }

    /// Inserts a record, and gives what is stored where that is something else.
    fn insert_one(&self, work: &mut Work, record: &R) -> Result<Option<R>> {
        let (slot, table) = self.find(&work.state)?;
        let (bytes, filled) = Self::encoded(table, record, None)?;
        work.insert(slot, &bytes)?;
        if filled { decode_bytes(&bytes).map(Some) } else { Ok(None) }
    }

    fn update_one(&self, work: &mut Work, record: &R) -> Result<Option<R>> {
        let (slot, table) = self.find(&work.state)?;
        let mut given = Vec::new();
        record.encode(&mut Writer::begin(&mut given, table.def.layout))?;
        let key = table.key_of(&table.locate(&given)?)?;
        let row = table.rows.get(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
        let (bytes, filled) = Self::encoded(table, record, Some(row))?;
        work.update(slot, &key, &bytes)?;
        if filled { decode_bytes(&bytes).map(Some) } else { Ok(None) }
    }

    fn delete_one(&self, work: &mut Work, key: &R::Key, for_good: bool) -> Result<bool> {
        let (slot, table) = self.find(&work.state)?;
        let mut bytes = KeyWriter::new(&table.def.key);
        R::encode_key(key, &mut bytes)?;
        let key = bytes.finish();
        Self::delete_key(work, slot, &key, for_good)
    }

    fn delete_key(work: &mut Work, slot: usize, key: &Key, for_good: bool) -> Result<bool> {
        let Some(column) = R::definition().deleted_at.filter(|_| !for_good) else { return work.delete(slot, key) };
        let table = work.state.table(slot)?;
        let Some(row) = table.rows.get(key.as_bytes()) else { return Ok(false) };
        let record = table.locate(&row.bytes)?;
        if !record.get(column)?.is_null() {
            return Ok(false);
        }
        let now = now_as(&table.def.columns()[column].ty)?;
        let bytes = assigned(&table.def, &record, &[column], &[now])?;
        work.update(slot, key, &bytes).map(|_| true)
    }

    /// Writes a record as it is to be stored, and tells whether something was filled in.
    fn encoded(table: &TableState, record: &R, old: Option<&Row>) -> Result<(Vec<u8>, bool)> {
        record.validate()?;
        let definition = R::definition();
        let mut bytes = Vec::with_capacity(128);
        let version = match (definition.version, old) {
            (Some(column), Some(old)) => Some(table.locate(&old.bytes)?.get(column)?),
            _ => None,
        };
        let writer = Writer::begin(&mut bytes, table.def.layout);
        let mut filling =
            Filling { writer, table, definition, is_new: old.is_none(), version, column: 0, filled: false };
        record.encode(&mut filling)?;
        let filled = filling.filled;
        Ok((bytes, filled))
    }
}

/// Writes a record's values, with those filled in that are the store's to give.
struct Filling<'f> {
    writer: Writer<'f>,
    table: &'f TableState,
    definition: &'static Definition,
    is_new: bool,
    /// What the record that is changed counts.
    version: Option<ValueRef<'f>>,
    column: usize,
    filled: bool,
}

impl Sink for Filling<'_> {
    #[inline]
    fn put(&mut self, value: ValueRef<'_>) -> Result<()> {
        let column = Some(self.column);
        self.column += 1;
        let definition = self.definition;
        let special = column == self.table.def.auto
            || column == definition.version
            || column == definition.updated_at
            || column == definition.created_at;
        if !special {
            return self.writer.put(value);
        }
        let filled = self.fill(column, value)?;
        self.filled = self.filled || filled.is_some();
        match filled {
            Some(filled) => self.writer.put(filled.as_ref()),
            None => self.writer.put(value),
        }
    }
}

impl Filling<'_> {
    /// Gives what takes the place of a value.
    fn fill(&self, column: Option<usize>, value: ValueRef<'_>) -> Result<Option<Value>> {
        let columns = self.table.def.columns();
        let Some(definition) = column.and_then(|column| columns.get(column)) else { return Ok(None) };
        let is_nought = match value {
            ValueRef::Null | ValueRef::I64(0) | ValueRef::U64(0) => true,
            ValueRef::Instant(micros) | ValueRef::DateTime(micros) => micros == 0,
            ValueRef::Date(days) => days == 0,
            _ => false,
        };
        if column == self.table.def.auto {
            return if self.is_new && is_nought {
                convert(number(self.table), &definition.ty).map(Some)
            } else {
                Ok(None)
            };
        }
        if column == self.definition.version {
            return match self.version {
                None if is_nought => convert(ValueRef::I64(1), &definition.ty).map(Some),
                None => Ok(None),
                Some(before) if before == value => {
                    let next = match value {
                        ValueRef::I64(count) => ValueRef::I64(count.wrapping_add(1)),
                        ValueRef::U64(count) => ValueRef::U64(count.wrapping_add(1)),
                        other => other,
                    };
                    convert(next, &definition.ty).map(Some)
                }
                Some(_) => Err(stale(self.definition)),
            };
        }
        let is_due = if self.is_new { is_nought } else { column == self.definition.updated_at };
        if is_due { now_as(&definition.ty).map(Some) } else { Ok(None) }
    }
}

fn number(table: &TableState) -> ValueRef<'static> {
    ValueRef::U64(table.draw())
}

fn decode_bytes<R: Record>(bytes: &[u8]) -> Result<R> {
    R::decode(&mut crate::record::Reader::new(bytes)?)
}

#[cold]
fn stale(definition: &Definition) -> Error {
    let message = format!("the {} was changed since it was read", definition.name);
    Error::new(ErrorKind::StaleRow, message).with_table(definition.table.name.as_str())
}

#[cold]
fn not_unique(def: &TableDef, column: usize) -> Error {
    let name = def.columns().get(column).map_or("?", |column| column.name.as_str());
    Error::interface(format!("{}.{name} has no unique index of its own", def.name()))
        .with_table(def.name())
        .with_column(name)
        .with_hint("write #[model(unique)] on the field, or ask by `filter`")
}

#[cold]
fn no_index(def: &TableDef, column: usize) -> Error {
    let name = def.columns().get(column).map_or("?", |column| column.name.as_str());
    Error::interface(format!("{}.{name} is not the first column of an index", def.name()))
        .with_table(def.name())
        .with_column(name)
        .with_hint("write #[model(index)] on the field, or ask by `filter`")
}

impl TableDef {
    /// Finds a key that begins with a column.
    fn leading(&self, column: usize) -> Option<(Option<usize>, &crate::schema::KeyDef)> {
        let begins = |key: &crate::schema::KeyDef| key.columns.first() == Some(&column);
        if begins(&self.key) {
            return Some((None, &self.key));
        }
        let place = self.indexes.iter().position(|index| begins(&index.key))?;
        Some((Some(place), &self.indexes[place].key))
    }
}
