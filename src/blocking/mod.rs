//! The same names for programs without `async`.
//!
//! Every type here wraps its asynchronous namesake, which it gives back by [`Blocking::into_inner`]. Calls wait on the calling
//! thread; a runtime of oarlock's own, with one thread, serves all of them.
//!
//! # Errors
//!
//! As the asynchronous namesakes; and a call on a thread of an asynchronous runtime, which would block it, is an `Interface`
//! error. So is one inside tokio's `spawn_blocking`, which cannot be told from a task.
//!
//! # Examples
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> oarlock::Result<()> {
//! let db = oarlock::blocking::connect("sqlite::memory:")?;
//! db.script("CREATE TABLE t (a INTEGER)")?;
//! db.transaction(|tx| tx.execute("INSERT INTO t VALUES (?)", (7,)).map(drop))?;
//! assert_eq!(db.fetch_value::<i64>("SELECT a FROM t", ())?, 7);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```

mod conn;
mod cursor;
mod pipeline;

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use oarlock_core::result::Description;
use oarlock_core::schema::{Table, View};
use oarlock_core::timeout::WithTimeout;
use oarlock_core::transaction::Retry;
use oarlock_core::{Db, DbExt, Error, ErrorKind, FromRow, FromValue, Outcome, Params, Result, TxOptions};
use tokio::runtime::{Builder, Handle, Runtime};

pub use cursor::Cursor;
pub use pipeline::Pipeline;

use crate::pool::PoolStatus;

/// Waits for a future on oarlock's own runtime.
fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    if Handle::try_current().is_ok() {
        return Err(Error::interface("a blocking call was made on a thread of an asynchronous runtime")
            .with_hint("use the asynchronous namesake there, or a thread of one's own"));
    }
    let runtime = RUNTIME
        .get_or_init(|| Builder::new_multi_thread().worker_threads(1).thread_name("oarlock").enable_all().build());
    match runtime {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => Err(Error::new(
            ErrorKind::ResourcesExhausted,
            format!("the runtime for blocking calls did not start: {error}"),
        )),
    }
}

/// Opens a connection: see [`oarlock::connect`](crate::connect()).
///
/// # Errors
///
/// As its asynchronous namesake.
pub fn connect(url: &str) -> Result<Conn> {
    wait(crate::connect(url)).map(Blocking)
}

/// A pool, a connection or a transaction whose calls wait.
#[derive(Debug, Clone)]
pub struct Blocking<D>(D);

/// A connection whose calls wait.
pub type Conn = Blocking<crate::Conn>;

/// A pool whose calls wait.
pub type Pool = Blocking<crate::Pool>;

/// A transaction whose calls wait.
pub type Tx = Blocking<crate::Tx>;

impl<D> Blocking<D> {
    /// Wraps an asynchronous pool, connection or transaction.
    #[must_use]
    pub fn new(inner: D) -> Self {
        Self(inner)
    }

    /// Gives the asynchronous one back.
    #[must_use]
    pub fn into_inner(self) -> D {
        self.0
    }

    /// Borrows the asynchronous one.
    pub fn inner(&self) -> &D {
        &self.0
    }
}

impl<D: Db> Blocking<D> {
    /// Gives the same database with a limit of time on every statement: see [`DbExt::with_timeout`].
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> oarlock::Result<()> {
    /// use std::time::Duration;
    ///
    /// let db = oarlock::blocking::connect("sqlite::memory:")?;
    /// let one: i64 = db.with_timeout(Duration::from_secs(2)).fetch_value("SELECT 1", ())?;
    /// # assert_eq!(one, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn with_timeout(&self, limit: impl Into<Option<Duration>>) -> Blocking<WithTimeout<'_, D>> {
        Blocking(self.0.with_timeout(limit))
    }

