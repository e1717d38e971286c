//! Writing typed records.

use oarlock_core::record::{Definition, Record, Sink};
use oarlock_core::schema::Default;
use oarlock_core::value::{Value, ValueRef};
use oarlock_core::{Error, ErrorKind, Result};

use crate::convert::{convert, default_value, now_as};
use crate::key::Key;
use crate::query::decode;
use crate::record::{KeyWriter, Writer};
use crate::schema::TableDef;
use crate::table::{Row, TableState};
use crate::typed::Table;
use crate::view::Change;
use crate::work::{Work, assigned, no_record};

/// Most records have fewer bytes.
const USUAL: usize = 256;

/// After how many of many records it is known about how long they all are.
const FIRST: usize = 100;

impl<R: Record, V: Change> Table<'_, R, V> {
    /// Puts a new record in, and gives it as it is stored.
    ///
    /// A key that is numbered is drawn where it is nought. A `created_at`, an `updated_at` or a field whose default is `now` is the present time where it
    /// is NULL or at the beginning of 1970, one whose default is `uuid` a new UUID where it is nil, and a `version` that is nought is 1.
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
        self.view.attempt(|tx| {
            let (slot, key, mut record) = tx.work(|work| {
                let (slot, table) = self.find(&work.state)?;
                let key = key_bytes::<R>(table, &key)?;
                let row = table.row(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
                Ok((slot, key, decode::<R>(row.bytes)?))
            })?;
            // The function may use the transaction itself.
            change(&mut record);
            tx.work(|work| {
                let table = work.state.table(slot)?;
                let row = table.row(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
                let (bytes, _) = Self::encoded(table, &record, Some(row))?;
                work.update(slot, &key, &bytes)?;
                decode(&bytes)
            })
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
            if table.rows.contains(key.as_bytes()) {
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
                let before = work.payload.len();
                for (place, item) in items.iter().enumerate() {
                    act(work, item).map_err(|error| error.with_batch_index(place))?;
                    if place == FIRST {
                        work.expect(items.len() / FIRST, before);
                    }
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
        if filled { decode(&bytes).map(Some) } else { Ok(None) }
    }

    fn update_one(&self, work: &mut Work, record: &R) -> Result<Option<R>> {
        let (slot, table) = self.find(&work.state)?;
        let mut given = Vec::with_capacity(USUAL);
        record.encode(&mut Writer::begin(&mut given, table.def.layout))?;
        let definition = R::definition();
        if definition.version.is_none() && definition.updated_at.is_none() {
            // Nothing is the store's to give.
            record.validate()?;
            work.replace(slot, &given)?;
            return Ok(None);
        }
        let key = table.key_of(&table.locate(&given)?)?;
        let row = table.row(key.as_bytes()).ok_or_else(|| no_record(&table.def))?;
        let (bytes, filled) = Self::encoded(table, record, Some(row))?;
        work.update(slot, &key, &bytes)?;
        if filled { decode(&bytes).map(Some) } else { Ok(None) }
    }

    fn delete_one(&self, work: &mut Work, key: &R::Key, for_good: bool) -> Result<bool> {
        let (slot, table) = self.find(&work.state)?;
        let key = key_bytes::<R>(table, key)?;
        Self::delete_key(work, slot, &key, for_good)
    }

    fn delete_key(work: &mut Work, slot: usize, key: &Key, for_good: bool) -> Result<bool> {
        let Some(column) = R::definition().deleted_at.filter(|_| !for_good) else { return work.delete(slot, key) };
        let table = work.state.table(slot)?;
        let Some(row) = table.row(key.as_bytes()) else { return Ok(false) };
        let record = table.locate(row.bytes)?;
        if !record.get(column)?.is_null() {
            return Ok(false);
        }
        let now = now_as(&table.def.columns()[column].ty)?;
        let bytes = assigned(&table.def, &record, &[column], &[now])?;
        work.update(slot, key, &bytes).map(|_| true)
    }

    /// Writes a record as it is to be stored, and tells whether something was filled in.
    fn encoded(table: &TableState, record: &R, old: Option<Row<'_>>) -> Result<(Vec<u8>, bool)> {
        record.validate()?;
        let definition = R::definition();
        let mut bytes = Vec::with_capacity(USUAL);
        let version = match (definition.version, old) {
            (Some(column), Some(old)) => Some(table.locate(old.bytes)?.get(column)?),
            _ => None,
        };
        let writer = Writer::begin(&mut bytes, table.def.layout);
        let special = Filling::special(&table.def, definition).fold(0, |all, column| all | bit(column));
        let is_new = old.is_none();
        let mut filling = Filling { writer, table, definition, is_new, version, special, column: 0, filled: false };
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
    /// The bits of the columns that are the store's to give.
    special: u64,
    column: usize,
    filled: bool,
}

impl Sink for Filling<'_> {
    #[inline]
    fn put(&mut self, value: ValueRef<'_>) -> Result<()> {
        let column = self.column;
        self.column += 1;
        let is_special = self.special & bit(column) != 0
            && Self::special(&self.table.def, self.definition).any(|special| special == column);
        if !is_special {
            return self.writer.put(value);
        }
        let filled = self.fill(Some(column), value)?;
        self.filled = self.filled || filled.is_some();
        match filled {
            Some(filled) => self.writer.put(filled.as_ref()),
            None => self.writer.put(value),
        }
    }
}

/// Gives a column's bit of a number. The last ones share one.
fn bit(column: usize) -> u64 {
    1 << column.min(63)
}

impl Filling<'_> {
    /// Gives the columns that are the store's to give.
    fn special(def: &TableDef, definition: &Definition) -> impl Iterator<Item = usize> {
        let roles = [def.auto, definition.version, definition.updated_at, definition.created_at];
        roles.into_iter().flatten().chain(def.generated.iter().copied())
    }

    /// Gives what takes the place of a value.
    fn fill(&self, column: Option<usize>, value: ValueRef<'_>) -> Result<Option<Value>> {
        let columns = self.table.def.columns();
        let Some(definition) = column.and_then(|column| columns.get(column)) else { return Ok(None) };
        let is_nought = match value {
            ValueRef::Null | ValueRef::I64(0) | ValueRef::U64(0) => true,
            ValueRef::Instant(micros) | ValueRef::DateTime(micros) => micros == 0,
            ValueRef::Date(days) => days == 0,
            ValueRef::Uuid(bytes) => bytes == [0; 16],
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
        if self.is_new {
            return match &definition.default {
                _ if !is_nought => Ok(None),
                Some(default @ (Default::Now | Default::Uuid)) => default_value(definition, default).map(Some),
                _ => now_as(&definition.ty).map(Some),
            };
        }
        if column == self.definition.updated_at { now_as(&definition.ty).map(Some) } else { Ok(None) }
    }
}

fn number(table: &TableState) -> ValueRef<'static> {
    ValueRef::U64(table.draw())
}

#[cold]
fn stale(definition: &Definition) -> Error {
    let message = format!("the {} was changed since it was read", definition.name);
    Error::new(ErrorKind::StaleRow, message).with_table(definition.table.name.as_str())
}

fn key_bytes<R: Record>(table: &TableState, key: &R::Key) -> Result<Key> {
    let mut bytes = KeyWriter::new(&table.def.key);
    R::encode_key(key, &mut bytes)?;
    Ok(bytes.finish())
}
