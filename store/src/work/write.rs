//! Writing records: what a table asks of each, and the operations that say what was done.

use std::sync::Arc;

use oarlock_core::value::ValueRef;
use oarlock_core::{Error, ErrorKind, Result};

use super::Work;
use crate::expr;
use crate::key::Key;
use crate::op;
use crate::record::Located;
use crate::schema::{Limit, TableDef};
use crate::state::{State, number};
use crate::table::{Entries, Place, Row, TableState, duplicate};

impl Work {
    /// Puts a new record in and gives its key.
    pub(crate) fn insert(&mut self, slot: usize, bytes: &[u8]) -> Result<Key> {
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        check(&table.def, &record)?;
        let key = table.key_of(&record)?;
        if table.rows.get(key.as_bytes()).is_some() {
            let primary = &table.def.key;
            return Err(duplicate(&table.def, &primary.name, &primary.columns, &record));
        }
        if let Some(auto) = table.def.auto {
            number(table, &record, auto)?;
        }
        self.put(slot, &key, bytes, &record, None)?;
        Ok(key)
    }

    /// Puts a record in the place of one, and gives its key, which may be another.
    pub(crate) fn update(&mut self, slot: usize, key: &Key, bytes: &[u8]) -> Result<Key> {
        let table = self.state.table(slot)?;
        let Some(old) = table.rows.get(key.as_bytes()).cloned() else { return Err(no_record(&table.def)) };
        if *old.bytes == *bytes {
            return Ok(key.clone());
        }
        let record = table.locate(bytes)?;
        check(&table.def, &record)?;
        let new_key = table.key_of(&record)?;
        if self.leads_here(slot, &old, &record)? {
            return self.atomically(|work| work.update_referenced(slot, key, &old, bytes));
        }
        if new_key == *key {
            self.put(slot, key, bytes, &record, Some(&old))?;
        } else {
            self.atomically(|work| work.move_to(slot, key, &new_key, bytes))?;
        }
        Ok(new_key)
    }

    /// Puts a record in under another key than it had.
    pub(super) fn move_to(&mut self, slot: usize, key: &Key, new_key: &Key, bytes: &[u8]) -> Result<()> {
        self.take_out(slot, key)?;
        let table = self.state.table(slot)?;
        let record = table.locate(bytes)?;
        if table.rows.get(new_key.as_bytes()).is_some() {
            let primary = &table.def.key;
            return Err(duplicate(&table.def, &primary.name, &primary.columns, &record));
        }
        self.put(slot, new_key, bytes, &record, None)
    }

    /// Takes a record out, with what its foreign keys say of those that refer to it. False where there is none.
    pub(crate) fn delete(&mut self, slot: usize, key: &Key) -> Result<bool> {
        let Some(row) = self.state.table(slot)?.rows.get(key.as_bytes()).cloned() else { return Ok(false) };
        if self.has_children(slot, &row)? {
            return self.atomically(|work| work.delete_referenced(slot, key)).map(|()| true);
        }
        self.take_out(slot, key)?;
        Ok(true)
    }

    /// Puts a record in that keeps what its table asks of it alone.
    pub(super) fn put(
        &mut self,
        slot: usize,
        key: &Key,
        bytes: &[u8],
        record: &Located<'_>,
        old: Option<&Row>,
    ) -> Result<()> {
        let table = self.state.table(slot)?;
        if let Some(old) = old {
            // Every foreign key has an index, so what no index has is no other record's matter.
            let before = table.locate(&old.bytes)?;
            let mut indexed = table.def.indexes.iter().flat_map(|index| &index.key.columns);
            if indexed.all(|column| record.is_same(&before, *column)) {
                self.put_in(slot, key, bytes, Entries::new(), Some(old))?;
                return self.weigh();
            }
        }
        let entries = table.entries(key, record)?;
        if let Some(taken) = table.taken(&entries, old.map(|_| key)) {
            let index = &table.def.indexes[taken].key;
            return Err(duplicate(&table.def, &index.name, &index.columns, record));
        }
        let deferred = self.check_parents(slot, record, old)?;
        self.put_in(slot, key, bytes, entries, old)?;
        self.deferred.extend(deferred.into_iter().map(|foreign| (slot, foreign, key.clone())));
        self.weigh()
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
            let index = &table.def.indexes[taken].key;
            return Err(duplicate(&table.def, &index.name, &index.columns, record));
        }
        let foreign = table.def.foreign.len();
        self.put_in(slot, key, bytes, entries, None)?;
        self.deferred.extend((0..foreign).map(|foreign| (slot, foreign, key.clone())));
        Ok(())
    }

    fn put_in(&mut self, slot: usize, key: &Key, bytes: &[u8], entries: Entries, old: Option<&Row>) -> Result<()> {
        let table = self.state.table(slot)?;
        // A key of which nothing was ever heard has no version before.
        let previous = match old {
            None if table.deleted.len() == 0 => 0,
            Some(Row { place, .. }) if self.limits.history => place.get().unwrap_or_else(|| self.previous(slot, key)),
            _ => self.previous(slot, key),
        };
        let id = table.def.stored.id;
        let offset = self.payload.len();
        op::put_record(&mut self.payload, id, previous, bytes);
        let place = Place::pending(u64::try_from(offset).unwrap_or(u64::MAX));
        let row = Row { bytes: Arc::from(bytes), place };
        Arc::make_mut(&mut self.state).table_mut(slot)?.put(key.clone(), row, entries, old)
    }

    /// Takes a record out and leaves those that refer to it alone.
    pub(super) fn take_out(&mut self, slot: usize, key: &Key) -> Result<Option<Row>> {
        let previous = self.previous(slot, key);
        let table = self.state.table(slot)?;
        if table.rows.get(key.as_bytes()).is_none() {
            return Ok(None);
        }
        let offset = self.payload.len();
        op::put_delete(&mut self.payload, table.def.stored.id, previous, key.as_bytes());
        let place = Place::pending(u64::try_from(offset).unwrap_or(u64::MAX));
        let deleted = self.limits.history.then_some(place);
        Arc::make_mut(&mut self.state).table_mut(slot)?.delete(key, deleted)
    }

    /// Gives where the version stands that the file has of a record; 0 where it has none.
    fn previous(&self, slot: usize, key: &Key) -> u64 {
        if !self.limits.history {
            return 0;
        }
        let place = |state: &State| {
            let table = state.table(slot).ok()?;
            last_place(table, key)
        };
        // What this transaction has written itself is no version.
        match place(&self.state) {
            Some(place) => place.get().or_else(|| place_in_file(&self.base, slot, key)).unwrap_or(0),
            None => 0,
        }
    }
}

/// Gives where the last operation on a record stands, whether it is there or not.
pub(crate) fn last_place(table: &TableState, key: &Key) -> Option<Place> {
    let row = table.rows.get(key.as_bytes()).map(|row| row.place);
    row.or_else(|| table.deleted.get(key.as_bytes()).copied())
}

fn place_in_file(state: &State, slot: usize, key: &Key) -> Option<u64> {
    last_place(state.table(slot).ok()?, key)?.get()
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
