//! Which statements ran.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oarlock_core::Connection;
use oarlock_core::connection::{BoxFuture, Endpoint};
use oarlock_core::factory::Connector;

use super::recorded::Recorded;

/// The statements that ran, in the order in which they were sent. Cloning shares the log.
///
/// A test of [`#[oarlock::test]`](macro@crate::test) takes the log of its pool as an argument. Elsewhere,
/// [`connector`](Self::connector) makes one for a pool and [`connection`](Self::connection) for a connection of a driver's.
///
/// A statement is recorded as its caller wrote it, without its parameters; a batch of `execute_many` and a script count once. What
/// begins and ends transactions, looks into the catalog or describes a statement is not recorded.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use oarlock::testing::{Case, Database, QueryLog};
/// use oarlock::{Db, DbExt, Result, assert_queries};
///
/// async fn count(db: &dyn Db) -> Result<i64> {
///     db.fetch_value("SELECT COUNT(*) FROM city", ()).await
/// }
///
/// # Case::new("QueryLog").url("sqlite:").run(async |database: Database| -> Result<()> {
/// # let (db, log) = (database.pool(), database.query_log());
/// // #[oarlock::test]
/// // async fn counts_at_once(db: Pool, log: QueryLog) -> Result<()> {
/// db.script("CREATE TABLE city (name TEXT)").await?;
/// let cities = assert_queries!(log, 1, { count(&db).await? });
/// assert_eq!(cities, 0);
/// assert_eq!(log.statements(), ["CREATE TABLE city (name TEXT)", "SELECT COUNT(*) FROM city"]);
/// # Ok(())
/// # });
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct QueryLog(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    off: AtomicBool,
    statements: Mutex<Vec<String>>,
}

impl QueryLog {
    /// Makes an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a log that records nothing before it is switched on.
    pub(super) fn off() -> Self {
        let log = Self::new();
        log.0.off.store(true, Ordering::Release);
        log
    }

    pub(super) fn on(&self) {
        self.0.off.store(false, Ordering::Release);
    }

    /// Records what runs on a connection.
    #[must_use]
    pub fn connection(&self, connection: Box<dyn Connection>) -> Box<dyn Connection> {
        Recorded::connection(connection, self.clone())
    }

    /// Records what runs on the connections that a connector opens: that of a [`Pool`](crate::Pool::new), for example.
    #[must_use]
    pub fn connector(&self, connector: Arc<dyn Connector>) -> Arc<dyn Connector> {
        Arc::new(RecordedConnector { connector, log: self.clone() })
    }

    /// Gives the statements so far.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Gives how many statements there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells whether no statement ran so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Begins a scope, whose statements are told apart from those before it.
    #[must_use]
    pub fn scope(&self) -> QueryScope {
        QueryScope { log: self.clone(), start: self.len() }
    }

    pub(super) fn add(&self, sql: &str) {
        if !self.0.off.load(Ordering::Acquire) {
            self.lock().push(sql.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a [`QueryLog`] from a moment on.
#[derive(Debug, Clone)]
pub struct QueryScope {
    log: QueryLog,
    start: usize,
}

impl QueryScope {
    /// Gives the statements since the scope began.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        self.log.lock().iter().skip(self.start).cloned().collect()
    }

    /// Requires that so many statements ran since the scope began.
    ///
    /// # Panics
    ///
    /// When it were more or fewer; the message lists them.
    #[track_caller]
    pub fn assert_len(&self, expected: usize) {
        let statements = self.statements();
        let found = statements.len();
        if found != expected {
            let mut message = format!("expected {expected} statements, and {found} ran");
            for (index, sql) in statements.iter().enumerate() {
                // Writing to a string does not fail.
                let _ = write!(message, "\n{:4}. {sql}", index + 1);
            }
            panic!("{message}");
        }
    }
}

/// A connector whose connections are recorded.
struct RecordedConnector {
    connector: Arc<dyn Connector>,
    log: QueryLog,
}

impl Connector for RecordedConnector {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move { self.connector.connect().await.map(|connection| self.log.connection(connection)) })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        self.connector.endpoint()
    }
}

/// Requires that a block runs so many statements, and gives what the block gives.
///
/// The first argument is a [`QueryLog`](crate::testing::QueryLog). On another number it panics, and lists the statements.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// # use oarlock::testing::{Case, Database};
/// # use oarlock::{DbExt, Result, assert_queries};
/// # Case::new("assert_queries").url("sqlite:").run(async |database: Database| -> Result<()> {
/// # let (db, log) = (database.pool(), database.query_log());
/// let two = assert_queries!(log, 1, { db.fetch_value::<i64>("SELECT 1 + 1", ()).await? });
/// assert_eq!(two, 2);
/// # Ok(())
/// # });
/// # }
/// ```
#[macro_export]
macro_rules! assert_queries {
    ($log:expr, $count:expr, $block:block) => {{
        let scope = $crate::testing::QueryLog::scope(&$log);
        let result = $block;
        scope.assert_len($count);
        result
    }};
}
