//! Tables of typed records.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use oarlock_core::record::{Accepts, Record};
use oarlock_core::value::Value;
use oarlock_core::{Error, ErrorKind, Result, ToValue};

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
use crate::view::View;
use crate::work::Interval;

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
    pub(crate) view: &'v V,
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
            self.read(table.row(bytes.bytes()), table)
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
                Target::Primary => table.row(&bytes),
                Target::Index(index) => table.row_by(index, &bytes),
            };
            let result = self.read(row, table);
            read = Some((slot, index, bytes));
            result
        })?;
        self.view.has_read_interval(|| {
            let (slot, index, bytes) = read.unwrap_or_default();
            Interval { slot, index, low: Bound::Included(bytes.to_vec()), high: Bound::Included(bytes.into_vec()) }
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
        self.open(|slot, _| Ok((vec![Interval::all(slot)], false, true))).map(|(source, ..)| source.len())
    }

    /// Gives all records in the order of the primary key, from either end.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn records(&self) -> Result<Records<'v, R>> {
        self.open(|slot, _| Ok((vec![Interval::all(slot)], false, true))).map(|(source, ..)| Records::new(source))
    }

    /// Gives the records whose values in a column lie within bounds, in the order of the column, from either end. NULL is no value. The column has to be the first of
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
            Ok((vec![Interval { slot, index, low, high }], false, true))
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
            let record = found.record.map(|bytes| decode(&bytes)).transpose()?;
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
        record.map(|bytes| decode(&bytes)).transpose()
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
        /// To look at so many tables takes less time than to look for a name.
        const FEW: usize = 4;
        let definition = R::definition();
        let hint = self.slot.load(Relaxed);
        let known = |slot: usize| {
            let table = state.tables.get(slot)?.as_ref()?;
            table.def.is_verified(definition).then_some((slot, table))
        };
        known(hint).or_else(|| (0..FEW).find_map(known)).map_or_else(|| self.look_up(state), Ok)
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

    /// Looks at the table's definition.
    pub(crate) fn look<T>(&self, look: impl FnOnce(usize, &TableDef) -> Result<T>) -> Result<T> {
        self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            look(slot, &table.def)
        })
    }

    /// Opens parts of the table, from the back if it is said, and notes that they are read.
    pub(crate) fn open(
        &self,
        parts: impl FnOnce(usize, &TableDef) -> Result<(Vec<Interval>, bool, bool)>,
    ) -> Result<(Source, bool, bool)> {
        let mut read = Vec::new();
        let source = self.view.look(|state| {
            let (slot, table) = self.find(state)?;
            let (intervals, backwards, ordered) = parts(slot, &table.def)?;
            if V::KEEPS_READS {
                read.clone_from(&intervals);
            }
            Ok((Source::new(Arc::clone(table), intervals, backwards, self.deleted_at()), backwards, ordered))
        })?;
        for interval in read {
            self.view.has_read_interval(|| interval);
        }
        Ok(source)
    }

    fn deleted_at(&self) -> Option<usize> {
        if self.with_deleted { None } else { R::definition().deleted_at }
    }

    fn read(&self, row: Option<Row<'_>>, table: &TableState) -> Result<Option<R>> {
        let Some(row) = row else { return Ok(None) };
        if let Some(column) = self.deleted_at()
            && !table.locate(row.bytes)?.get(column)?.is_null()
        {
            return Ok(None);
        }
        decode(row.bytes).map(Some)
    }
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
