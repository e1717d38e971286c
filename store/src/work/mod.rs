//! What a transaction does: a copy of the state that it changes, and the operations that say how.

mod foreign;
mod reads;
mod rebase;
mod write;

use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};

use crate::key::Key;
use crate::op;
use crate::schema::Stored;
use crate::state::State;
pub(crate) use foreign::{assigned, verify};
pub(crate) use reads::{Interval, Reads};
pub(crate) use rebase::conflict;
pub(crate) use write::{last_place, no_record};

/// A transaction's copy of the state, and the operations that made it what it is.
#[derive(Debug)]
pub(crate) struct Work {
    /// What the transaction began with.
    pub(crate) base: Arc<State>,
    /// What it sees: its own writes among that.
    pub(crate) state: Arc<State>,
    /// The operations, behind room for the length of the note.
    pub(crate) payload: Vec<u8>,
    /// What it has read, where that counts.
    pub(crate) reads: Option<Reads>,
    /// Foreign keys that are looked at in the end: the table, which of its keys, and the record.
    deferred: Vec<(usize, usize, Key)>,
    savepoints: Vec<Mark>,
    limits: Limits,
    /// How many bytes of payload there were when the memory was last looked at.
    weighed: usize,
}

/// What a savepoint goes back to.
#[derive(Debug)]
struct Mark {
    id: u64,
    state: Arc<State>,
    payload: usize,
    deferred: usize,
}

/// What the store's options mean for a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many bytes of memory records and indexes may take.
    pub(crate) memory: usize,
    /// Whether the versions of records can be found again.
    pub(crate) history: bool,
}

/// The room for the length of the note at the beginning of a payload.
pub(crate) const PREFIX: usize = 2;

/// How many bytes are written between two looks at the memory.
const WEIGH_EVERY: usize = 1 << 16;

impl Work {
    pub(crate) fn new(base: Arc<State>, limits: Limits, serializable: bool) -> Self {
        Self {
            state: Arc::clone(&base),
            base,
            payload: vec![0; PREFIX],
            reads: serializable.then(Reads::default),
            deferred: Vec::new(),
            savepoints: Vec::new(),
            limits,
            weighed: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.payload.len() == PREFIX
    }

    /// Makes room for so many times the operations that there are since a place: a payload that grows by doubling is copied as often.
    pub(crate) fn expect(&mut self, times: usize, since: usize) {
        /// It is a guess, and nobody may be refused a transaction for it.
        const MOST: usize = 64 << 20;
        let each = self.payload.len().saturating_sub(since);
        self.payload.reserve((each + each / 8).saturating_mul(times).min(MOST));
    }

    /// Makes what stands now a place to go back to.
    pub(crate) fn savepoint(&mut self, id: u64) {
        let state = Arc::clone(&self.state);
        self.savepoints.push(Mark { id, state, payload: self.payload.len(), deferred: self.deferred.len() });
    }

    /// Goes back to a savepoint, which stays; those after it are gone.
    pub(crate) fn rollback_to(&mut self, id: u64) -> Result<()> {
        let place = self.find_savepoint(id)?;
        let mark = &self.savepoints[place];
        self.state = Arc::clone(&mark.state);
        self.payload.truncate(mark.payload);
        self.deferred.truncate(mark.deferred);
        self.savepoints.truncate(place + 1);
        Ok(())
    }

    /// Forgets a savepoint and those after it.
    pub(crate) fn release(&mut self, id: u64) -> Result<()> {
        let place = self.find_savepoint(id)?;
        self.savepoints.truncate(place);
        Ok(())
    }

    /// Forgets all savepoints: only this transaction has what it has written then.
    pub(crate) fn forget_savepoints(&mut self) {
        self.savepoints.clear();
    }

    fn find_savepoint(&self, id: u64) -> Result<usize> {
        self.savepoints.iter().position(|mark| mark.id == id).ok_or_else(|| {
            Error::new(
                ErrorKind::ObjectNotFound,
                "the savepoint is of another transaction, or was undone with one before it",
            )
        })
    }

    /// Does something of which nothing may remain when it fails.
    pub(crate) fn atomically<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (state, payload, deferred) = (Arc::clone(&self.state), self.payload.len(), self.deferred.len());
        let result = act(self);
        if result.is_err() {
            self.state = state;
            self.payload.truncate(payload);
            self.deferred.truncate(deferred);
        }
        result
    }

    /// Changes the definitions of tables, all or none.
    pub(crate) fn define(&mut self, tables: Vec<Stored>) -> Result<()> {
        self.atomically(|work| {
            let slots: Vec<usize> = tables.iter().map(|stored| crate::state::slot(stored.id)).collect::<Result<_>>()?;
            for stored in tables {
                op::put_define(&mut work.payload, &stored.to_json()?);
                Arc::make_mut(&mut work.state).define(stored)?;
            }
            let state = Arc::make_mut(&mut work.state);
            state.link()?;
            for slot in &slots {
                state.table_mut(*slot)?.reindex()?;
            }
            slots.iter().try_for_each(|slot| verify(&work.state, *slot))
        })
    }

    /// Puts records back as they were, `None` where there was none, in whatever order they refer to each other; all or none.
    pub(crate) fn put_back(&mut self, records: Vec<(usize, Key, Option<Vec<u8>>)>) -> Result<()> {
        self.atomically(|work| {
            let mut taken = Vec::new();
            for (slot, key, _) in &records {
                if let Some(bytes) = work.take_out(*slot, key)? {
                    taken.push((*slot, bytes));
                }
            }
            for (slot, key, record) in &records {
                let Some(bytes) = record else { continue };
                let table = work.state.table(*slot)?;
                let values = table.locate(bytes)?;
                write::check(&table.def, &values)?;
                work.put_linked_later(*slot, key, bytes, &values)?;
            }
            work.check_deferred()?;
            for (slot, bytes) in taken {
                foreign::check_children(&work.state, slot, &work.state.table(slot)?.locate(&bytes)?)?;
            }
            Ok(())
        })
    }

    /// Takes a table out, with its records.
    pub(crate) fn drop_table(&mut self, slot: usize) -> Result<()> {
        self.atomically(|work| {
            let id = work.state.table(slot)?.def.stored.id;
            let state = Arc::make_mut(&mut work.state);
            state.drop_table(slot)?;
            state.link()?;
            op::put_drop(&mut work.payload, id);
            Ok(())
        })
    }

    /// Looks at the memory now and then, and refuses what is too much.
    fn weigh(&mut self) -> Result<()> {
        if self.payload.len() < self.weighed.saturating_add(WEIGH_EVERY) && self.weighed > 0 {
            return Ok(());
        }
        self.weighed = self.payload.len();
        let memory = self.state.memory();
        if memory <= self.limits.memory {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ResourcesExhausted,
            format!(
                "the records would take {} MB of memory, and the limit is {} MB",
                memory >> 20,
                self.limits.memory >> 20
            ),
        )
        .with_hint("raise `memory_limit`, or move the data to SQLite or PostgreSQL"))
    }
}
