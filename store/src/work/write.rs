//! Writing records: what a table asks of each, and the operations that say what was done.

use std::sync::Arc;

use oarlock_core::value::ValueRef;
use oarlock_core::{Error, ErrorKind, Result};
use smallvec::SmallVec;

use super::Work;
use crate::expr;
use crate::key::Key;
use crate::op;
use crate::record::Located;
use crate::schema::{Limit, TableDef};
use crate::state::number;
use crate::table::{Entries, Place, Row, TableState, duplicate};

/// What is to be done to put a record in that keeps what its table asks of it.
pub(super) struct Prepared {
    /// The keys of the indexes that it has, and those that the record before it had; none where all are the same.
    entries: Entries,
    before: Entries,
    /// The foreign keys that are looked at in the end.
    deferred: SmallVec<[usize; 2]>,
    /// Where the version before it stands in the file.
    previous: u64,
}

impl Work {
    /// Puts a new record in and gives its key.
    pub(crate) fn insert(&mut self, slot: usize, bytes: &[u8]) -> Result<Key> {
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        check(&table.def, &record)?;
        let key = table.key_of(&record)?;
        if let Some(auto) = table.def.auto {
            number(table, &record, auto)?;
        }
        let entries = table.entries(&key, &record)?;
        let (id, previous, place) = (table.def.stored.id, self.previous(slot, &key, None)?, self.next_place());
        self.weigh()?;
        // Whether others have its keys is found where they are put.
        let table = Arc::make_mut(&mut self.state).table_mut(slot)?;
        table.put_new(&key, Row { bytes, place }, &entries).map_err(|taken| match taken {
            None => duplicate_primary(&table.def, &record),
            Some(taken) => duplicate_entry(&table.def, taken, &record),
        })?;
        if table.def.foreign.is_empty() {
            table.forget_deleted(&key);
        } else {
            let deferred = self.check_parents(slot, &record, None);
            let table = Arc::make_mut(&mut self.state).table_mut(slot)?;
            let deferred = deferred.inspect_err(|_| table.take_back(&key, bytes, &entries, entries.len()))?;
            table.forget_deleted(&key);
            self.deferred.extend(deferred.into_iter().map(|foreign| (slot, foreign, key.clone())));
        }
        op::put_record(&mut self.payload, id, previous, bytes);
        Ok(key)
    }

    /// Puts a record in the place of one, and gives its key, which may be another.
    pub(crate) fn update(&mut self, slot: usize, key: &Key, bytes: &[u8]) -> Result<Key> {
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        let new_key = table.key_of(&record)?;
        self.update_to(slot, key, &new_key, bytes, &record)?;
        Ok(new_key)
    }

    /// Puts a record in the place of the one that has its key.
    pub(crate) fn replace(&mut self, slot: usize, bytes: &[u8]) -> Result<()> {
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        let key = table.key_of(&record)?;
        self.update_to(slot, &key, &key, bytes, &record)
    }

    fn update_to(&mut self, slot: usize, key: &Key, new_key: &Key, bytes: &[u8], record: &Located<'_>) -> Result<()> {
        let table = self.state.table(slot)?;
        let Some(old) = table.row(key.as_bytes()) else { return Err(no_record(&table.def)) };
        if *old.bytes == *bytes {
            return Ok(());
        }
        check(&table.def, record)?;
        if self.leads_here(slot, old, record)? {
            return self.atomically(|work| work.update_referenced(slot, key, bytes).map(drop));
        }
        if new_key == key {
            let prepared = self.prepare(slot, key, record, Some(old))?;
            self.put(slot, key, bytes, prepared)
        } else {
            self.atomically(|work| work.move_to(slot, key, new_key, bytes))
        }
    }

    /// Puts a record in under another key than it had.
    pub(super) fn move_to(&mut self, slot: usize, key: &Key, new_key: &Key, bytes: &[u8]) -> Result<()> {
        self.take_out(slot, key)?;
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        if table.rows.contains(new_key.as_bytes()) {
            return Err(duplicate_primary(&table.def, &record));
        }
        let prepared = self.prepare(slot, new_key, &record, None)?;
        self.put(slot, new_key, bytes, prepared)
    }

