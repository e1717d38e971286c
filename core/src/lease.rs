//! Leases: the right to use a connection for a while, and the session that transactions share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::connection::{BoxFuture, Connection, DriverInfo, Health, TxState, busy};
use crate::deadline::Deadline;
use crate::limits::Limits;
use crate::trace::{Call, Work, is_heard, noted};
use crate::transaction::TxOptions;
use crate::vigil::Vigil;
use crate::{Error, Result};

/// Whoever owns a connection: its user alone, or a pool that wants it back.
pub trait Hold: Send {
    /// Gives the connection.
    fn connection(&mut self) -> &mut dyn Connection;
}

impl Hold for Box<dyn Connection> {
    fn connection(&mut self) -> &mut dyn Connection {
        &mut **self
    }
}

/// The right to use a connection until it is dropped.
///
/// Where a call was dropped on its way, the lease's end has the server stop it: see
/// [`Connection::abandon`].
pub struct Lease {
    right: Right,
    limits: Limits,
}

enum Right {
    Shared(OwnedMutexGuard<Slot>),
    Direct(Box<dyn Hold>),
}

impl Lease {
    /// Makes a lease that owns its connection, as a pool gives it for one statement or cursor.
    #[must_use]
    pub fn direct(holder: Box<dyn Hold>) -> Self {
        Self::of(Right::Direct(holder))
    }

    fn of(right: Right) -> Self {
        Self { right, limits: Limits::default() }
    }

    /// Gives how long calls may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Sets how long calls may take.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Gives how long a statement may run.
    pub fn timeout(&self) -> Option<Duration> {
        self.limits.timeout()
    }

    /// Sets how long a statement may run; `None` is for as long as it takes.
    pub fn set_timeout(&mut self, limit: Option<Duration>) {
        self.limits = self.limits.with_timeout(limit);
    }

    /// Makes a call of the contract's within the time that it may take, and notes it.
    pub(crate) async fn call<'a, 's, T>(
        &'a mut self,
        work: impl FnOnce() -> Work<'s>,
        make: impl FnOnce(&'a mut dyn Connection) -> BoxFuture<'a, T>,
    ) -> Result<T> {
        match self.watch(work) {
            Some(mut vigil) => vigil.hold(make(self.connection())).await,
            None => make(self.connection()).await,
        }
    }

    /// Begins to note what the connection is used for, until what this gives is dropped; `None` where nobody listens, as mostly.
    ///
    /// Cursors and the methods of [`DbExt`](crate::DbExt) do it by themselves; it is for what a driver adds to the contract.
    pub fn note<'s>(&mut self, work: impl FnOnce() -> Work<'s>) -> Option<Box<Call>> {
        if is_heard() { self.begin_call(work).map(Box::new) } else { None }
    }

