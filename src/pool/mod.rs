//! A pool of connections, on deadpool.
//!
//! A connection that comes back is rolled back and reset before the next borrower gets it; one that cannot be is discarded.
//! Waiting for a connection has a deadline from the start.

mod manager;
mod pooled;

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, PoolError};
use oarlock_core::connection::BoxFuture;
use oarlock_core::factory::{Connector, Purpose};
use oarlock_core::{Conn, Db, Error, ErrorKind, Lease, Result, Tx, TxOptions, Url};

use manager::Manager;
use pooled::Pooled;

/// How a pool behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// The largest number of connections; default 10.
    pub max_size: usize,
    /// The longest wait for a connection, opening one included; default 30 s.
    pub acquire_timeout: Duration,
    /// For how long a connection may lie unused and still be handed out without a word from the server; default 30 s.
    pub validate_after: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { max_size: 10, acquire_timeout: Duration::from_secs(30), validate_after: Duration::from_secs(30) }
    }
}

impl PoolOptions {
    /// Makes the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest number of connections; 0 counts as 1.
    #[must_use]
    pub fn max_size(mut self, connections: usize) -> Self {
        self.max_size = connections.max(1);
        self
    }

    /// Sets the longest wait for a connection.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets for how long a connection may lie unused and still be handed out unasked. One that lay longer is asked for a sign of
    /// life first, and replaced if it gives none; zero asks every time.
    #[must_use]
    pub fn validate_after(mut self, unused: Duration) -> Self {
        self.validate_after = unused;
        self
    }

    /// Opens a pool: see [`Pool::connect`].
    ///
    /// # Errors
    ///
    /// As [`connect`](crate::connect()).
    pub async fn connect(self, url: &str) -> Result<Pool> {
        let connector = crate::connect::connector(&Url::parse(url)?, Purpose::Pool)?;
        let pool = Pool::new(connector, self)?;
        drop(pool.acquire().await?);
        Ok(pool)
    }
}

/// How full a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The largest number of connections.
    pub max_size: usize,
    /// Connections that are open.
    pub size: usize,
    /// Connections that are open and free.
    pub available: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
}

/// A pool of connections to one database. Cloning shares it.
///
/// A statement run on it borrows a connection for as long as it takes; a cursor or a transaction, until it is dropped or ended.
/// Connections are opened as they are needed, and reset when they come back.
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
    inner: managed::Pool<Manager>,
    options: PoolOptions,
}

impl Pool {
    /// Opens a pool with the default [`PoolOptions`], and its first connection to see that the URL works.
    ///
    /// # Errors
    ///
    /// As [`connect`](crate::connect()).
    pub async fn connect(url: &str) -> Result<Self> {
        PoolOptions::default().connect(url).await
    }

    /// Makes a pool on what opens connections. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// `Internal` when deadpool refuses the configuration.
    pub fn new(connector: Arc<dyn Connector>, options: PoolOptions) -> Result<Self> {
        let inner = managed::Pool::builder(Manager::new(connector, options.validate_after))
            .max_size(options.max_size)
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, "the pool could not be built").with_source(error))?;
        Ok(Self { inner, options })
    }

    /// Borrows a connection until it is dropped.
    ///
    /// # Errors
    ///
    /// `PoolTimeout` when none was free in time, `PoolClosed`, and what connecting can give.
    pub async fn acquire(&self) -> Result<Conn> {
        Ok(Conn::on(Box::new(self.take().await?)))
    }

    /// Tells how full the pool is.
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus {
            max_size: status.max_size,
            size: status.size,
            available: status.available,
            waiting: status.waiting,
        }
    }

    /// Closes the pool: waiting and later calls are `PoolClosed` errors, borrowed connections close when they come back.
    pub fn close(&self) {
        self.inner.close();
    }

    async fn take(&self) -> Result<Pooled> {
        let timeout = self.options.acquire_timeout;
        match tokio::time::timeout(timeout, self.inner.get()).await {
            Ok(Ok(object)) => Ok(Pooled::new(object)),
            Ok(Err(PoolError::Backend(error))) => Err(error),
            Ok(Err(PoolError::Closed)) => Err(Error::new(ErrorKind::PoolClosed, "the pool is closed")),
            Ok(Err(error)) => Err(Error::new(ErrorKind::Internal, "the pool failed").with_source(error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    #[cold]
    fn timed_out(&self) -> Error {
        let timeout = self.options.acquire_timeout;
        let PoolStatus { max_size, size, waiting, .. } = self.status();
        // With a place left, it was opening a connection that took too long.
        let (message, hint) = if size < max_size {
            (
                format!(
                    "no connection could be opened within {timeout:?}: the pool has {size} of {max_size}, and {waiting} others wait"
                ),
                "see whether the database answers, or raise acquire_timeout",
            )
        } else {
            (
                format!("no connection was free within {timeout:?}: all {size} are in use, and {waiting} others wait"),
                "return connections sooner, or raise max_size or acquire_timeout",
            )
        };
        Error::new(ErrorKind::PoolTimeout, message).with_hint(hint)
    }
}

impl Db for Pool {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        Box::pin(async move { Ok(Lease::direct(Box::new(self.take().await?))) })
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        Box::pin(async move { Tx::on(Box::new(self.take().await?), options).await })
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("options", &self.options).field("status", &self.status()).finish_non_exhaustive()
    }
}
