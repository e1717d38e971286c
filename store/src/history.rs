//! Earlier versions: of a record, and of the whole store.
//!
//! Each operation of the file says where the version before it stands, so the history of a record is read from the file, and takes no memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use oarlock_core::value::Value;
use oarlock_core::{Error, ErrorKind, Result};

use crate::key::Key;
use crate::log::{Frame, Head, Look, Reader};
use crate::op::{HEAD, Link, Op, operations};
use crate::schema::TableDef;
use crate::state::{State, slot};
use crate::store::{Commit, Store};
use crate::transaction::Snapshot;
use crate::work::{PREFIX, last_place};

/// A version of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version<R> {
    /// The transaction that made it. Of what was there before the file was packed, the one to which it was packed.
    pub transaction: u64,
    /// When that was committed, in microseconds since 1970.
    pub time: i64,
    /// What was said of it.
    pub note: Option<String>,
    /// The record; `None` where it was deleted.
    pub record: Option<R>,
}

/// A transaction of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub transaction: u64,
    /// When it was committed, in microseconds since 1970.
    pub time: i64,
    /// What was said of it.
    pub note: Option<String>,
    /// How many operations it has.
    pub operations: usize,
}

/// What a transaction did to a record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Changed {
    /// The table.
    pub table: String,
    /// The values before, by the table's present columns; `None` where there was no record.
    pub before: Option<Vec<Value>>,
    /// The values after; `None` where there is no record.
    pub after: Option<Vec<Value>>,
}

/// A version as the file has it.
pub(crate) struct Found {
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    pub(crate) note: Option<String>,
    /// The record in the present layout.
    pub(crate) record: Option<Vec<u8>>,
    previous: u64,
}

/// Reads the version that an operation of the file made.
fn read_version(reader: &Reader, def: &TableDef, place: u64) -> Result<Found> {
    let (link, record) = read_operation(reader, def, place)?;
    let payload = place.checked_sub(link.offset).ok_or_else(lost)?;
    let length = reader.read(payload, PREFIX)?;
    let length: [u8; PREFIX] = length.try_into().map_err(|_| lost())?;
    let told = reader.told(payload, u16::from_le_bytes(length))?;
    Ok(Found { transaction: told.transaction, time: told.time, note: told.note, record, previous: link.previous })
}

/// Reads an operation on a record: the record in the present layout, `None` where it deletes.
fn read_operation(reader: &Reader, def: &TableDef, place: u64) -> Result<(Link, Option<Vec<u8>>)> {
    /// Most operations have fewer bytes.
    const USUAL: usize = 512;
    let mut bytes = reader.read_up_to(place, USUAL.max(HEAD))?;
    let mut rest = bytes.as_slice();
    let (_, length) = Op::head(&mut rest)?;
    let whole = bytes.len() - rest.len() + length;
    if whole > bytes.len() {
        bytes = reader.read(place, whole)?;
    }
    match Op::take(&mut bytes.as_slice())? {
        Op::Put { table, link, record } if table == def.stored.id => {
            Ok((link, Some(def.modern(record)?.unwrap_or_else(|| record.to_vec()))))
        }
        Op::Delete { table, link, .. } if table == def.stored.id => Ok((link, None)),
        _ => Err(lost()),
    }
}

#[cold]
fn lost() -> Error {
    Error::new(ErrorKind::Internal, "a record's history leads to a place where it is not").with_sqlstate("XX001")
}

impl State {
    /// Gives the versions of a record from the newest on, until a function has seen enough. Of several in one transaction it gives the last.
    pub(crate) fn versions(&self, slot: usize, key: &Key, mut enough: impl FnMut(Found) -> Result<bool>) -> Result<()> {
        let table = self.table(slot)?;
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut place = last_place(table, key).and_then(crate::table::Place::get).unwrap_or(0);
        let mut newest = u64::MAX;
        while place != 0 {
            let found = read_version(reader, &table.def, place)?;
            place = found.previous;
            if found.transaction == newest {
                continue;
            }
            newest = found.transaction;
            if enough(found)? {
                break;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Gives the transactions of the file whose numbers lie within bounds, the oldest first. The file is read up to the last of them, and of those before
    /// the first nothing but their headers.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub fn transactions(&self, numbers: impl RangeBounds<u64>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let look = |head: &Head| {
            let beyond = match numbers.end_bound() {
                Bound::Included(end) => head.transaction > *end,
                Bound::Excluded(end) => head.transaction >= *end,
                Bound::Unbounded => false,
            };
            match (beyond, !head.base && numbers.contains(&head.transaction)) {
                (true, _) => Look::Enough,
                (false, true) => Look::Take,
                (false, false) => Look::Pass,
            }
        };
        self.scan(look, |frame| {
            entries.push(Entry {
                transaction: frame.transaction,
                time: frame.time,
                note: frame.note.map(str::to_owned),
                operations: operations(payload_of(&frame)).count(),
            });
            Ok(())
        })?;
        Ok(entries)
    }

    /// Gives the last transaction that was committed at a time or before it, in microseconds since 1970; `None` where there was none. The headers of the file's
    /// frames are read up to there.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub fn transaction_at(&self, time: i64) -> Result<Option<u64>> {
        let mut found = None;
        let look = |head: &Head| {
            if head.time > time {
                return Look::Enough;
            }
            found = Some(head.transaction);
            Look::Pass
        };
        self.scan(look, |_| Ok(()))?;
        Ok(found)
    }

