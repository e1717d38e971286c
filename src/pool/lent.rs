//! A connection that is lent, and how it goes back.

use std::sync::Arc;

use oarlock_core::connection::Connection;
use oarlock_core::lease::Hold;

use super::entry::{End, Held, Placed};
use super::loans::Ticket;
use super::shared::Shared;

/// A connection that returns to its pool when it is dropped.
pub(super) struct Lent {
    pool: Arc<Shared>,
    placed: Option<Placed>,
    ticket: Ticket,
    /// It may have died in the meantime: it has to give a sign of life.
    doubtful: bool,
    /// It is to be looked at before it goes out.
    check: bool,
}

impl Lent {
    pub(super) fn new(pool: Arc<Shared>, placed: Placed, ticket: Ticket, doubtful: bool, check: bool) -> Self {
        Self { pool, placed: Some(placed), ticket, doubtful, check }
    }

    pub(super) fn is_to_be_checked(&self) -> bool {
        self.check || self.doubtful
    }

    pub(super) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Takes the connection out, to end for a reason unless it is put back; without one, dropping the loan only ends it.
    pub(super) fn take(&mut self, end: End) -> Option<Held> {
        self.placed.take().map(|placed| Held::new(&self.pool, placed, end))
    }

    /// Puts the connection back in.
    pub(super) fn put(&mut self, held: Held) {
        self.placed = held.release();
    }
}

impl Hold for Lent {
    fn connection(&mut self) -> &mut dyn Connection {
        self.placed.as_mut().expect("invariant: what is lent has its connection").connection()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        match self.placed.take() {
            Some(placed) => self.pool.give_back(placed, self.ticket),
            None => self.pool.slots().loans.end(self.ticket),
        }
    }
}
