//! How connections go out and come back.

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oarlock_core::connection::Health;
use oarlock_core::factory::Connector;
use oarlock_core::lease::Hold as _;
use oarlock_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::entry::Entry;
use super::keeper;
use super::lent::Lent;
use super::loans::{Borrower, Ticket};
use super::opening::Opening;
use super::options::PoolOptions;
use super::outage::Outage;
use super::refusal::{self, Phase};
use super::slots::{Answer, Slots, Waiter};

/// How long a connection may take to give a sign of life, to be reset, or to be closed, before it is cut.
const CHECK: Duration = Duration::from_secs(1);
const RESET: Duration = Duration::from_secs(5);
const GOODBYE: Duration = Duration::from_secs(5);

/// What the clones of a pool, its loans and its tasks share.
pub(super) struct Shared {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) options: PoolOptions,
    slots: Mutex<Slots>,
    /// Told of every connection that ends, once the pool is closed.
    drained: Notify,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What became of asking for a connection.
enum Asked {
    Lent(Lent),
    Queued(Waiting),
}

/// A place in the queue, until it is dropped.
struct Waiting {
    shared: Arc<Shared>,
    place: i64,
    answer: oneshot::Receiver<Answer>,
}

impl Drop for Waiting {
    /// Leaves the queue. A connection that is on its way here goes back when the receiver is dropped.
    fn drop(&mut self) {
        self.shared.slots().queue.leave(self.place);
    }
}

