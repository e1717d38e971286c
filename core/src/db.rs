//! Where statements run: a pool, a connection or a transaction, all used the same way.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use crate::catalog::{CatalogQuery, CatalogReply};
use crate::connection::{BoxFuture, admit_script};
use crate::cursor::Cursor;
use crate::lease::Lease;
use crate::params::Params;
use crate::pipeline::Pipeline;
use crate::result::{Description, Outcome};
use crate::row::FromRow;
use crate::schema::{Table, View};
use crate::timeout::WithTimeout;
use crate::trace::Work;
use crate::transaction::{Retry, TxOptions};
use crate::tx::Tx;
use crate::value::FromValue;
use crate::{Error, ErrorKind, Result};

/// A place where statements run: a pool, a connection or a transaction. Code that takes `&dyn Db` works with all of them.
///
/// What one does with it is in [`DbExt`], which every `Db` has.
pub trait Db: Send + Sync {
    /// Takes the right to use a connection, until the lease is dropped.
    ///
    /// # Errors
    ///
    /// A pool's `PoolTimeout` and what connecting can give; `Interface` where a cursor or an inner transaction has the
    /// connection.
    fn lease(&self) -> BoxFuture<'_, Lease>;

    /// Begins a transaction; on a transaction, a savepoint.
    ///
    /// # Errors
    ///
    /// As [`lease`](Self::lease), and `NotSupported` for an option that this database has not.
    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx>;

    /// Takes the right to use a connection if it can be had without waiting, as it mostly can; `None` says to ask
    /// [`lease_at`](Self::lease_at), with the same place in the program.
    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        let _ = site;
        None
    }

    /// Takes a lease for a call at a place in the program, which a pool names where its connection does not come back.
    ///
    /// # Errors
    ///
    /// As [`lease`](Self::lease).
    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        let _ = site;
        self.lease()
    }

    /// Begins a transaction for a call at a place in the program, as [`lease_at`](Self::lease_at) takes a lease.
    ///
    /// # Errors
    ///
    /// As [`begin_with`](Self::begin_with).
    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        let _ = site;
        self.begin_with(options)
    }

    /// Tells whether this is a transaction, so that what is begun on it is a savepoint.
    fn is_transaction(&self) -> bool {
        false
    }
}

impl<D: Db + ?Sized> Db for &D {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        D::lease(self)
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        D::begin_with(self, options)
    }

    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        D::lease_now(self, site)
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        D::lease_at(self, site)
    }

    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        D::begin_at(self, options, site)
    }

    fn is_transaction(&self) -> bool {
        D::is_transaction(self)
    }
}

impl<D: Db + ?Sized> Db for Box<D> {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        D::lease(self)
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        D::begin_with(self, options)
    }

    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        D::lease_now(self, site)
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        D::lease_at(self, site)
    }

    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        D::begin_at(self, options, site)
    }

    fn is_transaction(&self) -> bool {
        D::is_transaction(self)
    }
}

impl<D: Db + ?Sized> Db for std::sync::Arc<D> {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        D::lease(self)
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        D::begin_with(self, options)
    }

    fn lease_now(&self, site: &'static Location<'static>) -> Option<Lease> {
        D::lease_now(self, site)
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        D::lease_at(self, site)
    }

    fn begin_at(&self, options: TxOptions, site: &'static Location<'static>) -> BoxFuture<'_, Tx> {
        D::begin_at(self, options, site)
    }

    fn is_transaction(&self) -> bool {
        D::is_transaction(self)
    }
}

/// What every [`Db`] can do.
///
/// Parameters are `?`, `:name` or `$1` in the statement, one style per statement, the same on every database; `??` is a literal
/// `?`. They are given as a tuple, a slice, or by [`named!`](crate::named).
///
/// # Errors
///
/// Every method gives the errors of [`Db::lease`], `Parameters` and `Conversion` before anything is sent, and what the server
/// says of the statement; only more than that is said below.
///
/// # Cancellation
///
/// Dropping the future of any of these is safe: the connection cleans up before its next statement, or is discarded. Whether
/// the server has carried the statement out is then not known.
pub trait DbExt: Db {
    /// Makes a cursor, which holds a connection until it is dropped.
    #[track_caller]
    fn cursor(&self) -> impl Future<Output = Result<Cursor>> + Send {
        cursor_at(self, Location::caller())
    }