    /// Gives what a transaction did to which records. Of the file's transactions before it the headers are read.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound` where the file does not have the transaction, and what reading gives.
    pub fn changes(&self, transaction: u64) -> Result<Vec<Changed>> {
        let state = self.snapshot();
        let state = state.state();
        let reader = state.reader.as_ref().ok_or_else(lost)?;
        let mut changes: Vec<Changed> = Vec::new();
        for (slot, _, effect) in self.effects(state, transaction)? {
            let table = state.table(slot)?;
            let values = |bytes: Option<Vec<u8>>| {
                bytes.map(|bytes| table.locate(&bytes).and_then(|record| record.values())).transpose()
            };
            let before = effect.before(reader, &table.def)?;
            changes.push(Changed {
                table: table.def.name().to_owned(),
                before: values(before)?,
                after: values(effect.after)?,
            });
        }
        Ok(changes)
    }

    /// Gives the store as it was after a transaction: all tables, with their indexes, in their present definitions. A table that has been dropped since is as
    /// it was.
    ///
    /// It costs what opening the store cost then, without the image of a clean close: the file is read, checked and replayed up to that transaction and no
    /// further, about a second for a million operations, and the view takes the memory of all its records. Who wants one record takes
    /// [`Table::get_as_of`](crate::Table::get_as_of), which reads its versions alone; who looks at a view more than once keeps it.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound` where the file was packed beyond the transaction; an integrity or `Conversion` error where the records of then do not fit
    /// the present definitions.
    pub fn as_of(&self, transaction: u64) -> Result<Snapshot> {
        let now = self.snapshot();
        if transaction >= now.transaction() {
            return Ok(now);
        }
        let mut state = self.replayed(transaction)?;
        for table in now.state().live() {
            state.define(table.def.stored.clone())?;
        }
        state.link()?;
        state.reindex().map_err(|error| error.context(format_args!("the store as of transaction {transaction}")))?;
        state.reader.clone_from(&now.state().reader);
        Ok(Snapshot::new(Arc::new(state)))
    }

    /// Undoes a transaction by one that puts back what was there before it, and gives that.
    ///
    /// # Errors
    ///
    /// `StaleRow` where later transactions have changed its records again, which are named; `ForeignKeyViolation` and the like where others have
    /// come to stand on them; `ObjectNotFound` where the file does not have it; `NotSupported` where it changed a definition, or the store
    /// keeps no history.
    pub fn undo(&self, transaction: u64) -> Result<Option<Commit>> {
        if !self.shared().limits.history {
            return Err(Error::not_supported("the store was opened without history: there is nothing to go back to"));
        }
        self.retrying(|store| {
            let tx = store.begin();
            tx.note(format!("undo of transaction {transaction}"));
            tx.work(|work| {
                let state = Arc::clone(&work.state);
                let reader = state.reader.as_ref().ok_or_else(lost)?;
                let effects = store.effects(&state, transaction)?;
                refuse_stale(&state, &effects)?;
                let mut records = Vec::with_capacity(effects.len());
                for (slot, key, effect) in effects {
                    let before = effect.before(reader, &state.table(slot)?.def)?;
                    records.push((slot, key, before));
                }
                work.put_back(records)
            })?;
            tx.commit()
        })
    }

