//! Putting a transaction's operations on top of what others have committed meanwhile: the first committer wins.

use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};

use super::reads::is_same;
use super::{PREFIX, Work, foreign};
use crate::key::Key;
use crate::op::{Link, Op, operations};
use crate::state::{State, slot};
use crate::table::{Entries, Place, Row};

impl Work {
    /// Makes the state that this transaction's operations lead to from the newest one.
    ///
    /// # Errors
    ///
    /// `SerializationFailure` where others have changed what it has changed, or what it stands on.
    pub(crate) fn rebase(&self, latest: &Arc<State>) -> Result<Arc<State>> {
        if self.is_empty() && self.reads.is_none() {
            return Ok(Arc::clone(latest));
        }
        // Whether a record is the same is told by its place.
        if self.base.epoch != latest.epoch {
            return Err(conflict("the file was packed meanwhile"));
        }
        if let Some(reads) = &self.reads
            && !reads.hold(&self.base, latest)
        {
            return Err(conflict("what it has read was changed by another transaction"));
        }
        if self.is_empty() {
            return Ok(Arc::clone(latest));
        }
        if !Arc::ptr_eq(&self.base.catalog, &latest.catalog) || !Arc::ptr_eq(&self.state.catalog, &self.base.catalog) {
            return Err(conflict("the definition of a table was changed meanwhile"));
        }
        let mut merged = State::clone(latest);
        let mut touched: Vec<(usize, Key)> = Vec::new();
        for op in operations(&self.payload[PREFIX..]) {
            touched.push(self.redo(op?, latest, &mut merged)?);
        }
        for (slot, key) in touched {
            self.check_links(&merged, slot, &key)?;
        }
        Ok(Arc::new(merged))
    }

    fn redo(&self, op: Op<'_>, latest: &State, merged: &mut State) -> Result<(usize, Key)> {
        let pending = |link: Link| Place::pending(link.offset);
        match op {
            Op::Put { table, link, record } => {
                let slot = slot(table)?;
                let table = merged.table(slot)?;
                let values = table.locate(record)?;
                let key = table.key_of(&values)?;
                self.check_unchanged(latest, slot, &key)?;
                let entries = table.entries(&key, &values)?;
                let before = match table.row(key.as_bytes()) {
                    Some(old) => table.entries(&key, &table.locate(old.bytes)?)?,
                    None => Entries::new(),
                };
                if table.taken(&entries, Some(&key)).is_some() {
                    return Err(conflict("another transaction has given a record the same unique key"));
                }
                merged.table_mut(slot)?.put(&key, Row { bytes: record, place: pending(link) }, entries, before);
                Ok((slot, key))
            }
            Op::Delete { table, link, key } => {
                let (slot, key) = (slot(table)?, Key::new(key));
                self.check_unchanged(latest, slot, &key)?;
                let deleted = self.limits.history.then(|| pending(link));
                merged.table_mut(slot)?.delete(&key, deleted)?;
                Ok((slot, key))
            }
            Op::Define { .. } | Op::Drop { .. } | Op::Sequence { .. } => {
                Err(conflict("the definition of a table was changed meanwhile"))
            }
        }
    }

    fn check_unchanged(&self, latest: &State, slot: usize, key: &Key) -> Result<()> {
        let before = self.base.table(slot)?.row(key.as_bytes());
        let now = latest.table(slot)?.row(key.as_bytes());
        if is_same(before, now) {
            return Ok(());
        }
        let name = self.base.table(slot)?.def.name();
        Err(conflict(&format!("a record of {name} was changed by another transaction")).with_table(name))
    }

    /// Sees to it that what a changed record refers to is still there, and that nobody has come to refer to one that is gone.
    fn check_links(&self, merged: &State, slot: usize, key: &Key) -> Result<()> {
        let table = merged.table(slot)?;
        let row = table.row(key.as_bytes());
        if let Some(row) = row {
            let record = table.locate(row.bytes)?;
            for foreign in &table.def.foreign {
                if !foreign::is_there(merged, foreign, &record)? {
                    return Err(conflict("what a record refers to was deleted by another transaction"));
                }
            }
        }
        let Some(old) = self.base.table(slot)?.row(key.as_bytes()) else { return Ok(()) };
        if row.is_some_and(|row| row.place == old.place) {
            return Ok(());
        }
        foreign::check_children(merged, slot, &table.locate(old.bytes)?)
            .map_err(|_| conflict("another transaction has come to refer to a record that is gone"))
    }
}

/// Makes the error of a transaction that has to be run again.
#[cold]
pub(crate) fn conflict(what: &str) -> Error {
    Error::new(ErrorKind::SerializationFailure, format!("the transaction could not be serialized: {what}"))
        .with_sqlstate("40001")
        .with_hint("run it again")
}
