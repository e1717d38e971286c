//! What a pool keeps account of beside deadpool, behind one lock that is never held across a wait.

use std::time::Duration;

use deadpool::unmanaged;

use super::entry::Entry;
use super::loans::Loans;
use super::options::PoolOptions;
use super::outage::Outage;
use super::status::{PoolStatus, WaitHistogram};

/// deadpool's part: the free connections, the place of each in the pool, and the queue of those who wait for one.
pub(super) type Connections = unmanaged::Pool<Box<Entry>>;

/// What is behind the lock.
pub(super) struct Slots {
    connections: Connections,
    /// Those who wait. deadpool does not count them.
    pub(super) waiting: usize,
    /// Connections that are being opened: each will need a place.
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
    pub(super) fn new(connections: Connections) -> Self {
        Self {
            connections,
            waiting: 0,
            opening: 0,
            loans: Loans::default(),
            outage: None,
            era: 0,
            closed: false,
            counts: Counts::default(),
        }
    }

    /// Tells how many connections exist and are not just being opened: idle, lent, being reset or closed.
    pub(super) fn established(&self) -> usize {
        self.connections.status().size
    }

    /// Tells whether there are no connections, and none is being opened.
    pub(super) fn is_empty(&self) -> bool {
        self.established() + self.opening == 0
    }

    /// Tells how many connections are free, and how many of those who wait have none on its way. One that has come back
    /// while somebody waits is theirs, though they have not woken yet to take it.
    fn supply(&self) -> (usize, usize) {
        let free = self.connections.status().available;
        (free.saturating_sub(self.waiting), self.waiting.saturating_sub(free))
    }

    /// Tells whether another connection is of use.
    pub(super) fn needs_one(&self, options: &PoolOptions) -> bool {
        !self.closed && (self.supply().1 > 0 || self.is_cold(options))
    }

    /// Tells whether more connections are to be kept open than are free.
    pub(super) fn is_cold(&self, options: &PoolOptions) -> bool {
        !self.closed && self.supply().0 < options.min_idle
    }

    /// Counts the connections that are to be opened now, for those who wait and, on request, to be kept warm.
    pub(super) fn reserve(&mut self, options: &PoolOptions, warm: bool) -> usize {
        if self.closed {
            return 0;
        }
        let (idle, short) = self.supply();
        let lanes = if self.outage.is_some() { 1 } else { options.max_opening };
        let cold = if warm { options.min_idle.saturating_sub(idle) } else { 0 };
        let wanted = short.max(cold).min(lanes);
        let room = options.max_size.saturating_sub(self.established() + self.opening);
        let count = wanted.saturating_sub(self.opening).min(room);
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
        let (idle, waiting) = self.supply();
        PoolStatus {
            max_size: options.max_size,
            // One that has just been opened counts twice for a moment.
            size: (self.established() + self.opening).min(options.max_size),
            idle,
            in_use: self.loans.len(),
            opening: self.opening,
            waiting,
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