    /// Runs a statement and gives the cursor that stands before its first row.
    #[track_caller]
    fn query<'a, P: Params + 'a>(
        &'a self,
        sql: &'a str,
        params: P,
    ) -> impl Future<Output = Result<Cursor>> + Send + 'a {
        query_at(self, Location::caller(), sql, params)
    }

    /// Runs a statement to its end, dropping its rows if it gives any.
    #[track_caller]
    fn execute<'a, P: Params + 'a>(
        &'a self,
        sql: &'a str,
        params: P,
    ) -> impl Future<Output = Result<Outcome>> + Send + 'a {
        let site = Location::caller();
        async move { cursor_at(self, site).await?.run(sql, params).await }
    }

    /// Runs a statement once for every row of parameters, all or nothing: in a transaction of its own, or in a savepoint inside
    /// one. The outcome's count is the sum.
    ///
    /// All rows are bound before the first is sent. No rows, nothing done. The error of a row that fails has its
    /// [`batch_index`](Error::batch_index).
    #[track_caller]
    fn execute_many<'a, P, R>(&'a self, sql: &'a str, rows: R) -> impl Future<Output = Result<Outcome>> + Send + 'a
    where
        P: Params + 'a,
        R: AsRef<[P]> + Send + Sync + 'a,
    {
        let site = Location::caller();
        async move {
            match rows.as_ref() {
                [] => Ok(Outcome::rows(Some(0))),
                rows => cursor_at(self, site).await?.execute_many(sql, rows).await,
            }
        }
    }

    /// Makes a pipeline: statements that are run together, all or nothing, where the database can in one round trip.
    fn pipeline(&self) -> Pipeline<'_, Self> {
        Pipeline::new(self)
    }

    /// Runs a statement and reads all its rows.
    #[track_caller]
    fn fetch_all<'a, T: FromRow + Send + 'a>(
        &'a self,
        sql: &'a str,
        params: impl Params + 'a,
    ) -> impl Future<Output = Result<Vec<T>>> + Send + 'a {
        let site = Location::caller();
        async move { cursor_at(self, site).await?.query_all(sql, params).await }
    }

    /// Runs a statement and reads its first row, `None` where it gives none.
    #[track_caller]
    fn fetch_one<'a, T: FromRow + Send + 'a>(
        &'a self,
        sql: &'a str,
        params: impl Params + 'a,
    ) -> impl Future<Output = Result<Option<T>>> + Send + 'a {
        let site = Location::caller();
        async move { cursor_at(self, site).await?.query_one(sql, params).await }
    }

    /// Runs a statement that must give a row, and reads the first. None is a `RowNotFound` error.
    #[track_caller]
    fn require_one<'a, T: FromRow + Send + 'a>(
        &'a self,
        sql: &'a str,
        params: impl Params + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        let site = Location::caller();
        async move { cursor_at(self, site).await?.query_one(sql, params).await?.ok_or_else(no_row) }
    }

    /// Runs a statement that must give a row, and reads its first column. No row is a `RowNotFound` error.
    #[track_caller]
    fn fetch_value<'a, T: FromValue + Send + 'a>(
        &'a self,
        sql: &'a str,
        params: impl Params + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        let site = Location::caller();
        async move {
            let row: Option<(T,)> = cursor_at(self, site).await?.query_one(sql, params).await?;
            row.map(|row| row.0).ok_or_else(no_row)
        }
    }

    /// Runs a text of several statements without parameters, in order, up to the first error.
    #[track_caller]
    fn script<'a>(&'a self, text: &'a str) -> impl Future<Output = Result<()>> + Send + 'a {
        let lease = self.lease_at(Location::caller());
        async move {
            let mut lease = lease.await?;
            if lease.is_guarded() {
                admit_script(text, &lease.info().dialect)?;
            }
            lease.call(|| Work::script(text), |connection| connection.script(text)).await
        }
    }

    /// Prepares a statement without running it, and tells its parameters and columns.
    #[track_caller]
    fn describe<'a>(&'a self, sql: &'a str) -> impl Future<Output = Result<Description>> + Send + 'a {
        let site = Location::caller();
        async move {
            let work = || Work::control("PREPARE").with_text(sql);
            self.lease_at(site).await?.call(work, |connection| connection.describe(sql)).await
        }
    }

    /// Calls a stored procedure, and gives the cursor that stands before its first result set.
    #[track_caller]
    fn call_procedure<'a, P: Params + 'a>(
        &'a self,
        name: &'a str,
        params: P,
    ) -> impl Future<Output = Result<Cursor>> + Send + 'a {
        let site = Location::caller();
        async move {
            let mut cursor = cursor_at(self, site).await?;
            cursor.call_procedure(name, params).await?;
            Ok(cursor)
        }
    }

    /// Gives the same database with a limit of time on every statement, `None` for none: what runs past it is stopped on the
    /// server and fails with [`StatementTimeout`](ErrorKind::StatementTimeout). Transactions begun on it keep the limit for their
    /// statements. It replaces the limit of the pool or connection.
    ///
    /// The clock runs from the statement's start and stops what is waited for; rows that are there are given after it, too. A
    /// statement that ends before the server has stopped it gives what it gave. Where the server does not answer within another
    /// second, the error's [`outcome_unknown`](Error::outcome_unknown) is set and the connection ends. Waiting for a connection
    /// of a pool, and beginning and ending a transaction, are not limited by it.
    ///
    /// In a transaction of PostgreSQL, a stopped statement fails the transaction; in one of SQLite, a stopped write rolls it back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use oarlock_core::{Db, DbExt, Result};
    /// # async fn f(db: &dyn Db) -> Result<i64> {
    /// db.with_timeout(Duration::from_secs(2)).fetch_value("SELECT count(*) FROM visit", ()).await
    /// # }
    /// ```
    fn with_timeout(&self, limit: impl Into<Option<Duration>>) -> WithTimeout<'_, Self> {
        WithTimeout::new(self, limit.into())
    }

    /// Begins a transaction with the default options; on a transaction, a savepoint.
    #[track_caller]
    fn begin(&self) -> BoxFuture<'_, Tx> {
        self.begin_at(TxOptions::default(), Location::caller())
    }

    /// Runs work in a transaction: commits when it gives `Ok`, rolls back when it gives `Err` or panics.
    ///
    /// The work runs again, after a short random wait, when it or the commit fails with a serialization failure or a deadlock:
    /// up to five times in all. On a transaction it is a savepoint and runs once, for the outer one has to run again.
    ///
    /// ```
    /// # use oarlock_core::{Db, DbExt, Result};
    /// # async fn f(db: &dyn Db, from: i64, to: i64) -> Result<()> {
    /// db.transaction(|tx| async move {
    ///     tx.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (from,)).await?;
    ///     tx.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (to,)).await?;
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    ///
    /// A function that the work calls takes a `&dyn Db`: with a `&impl DbExt` the compiler does not see that the work's future is
    /// `Send` ([rust#100013](https://github.com/rust-lang/rust/issues/100013)), and refuses it.
    ///
    /// ```
    /// # use oarlock_core::{Db, DbExt, Result};
    /// async fn withdraw(db: &dyn Db, from: i64) -> Result<()> {
    ///     db.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (from,)).await.map(drop)
    /// }
    ///
    /// # async fn f(db: &dyn Db, from: i64) -> Result<()> {
    /// db.transaction(|tx| async move { withdraw(&tx, from).await }).await
    /// # }
    /// ```
    #[track_caller]
    fn transaction<T, F, Fut>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        self.transaction_with(TxOptions::default(), work)
    }

    /// Runs work in a transaction with options: see [`transaction`](Self::transaction).
    #[track_caller]
    fn transaction_with<T, F, Fut>(&self, options: TxOptions, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send,
        F: Fn(Tx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T>> + Send,
    {
        let site = Location::caller();
        async move {
            let mut retry = Retry::new(self.is_transaction());
            loop {
                let tx = self.begin_at(options, site).await?;
                let result = match work(tx.clone()).await {
                    Ok(value) => tx.finish(true).await.map(|()| value),
                    Err(error) => {
                        // The work's error is the one to tell; a rollback that fails is made good before the next statement.
                        let _ = tx.finish(false).await;
                        Err(error)
                    }
                };
                drop(tx);
                match retry.pause(&result) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return result,
                }
            }
        }
    }

    /// Gives the names of the schemas that are not the server's own, sorted.
    #[track_caller]
    fn schemas(&self) -> impl Future<Output = Result<Vec<String>>> + Send {
        let site = Location::caller();
        async move { catalog_at(self, site, CatalogQuery::Schemas).await?.into_names() }
    }

    /// Gives the names of a schema's tables, of the current one for `None`, sorted.
    #[track_caller]
    fn table_names<'a>(&'a self, schema: Option<&'a str>) -> impl Future<Output = Result<Vec<String>>> + Send + 'a {
        let site = Location::caller();
        async move { catalog_at(self, site, CatalogQuery::TableNames { schema }).await?.into_names() }
    }

    /// Gives a schema's tables in full, of the current one for `None`, sorted by name.
    #[track_caller]
    fn tables<'a>(&'a self, schema: Option<&'a str>) -> impl Future<Output = Result<Vec<Table>>> + Send + 'a {
        let site = Location::caller();
        async move { catalog_at(self, site, CatalogQuery::Tables { schema }).await?.into_tables() }
    }

    /// Gives one table in full. A table that does not exist is a `TableNotFound` error.
    #[track_caller]
    fn table<'a>(&'a self, schema: Option<&'a str>, name: &'a str) -> impl Future<Output = Result<Table>> + Send + 'a {
        let site = Location::caller();
        async move {
            let reply = catalog_at(self, site, CatalogQuery::Table { schema, name }).await?;
            reply.into_tables()?.pop().ok_or_else(|| {
                Error::new(ErrorKind::TableNotFound, format!("there is no table {name}")).with_table(name)
            })
        }
    }

    /// Gives a schema's views, of the current one for `None`, sorted by name.
    #[track_caller]
    fn views<'a>(&'a self, schema: Option<&'a str>) -> impl Future<Output = Result<Vec<View>>> + Send + 'a {
        let site = Location::caller();
        async move { catalog_at(self, site, CatalogQuery::Views { schema }).await?.into_views() }
    }
}

impl<D: Db + ?Sized> DbExt for D {}

/// Makes a cursor for a call at a place in the program.
async fn cursor_at<D: Db + ?Sized>(db: &D, site: &'static Location<'static>) -> Result<Cursor> {
    Ok(Cursor::new(match db.lease_now(site) {
        Some(lease) => lease,
        None => db.lease_at(site).await?,
    }))
}

/// Runs a statement for a call at a place in the program.
async fn query_at<D: Db + ?Sized, P: Params>(
    db: &D,
    site: &'static Location<'static>,
    sql: &str,
    params: P,
) -> Result<Cursor> {
    let mut cursor = cursor_at(db, site).await?;
    cursor.execute(sql, params).await?;
    Ok(cursor)
}

/// Reads the catalog for a call at a place in the program.
async fn catalog_at<D: Db + ?Sized>(
    db: &D,
    site: &'static Location<'static>,
    query: CatalogQuery<'_>,
) -> Result<CatalogReply> {
    let mut lease = db.lease_at(site).await?;
    lease.call(|| Work::control("CATALOG"), |connection| connection.catalog(query)).await
}

#[cold]
fn no_row() -> Error {
    Error::new(ErrorKind::RowNotFound, "the query gave no row, and one was required")
}
