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

use std::future::Future;
use std::sync::OnceLock;

use oarlock_core::result::Notice;
use oarlock_core::transaction::Retry;
use oarlock_core::{Column, Db, DbExt, Error, ErrorKind, FromRow, FromValue, Outcome, Params, Result, TxOptions};
use tokio::runtime::{Builder, Handle, Runtime};

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
    pub fn transaction<T: Send>(&self, work: impl Fn(Tx) -> Result<T> + Send + Sync) -> Result<T> {
        let mut retry = Retry::new(self.0.is_transaction());
        loop {
            let tx = self.begin()?;
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
}

impl Blocking<crate::Conn> {
    /// Sets autocommit: see [`Conn::set_autocommit`](crate::Conn::set_autocommit).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn set_autocommit(&self, autocommit: bool) -> Result<()> {
        wait(self.0.set_autocommit(autocommit))
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

/// A cursor whose calls wait: see [`oarlock::Cursor`](crate::Cursor).
#[derive(Debug)]
pub struct Cursor(crate::Cursor);

impl Cursor {
    /// Runs a statement: see [`Cursor::execute`](crate::Cursor::execute).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn execute(&mut self, sql: &str, params: impl Params) -> Result<()> {
        wait(self.0.execute(sql, params))
    }

    /// Fetches the next row: see [`Cursor::fetch_one`](crate::Cursor::fetch_one).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_one<T: FromRow>(&mut self) -> Result<Option<T>> {
        wait(self.0.fetch_one())
    }

    /// Fetches up to `count` rows: see [`Cursor::fetch_many`](crate::Cursor::fetch_many).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_many<T: FromRow>(&mut self, count: impl Into<Option<usize>>) -> Result<Vec<T>> {
        wait(self.0.fetch_many(count))
    }

    /// Fetches all rows that are left: see [`Cursor::fetch_all`](crate::Cursor::fetch_all).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_all<T: FromRow>(&mut self) -> Result<Vec<T>> {
        wait(self.0.fetch_all())
    }

    /// Goes to the next result set: see [`Cursor::next_set`](crate::Cursor::next_set).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn next_set(&mut self) -> Result<bool> {
        wait(self.0.next_set())
    }

    /// Fetches all rows into memory, to be read in any order: see [`Cursor::buffered`](crate::Cursor::buffered).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn buffered(self) -> Result<crate::BufferedCursor> {
        wait(self.0.buffered())
    }

    /// Ends the statement and gives its outcome: see [`Cursor::finish`](crate::Cursor::finish).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn finish(&mut self) -> Result<Outcome> {
        wait(self.0.finish())
    }

    /// Takes the warnings of the last statement: see [`Cursor::warnings`](crate::Cursor::warnings).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn warnings(&mut self) -> Result<Vec<Notice>> {
        wait(self.0.warnings())
    }

    /// Gives the columns of the current result set.
    pub fn description(&self) -> &[Column] {
        self.0.description()
    }

    /// Gives how many rows the statement changed or gave, once it is over.
    pub fn row_count(&self) -> Option<u64> {
        self.0.row_count()
    }

    /// Gives the key that the statement generated.
    pub fn last_insert_id(&self) -> Option<i64> {
        self.0.last_insert_id()
    }
}