    /// Tells whether calls have a limit of time, or somebody listens; mostly it is neither.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.limits.timeout().is_some() || is_heard()
    }

    /// Begins a call that has a limit of time, or to which somebody listens.
    #[inline]
    pub(crate) fn watch<'s>(&mut self, work: impl FnOnce() -> Work<'s>) -> Option<Box<Vigil>> {
        if !self.is_watched() {
            return None;
        }
        let limit = self.limits.timeout();
        let call = if is_heard() { self.begin_call(work) } else { None };
        let deadline = limit.map(|limit| Deadline::start(limit, self.connection()));
        (call.is_some() || deadline.is_some()).then(|| Box::new(Vigil { call, deadline }))
    }

    fn begin_call<'s>(&mut self, work: impl FnOnce() -> Work<'s>) -> Option<Call> {
        let limits = self.limits;
        Call::begin(limits, self.info(), work)
    }

    /// Has the server stop a call that was dropped on its way.
    pub(crate) fn stop_dropped(&mut self) {
        let connection = self.connection();
        if connection.health() == Health::Recovering {
            connection.abandon();
        }
    }

    /// Gives the connection.
    pub fn connection(&mut self) -> &mut dyn Connection {
        match &mut self.right {
            Right::Shared(slot) => slot.holder.connection(),
            Right::Direct(holder) => holder.connection(),
        }
    }

    /// Tells what the connection's driver is.
    pub fn info(&mut self) -> &DriverInfo {
        self.connection().info()
    }

    /// Has the session made as good as new before its next use: for who has changed it, and is dropped before that is undone.
    ///
    /// What a pool gets back, the pool sees to.
    pub fn reset_later(&mut self) {
        if let Right::Shared(slot) = &mut self.right {
            slot.stale = true;
            slot.abandoned.fetch_min(slot.depth, Ordering::AcqRel);
        }
    }

    /// Tells whether the connection's transaction is not the statement's to end: a guard owns it, or it is a branch of a
    /// global one.
    pub fn is_guarded(&mut self) -> bool {
        match &mut self.right {
            Right::Shared(slot) => slot.depth > 0 || !slot.holder.connection().tpc_branch().is_none(),
            Right::Direct(_) => false,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop_dropped();
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let depth = match &self.right {
            Right::Shared(slot) => slot.depth,
            Right::Direct(_) => 0,
        };
        f.debug_struct("Lease").field("depth", &depth).finish_non_exhaustive()
    }
}

/// A connection with the transactions that are open on it. Cloning shares it.
#[derive(Clone)]
pub struct Session {
    slot: Arc<Mutex<Slot>>,
    abandoned: Arc<AtomicU32>,
}

/// No transaction was abandoned.
const NONE: u32 = u32::MAX;

struct Slot {
    holder: Box<dyn Hold>,
    /// How many transactions are open, one inside the other.
    depth: u32,
    /// The depth down to which dropped transactions have to be rolled back before anything else runs. A guard's `Drop`
    /// cannot wait, and its lock may be held by a cursor: it leaves its mark here.
    abandoned: Arc<AtomicU32>,
    /// The session has to be reset before anything else runs; `abandoned` has a mark then as well.
    stale: bool,
}

impl Session {
    /// Makes a session of a connection on which no guard has opened a transaction.
    #[must_use]
    pub fn new(holder: Box<dyn Hold>) -> Self {
        let abandoned = Arc::new(AtomicU32::new(NONE));
        let slot = Slot { holder, depth: 0, abandoned: Arc::clone(&abandoned), stale: false };
        Self { slot: Arc::new(Mutex::new(slot)), abandoned }
    }

    /// Leases the connection for whoever stands at a depth of transactions, after what was dropped is rolled back.
    pub(crate) async fn lease(&self, depth: u32) -> Result<Lease> {
        self.enter(depth).await.map(|slot| Lease::of(Right::Shared(slot)))
    }

    /// Leases the connection where nothing has to be waited for and nothing is amiss.
    pub(crate) fn lease_now(&self, depth: u32) -> Option<Lease> {
        let slot = Arc::clone(&self.slot).try_lock_owned().ok()?;
        let settled = slot.depth == depth && self.abandoned.load(Ordering::Acquire) == NONE;
        settled.then(|| Lease::of(Right::Shared(slot)))
    }

    async fn enter(&self, depth: u32) -> Result<OwnedMutexGuard<Slot>> {
        let mut slot = Arc::clone(&self.slot).try_lock_owned().map_err(|_| busy())?;
        slot.settle().await?;
        match slot.depth {
            open if open == depth => Ok(slot),
            open if open > depth && depth == 0 => Err(Error::interface("a transaction is open on this connection")
                .with_hint("run the statement on the transaction, or end it first")),
            open if open > depth => Err(Error::interface("an inner transaction is open on this one")
                .with_hint("run the statement on the inner one, or end it first")),
            _ => Err(Error::interface("the transaction is over")),
        }
    }