    /// Makes a pipeline: see [`DbExt::pipeline`].
    pub fn pipeline(&self) -> Pipeline<'_, D> {
        Pipeline::new(self.0.pipeline())
    }

    /// Makes a cursor: see [`DbExt::cursor`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn cursor(&self) -> Result<Cursor> {
        wait(self.0.cursor()).map(Cursor)
    }

    /// Runs a statement and gives its cursor: see [`DbExt::query`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn query(&self, sql: &str, params: impl Params) -> Result<Cursor> {
        wait(self.0.query(sql, params)).map(Cursor)
    }

    /// Runs a statement to its end: see [`DbExt::execute`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<Outcome> {
        wait(self.0.execute(sql, params))
    }

    /// Runs a statement for many rows of parameters: see [`DbExt::execute_many`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn execute_many<P: Params>(&self, sql: &str, rows: impl AsRef<[P]> + Send + Sync) -> Result<Outcome> {
        wait(self.0.execute_many(sql, rows))
    }

    /// Runs a statement and reads all its rows: see [`DbExt::fetch_all`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_all<T: FromRow + Send>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        wait(self.0.fetch_all(sql, params))
    }

    /// Runs a statement and reads its first row: see [`DbExt::fetch_one`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_one<T: FromRow + Send>(&self, sql: &str, params: impl Params) -> Result<Option<T>> {
        wait(self.0.fetch_one(sql, params))
    }

    /// Runs a statement that must give a row: see [`DbExt::require_one`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn require_one<T: FromRow + Send>(&self, sql: &str, params: impl Params) -> Result<T> {
        wait(self.0.require_one(sql, params))
    }

    /// Runs a statement and reads one value: see [`DbExt::fetch_value`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_value<T: FromValue + Send>(&self, sql: &str, params: impl Params) -> Result<T> {
        wait(self.0.fetch_value(sql, params))
    }

    /// Runs a text of several statements: see [`DbExt::script`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn script(&self, text: &str) -> Result<()> {
        wait(self.0.script(text))
    }

    /// Prepares a statement without running it: see [`DbExt::describe`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn describe(&self, sql: &str) -> Result<Description> {
        wait(self.0.describe(sql))
    }

    /// Calls a stored procedure: see [`DbExt::call_procedure`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn call_procedure(&self, name: &str, params: impl Params) -> Result<Cursor> {
        wait(self.0.call_procedure(name, params)).map(Cursor)
    }

    /// Gives the names of the schemas: see [`DbExt::schemas`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn schemas(&self) -> Result<Vec<String>> {
        wait(self.0.schemas())
    }

    /// Gives the names of a schema's tables: see [`DbExt::table_names`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn table_names(&self, schema: Option<&str>) -> Result<Vec<String>> {
        wait(self.0.table_names(schema))
    }

    /// Gives a schema's tables in full: see [`DbExt::tables`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn tables(&self, schema: Option<&str>) -> Result<Vec<Table>> {
        wait(self.0.tables(schema))
    }

    /// Gives one table in full: see [`DbExt::table`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Result<Table> {
        wait(self.0.table(schema, name))
    }

    /// Gives a schema's views: see [`DbExt::views`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn views(&self, schema: Option<&str>) -> Result<Vec<View>> {
        wait(self.0.views(schema))
    }

    /// Begins a transaction: see [`DbExt::begin`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn begin(&self) -> Result<Tx> {
        wait(self.0.begin()).map(Blocking)
    }

    /// Begins a transaction with options: see [`Db::begin_with`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn begin_with(&self, options: TxOptions) -> Result<Tx> {
        wait(self.0.begin_with(options)).map(Blocking)
    }

    /// Runs work in a transaction: see [`DbExt::transaction`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn transaction<T>(&self, work: impl Fn(Tx) -> Result<T>) -> Result<T> {
        self.transaction_with(TxOptions::default(), work)
    }

    /// Runs work in a transaction with options: see [`DbExt::transaction_with`].
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn transaction_with<T>(&self, options: TxOptions, work: impl Fn(Tx) -> Result<T>) -> Result<T> {
        let mut retry = Retry::new(self.0.is_transaction());
        loop {
            let tx = self.begin_with(options)?;
            let result = match work(tx.clone()) {
                Ok(value) => tx.commit().map(|()| value),
                Err(error) => {
                    // The work's error is the one to tell; a rollback that fails is made good before the next statement.
                    let _ = tx.rollback();
                    Err(error)
                }
            };
            match retry.pause(&result) {
                Some(pause) => std::thread::sleep(pause),
                None => return result,
            }
        }
    }
}

impl Blocking<crate::Pool> {
    /// Opens a pool: see [`Pool::connect`](crate::Pool::connect).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn connect(url: &str) -> Result<Self> {
        wait(crate::Pool::connect(url)).map(Blocking)
    }

    /// Opens a pool with options: see [`PoolOptions::connect`](crate::PoolOptions::connect).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn connect_with(url: &str, options: crate::PoolOptions) -> Result<Self> {
        wait(options.connect(url)).map(Blocking)
    }

    /// Borrows a connection until it is dropped: see [`Pool::acquire`](crate::Pool::acquire).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn acquire(&self) -> Result<Conn> {
        wait(self.0.acquire()).map(Blocking)
    }

    /// Tells how full the pool is.
    pub fn status(&self) -> PoolStatus {
        self.0.status()
    }

    /// Closes the pool: see [`Pool::close`](crate::Pool::close).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn close(&self) -> Result<()> {
        wait(self.0.close())
    }
}
