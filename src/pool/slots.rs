//! The connections of a pool and those who wait for one, behind one lock that is never held across a wait.
//!
//! Invariant: where somebody waits nothing is idle; who comes back is handed on to the first in the queue. So the order is that
//! of coming, and nobody overtakes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use oarlock_core::Error;
use tokio::sync::oneshot;

use super::entry::Entry;
use super::lent::Lent;
use super::loans::{Borrower, Loans};
use super::options::PoolOptions;
use super::outage::Outage;
use super::status::{PoolStatus, WaitHistogram};

/// What is sent to one who waits. Where the sender is dropped instead, they have to queue again, in front.
pub(super) type Answer = Result<Lent, Arc<Error>>;

/// One who waits.
pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) borrower: Borrower,
}

/// Those who wait, in the order in which they are served. Who goes away leaves by the number of their place.
#[derive(Default)]
pub(super) struct Queue {
    places: BTreeMap<i64, Waiter>,
    /// One who was served a connection that turned out to be lost queues again before all others.
    front: i64,
    back: i64,
}

impl Queue {
    pub(super) fn push(&mut self, waiter: Waiter, in_front: bool) -> i64 {
        let place = if in_front {
            self.front -= 1;
            self.front
        } else {
            self.back += 1;
            self.back
        };
        self.places.insert(place, waiter);
        place
    }

    pub(super) fn pop(&mut self) -> Option<Waiter> {
        self.places.pop_first().map(|(_, waiter)| waiter)
    }

    pub(super) fn leave(&mut self, place: i64) {
        self.places.remove(&place);
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Waiter> + use<> {
        std::mem::take(&mut self.places).into_values()
    }
}

/// What is behind the lock.
#[derive(Default)]
pub(super) struct Slots {
    /// The one that came back last is at the end, and goes out first: so those that are not needed grow old.
    pub(super) idle: VecDeque<Entry>,
    pub(super) queue: Queue,
    /// All connections: idle, lent, being opened, reset or closed.
    pub(super) open: usize,
    pub(super) opening: usize,
    pub(super) loans: Loans,
    pub(super) outage: Option<Outage>,
    /// How many losses of connections the pool has seen.
    pub(super) era: u64,
    pub(super) closed: bool,
    pub(super) counts: Counts,
}

/// What is only counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) acquired: u64,
    pub(super) created: u64,
    pub(super) discarded: u64,
    pub(super) resets: u64,
    pub(super) timeouts: u64,
    pub(super) failures: u64,
    pub(super) waits: WaitHistogram,
}

impl Slots {
    /// Tells how many connections exist and are not just being opened.
    pub(super) fn established(&self) -> usize {
        self.open - self.opening
    }

    /// Tells whether another connection is of use.
    pub(super) fn needs_one(&self, options: &PoolOptions) -> bool {
        !self.closed && (self.queue.len() > 0 || self.idle.len() < options.min_idle)
    }

    /// Reserves places for the connections that are to be opened now, for those who wait and, on request, to be kept warm.
    pub(super) fn reserve(&mut self, options: &PoolOptions, warm: bool) -> usize {
        if self.closed {
            return 0;
        }
        let lanes = if self.outage.is_some() { 1 } else { options.max_opening };
        let cold = if warm { options.min_idle.saturating_sub(self.idle.len()) } else { 0 };
        let wanted = self.queue.len().max(cold).min(lanes);
        let count = wanted.saturating_sub(self.opening).min(options.max_size.saturating_sub(self.open));
        self.open += count;
        self.opening += count;
        count
    }

    /// Counts a loan, and how long its borrower waited.
    pub(super) fn count_acquired(&mut self, wait: Duration) {
        self.counts.acquired += 1;
        self.counts.waits.record(wait);
    }

    pub(super) fn status(&self, options: &PoolOptions) -> PoolStatus {
        let counts = &self.counts;
        PoolStatus {
            max_size: options.max_size,
            size: self.open,
            idle: self.idle.len(),
            in_use: self.loans.len(),
            opening: self.opening,
            waiting: self.queue.len(),
            acquired: counts.acquired,
            created: counts.created,
            discarded: counts.discarded,
            resets: counts.resets,
            timeouts: counts.timeouts,
            failures: counts.failures,
            waits: counts.waits,
            overdue: options.leak_after.map(|limit| self.loans.held_for(limit)).unwrap_or_default(),
        }
    }
}