    /// Takes a record out, with what its foreign keys say of those that refer to it. False where there is none.
    pub(crate) fn delete(&mut self, slot: usize, key: &Key) -> Result<bool> {
        let Some(row) = self.state.table(slot)?.row(key.as_bytes()) else { return Ok(false) };
        if self.has_children(slot, row)? {
            return self.atomically(|work| work.delete_referenced(slot, key)).map(|()| true);
        }
        self.take_out(slot, key)?;
        Ok(true)
    }

    /// Sees to it that a record may be put in, in the place of another where there is one.
    pub(super) fn prepare(
        &self,
        slot: usize,
        key: &Key,
        record: &Located<'_>,
        old: Option<Row<'_>>,
    ) -> Result<Prepared> {
        let table = self.state.table(slot)?;
        let mut prepared = Prepared {
            entries: Entries::new(),
            before: Entries::new(),
            deferred: SmallVec::new(),
            previous: self.previous(slot, key, old)?,
        };
        if let Some(old) = old {
            // Every foreign key has an index, so what no index has is no other record's matter.
            let mut indexed = table.def.indexes.iter().flat_map(|index| &index.key.columns);
            let last = indexed.clone().max();
            if last.is_none_or(|last| record.begins_as(old.bytes, *last)) {
                return Ok(prepared);
            }
            let before = table.locate(old.bytes)?;
            if indexed.all(|column| record.is_same(&before, *column)) {
                return Ok(prepared);
            }
            prepared.before = table.entries(key, &before)?;
        }
        prepared.entries = table.entries(key, record)?;
        if let Some(taken) = table.taken(&prepared.entries, old.map(|_| key)) {
            return Err(duplicate_entry(&table.def, taken, record));
        }
        prepared.deferred = self.check_parents(slot, record, old)?;
        Ok(prepared)
    }

    /// Puts a new record in whose foreign keys are looked at in the end.
    pub(super) fn put_linked_later(
        &mut self,
        slot: usize,
        key: &Key,
        bytes: &[u8],
        record: &Located<'_>,
    ) -> Result<()> {
        let table = self.state.table(slot)?;
        let entries = table.entries(key, record)?;
        if let Some(taken) = table.taken(&entries, None) {
            return Err(duplicate_entry(&table.def, taken, record));
        }
        let deferred = (0..table.def.foreign.len()).collect();
        let previous = self.previous(slot, key, None)?;
        self.put(slot, key, bytes, Prepared { entries, before: Entries::new(), deferred, previous })
    }

    /// Puts a record in.
    pub(super) fn put(&mut self, slot: usize, key: &Key, bytes: &[u8], prepared: Prepared) -> Result<()> {
        self.weigh()?;
        let Prepared { entries, before, deferred, previous } = prepared;
        let id = self.state.table(slot)?.def.stored.id;
        let place = self.next_place();
        op::put_record(&mut self.payload, id, previous, bytes);
        let table = Arc::make_mut(&mut self.state).table_mut(slot)?;
        table.put(key, Row { bytes, place }, entries, before);
        self.deferred.extend(deferred.into_iter().map(|foreign| (slot, foreign, key.clone())));
        Ok(())
    }

    /// Takes a record out and leaves those that refer to it alone.
    pub(super) fn take_out(&mut self, slot: usize, key: &Key) -> Result<Option<Vec<u8>>> {
        let table = self.state.table(slot)?;
        let Some(old) = table.row(key.as_bytes()) else { return Ok(None) };
        let (id, previous) = (table.def.stored.id, self.previous(slot, key, Some(old))?);
        let place = self.next_place();
        op::put_delete(&mut self.payload, id, previous, key.as_bytes());
        let deleted = self.limits.history.then_some(place);
        Arc::make_mut(&mut self.state).table_mut(slot)?.delete(key, deleted)
    }

    /// Gives the place of the operation that is put down next.
    fn next_place(&self) -> Place {
        Place::pending(u64::try_from(self.payload.len()).unwrap_or(u64::MAX))
    }

    /// Gives where the version stands that the file has of a record which is `now` what it is, or is not there; 0 where it has none.
    fn previous(&self, slot: usize, key: &Key, now: Option<Row<'_>>) -> Result<u64> {
        if !self.limits.history {
            return Ok(0);
        }
        let place = match now {
            Some(row) => Some(row.place),
            None => self.state.table(slot)?.deleted_at(key),
        };
        // What this transaction has written itself is no version.
        let in_file = |place: Place| place.get().or_else(|| last_place(self.base.table(slot).ok()?, key)?.get());
        Ok(place.and_then(in_file).unwrap_or(0))
    }
}

