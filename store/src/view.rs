//! What a table can be read and written through: the store, a snapshot, a transaction.

use oarlock_core::Result;

use crate::key::Key;
use crate::state::State;
use crate::store::Store;
use crate::transaction::{Snapshot, Transaction};
use crate::work::{Interval, Work};

/// What a table can be read through: the [`Store`], a [`Snapshot`], a [`Transaction`].
#[expect(private_bounds, reason = "the store alone says what a view is")]
pub trait View: Read {}

/// What a table can be written through: the [`Store`], where each write is a transaction, and a [`Transaction`].
#[expect(private_bounds, reason = "as of a view")]
pub trait Change: View + Write {}

impl<T: Read> View for T {}
impl<T: Read + Write> Change for T {}

pub(crate) trait Read {
    /// Looks at the state.
    fn look<T>(&self, look: impl FnOnce(&State) -> Result<T>) -> Result<T>;

    /// Whether it keeps in mind what was read.
    const KEEPS_READS: bool = false;

    /// Tells that a record was looked for.
    fn has_read(&self, slot: usize, key: &Key) {
        let _ = (slot, key);
    }

    /// Tells that records were looked for in a part of a table or an index.
    fn has_read_interval(&self, interval: impl FnOnce() -> Interval) {
        let _ = interval;
    }
}

pub(crate) trait Write {
    /// Changes the state, and again where others were first.
    fn change<T>(&self, act: impl FnMut(&mut Work) -> Result<T>) -> Result<T>;

    /// Carries something out in a transaction, and again where others were first.
    fn attempt<T>(&self, act: impl FnMut(&Transaction) -> Result<T>) -> Result<T>;
}

impl Read for Store {
    #[inline]
    fn look<T>(&self, look: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        look(&self.shared().published())
    }
}

impl Write for Store {
    fn change<T>(&self, mut act: impl FnMut(&mut Work) -> Result<T>) -> Result<T> {
        self.retrying(|store| {
            let tx = store.begin();
            let result = tx.work(&mut act)?;
            tx.commit()?;
            Ok(result)
        })
    }

    fn attempt<T>(&self, act: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        self.transaction(act)
    }
}

impl Read for Snapshot {
    #[inline]
    fn look<T>(&self, look: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        look(self.state())
    }
}

impl Read for Transaction {
    #[inline]
    fn look<T>(&self, look: impl FnOnce(&State) -> Result<T>) -> Result<T> {
        self.work(|work| look(&work.state))
    }

    const KEEPS_READS: bool = true;

    fn has_read(&self, slot: usize, key: &Key) {
        let _ = self.work(|work| {
            if let Some(reads) = &mut work.reads {
                reads.row(slot, key);
            }
            Ok(())
        });
    }

    fn has_read_interval(&self, interval: impl FnOnce() -> Interval) {
        let _ = self.work(|work| {
            if let Some(reads) = &mut work.reads {
                reads.interval(interval());
            }
            Ok(())
        });
    }
}

impl Write for Transaction {
    fn change<T>(&self, act: impl FnMut(&mut Work) -> Result<T>) -> Result<T> {
        self.work(act)
    }

    fn attempt<T>(&self, mut act: impl FnMut(&Transaction) -> Result<T>) -> Result<T> {
        act(self)
    }
}
