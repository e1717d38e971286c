//! How connections go out and come back.

use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool::unmanaged::PoolConfig;
use oarlock_core::factory::Connector;
use oarlock_core::lease::Hold as _;
use oarlock_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

use super::entry::{End, Entry, Held, Placed};
use super::keeper;
use super::lent::Lent;
use super::loans::{Borrower, Ticket};
use super::opening::Opening;
use super::options::PoolOptions;
use super::outage::Outage;
use super::refusal::{self, Phase};
use super::slots::{Connections, Slots};

/// How long a connection may take to give a sign of life, to be reset, or to be closed, before it is cut.
const CHECK: Duration = Duration::from_secs(1);
const RESET: Duration = Duration::from_secs(5);
const GOODBYE: Duration = Duration::from_secs(5);

/// The largest pool: deadpool makes room for all of its connections at once.
const LARGEST: usize = 65_536;

/// What the clones of a pool, its loans and its tasks share.
pub(super) struct Shared {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) options: PoolOptions,
    pub(super) connections: Connections,
    slots: Mutex<Slots>,
    /// Tells those who wait to look why nothing comes: the server is away, the pool is closed, or nobody opens any more.
    pub(super) news: Notify,
    /// Told of every connection that ends, once the pool is closed.
    pub(super) drained: Notify,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// One of those who wait, until it is dropped, which is after they have left deadpool's queue.
struct Waiting<'p>(&'p Arc<Shared>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.slots().waiting -= 1;
        // Who leaves the queue puts down what was on its way to them.
        self.0.clear_if_closed();
    }
}

impl Shared {
    pub(super) fn new(connector: Arc<dyn Connector>, mut options: PoolOptions) -> Arc<Self> {
        options.max_size = options.max_size.clamp(1, LARGEST);
        let connections = Connections::from_config(&PoolConfig::new(options.max_size));
        let (slots, keeper) = (Mutex::new(Slots::new(connections.clone())), Mutex::default());
        let (news, drained) = (Notify::new(), Notify::new());
        Arc::new(Self { connector, options, connections, slots, news, drained, keeper })
    }

    pub(super) fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection if one is free and needs no look.
    pub(super) fn take_now(self: &Arc<Self>, site: &'static Location<'static>) -> Option<Lent> {
        let placed = self.connections.try_get().ok()?;
        let doubtful = self.is_doubtful(self.slots().era, &placed, Instant::now());
        if doubtful || self.looks() {
            self.lay_down(placed);
            return None;
        }
        self.lend(placed, Borrower::here(site), true)
    }

    /// Tells whether a connection may have died in the meantime.
    fn is_doubtful(&self, era: u64, entry: &Entry, now: Instant) -> bool {
        let unused = now.saturating_duration_since(entry.used);
        !entry.fresh && (entry.era != era || unused >= self.options.validate_after)
    }

    /// Tells whether the program looks at every connection before it is lent.
    fn looks(&self) -> bool {
        self.options.before_acquire.is_some()
    }

    /// Lends a connection. Dropping the future loses nothing.
    pub(super) async fn take(self: &Arc<Self>, site: &'static Location<'static>) -> Result<Lent> {
        let borrower = Borrower::here(site);
        match self.take_free(borrower, true) {
            Some(lent) if !lent.is_to_be_checked() => Ok(lent),
            // What is rare is boxed: the future of a loan at once stays small.
            first => Box::pin(self.take_in_time(borrower, first)).await,
        }
    }