/// Gives where the last operation on a record stands, whether it is there or not.
pub(crate) fn last_place(table: &TableState, key: &Key) -> Option<Place> {
    let row = table.row(key.as_bytes()).map(|row| row.place);
    row.or_else(|| table.deleted_at(key))
}

#[cold]
fn duplicate_entry(def: &TableDef, index: usize, record: &Located<'_>) -> Error {
    let index = &def.indexes[index].key;
    duplicate(def, &index.name, &index.columns, record)
}

#[cold]
fn duplicate_primary(def: &TableDef, record: &Located<'_>) -> Error {
    duplicate(def, &def.key.name, &def.key.columns, record)
}

/// Holds a record against what its table asks of each by itself.
pub(crate) fn check(def: &TableDef, record: &Located<'_>) -> Result<()> {
    for (column, limit) in &def.limits {
        if let Limit::NotNull = limit {
            if record.is_null(*column) {
                return Err(limit.broken(def, *column, ValueRef::Null));
            }
            continue;
        }
        if let Limit::Characters(most) = limit
            && record.text(*column).is_some_and(|text| usize::try_from(*most).is_ok_and(|most| text.len() <= most))
        {
            // As many bytes are no more characters.
            continue;
        }
        let value = record.get(*column)?;
        if !limit.allows(value) {
            return Err(limit.broken(def, *column, value));
        }
    }
    for check in &def.checks {
        let value = expr::evaluate(&check.condition, &|column| record.get(column))?;
        if let ValueRef::Bool(false) = value.as_ref() {
            return Err(Error::new(
                ErrorKind::CheckViolation,
                format!("a record of {} violates {}", def.name(), check.name),
            )
            .with_sqlstate("23514")
            .with_constraint(check.name.as_str())
            .with_table(def.name()));
        }
    }
    Ok(())
}

impl Limit {
    fn allows(&self, value: ValueRef<'_>) -> bool {
        let within = |length: usize, most: u32| usize::try_from(most).is_ok_and(|most| length <= most);
        match (self, value) {
            (Self::Characters(most), ValueRef::Text(text)) => {
                within(text.len(), *most) || within(text.chars().count(), *most)
            }
            (Self::Bytes(most), ValueRef::Bytes(bytes)) => within(bytes.len(), *most),
            (Self::Words(words), ValueRef::Text(text)) => words.values.iter().any(|word| word == text),
            (Self::Integer(low, high), ValueRef::I64(number)) => (*low..=*high).contains(&number),
            (Self::Digits(before, after), ValueRef::Decimal(number)) => {
                let number = number.normalized();
                let digits = number.coefficient().unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
                let scale = u32::from(number.scale());
                scale <= u32::from(*after) && digits.saturating_sub(scale) <= u32::from(*before)
            }
            _ => true,
        }
    }

    #[cold]
    fn broken(&self, def: &TableDef, column: usize, value: ValueRef<'_>) -> Error {
        let name = def.columns()[column].name.as_str();
        let (kind, state, what) = match self {
            Self::NotNull => (ErrorKind::NotNullViolation, "23502", "may not be NULL".to_owned()),
            Self::Characters(most) => (ErrorKind::OutOfRange, "22001", format!("has {most} characters at the most")),
            Self::Bytes(most) => (ErrorKind::OutOfRange, "22001", format!("has {most} bytes at the most")),
            Self::Words(words) => {
                (ErrorKind::CheckViolation, "23514", format!("is one of {}", words.values.join(", ")))
            }
            Self::Integer(low, high) => (ErrorKind::OutOfRange, "22003", format!("lies between {low} and {high}")),
            Self::Digits(before, after) => {
                (ErrorKind::OutOfRange, "22003", format!("has {before} digits before the point and {after} after it"))
            }
        };
        let error = Error::new(kind, format!("{}.{name} {what}", def.name()));
        let error = error.with_sqlstate(state).with_table(def.name()).with_column(name);
        if value.is_null() { error } else { error.with_detail(format!("the value is {value:?}")) }
    }
}

#[cold]
pub(crate) fn no_record(def: &TableDef) -> Error {
    Error::new(ErrorKind::RowNotFound, format!("{} has no record of this key", def.name())).with_table(def.name())
}
