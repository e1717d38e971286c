//! What a pool holds.

use std::sync::{Arc, Weak};
use std::time::Instant;

use oarlock_core::connection::{Connection, Health, TxState};
use tokio::runtime::Handle;

use super::outage::part;
use super::shared::Shared;

/// A connection with its place in a pool. Dropping it, wherever that happens, ends the connection and frees the place; so
/// nothing that is dropped on its way can lose one.
///
/// Invariant: it is never dropped while the pool's lock is held.
pub(super) struct Entry {
    // Before the place: it is free when the connection is gone.
    pub(super) connection: Box<dyn Connection>,
    place: Place,
    expires: Option<Instant>,
    /// When it was opened or came back last.
    pub(super) used: Instant,
    /// How many losses the pool had seen then.
    pub(super) era: u64,
    /// Nobody has had it yet.
    pub(super) fresh: bool,
}

struct Place {
    /// The pool may be gone before the last of its connections.
    pool: Weak<Shared>,
    /// The runtime on which the connection was opened, where its own tasks live.
    runtime: Handle,
    lost: bool,
}

impl Entry {
    /// Takes a connection that was opened on the current runtime. It has no place yet.
    pub(super) fn new(connection: Box<dyn Connection>) -> Self {
        let place = Place { pool: Weak::new(), runtime: Handle::current(), lost: false };
        Self { connection, place, expires: None, used: Instant::now(), era: 0, fresh: true }
    }

    /// Takes the place that was reserved for it.
    pub(super) fn settle(&mut self, pool: &Arc<Shared>) {
        self.place.pool = Arc::downgrade(pool);
        // A random part less, so that those which were opened together do not end together.
        self.expires =
            pool.options.max_lifetime.and_then(|life| Instant::now().checked_add(life.saturating_sub(part(life / 10))));
    }

    /// Tells whether it can be handed out as far as it knows itself.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.health() == Health::Ready && self.connection.tx_state() == TxState::Auto
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    pub(super) fn runtime(&self) -> Handle {
        self.place.runtime.clone()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.place.lost = self.connection.health() == Health::Dead;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.gone(self.lost, &self.runtime);
        }
    }
}
