//! A pool of connections.
//!
//! A connection that comes back is as good as new before the next borrower gets it: its transaction is rolled back and its
//! session is reset, unless its driver can tell that nothing of it was changed. One that cannot be reset is discarded.
//!
//! Waiting has a deadline from the start, and an order: who comes first is served first. The error of a wait that was too long
//! tells what was waited for, who holds the connections, with the line of the program that took each, and what went wrong last.
//!
//! # Where the server is away
//!
//! Connections are opened by tasks of the pool's, a few at a time, and while none can be opened by one, which tries again after
//! pauses that grow to a quarter of a second. Where no connection is left to wait for, those who wait get the server's error
//! after half a second, and at once where trying again will not help, as after a wrong password. A connection that is found lost
//! casts doubt on all that lay idle meanwhile: each of them is asked for a sign of life before it is lent again.

mod entry;
mod hook;
mod keeper;
mod lent;
mod loans;
mod opening;
mod options;
mod outage;
mod refusal;
mod shared;
mod slots;
mod status;

use std::panic::Location;
use std::sync::Arc;

use oarlock_core::connection::BoxFuture;
use oarlock_core::factory::Connector;
use oarlock_core::{Conn, Db, Lease, Result, Tx, TxOptions};

pub use options::PoolOptions;
pub use status::{Holder, PoolStatus, WaitHistogram};

use lent::Lent;
use shared::Shared;

/// A pool of connections to one database. Cloning shares it.
///
/// A statement run on it borrows a connection for as long as it takes; a cursor or a transaction, until it is dropped or ended.
/// Connections are opened as they are needed.
///
/// # Cost
///
/// Beside the statement, a borrowed connection costs well under a microsecond where one is free and its session was left as it
/// was found. Where the session was changed (a `SET`, a temporary table, a lock), or a transaction was left open, a task resets
/// it, which is a round trip to the server that nobody waits for unless the pool is short of connections.
///
/// # Cancellation
///
/// Dropping a call that waits for a connection gives up its place in the queue, and nothing else.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> oarlock::Result<()> {
/// use oarlock::{DbExt, Pool};
///
/// let db = Pool::connect("sqlite::memory:").await?;
/// db.script("CREATE TABLE t (a INTEGER)").await?;
/// db.execute("INSERT INTO t VALUES (?)", (7,)).await?;
/// assert_eq!(db.fetch_value::<i64>("SELECT a FROM t", ()).await?, 7);
/// # Ok(())
/// # }
/// # #[cfg(feature = "sqlite")]
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(example())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    /// Opens a pool with the default [`PoolOptions`] and those of the URL, and its first connection to see that the URL works.
    ///
    /// # Errors
    ///
    /// As [`connect`](crate::connect()).
    #[track_caller]
    pub fn connect(url: &str) -> impl Future<Output = Result<Self>> + Send + use<> {
        PoolOptions::default().connect(url)
    }

    /// Makes a pool on what opens connections. Nothing is opened yet.
    #[must_use]
    pub fn new(connector: Arc<dyn Connector>, options: PoolOptions) -> Self {
        Self { shared: Shared::new(connector, options) }
    }

    /// Borrows a connection until it is dropped.
    ///
    /// # Errors
    ///
    /// `PoolTimeout` when there was none in time, `PoolClosed`; and what connecting gives (`ConnectionRefused`, `Authentication`)
    /// where the pool has no connection left to wait for.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<Conn>> + Send {
        let site = Location::caller();
        async move {
            let conn = Conn::on(Box::new(self.shared.take(site).await?));
            conn.set_limits(self.shared.options.limits());
            Ok(conn)
        }
    }

    fn leased(&self, lent: Lent) -> Lease {
        let mut lease = Lease::direct(Box::new(lent));
        lease.set_limits(self.shared.options.limits());
        lease
    }

    /// Tells how full the pool is, and what it has done.
    pub fn status(&self) -> PoolStatus {
        self.shared.slots().status(&self.shared.options)
    }

    /// Closes the pool, at once: waiting and later calls are `PoolClosed` errors, free connections are closed, borrowed ones when
    /// they come back. The future, which may as well be dropped, waits until all of them are.
    ///
    /// # Errors
    ///
    /// `PoolTimeout` that tells who holds a connection, when they did not come back within
    /// [`close_timeout`](PoolOptions::close_timeout). The pool is closed all the same.
    pub fn close(&self) -> impl Future<Output = Result<()>> + Send {
        self.shared.close();
        self.shared.closed()
    }
}

impl Db for Pool {
    #[track_caller]
    fn lease(&self) -> BoxFuture<'_, Lease> {
        self.lease_at(Location::caller())
    }

    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        self.shared.take_now(site).map(|lent| self.leased(lent))
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        Box::pin(async move { self.shared.take(site).await.map(|lent| self.leased(lent)) })
    }

    #[track_caller]
    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        self.begin_at(options, Location::caller())
    }

    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        Box::pin(
            async move { Tx::on(Box::new(self.shared.take(site).await?), options, self.shared.options.limits()).await },
        )
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("options", &self.shared.options).field("status", &self.status()).finish()
    }
}
