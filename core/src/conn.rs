//! A connection as users hold it.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cancel::{Cancel, Canceller};
use crate::connection::{BoxFuture, Connection, DriverInfo, TxState, no_two_phase};
use crate::db::Db;
use crate::lease::{Hold, Lease, Session};
use crate::limits::Limits;
use crate::tpc::{Branch, Xid};
use crate::trace::noted;
use crate::transaction::TxOptions;
use crate::tx::Tx;
use crate::{Error, Result};

/// One connection to a database. Statements run on it by the methods of [`DbExt`](crate::DbExt).
///
/// Autocommit is on: every statement commits by itself, and [`begin`](crate::DbExt::begin) opens a transaction. With
/// [`set_autocommit(false)`](Self::set_autocommit) the connection behaves as PEP 249 says: the first statement opens a
/// transaction, and [`commit`](Self::commit) or [`rollback`](Self::rollback) end it.
///
/// A call while a cursor or a transaction of this connection is alive is an `Interface` error, never a wait. Dropping the
/// connection ends the session; an open transaction is rolled back.
pub struct Conn {
    session: Session,
    info: DriverInfo,
    autocommit: AtomicBool,
    /// How long calls may take, as [`Limits`] has it in numbers.
    limits: [AtomicU64; 2],
    cancel: Option<Arc<dyn Cancel>>,
    canceller: OnceLock<Canceller>,
}

impl Conn {
    /// Makes a connection for users of a driver's.
    #[must_use]
    pub fn new(connection: Box<dyn Connection>) -> Self {
        Self::on(Box::new(connection))
    }

    /// Makes a connection for users of one that somebody holds, such as a pool that wants it back.
    #[must_use]
    pub fn on(mut holder: Box<dyn Hold>) -> Self {
        let info = holder.connection().info().clone();
        let cancel = holder.connection().canceller();
        Self {
            session: Session::new(holder),
            info,
            autocommit: AtomicBool::new(true),
            limits: Limits::DEFAULT.to_numbers().map(AtomicU64::new),
            cancel,
            canceller: OnceLock::new(),
        }
    }

    /// Tells what the connection's driver and server are.
    pub fn info(&self) -> &DriverInfo {
        &self.info
    }

    /// Tells whether every statement commits by itself.
    pub fn autocommit(&self) -> bool {
        self.autocommit.load(Ordering::Acquire)
    }

