//! The transaction guard.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::connection::BoxFuture;
use crate::db::Db;
use crate::lease::{Hold, Lease, Session};
use crate::limits::Limits;
use crate::transaction::TxOptions;
use crate::{Error, Result};

/// An open transaction. Statements run in it by the methods of [`DbExt`](crate::DbExt); it ends by [`commit`](Self::commit)
/// or [`rollback`](Self::rollback).
///
/// Dropping the last clone without either rolls it back, before the connection's next statement. A transaction begun on a
/// transaction is a savepoint: ending it ends only its own work. Text such as `COMMIT` is refused inside a guard.
#[derive(Clone)]
pub struct Tx {
    inner: Arc<Inner>,
    limits: Limits,
}

struct Inner {
    session: Session,
    depth: u32,
    over: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.over.load(Ordering::Acquire) {
            self.session.abandon(self.depth - 1);
        }
    }
}

impl Tx {
    /// Begins a transaction on a connection that nothing else uses, whose calls have limits: the way of a pool.
    ///
    /// # Errors
    ///
    /// As [`Connection::begin`](crate::Connection::begin).
    pub async fn on(holder: Box<dyn Hold>, options: TxOptions, limits: Limits) -> Result<Self> {
        Self::begin(&Session::new(holder), 0, options, limits).await
    }

    pub(crate) async fn begin(session: &Session, depth: u32, options: TxOptions, limits: Limits) -> Result<Self> {
        let depth = session.begin(depth, &options, limits).await?;
        let inner = Inner { session: session.clone(), depth, over: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner), limits })
    }

    fn open(&self) -> Result<&Inner> {
        if self.inner.over.load(Ordering::Acquire) {
            return Err(Error::interface("the transaction is over"));
        }
        Ok(&self.inner)
    }

    /// Sets how long a statement of the transaction may run, for this handle and clones made of it later: see
    /// [`DbExt::with_timeout`](crate::DbExt::with_timeout).
    pub fn set_timeout(&mut self, limit: impl Into<Option<Duration>>) {
        self.limits = self.limits.with_timeout(limit);
    }

    /// Sets how long a call of the transaction may take before it is told as slow, for this handle and clones made of it later:
    /// see [`Conn::set_slow_statement`](crate::Conn::set_slow_statement).
    pub fn set_slow_statement(&mut self, limit: impl Into<Option<Duration>>) {
        self.limits = self.limits.with_slow(limit);
    }

    /// Keeps the transaction's work. Whatever the result, the transaction is over.
    ///
    /// # Errors
    ///
    /// `Interface` while a cursor or an inner transaction is open; `TransactionFailed`, `SerializationFailure`, a deferred
    /// constraint's violation; an error with [`outcome_unknown`](Error::outcome_unknown) when the connection went away before
    /// the server's word.
    pub async fn commit(self) -> Result<()> {
        self.finish(true).await
    }

    /// Undoes the transaction's work.
    ///
    /// # Errors
    ///
    /// `Interface` while a cursor or an inner transaction is open; `ConnectionLost`, after which the server undoes it.
    pub async fn rollback(self) -> Result<()> {
        self.finish(false).await
    }

    pub(crate) async fn finish(&self, keep: bool) -> Result<()> {
        let inner = self.open()?;
        let Inner { session, depth, .. } = inner;
        let result =
            if keep { session.commit(*depth, self.limits).await } else { session.rollback(*depth, self.limits).await };
        // A refusal for being used out of turn leaves the transaction as it is, for its drop to end.
        if !matches!(&result, Err(error) if error.kind() == crate::ErrorKind::Interface) {
            inner.over.store(true, Ordering::Release);
        }
        result
    }
}

impl Db for Tx {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        Box::pin(async move {
            let inner = self.open()?;
            let mut lease = inner.session.lease(inner.depth).await?;
            lease.set_limits(self.limits);
            Ok(lease)
        })
    }

    fn lease_now(&self, _: &'static Location<'static>) -> Option<Lease> {
        let inner = self.open().ok()?;
        let mut lease = inner.session.lease_now(inner.depth)?;
        lease.set_limits(self.limits);
        Some(lease)
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        Box::pin(async move {
            let inner = self.open()?;
            Self::begin(&inner.session, inner.depth, options, self.limits).await
        })
    }

    fn is_transaction(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let over = self.inner.over.load(Ordering::Acquire);
        f.debug_struct("Tx").field("depth", &self.inner.depth).field("over", &over).finish_non_exhaustive()
    }
}