    /// Opens a transaction or, inside one, a savepoint, and gives its depth.
    pub(crate) async fn begin(&self, depth: u32, options: &TxOptions, limits: Limits) -> Result<u32> {
        let mut slot = self.enter(depth).await?;
        let inner = depth + 1;
        // If this future is dropped on its way, the mark makes the next user undo what may have begun.
        let mark = Mark { abandoned: &self.abandoned, depth };
        slot.depth = inner;
        let connection = slot.holder.connection();
        let begun = if depth == 0 {
            noted(limits, "BEGIN", connection, |connection| connection.begin(options)).await
        } else if *options == TxOptions::default() {
            let name = savepoint_name(inner);
            noted(limits, "SAVEPOINT", connection, |connection| connection.savepoint(&name)).await
        } else {
            Err(Error::interface("an inner transaction takes no options: it is a savepoint of the outer one"))
        };
        mark.erase();
        if begun.is_err() {
            slot.depth = depth;
        }
        begun.map(|()| inner)
    }

    /// Keeps a transaction's work; whatever the result, the transaction is over.
    pub(crate) async fn commit(&self, depth: u32, limits: Limits) -> Result<()> {
        let mut slot = self.enter(depth).await?;
        let mark = Mark { abandoned: &self.abandoned, depth: depth - 1 };
        let connection = slot.holder.connection();
        let result = if depth == 1 {
            noted(limits, "COMMIT", connection, |connection| connection.commit()).await
        } else {
            let name = savepoint_name(depth);
            noted(limits, "RELEASE SAVEPOINT", connection, |connection| connection.release_savepoint(&name)).await
        };
        if result.is_err() && slot.holder.connection().tx_state() != TxState::Auto {
            slot.undo(depth - 1, limits).await?;
        }
        mark.erase();
        slot.depth = depth - 1;
        result
    }

    /// Undoes a transaction's work.
    pub(crate) async fn rollback(&self, depth: u32, limits: Limits) -> Result<()> {
        let mut slot = self.enter(depth).await?;
        let mark = Mark { abandoned: &self.abandoned, depth: depth - 1 };
        slot.undo(depth - 1, limits).await?;
        mark.erase();
        Ok(())
    }

    /// Leaves the mark of a dropped guard: everything above `depth` is rolled back before the next statement.
    pub(crate) fn abandon(&self, depth: u32) {
        self.abandoned.fetch_min(depth, Ordering::AcqRel);
    }
}

impl Slot {
    /// Rolls back what dropped guards left open, and resets a session that was left otherwise than it was.
    async fn settle(&mut self) -> Result<()> {
        if self.stale {
            self.holder.connection().reset().await?;
            (self.stale, self.depth) = (false, 0);
        }
        loop {
            let target = self.abandoned.load(Ordering::Acquire);
            if target < self.depth {
                self.undo(target, Limits::default()).await?;
            }
            if target == NONE
                || self.abandoned.compare_exchange(target, NONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
            {
                return Ok(());
            }
        }
    }

    /// Rolls back down to a depth. Where the server has ended the transaction by itself, nothing is left to do.
    async fn undo(&mut self, depth: u32, limits: Limits) -> Result<()> {
        let connection = self.holder.connection();
        if depth == 0 {
            noted(limits, "ROLLBACK", connection, |connection| connection.rollback()).await?;
        } else if connection.tx_state() != TxState::Auto {
            let name = savepoint_name(depth + 1);
            let undo = |connection| Connection::rollback_to_savepoint(connection, &name);
            noted(limits, "ROLLBACK TO SAVEPOINT", connection, undo).await?;
        }
        self.depth = depth;
        Ok(())
    }
}

/// Abandons what is above a depth when it is dropped, as the future is that did not come to its end.
struct Mark<'s> {
    abandoned: &'s AtomicU32,
    depth: u32,
}

impl Mark<'_> {
    fn erase(self) {
        std::mem::forget(self);
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.abandoned.fetch_min(self.depth, Ordering::AcqRel);
    }
}

fn savepoint_name(depth: u32) -> String {
    format!("oarlock_{depth}")
}