    /// Sets whether every statement commits by itself (the default).
    ///
    /// # Errors
    ///
    /// `Interface` while a transaction is open.
    pub async fn set_autocommit(&self, autocommit: bool) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        lease.connection().tpc_branch().check_plain_end()?;
        if lease.connection().tx_state() != TxState::Auto {
            return Err(Error::interface("a transaction is open").with_hint("commit or roll it back first"));
        }
        self.autocommit.store(autocommit, Ordering::Release);
        Ok(())
    }

    /// Gives how long a statement may run; `None`, the default, is for as long as it takes.
    pub fn timeout(&self) -> Option<Duration> {
        self.limits().timeout()
    }

    /// Sets how long a statement may run, for those that begin after this: see
    /// [`DbExt::with_timeout`](crate::DbExt::with_timeout).
    pub fn set_timeout(&self, limit: impl Into<Option<Duration>>) {
        let [timeout, _] = Limits::DEFAULT.with_timeout(limit).to_numbers();
        self.limits[0].store(timeout, Ordering::Release);
    }

    /// Gives how long a call may take before it is told as slow.
    pub fn slow_statement(&self) -> Option<Duration> {
        self.limits().slow()
    }

    /// Sets how long a call may take before a warning of `tracing` tells of it, with its text, but without any value: from the
    /// next call on. The default is one second; `None` tells of none.
    ///
    /// What counts is the time for which the database was waited for: see [`Call`](crate::trace::Call).
    pub fn set_slow_statement(&self, limit: impl Into<Option<Duration>>) {
        let [_, slow] = Limits::DEFAULT.with_slow(limit).to_numbers();
        self.limits[1].store(slow, Ordering::Release);
    }

    /// Gives how long calls may take.
    pub fn limits(&self) -> Limits {
        Limits::from_numbers(self.limits.each_ref().map(|number| number.load(Ordering::Acquire)))
    }

    /// Sets how long calls may take, for those that begin after this.
    pub fn set_limits(&self, limits: Limits) {
        for (number, set) in self.limits.iter().zip(limits.to_numbers()) {
            number.store(set, Ordering::Release);
        }
    }

    /// Gives what stops this connection's statement from another task.
    ///
    /// # Errors
    ///
    /// `NotSupported` where the driver cannot stop a statement.
    pub fn canceller(&self) -> Result<Canceller> {
        let Some(cancel) = &self.cancel else {
            return Err(Error::not_supported(format!("the driver {} cannot stop a statement", self.info.name)));
        };
        Ok(self.canceller.get_or_init(|| Canceller::new(Arc::clone(cancel))).clone())
    }

    /// Commits the implicit transaction of a connection without autocommit; does nothing where none is open.
    ///
    /// # Errors
    ///
    /// As [`Connection::commit`].
    pub async fn commit(&self) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        let connection = lease.connection();
        connection.tpc_branch().check_plain_end()?;
        match connection.tx_state() {
            TxState::Auto => Ok(()),
            _ => noted(self.limits(), "COMMIT", connection, |connection| connection.commit()).await,
        }
    }

    /// Rolls the implicit transaction of a connection without autocommit back; does nothing where none is open.
    ///
    /// # Errors
    ///
    /// As [`Connection::rollback`].
    pub async fn rollback(&self) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        noted(self.limits(), "ROLLBACK", lease.connection(), |connection| connection.rollback()).await
    }

    /// Names a branch of a global transaction: see [`Xid::new`].
    ///
    /// # Errors
    ///
    /// As [`Xid::new`], and `NotSupported` where this database has no two-phase commit.
    pub fn xid(
        &self,
        format_id: u32,
        global_transaction_id: impl AsRef<[u8]>,
        branch_qualifier: impl AsRef<[u8]>,
    ) -> Result<Xid> {
        if !self.info.capabilities.two_phase {
            return Err(no_two_phase(&self.info));
        }
        Xid::new(format_id, global_transaction_id, branch_qualifier)
    }

    /// Begins a branch of a global transaction. What runs on the connection from now on is part of it, until
    /// [`tpc_commit`](Self::tpc_commit) or [`tpc_rollback`](Self::tpc_rollback) ends it; no other transaction can be begun,
    /// and [`commit`](Self::commit), [`rollback`](Self::rollback) and text such as `COMMIT` are refused.
    ///
    /// Dropping the connection, or giving it back to its pool, undoes a branch that is not prepared and leaves a prepared
    /// one as it is.
    ///
    /// # Errors
    ///
    /// As [`Connection::tpc_begin`].
    ///
    /// # Examples
    ///
    /// Both databases commit, or neither:
    ///
    /// ```
    /// # use oarlock_core::{Conn, DbExt, Result};
    /// # async fn transfer(here: &Conn, there: &Conn) -> Result<()> {
    /// for (conn, branch) in [(here, "here"), (there, "there")] {
    ///     conn.tpc_begin(&conn.xid(1, "transfer 4711", branch)?).await?;
    /// }
    /// here.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (1,)).await?;
    /// there.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (2,)).await?;
    /// here.tpc_prepare().await?;
    /// there.tpc_prepare().await?;
    /// // A coordinator writes its decision down here, so that after a crash it can end what `tpc_recover` lists.
    /// here.tpc_commit(None).await?;
    /// there.tpc_commit(None).await
    /// # }
    /// ```
    pub async fn tpc_begin(&self, xid: &Xid) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        noted(self.limits(), "BEGIN", lease.connection(), |connection| connection.tpc_begin(xid)).await
    }

    /// Prepares the open branch: see [`Connection::tpc_prepare`]. No statement can run then until the branch is ended.
    ///
    /// # Errors
    ///
    /// As [`Connection::tpc_prepare`].
    pub async fn tpc_prepare(&self) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        noted(self.limits(), "PREPARE TRANSACTION", lease.connection(), |connection| connection.tpc_prepare()).await
    }

    /// Commits the open branch, in one phase where it is not prepared; with a name, one that is pending, whoever prepared it.
    ///
    /// # Errors
    ///
    /// As [`Connection::tpc_commit`].
    pub async fn tpc_commit(&self, recovered: Option<&Xid>) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        noted(self.limits(), "COMMIT", lease.connection(), |connection| connection.tpc_commit(recovered)).await
    }

    /// Rolls the open branch back; with a name, one that is pending, whoever prepared it.
    ///
    /// # Errors
    ///
    /// As [`Connection::tpc_rollback`].
    pub async fn tpc_rollback(&self, recovered: Option<&Xid>) -> Result<()> {
        let mut lease = self.session.lease(0).await?;
        noted(self.limits(), "ROLLBACK", lease.connection(), |connection| connection.tpc_rollback(recovered)).await
    }

    /// Lists the branches that are prepared and not ended: see [`Connection::tpc_recover`].
    ///
    /// # Errors
    ///
    /// As [`Connection::tpc_recover`].
    pub async fn tpc_recover(&self) -> Result<Vec<Xid>> {
        self.session.lease(0).await?.connection().tpc_recover().await
    }

    /// Tells where the connection stands with two-phase commit.
    ///
    /// # Errors
    ///
    /// `Interface` while the connection is in use.
    pub async fn tpc_branch(&self) -> Result<Branch> {
        Ok(self.session.lease(0).await?.connection().tpc_branch().clone())
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    ///
    /// `ConnectionLost` when there is none, `Interface` when the connection is in use or closed.
    pub async fn ping(&self) -> Result<()> {
        self.session.lease(0).await?.connection().ping().await
    }

    /// Makes the session as good as new: see [`Connection::reset`].
    ///
    /// # Errors
    ///
    /// As the server tells.
    pub async fn reset(&self) -> Result<()> {
        self.session.lease(0).await?.connection().reset().await
    }

    /// Ends the session in good order; an open transaction is rolled back. Later calls are `Interface` errors.
    ///
    /// # Errors
    ///
    /// As the server tells; the connection is closed all the same.
    pub async fn close(&self) -> Result<()> {
        self.session.lease(0).await?.connection().close().await
    }
}

impl Db for Conn {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        Box::pin(async move {
            let mut lease = self.session.lease(0).await?;
            let limits = self.limits();
            lease.set_limits(limits);
            if !self.autocommit() && lease.connection().tx_state() == TxState::Auto {
                let options = TxOptions::default();
                noted(limits, "BEGIN", lease.connection(), |connection| connection.begin(&options)).await?;
            }
            Ok(lease)
        })
    }

    fn lease_now(&self, _: &'static Location<'static>) -> Option<Lease> {
        let mut lease = if self.autocommit() { self.session.lease_now(0)? } else { return None };
        lease.set_limits(self.limits());
        Some(lease)
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        Box::pin(async move {
            if !self.autocommit() {
                return Err(Error::interface("autocommit is off: transactions begin by themselves")
                    .with_hint("end them by the connection's commit or rollback"));
            }
            Tx::begin(&self.session, 0, options, self.limits()).await
        })
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if let Some(canceller) = self.canceller.get() {
            canceller.retire();
        }
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn")
            .field("driver", &self.info.name)
            .field("server", &self.info.server)
            .finish_non_exhaustive()
    }
}