    async fn take_in_time(self: &Arc<Self>, borrower: Borrower, first: Option<Lent>) -> Result<Lent> {
        let started = Instant::now();
        let mut phase = Phase::Waiting;
        let span = tracing::debug_span!(
            target: "oarlock::pool",
            "acquire",
            "otel.kind" = "internal",
            "otel.status_code" = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            site = %borrower.site,
        );
        let taking = self.take_checked(borrower, first, &mut phase).instrument(span.clone());
        let taken = match timeout(self.options.acquire_timeout, taking).await {
            Ok(result) => result,
            Err(_) => Err(span.in_scope(|| refusal::timed_out(self, borrower, phase))),
        };
        match &taken {
            Ok(_) => self.slots().count_acquired(started.elapsed()),
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", tracing::field::debug(error.kind()));
            }
        }
        taken
    }

    async fn take_checked(
        self: &Arc<Self>,
        borrower: Borrower,
        mut first: Option<Lent>,
        phase: &mut Phase,
    ) -> Result<Lent> {
        loop {
            let lent = match first.take().or_else(|| self.take_free(borrower, false)) {
                Some(lent) => lent,
                None => match self.lend(self.wait().await?, borrower, false) {
                    Some(lent) => lent,
                    None => continue,
                },
            };
            *phase = Phase::Checking(Instant::now());
            if let Some(lent) = self.check(lent).await? {
                return Ok(lent);
            }
            *phase = Phase::Waiting;
        }
    }

    /// Lends the free connection that came back last. deadpool gives none while others wait.
    fn take_free(self: &Arc<Self>, borrower: Borrower, at_once: bool) -> Option<Lent> {
        std::iter::from_fn(|| self.connections.try_get().ok()).find_map(|placed| self.lend(placed, borrower, at_once))
    }

    /// Waits in deadpool's queue, which is first come, first served, for what comes back or is opened.
    async fn wait(self: &Arc<Self>) -> Result<Placed> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::interface("a pool works within a tokio runtime, and here is none"))?;
        let mut told = pin!(self.news.notified());
        told.as_mut().enable();
        let _waiting = self.queue()?;
        let mut next = pin!(self.connections.get());
        loop {
            self.open_more(&runtime);
            tokio::select! {
                biased;
                placed = &mut next => return placed.map_err(|_| closed()),
                () = &mut told => {}
            }
            // On a runtime that ends, opening tells news at once: yielding lets it drop this task. The place in the queue is kept.
            tokio::task::yield_now().await;
            told.set(self.news.notified());
            told.as_mut().enable();
            self.look_up()?;
        }
    }

    /// Counts one more of those who wait, where there is hope.
    fn queue(self: &Arc<Self>) -> Result<Waiting<'_>> {
        let mut slots = self.slots();
        if slots.closed {
            return Err(closed());
        }
        if let Some(outage) = slots.outage.as_ref().filter(|_| slots.established() == 0)
            && !outage.may_pass()
            && Instant::now() < outage.next
        {
            return Err(Outage::error(&outage.cause));
        }
        slots.waiting += 1;
        Ok(Waiting(self))
    }

    /// Tells one who waits why there is no use in it, where that is so.
    fn look_up(&self) -> Result<()> {
        let slots = self.slots();
        if slots.closed {
            return Err(closed());
        }
        match &slots.outage {
            Some(outage) if outage.is_to_be_told(Instant::now(), slots.established()) => {
                Err(Outage::error(&outage.cause))
            }
            _ => Ok(()),
        }
    }

    /// Lends a connection that was free, unless it is of no use any more. It is counted where its borrower has it at once.
    fn lend(self: &Arc<Self>, placed: Placed, borrower: Borrower, at_once: bool) -> Option<Lent> {
        let now = Instant::now();
        let spent = placed.spent(now);
        let mut slots = self.slots();
        if let Some(end) = spent.or(slots.closed.then_some(End::Closed)) {
            drop(slots);
            Self::retire(Held::new(self, placed, end));
            return None;
        }
        let doubtful = self.is_doubtful(slots.era, &placed, now);
        let ticket = slots.loans.begin(borrower, now);
        let check = doubtful || self.looks();
        if at_once && !check {
            slots.count_acquired(Duration::ZERO);
        }
        Some(Lent::new(Arc::clone(self), placed, ticket, doubtful, check))
    }

    /// Asks a connection for a sign of life where that is due, and lets the program look at it; `None` where it is no good.
    async fn check(self: &Arc<Self>, mut lent: Lent) -> Result<Option<Lent>> {
        if lent.is_doubtful() {
            let answer = timeout(CHECK, lent.connection().ping()).await;
            if !matches!(answer, Ok(Ok(()))) {
                drop(lent.take(End::NoAnswer));
                if answer.is_err() {
                    self.retire_idle(End::NoAnswer);
                }
                return Ok(None);
            }
        }
        if let Some(work) = &self.options.before_acquire
            && let Some(held) = lent.take(End::Refused)
        {
            let fresh = held.fresh;
            match work.run(held).await {
                Ok(held) => lent.put(held),
                Err(error) if fresh => return Err(error.context("the pool's before_acquire refused a new connection")),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(lent))
    }

    /// Closes the idle connections: at the pool's end, and where one gives no answer. The others will not either then, and to ask
    /// each of them costs its time.
    fn retire_idle(self: &Arc<Self>, end: End) {
        while let Ok(placed) = self.connections.try_get() {
            Self::retire(Held::new(self, placed, end));
        }
    }

    /// Takes a connection back. It is free at once where the driver can tell that its session is as good as new; else a
    /// task resets it first.
    pub(super) fn give_back(self: &Arc<Self>, mut placed: Placed, ticket: Ticket) {
        placed.fresh = false;
        if placed.is_clean() {
            return self.put(placed, Some(ticket));
        }
        let held = Held::new(self, placed, End::NotReset);
        let dead = held.is_dead();
        {
            let mut slots = self.slots();
            slots.loans.end(ticket);
            slots.counts.resets += u64::from(!dead);
        }
        if !dead {
            held.runtime().spawn(Arc::clone(self).reset(held));
        }
    }

    /// Makes a session as good as new; it is dropped where that fails, takes too long, or its runtime ends.
    async fn reset(self: Arc<Self>, mut held: Held) {
        if !matches!(timeout(RESET, held.connection().reset()).await, Ok(Ok(()))) {
            return;
        }
        let prepared = match &self.options.after_connect {
            Some(work) => work.prepare(held).await,
            None => Ok(held),
        };
        if let Some(placed) = prepared.ok().and_then(Held::release) {
            self.put(placed, None);
        }
    }

    /// Lets a connection go to the first who waits, else to whoever comes.
    fn put(self: &Arc<Self>, mut placed: Placed, ticket: Option<Ticket>) {
        let now = Instant::now();
        {
            let mut slots = self.slots();
            if let Some(ticket) = ticket {
                slots.loans.end(ticket);
            }
            placed.era = slots.era;
        }
        placed.used = now;
        match placed.spent(now) {
            Some(end) => Self::retire(Held::new(self, placed, end)),
            None => self.lay_down(placed),
        }
    }

    /// Gives a connection to deadpool as it is.
    pub(super) fn lay_down(self: &Arc<Self>, placed: Placed) {
        // Its drop does.
        drop(placed);
        self.clear_if_closed();
    }

    /// Adds a connection that was opened just now.
    pub(super) async fn add(self: &Arc<Self>, mut entry: Box<Entry>) {
        {
            let mut slots = self.slots();
            slots.counts.created += 1;
            slots.outage = None;
            entry.era = slots.era;
        }
        entry.used = Instant::now();
        // It waits for no longer than a connection takes that is just about to end; and deadpool is never closed.
        drop(self.connections.add(entry).await);
        self.clear_if_closed();
    }

    /// Whoever puts something down after [`close`](Self::close) has cleared the pool clears it again.
    fn clear_if_closed(self: &Arc<Self>) {
        if self.slots().closed {
            self.retire_idle(End::Closed);
        }
    }

    /// Notes that a connection is gone, and its place free: what dropping a [`Held`] does.
    pub(super) fn gone(self: &Arc<Self>, lost: bool, runtime: &Handle) {
        {
            let mut slots = self.slots();
            slots.counts.discarded += 1;
            // Whatever took this one may have taken others: they are asked before they are lent again.
            slots.era += u64::from(lost);
        }
        self.drained.notify_waiters();
        self.open_more(runtime);
    }

    /// Closes a connection in good order. Its place is free once it has ended: a server that counts connections never meets
    /// more than the pool may have.
    pub(super) fn retire(mut held: Held) {
        if !held.is_dead() {
            held.retire();
            held.runtime().spawn(async move {
                drop(timeout(GOODBYE, held.connection().close()).await);
                drop(held);
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
        self.slots().closed = true;
        self.news.notify_waiters();
        self.retire_idle(End::Closed);
    }

    /// Does work for an open pool: it is dropped, with `None`, when the pool is closed.
    pub(super) async fn unless_closed<F: Future>(&self, work: F) -> Option<F::Output> {
        let closed = async {
            loop {
                let mut told = pin!(self.news.notified());
                told.as_mut().enable();
                if self.slots().closed {
                    return;
                }
                told.await;
            }
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = closed => None,
        }
    }

    /// Waits until all connections have ended, and none is being opened.
    pub(super) async fn closed(&self) -> Result<()> {
        let all_gone = async {
            loop {
                let mut told = std::pin::pin!(self.drained.notified());
                told.as_mut().enable();
                if self.slots().is_empty() {
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

fn closed() -> Error {
    Error::new(ErrorKind::PoolClosed, "the pool is closed")
}