impl Shared {
    pub(super) fn new(connector: Arc<dyn Connector>, options: PoolOptions) -> Arc<Self> {
        let (slots, keeper) = (Mutex::default(), Mutex::default());
        Arc::new(Self { connector, options, slots, drained: Notify::new(), keeper })
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection if one is free and needs no look.
    pub(super) fn take_now(self: &Arc<Self>, site: &'static Location<'static>) -> Option<Lent> {
        let now = Instant::now();
        let mut slots = self.slots();
        let entry = slots.idle.pop_back()?;
        if !entry.is_ready() || entry.is_expired(now) || self.is_doubtful(&slots, &entry, now) || self.looks() {
            slots.idle.push_back(entry);
            return None;
        }
        slots.count_acquired(Duration::ZERO);
        Some(self.lend(&mut slots, entry, Borrower::here(site), now))
    }

    /// Tells whether a connection may have died in the meantime.
    fn is_doubtful(&self, slots: &Slots, entry: &Entry, now: Instant) -> bool {
        let unused = now.saturating_duration_since(entry.used);
        !entry.fresh && (entry.era != slots.era || unused >= self.options.validate_after)
    }

    /// Tells whether the program looks at every connection before it is lent.
    fn looks(&self) -> bool {
        self.options.before_acquire.is_some()
    }

    /// Lends a connection. Dropping the future loses nothing.
    pub(super) async fn take(self: &Arc<Self>, site: &'static Location<'static>) -> Result<Lent> {
        let borrower = Borrower::here(site);
        match self.ask(borrower, false)? {
            Asked::Lent(lent) if !lent.is_to_be_checked() => Ok(lent),
            // What is rare is boxed: the future of a loan at once stays small.
            asked => Box::pin(self.take_in_time(borrower, asked)).await,
        }
    }

    async fn take_in_time(self: &Arc<Self>, borrower: Borrower, asked: Asked) -> Result<Lent> {
        let started = Instant::now();
        let mut phase = Phase::Waiting;
        match timeout(self.options.acquire_timeout, self.take_checked(borrower, asked, &mut phase)).await {
            Ok(result) => {
                let lent = result?;
                self.slots().count_acquired(started.elapsed());
                Ok(lent)
            }
            Err(_) => Err(refusal::timed_out(self, borrower, phase)),
        }
    }

    async fn take_checked(self: &Arc<Self>, borrower: Borrower, mut asked: Asked, phase: &mut Phase) -> Result<Lent> {
        loop {
            let answer = match asked {
                Asked::Lent(lent) => Some(lent),
                Asked::Queued(mut waiting) => match (&mut waiting.answer).await {
                    Ok(answer) => Some(answer.map_err(|cause| Outage::error(&cause))?),
                    Err(_) => None,
                },
            };
            if let Some(lent) = answer {
                *phase = Phase::Checking(Instant::now());
                if let Some(lent) = self.check(lent).await? {
                    return Ok(lent);
                }
                *phase = Phase::Waiting;
            }
            // It was their turn, and it still is.
            asked = self.ask(borrower, true)?;
        }
    }

    /// Takes a free connection, or a place in the queue.
    fn ask(self: &Arc<Self>, borrower: Borrower, in_front: bool) -> Result<Asked> {
        let now = Instant::now();
        let mut spent = Vec::new();
        let asked = {
            let mut slots = self.slots();
            if slots.closed {
                return Err(Error::new(ErrorKind::PoolClosed, "the pool is closed"));
            }
            loop {
                let Some(entry) = slots.idle.pop_back() else {
                    if let Some(outage) = slots.outage.as_ref().filter(|_| slots.established() == spent.len())
                        && !outage.may_pass()
                        && now < outage.next
                    {
                        break Err(Outage::error(&outage.cause));
                    }
                    if Handle::try_current().is_err() {
                        break Err(Error::interface("a pool works within a tokio runtime, and here is none"));
                    }
                    let (sender, answer) = oneshot::channel();
                    let place = slots.queue.push(Waiter { answer: sender, borrower }, in_front);
                    break Ok(Asked::Queued(Waiting { shared: Arc::clone(self), place, answer }));
                };
                if entry.is_ready() && !entry.is_expired(now) {
                    let lent = self.lend(&mut slots, entry, borrower, now);
                    if !lent.is_to_be_checked() {
                        slots.count_acquired(Duration::ZERO);
                    }
                    break Ok(Asked::Lent(lent));
                }
                spent.push(entry);
            }
        };
        spent.into_iter().for_each(Self::retire);
        if let Ok(Asked::Queued(_)) = asked {
            self.open_more(&Handle::current());
        }
        asked
    }

    fn lend(self: &Arc<Self>, slots: &mut Slots, entry: Entry, borrower: Borrower, now: Instant) -> Lent {
        let doubtful = self.is_doubtful(slots, &entry, now);
        let ticket = slots.loans.begin(borrower, now);
        Lent::new(Arc::clone(self), entry, ticket, doubtful, doubtful || self.looks())
    }

    /// Asks a connection for a sign of life where that is due, and lets the program look at it; `None` where it is no good.
    async fn check(self: &Arc<Self>, mut lent: Lent) -> Result<Option<Lent>> {
        if lent.is_doubtful() {
            let answer = timeout(CHECK, lent.connection().ping()).await;
            if !matches!(answer, Ok(Ok(()))) {
                drop(lent.take());
                if answer.is_err() {
                    self.retire_older();
                }
                return Ok(None);
            }
        }
        if let Some(work) = &self.options.before_acquire
            && let Some(entry) = lent.take()
        {
            let fresh = entry.fresh;
            match work.run(entry).await {
                Ok(entry) => lent.put(entry),
                Err(error) if fresh => return Err(error.context("the pool's before_acquire refused a new connection")),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(lent))
    }

    /// Closes the idle connections: where one gives no answer, the others will not either, and to ask each of them costs its
    /// time.
    fn retire_older(self: &Arc<Self>) {
        let idle = std::mem::take(&mut self.slots().idle);
        idle.into_iter().for_each(Self::retire);
    }

    /// Takes a connection back. It is free at once where the driver can tell that its session is as good as new; else a
    /// task resets it first.
    pub(super) fn give_back(self: &Arc<Self>, mut entry: Entry, ticket: Ticket) {
        entry.fresh = false;
        if entry.connection.is_clean() {
            return self.put(entry, Some(ticket));
        }
        let dead = entry.connection.health() == Health::Dead;
        {
            let mut slots = self.slots();
            slots.loans.end(ticket);
            slots.counts.resets += u64::from(!dead);
        }
        if !dead {
            entry.runtime().spawn(Arc::clone(self).reset(entry));
        }
    }

    /// Makes a session as good as new; it is dropped where that fails, takes too long, or its runtime ends.
    async fn reset(self: Arc<Self>, mut entry: Entry) {
        if !matches!(timeout(RESET, entry.connection.reset()).await, Ok(Ok(()))) {
            return;
        }
        let prepared = match &self.options.after_connect {
            Some(work) => work.prepare(entry).await,
            None => Ok(entry),
        };
        if let Ok(entry) = prepared {
            self.put(entry, None);
        }
    }

    /// Gives a connection to the first who waits, else to whoever comes.
    pub(super) fn put(self: &Arc<Self>, mut entry: Entry, ticket: Option<Ticket>) {
        let now = Instant::now();
        let mut slots = self.slots();
        if let Some(ticket) = ticket {
            slots.loans.end(ticket);
        }
        if slots.closed || entry.is_expired(now) || !entry.is_ready() {
            drop(slots);
            Self::retire(entry);
            return;
        }
        entry.used = now;
        entry.era = slots.era;
        match slots.queue.pop() {
            Some(Waiter { answer, borrower }) => {
                let lent = self.lend(&mut slots, entry, borrower, now);
                drop(slots);
                // Where the waiter has just gone, the loan comes back by being dropped here.
                drop(answer.send(Ok(lent)));
            }
            None => slots.idle.push_back(entry),
        }
    }

    /// Frees the place of a connection that is gone: what dropping an [`Entry`] does.
    pub(super) fn gone(self: &Arc<Self>, lost: bool, runtime: &Handle) {
        {
            let mut slots = self.slots();
            slots.open -= 1;
            slots.counts.discarded += 1;
            // Whatever took this one may have taken others: they are asked before they are lent again.
            slots.era += u64::from(lost);
        }
        self.drained.notify_waiters();
        self.open_more(runtime);
    }

    /// Closes a connection in good order. Its place is free once it has ended: a server that counts connections never meets
    /// more than the pool may have.
    pub(super) fn retire(mut entry: Entry) {
        if entry.connection.health() != Health::Dead {
            entry.runtime().spawn(async move {
                drop(timeout(GOODBYE, entry.connection.close()).await);
                drop(entry);
            });
        }
    }

    /// Opens as many connections as those want who wait, on a runtime.
    pub(super) fn open_more(self: &Arc<Self>, runtime: &Handle) {
        self.open(runtime, false);
    }

    /// Opens as many as are to be kept warm, too. That is not looked at with every loan: most are over before another
    /// connection would be there.
    pub(super) fn warm(self: &Arc<Self>, runtime: &Handle) {
        self.open(runtime, true);
    }

    fn open(self: &Arc<Self>, runtime: &Handle, warm: bool) {
        let count = self.slots().reserve(&self.options, warm);
        for _ in 0..count {
            runtime.spawn(Opening::new(Arc::clone(self)).run());
        }
        if count > 0 {
            self.keep(runtime);
        }
    }

    /// Sees to it that the keeper is at work.
    fn keep(self: &Arc<Self>, runtime: &Handle) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *keeper = Some(runtime.spawn(keeper::run(Arc::downgrade(self), keeper::rhythm(&self.options))));
        }
    }

    /// Refuses loans from now on, and closes what is free.
    pub(super) fn close(self: &Arc<Self>) {
        let (idle, queue) = {
            let mut slots = self.slots();
            slots.closed = true;
            (std::mem::take(&mut slots.idle), slots.queue.take_all())
        };
        // They ask again, and are told.
        queue.for_each(drop);
        idle.into_iter().for_each(Self::retire);
    }

    /// Waits until all connections have ended.
    pub(super) async fn closed(&self) -> Result<()> {
        let all_gone = async {
            loop {
                let mut told = std::pin::pin!(self.drained.notified());
                told.as_mut().enable();
                if self.slots().established() == 0 {
                    return;
                }
                told.await;
            }
        };
        timeout(self.options.close_timeout, all_gone).await.map_err(|_| refusal::still_lent(self))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner) {
            keeper.abort();
        }
    }
}
