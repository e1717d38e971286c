//! What connections and transactions have of their own.

use std::time::Duration;

use oarlock_core::connection::DriverInfo;
use oarlock_core::tpc::Branch;
use oarlock_core::{Result, Xid};

use super::{Blocking, wait};

impl Blocking<crate::Conn> {
    /// Tells what the connection's driver and server are.
    pub fn info(&self) -> &DriverInfo {
        self.0.info()
    }

    /// Tells whether every statement commits by itself.
    pub fn autocommit(&self) -> bool {
        self.0.autocommit()
    }

    /// Sets autocommit: see [`Conn::set_autocommit`](crate::Conn::set_autocommit).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn set_autocommit(&self, autocommit: bool) -> Result<()> {
        wait(self.0.set_autocommit(autocommit))
    }

    /// Gives how long a statement may run.
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout()
    }

    /// Sets how long a statement may run: see [`Conn::set_timeout`](crate::Conn::set_timeout).
    pub fn set_timeout(&self, limit: impl Into<Option<Duration>>) {
        self.0.set_timeout(limit);
    }

    /// Gives how long a call may take before it is told as slow.
    pub fn slow_statement(&self) -> Option<Duration> {
        self.0.slow_statement()
    }

    /// Sets how long a call may take before it is told as slow: see
    /// [`Conn::set_slow_statement`](crate::Conn::set_slow_statement).
    pub fn set_slow_statement(&self, limit: impl Into<Option<Duration>>) {
        self.0.set_slow_statement(limit);
    }

    /// Commits the implicit transaction: see [`Conn::commit`](crate::Conn::commit).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn commit(&self) -> Result<()> {
        wait(self.0.commit())
    }

    /// Rolls the implicit transaction back: see [`Conn::rollback`](crate::Conn::rollback).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn rollback(&self) -> Result<()> {
        wait(self.0.rollback())
    }

    /// Names a branch of a global transaction: see [`Conn::xid`](crate::Conn::xid).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn xid(
        &self,
        format_id: u32,
        global_transaction_id: impl AsRef<[u8]>,
        branch_qualifier: impl AsRef<[u8]>,
    ) -> Result<Xid> {
        self.0.xid(format_id, global_transaction_id, branch_qualifier)
    }

    /// Begins a branch of a global transaction: see [`Conn::tpc_begin`](crate::Conn::tpc_begin).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_begin(&self, xid: &Xid) -> Result<()> {
        wait(self.0.tpc_begin(xid))
    }

    /// Prepares the open branch: see [`Conn::tpc_prepare`](crate::Conn::tpc_prepare).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_prepare(&self) -> Result<()> {
        wait(self.0.tpc_prepare())
    }

    /// Commits a branch: see [`Conn::tpc_commit`](crate::Conn::tpc_commit).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_commit(&self, recovered: Option<&Xid>) -> Result<()> {
        wait(self.0.tpc_commit(recovered))
    }

    /// Rolls a branch back: see [`Conn::tpc_rollback`](crate::Conn::tpc_rollback).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_rollback(&self, recovered: Option<&Xid>) -> Result<()> {
        wait(self.0.tpc_rollback(recovered))
    }

    /// Lists the branches that are pending: see [`Conn::tpc_recover`](crate::Conn::tpc_recover).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_recover(&self) -> Result<Vec<Xid>> {
        wait(self.0.tpc_recover())
    }

    /// Tells where the connection stands with two-phase commit: see [`Conn::tpc_branch`](crate::Conn::tpc_branch).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tpc_branch(&self) -> Result<Branch> {
        wait(self.0.tpc_branch())
    }

    /// Asks the server for a sign of life: see [`Conn::ping`](crate::Conn::ping).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn ping(&self) -> Result<()> {
        wait(self.0.ping())
    }

    /// Makes the session as good as new: see [`Conn::reset`](crate::Conn::reset).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn reset(&self) -> Result<()> {
        wait(self.0.reset())
    }

    /// Ends the session: see [`Conn::close`](crate::Conn::close).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn close(&self) -> Result<()> {
        wait(self.0.close())
    }
}

impl Blocking<crate::Tx> {
    /// Sets how long a statement of the transaction may run: see [`Tx::set_timeout`](crate::Tx::set_timeout).
    pub fn set_timeout(&mut self, limit: impl Into<Option<Duration>>) {
        self.0.set_timeout(limit);
    }

    /// Sets how long a call of the transaction may take before it is told as slow: see
    /// [`Tx::set_slow_statement`](crate::Tx::set_slow_statement).
    pub fn set_slow_statement(&mut self, limit: impl Into<Option<Duration>>) {
        self.0.set_slow_statement(limit);
    }

    /// Keeps the transaction's work: see [`Tx::commit`](crate::Tx::commit).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn commit(self) -> Result<()> {
        wait(self.0.commit())
    }

    /// Undoes the transaction's work: see [`Tx::rollback`](crate::Tx::rollback).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn rollback(self) -> Result<()> {
        wait(self.0.rollback())
    }
}
