//! What a pool holds.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::unmanaged::Object;
use oarlock_core::connection::{Connection, Health, TxState};
use tokio::runtime::Handle;

use super::outage::part;
use super::shared::Shared;

/// A connection, and what the pool knows of it.
pub(super) struct Entry {
    /// Taken out only by [`Held`], where it ends.
    connection: Option<Box<dyn Connection>>,
    /// The runtime on which the connection was opened, where its own tasks live.
    runtime: Handle,
    opened: Instant,
    expires: Option<Instant>,
    /// When it was opened or came back last.
    pub(super) used: Instant,
    /// How many losses the pool had seen then.
    pub(super) era: u64,
    /// Nobody has had it yet.
    pub(super) fresh: bool,
}

/// An entry in its place in deadpool's pool: dropping this gives it back as it is.
pub(super) type Placed = Object<Box<Entry>>;

impl Entry {
    /// Takes a connection that was opened on the current runtime.
    pub(super) fn new(connection: Box<dyn Connection>, max_lifetime: Option<Duration>) -> Self {
        let now = Instant::now();
        // A random part less, so that those which were opened together do not end together.
        let expires = max_lifetime.and_then(|life| now.checked_add(life.saturating_sub(part(life / 10))));
        let runtime = Handle::current();
        Self { connection: Some(connection), runtime, opened: now, expires, used: now, era: 0, fresh: true }
    }

    fn get(&self) -> &dyn Connection {
        self.connection.as_deref().expect("invariant: only an entry that ends has no connection")
    }

    pub(super) fn connection(&mut self) -> &mut dyn Connection {
        self.connection.as_deref_mut().expect("invariant: only an entry that ends has no connection")
    }

    pub(super) fn is_dead(&self) -> bool {
        self.get().health() == Health::Dead
    }

    pub(super) fn is_clean(&self) -> bool {
        self.get().is_clean()
    }

    /// Tells whether it can be handed out as far as it knows itself.
    pub(super) fn is_ready(&self) -> bool {
        self.get().health() == Health::Ready && self.get().tx_state() == TxState::Auto
    }

    /// Tells why it ends where it is of no use any more.
    pub(super) fn spent(&self, now: Instant) -> Option<End> {
        if !self.is_ready() {
            Some(End::NotReady)
        } else if self.is_expired(now) {
            Some(End::Expired)
        } else {
            None
        }
    }

    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|end| now >= end)
    }

    pub(super) fn runtime(&self) -> Handle {
        self.runtime.clone()
    }
}

/// A connection that does not go back by itself, as one that is being reset. Dropping it, wherever that happens, ends the
/// connection and then frees its place; so nothing that is dropped on its way can lose one, or give back a session that is not
/// as good as new.
///
/// Invariant: it is never dropped while the pool's lock is held.
pub(super) struct Held {
    pool: Arc<Shared>,
    placed: Option<Placed>,
    end: End,
    /// It was alive when it was told to end.
    retired: bool,
}

/// Why a connection ends, if it does.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// It was not used for too long.
    Idle,
    /// It was too old.
    Expired,
    /// The pool is closed.
    Closed,
    /// It gave no sign of life, or another one of the pool's gave none.
    NoAnswer,
    /// Its session could not be made as good as new.
    NotReset,
    /// The program's hook did not want it.
    Refused,
    /// It was not ready for its next user.
    NotReady,
}

impl Held {
    pub(super) fn new(pool: &Arc<Shared>, placed: Placed, end: End) -> Self {
        Self { pool: Arc::clone(pool), placed: Some(placed), end, retired: false }
    }

    /// Notes that it ends in good order: that it is dead afterwards is no sign that anything is amiss.
    pub(super) fn retire(&mut self) {
        self.retired = true;
    }

    /// Lets go of it alive.
    pub(super) fn release(mut self) -> Option<Placed> {
        self.placed.take()
    }
}

impl Deref for Held {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.placed.as_deref().expect("invariant: only release and drop take the entry out")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Entry {
        self.placed.as_deref_mut().expect("invariant: only release and drop take the entry out")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut placed) = self.placed.take() {
            let lost = placed.is_dead() && !self.retired;
            let (reason, lived_ms) = (self.end, placed.opened.elapsed().as_millis());
            tracing::debug!(target: "oarlock::pool", ?reason, lost, lived_ms, "a connection of the pool ends");
            drop(placed.connection.take());
            let entry = Object::take(placed);
            self.pool.gone(lost, &entry.runtime);
        }
    }
}
