//! A connection that is lent, and how it goes back.

use std::sync::Arc;

use oarlock_core::connection::Connection;
use oarlock_core::lease::Hold;

use super::entry::Entry;
use super::loans::Ticket;
use super::shared::Shared;

/// A connection that returns to its pool when it is dropped.
pub(super) struct Lent {
    pool: Arc<Shared>,
    entry: Option<Entry>,
    ticket: Ticket,
    /// It may have died in the meantime: it has to give a sign of life.
    doubtful: bool,
    /// It is to be looked at before it goes out.
    check: bool,
}

impl Lent {
    pub(super) fn new(pool: Arc<Shared>, entry: Entry, ticket: Ticket, doubtful: bool, check: bool) -> Self {
        Self { pool, entry: Some(entry), ticket, doubtful, check }
    }

    pub(super) fn is_to_be_checked(&self) -> bool {
        self.check || self.doubtful
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Takes the connection out; without one, dropping the loan only ends it.
    pub(super) fn take(&mut self) -> Option<Entry> {
        self.entry.take()
    }

    /// Puts the connection back in.
    pub(super) fn put(&mut self, entry: Entry) {
        self.entry = Some(entry);
    }
}

impl Hold for Lent {
    fn connection(&mut self) -> &mut dyn Connection {
        let entry = self.entry.as_mut().expect("invariant: what is lent has its connection");
        &mut *entry.connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        match self.entry.take() {
            Some(entry) => self.pool.give_back(entry, self.ticket),
            None => self.pool.slots().loans.end(self.ticket),
        }
    }
}