    /// Gives the last effect that a transaction had on each record.
    fn effects(&self, state: &State, transaction: u64) -> Result<Vec<(usize, Key, Effect)>> {
        let mut effects: Vec<(usize, Key, Effect)> = Vec::new();
        let mut places: HashMap<(usize, Vec<u8>), usize> = HashMap::new();
        let mut found = false;
        let look = |head: &Head| match head.transaction.cmp(&transaction) {
            Ordering::Less => Look::Pass,
            Ordering::Equal if head.base => Look::Pass,
            Ordering::Equal => Look::Take,
            Ordering::Greater => Look::Enough,
        };
        self.scan(look, |frame| {
            found = true;
            for op in operations(payload_of(&frame)) {
                let (table, link, record, key) = match op? {
                    Op::Put { table, link, record } => (table, link, Some(record), None),
                    Op::Delete { table, link, key } => (table, link, None, Some(Key::new(key))),
                    _ => {
                        let message = format!("transaction {transaction} changed the definition of a table");
                        return Err(Error::not_supported(message));
                    }
                };
                let slot = slot(table)?;
                let table = state.table(slot)?;
                let after = match record {
                    Some(record) => Some(table.def.modern(record)?.unwrap_or_else(|| record.to_vec())),
                    None => None,
                };
                let key = match (key, &after) {
                    (Some(key), _) => key,
                    (None, Some(bytes)) => table.key_of(&table.locate(bytes)?)?,
                    (None, None) => return Err(lost()),
                };
                let effect = Effect { place: frame.place + link.offset, previous: link.previous, after };
                let count = effects.len();
                let place = *places.entry((slot, key.as_bytes().to_vec())).or_insert(count);
                match effects.get_mut(place) {
                    Some(known) => known.2 = effect,
                    None => effects.push((slot, key, effect)),
                }
            }
            Ok(())
        })?;
        if found { Ok(effects) } else { Err(no_transaction(transaction)) }
    }

    /// Reads the file up to a transaction into a state of its own, without indexes.
    pub(crate) fn replayed(&self, transaction: u64) -> Result<State> {
        if transaction < self.shared().log.base() {
            return Err(no_transaction(transaction).with_hint("the file was packed beyond it"));
        }
        let mut state = State::default();
        let history = self.shared().limits.history;
        let look = |head: &Head| if head.transaction > transaction { Look::Enough } else { Look::Take };
        self.scan(look, |frame| state.replay_frame(&frame, history))?;
        // Of an empty state at the beginning of the file no frame tells.
        state.transaction = transaction;
        Ok(state)
    }

    /// Calls a function with the frames of the file that another takes by their headers.
    fn scan(&self, mut look: impl FnMut(&Head) -> Look, mut see: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        let reader = self.shared().published().reader.clone().ok_or_else(lost)?;
        let mut scan = reader.scan(None);
        while let Some(frame) = scan.next_of(&mut look)? {
            see(frame)?;
        }
        Ok(())
    }
}

/// What a transaction did to a record.
struct Effect {
    place: u64,
    /// Where the version before the transaction stands.
    previous: u64,
    after: Option<Vec<u8>>,
}

impl Effect {
    fn before(&self, reader: &Reader, def: &TableDef) -> Result<Option<Vec<u8>>> {
        if self.previous == 0 { Ok(None) } else { read_operation(reader, def, self.previous).map(|(_, record)| record) }
    }
}

pub(crate) fn payload_of<'f>(frame: &Frame<'f>) -> &'f [u8] {
    frame.payload.get(PREFIX..).unwrap_or_default()
}

/// Refuses to undo what later transactions have changed again.
fn refuse_stale(state: &State, effects: &[(usize, Key, Effect)]) -> Result<()> {
    const NAMED: usize = 5;
    let mut conflicts = Vec::new();
    for (slot, key, effect) in effects {
        let table = state.table(*slot)?;
        if last_place(table, key).and_then(crate::table::Place::get) != Some(effect.place) {
            let bytes = table.row(key.as_bytes()).map(|row| row.bytes.to_vec()).or_else(|| effect.after.clone());
            let key = match &bytes {
                Some(bytes) => {
                    let record = table.locate(bytes)?;
                    let values = table.def.key.columns.iter().map(|column| Ok(format!("{:?}", record.get(*column)?)));
                    values.collect::<Result<Vec<_>>>()?.join(", ")
                }
                None => "?".to_owned(),
            };
            conflicts.push(format!("{} ({key})", table.def.name()));
        }
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    let more = if conflicts.len() > NAMED { format!(" and {} more", conflicts.len() - NAMED) } else { String::new() };
    let named = conflicts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    Err(Error::new(ErrorKind::StaleRow, format!("later transactions have changed the same records: {named}{more}"))
        .with_hint("undo those first"))
}

#[cold]
fn no_transaction(transaction: u64) -> Error {
    Error::new(ErrorKind::ObjectNotFound, format!("the file does not have transaction {transaction}"))
}
