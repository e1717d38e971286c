//! Snapshots and transactions.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oarlock_core::record::Record;
use oarlock_core::{Error, Result};

use crate::state::State;
use crate::store::{Commit, Shared};
use crate::typed::Table;
use crate::work::Work;

/// What a transaction is promised of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// It sees the store as it was when it began, and of two that change one record the first to commit wins. Two that each read what the
    /// other changes may both commit.
    #[default]
    Snapshot,
    /// As if all transactions ran one after the other: it also fails where another has changed what it has read, and ranges and counts are
    /// read, too. Looking at that again costs as much as the reading did.
    Serializable,
}

/// The store as it was at one moment.
#[derive(Clone)]
pub struct Snapshot {
    state: Arc<State>,
}

impl Snapshot {
    pub(crate) const fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Gives a table as it was then.
    pub fn table<R: Record>(&self) -> Table<'_, R, Self> {
        Table::new(self)
    }

    /// Gives the last transaction that it sees; 0 where there was none.
    pub fn transaction(&self) -> u64 {
        self.state.transaction
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("transaction", &self.state.transaction).finish_non_exhaustive()
    }
}

/// A transaction: it sees its own writes, and others see them once it is committed. Dropping it undoes them.
///
/// It belongs to one thread at a time. A statement that fails changes nothing, and the transaction goes on. What a program's own types do while
/// they are turned into values and back is within a call: there the transaction refuses other calls by an `Interface` error.
pub struct Transaction {
    work: RefCell<Work>,
    note: RefCell<Option<String>>,
    shared: Arc<Shared>,
}

/// A place in a transaction to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Savepoint(u64);

impl Transaction {
    pub(crate) const fn new(work: Work, shared: Arc<Shared>) -> Self {
        Self { work: RefCell::new(work), note: RefCell::new(None), shared }
    }

    /// Gives a table as this transaction sees it.
    pub fn table<R: Record>(&self) -> Table<'_, R, Self> {
        Table::new(self)
    }

    /// Says what the transaction is for: the history tells it. At most 65,535 bytes.
    pub fn note(&self, note: impl Into<String>) {
        *self.note.borrow_mut() = Some(note.into());
    }

    /// Makes what stands now a place to go back to.
    ///
    /// # Errors
    ///
    /// `Interface` within another call of this transaction.
    pub fn savepoint(&self) -> Result<Savepoint> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.work(|work| {
            work.savepoint(id);
            Ok(Savepoint(id))
        })
    }

    /// Undoes what was done since a savepoint, which stays. Those made after it are gone.
    ///
    /// # Errors
    ///
    /// `ObjectNotFound` where the savepoint is not of this transaction, or gone; `Interface` within another call of this transaction.
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<()> {
        self.work(|work| work.rollback_to(savepoint.0))
    }

    /// Forgets a savepoint, and those made after it.
    ///
    /// # Errors
    ///
    /// As [`rollback_to`](Self::rollback_to).
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        self.work(|work| work.release(savepoint.0))
    }

    /// Commits, and gives what the commit is known by, `None` where nothing was changed. It is as durable then as the store's options ask.
    ///
    /// # Errors
    ///
    /// `SerializationFailure`, which is retryable, where others were first; `ForeignKeyViolation` of a key that is checked now;
    /// `ResourcesExhausted` where the disk is full, and `Io` where writing fails otherwise: nothing of it is in the file, and the store goes on. With
    /// `outcome_unknown` set the file may have it, and the store takes no more commits until it is opened anew.
    pub fn commit(self) -> Result<Option<Commit>> {
        let Self { work, note, shared } = self;
        shared.commit(&mut work.into_inner(), note.into_inner().as_deref())
    }

    /// Undoes everything, as dropping does.
    pub fn rollback(self) {
        drop(self);
    }

    pub(crate) fn work<T>(&self, act: impl FnOnce(&mut Work) -> Result<T>) -> Result<T> {
        let mut work = self.work.try_borrow_mut().map_err(|_| {
            Error::interface("the transaction is used within one of its own calls").with_hint("end that call first")
        })?;
        act(&mut work)
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
