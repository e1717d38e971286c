//! The seam between oarlock and a driver: one object-safe trait.
//!
//! The connection is the cursor. [`Connection::start`] sends a statement, [`Connection::poll_fill`] hands out batches of
//! rows that own their memory, [`Connection::poll_finish`] gives the outcome. There is one boxed future per call and none
//! per row, and nothing borrows the parameters longer than `start`.
//!
//! # What a driver must do
//!
//! - **Be correct or dead.** After any error and after any dropped future, [`health`](Connection::health) tells the truth:
//!   `Ready`, `Recovering` (the next call first cleans up and then runs) or `Dead`. A result must never reach another
//!   statement than its own.
//! - **Recover by itself.** Every call on a `Recovering` connection first ends what was left behind; the caller never has to.
//! - **Refuse a second statement.** `start` while a statement is open (neither finished nor abandoned) is an
//!   [`ErrorKind::Interface`] error, as is any call after `close`. On a connection that is dead for another reason, a call is an
//!   [`ErrorKind::ConnectionLost`] error.
//! - **Report late.** An error that the server reports after some rows comes from `poll_fill` or `poll_finish`, never lost.
//! - **Check before it sends.** Parameters are counted, named and converted before the first byte leaves.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cancel::Cancel;
use crate::capabilities::Capabilities;
use crate::catalog::{CatalogQuery, CatalogReply};
use crate::dialect::Dialect;
use crate::lex::{Lexed, Verb, split};
use crate::params::Parameters;
use crate::result::{Column, Description, Notice, Outcome, Reply, RowBatch, RowSink};
use crate::tpc::{Branch, Xid};
use crate::transaction::TxOptions;
use crate::value::ValueRef;
use crate::{Error, ErrorKind, Result};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The connection is in step with the server.
    Ready,
    /// A statement was abandoned; the next call cleans up first.
    Recovering,
    /// The connection is lost or closed; every call is an error.
    Dead,
}

/// Where a connection stands with transactions, as the server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxState {
    /// No transaction: every statement commits by itself.
    Auto,
    /// A transaction is open.
    Open,
    /// The open transaction has failed; only a rollback (or a rollback to a savepoint) is possible. PostgreSQL alone has this.
    Failed,
}

/// What a driver is: its name, its dialect and what it can do. It may depend on the server that was reached.
#[derive(Debug, Clone)]
pub struct DriverInfo {
    /// The driver's name: `sqlite`, `postgres`, `mysql`, or a name of its own.
    pub name: &'static str,
    /// The server's product and version as it tells them (`PostgreSQL 15.4`, `10.11.6-MariaDB`, `SQLite 3.50.1`).
    pub server: String,
    /// The dialect of SQL that the server speaks.
    pub dialect: Dialect,
    /// What the driver can do on this server.
    pub capabilities: Capabilities,
    /// Where the connection leads.
    pub endpoint: Arc<Endpoint>,
}

/// Where a connection leads, in the words of OpenTelemetry's conventions: its [spans](crate::trace) tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The database's product: `postgresql`, `mysql`, `mariadb`, `sqlite`, or a name of its own.
    pub system: &'static str,
    /// The server's host as it was asked for, or its socket; `None` where there is no server.
    pub address: Option<Box<str>>,
    /// The server's port.
    pub port: Option<u16>,
    /// The database that was named when the connection was opened, for what a session changes to later is not followed.
    pub namespace: Option<Box<str>>,
    /// The connection's own end of the line, where that is TCP and the driver tells it.
    pub local: Option<SocketAddr>,
}

impl Endpoint {
    /// Makes the endpoint of a product of which no more is known.
    #[must_use]
    pub fn new(system: &'static str) -> Self {
        Self { system, address: None, port: None, namespace: None, local: None }
    }

    /// Sets the server.
    #[must_use]
    pub fn at(mut self, address: impl Into<Box<str>>, port: Option<u16>) -> Self {
        (self.address, self.port) = (Some(address.into()), port);
        self
    }

    /// Sets the connection's own end of the line.
    #[must_use]
    pub fn from(mut self, local: Option<SocketAddr>) -> Self {
        self.local = local;
        self
    }

    /// Sets the database.
    #[must_use]
    pub fn namespace(mut self, database: Option<&str>) -> Self {
        self.namespace = database.map(Into::into);
        self
    }
}

/// One statement with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    /// The statement as the caller wrote it, with `?`, `:name` or `$1` for its parameters.
    pub sql: &'q str,
    /// The parameters.
    pub params: Parameters<'q>,
    /// A transaction guard owns the transaction: text that begins or ends one is refused.
    pub guarded: bool,
}

impl<'q> Query<'q> {
    /// Makes a query without parameters.
    #[must_use]
    pub fn new(sql: &'q str) -> Self {
        Self { sql, params: Parameters::none(), guarded: false }
    }

    /// Sets the parameters.
    #[must_use]
    pub fn params(mut self, params: Parameters<'q>) -> Self {
        self.params = params;
        self
    }

    /// Sets whether a guard owns the transaction.
    #[must_use]
    pub fn guarded(mut self, guarded: bool) -> Self {
        self.guarded = guarded;
        self
    }
}

/// One statement to run for many rows of parameters.
#[derive(Debug, Clone, Copy)]
pub struct Many<'q> {
    /// The statement.
    pub sql: &'q str,
    /// The names of the parameters where the statement names them, the same for every row.
    pub names: Option<&'q [&'q str]>,
    /// The number of parameters in a row.
    pub width: usize,
    /// The number of rows.
    pub rows: usize,
    /// All rows' values, row after row: `rows * width` of them.
    pub values: &'q [ValueRef<'q>],
    /// A transaction guard owns the transaction: text that begins or ends one is refused.
    pub guarded: bool,
}

impl<'q> Many<'q> {
    /// Gives the parameters of one row.
    ///
    /// # Panics
    ///
    /// When `row` is not below `rows`.
    #[must_use]
    pub fn row(&self, row: usize) -> Parameters<'q> {
        Parameters { names: self.names, values: &self.values[row * self.width..(row + 1) * self.width] }
    }
}

/// A connection to a database, as a driver implements it. See the [module's](self) rules.
///
/// Users hold it as a [`Conn`](crate::Conn), or get at it by [`Lease`](crate::Lease).
///
/// # Cancellation
///
/// Dropping the future of any call is safe: the connection is then `Recovering` or `Dead`. Whether the server carried the
/// call out is not known then.
pub trait Connection: Send {
    /// Tells what this driver is.
    fn info(&self) -> &DriverInfo;

    /// Tells whether the connection can be used. It asks nobody: see [`ping`](Self::ping).
    fn health(&self) -> Health;

    /// Tells where the connection stands with transactions, after the last call's reply.
    fn tx_state(&self) -> TxState;

    /// Sends a statement and waits until its columns are known.
    ///
    /// # Errors
    ///
    /// `Interface` when a statement is open or the connection is closed, `Parameters` when they do not fit, `Syntax` and the
    /// rest as the server tells. After an error no statement is open.
    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()>;

    /// Runs a statement to its end here and now, and lends each row to the sink as it comes, where that can be done without
    /// waiting and without holding the thread for long; `None` where it cannot, and nothing has happened then.
    ///
    /// It is for who wants all of a statement at once: neither a future nor a batch is made, and no cell is copied on its way. A caller
    /// whom it gave `None` forgets what the sink has taken, and calls [`start`](Self::start). [`columns`](Self::columns) are the
    /// statement's afterwards.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) and [`poll_fill`](Self::poll_fill), and the sink's. After an error no statement is open.
    fn run_now(&mut self, query: &Query<'_>, sink: &mut dyn RowSink) -> Result<Option<Outcome>> {
        let _ = (query, sink);
        Ok(None)
    }

    /// Gives the columns of the current result set: empty when it has no rows to give (DDL, a plain INSERT).
    fn columns(&self) -> &Arc<[Column]>;

    /// Takes the next rows of the current set: at least one and at most `max` (at least 1), or `None` at the end, for ever.
    ///
    /// A driver waits for the first row only, never for a full batch.
    ///
    /// # Errors
    ///
    /// The statement's own late failure; it is finished then.
    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>>;

    /// Tells, at the end of the current set, whether another one follows.
    fn more_sets(&self) -> bool {
        false
    }

    /// Drops the rest of the current set and goes to the next one; `false` when there is none.
    ///
    /// # Errors
    ///
    /// The statement's own late failure; it is finished then.
    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>>;

    /// Drops what is left of the statement's rows and gives its outcome; the statement is then over.
    ///
    /// # Errors
    ///
    /// The statement's own late failure, such as a constraint that is checked at the end.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>>;

    /// Gives up the open statement, or a call whose future was dropped; called from `Drop`, so it waits for nothing. The next
    /// call cleans up first.
    ///
    /// What the server still works on is stopped there, soon and without another call of the connection's; see
    /// [`Watch`](crate::cancel::Watch). Does nothing where nothing is open or under way, and leaves the connection `Ready` where
    /// nothing of a statement was left to read.
    fn abandon(&mut self);

    /// Gives what stops a call of this connection from outside of it, `None` where the driver cannot do that.
    fn canceller(&self) -> Option<Arc<dyn Cancel>> {
        None
    }

    /// Prepares a statement without running it, and tells its parameters and columns.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description>;

    /// Runs a statement for every row of parameters, all or nothing: in a transaction of its own, or in a savepoint where
    /// one is open. The outcome's count is the sum.
    ///
    /// # Errors
    ///
    /// The first failing row's error, with its [`batch_index`](Error::batch_index); nothing of the batch remains.
    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome>;

    /// Runs several statements in order in one round trip, all or nothing: in a transaction of their own, begun with the
    /// options, or in a savepoint where one is open. Their rows are kept.
    ///
    /// The statements read or change rows; none begins or ends a transaction or makes what another names. Who declares
    /// [`pipelining`](Capabilities::pipelining) implements it; elsewhere [`Pipeline`](crate::Pipeline) runs them one by one.
    ///
    /// # Errors
    ///
    /// The first failing statement's, with its [`batch_index`](Error::batch_index), as if they ran one by one; nothing remains
    /// of them. `Interface` for options inside a transaction.
    fn pipeline<'a>(&'a mut self, options: &'a TxOptions, queries: &'a [Query<'a>]) -> BoxFuture<'a, Vec<Reply>> {
        let _ = (options, queries);
        Box::pin(async { Err(Error::not_supported("this driver has no pipelines of its own")) })
    }

    /// Runs a text of several statements without parameters, in order, up to the first error. Rows are dropped.
    ///
    /// # Errors
    ///
    /// The failing statement's; what ran before it stays, as the surrounding transaction decides.
    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()>;

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// `Interface` when one is open, `NotSupported` for an option that this database has not.
    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()>;

    /// Commits the open transaction.
    ///
    /// # Errors
    ///
    /// `TransactionFailed` when it had failed (it is rolled back then), a deferred constraint's violation, and errors with
    /// [`outcome_unknown`](Error::outcome_unknown) when the connection went away before the reply.
    fn commit(&mut self) -> BoxFuture<'_, ()>;

    /// Rolls the open transaction back. Without one it does nothing.
    ///
    /// # Errors
    ///
    /// `ConnectionLost`; the server then rolls back by itself.
    fn rollback(&mut self) -> BoxFuture<'_, ()>;

    /// Sets a savepoint. The name is taken as it stands, whatever characters it holds: a driver that writes it into SQL
    /// does so by [`savepoint_name`].
    ///
    /// # Errors
    ///
    /// `InvalidValue` for a name that is empty or has a NUL, and as the server tells.
    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info().dialect, name)?;
            run(self, &format!("SAVEPOINT {name}")).await.map(drop)
        })
    }

    /// Forgets a savepoint and keeps its work.
    ///
    /// # Errors
    ///
    /// As [`savepoint`](Self::savepoint).
    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info().dialect, name)?;
            run(self, &format!("RELEASE SAVEPOINT {name}")).await.map(drop)
        })
    }

    /// Undoes the work since a savepoint, and forgets it.
    ///
    /// # Errors
    ///
    /// As [`savepoint`](Self::savepoint).
    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info().dialect, name)?;
            run(self, &format!("ROLLBACK TO SAVEPOINT {name}")).await?;
            run(self, &format!("RELEASE SAVEPOINT {name}")).await.map(drop)
        })
    }

    /// Tells where the connection stands with two-phase commit.
    fn tpc_branch(&self) -> &Branch {
        &Branch::None
    }

    /// Begins a transaction that is a branch of a global one. Until it is over, [`commit`](Self::commit) and
    /// [`rollback`](Self::rollback) are `Interface` errors.
    ///
    /// A branch that is not prepared ends with its session, and by [`reset`](Self::reset); a prepared one outlives both.
    /// Where the future is dropped, no branch has begun.
    ///
    /// # Errors
    ///
    /// `Interface` in a transaction, `NotSupported` where this database has no two-phase commit or does not allow it: the
    /// hint then names the setting.
    fn tpc_begin<'a>(&'a mut self, xid: &'a Xid) -> BoxFuture<'a, ()> {
        let _ = xid;
        Box::pin(std::future::ready(Err(no_two_phase(self.info()))))
    }

    /// Prepares the open branch: its commit can then be relied on. Only its end is possible after that.
    ///
    /// Where the future is dropped, the branch counts as prepared: whether it is, ending it tells.
    ///
    /// # Errors
    ///
    /// `Interface` where no active branch is open. After any other error the branch is over and undone, but for one with
    /// [`outcome_unknown`](Error::outcome_unknown): then [`tpc_recover`](Self::tpc_recover) on another connection tells.
    fn tpc_prepare(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(Err(no_two_phase(self.info()))))
    }

    /// Commits the open branch, in one phase where it is not prepared; or a pending one that is named, outside of a
    /// transaction, whoever has prepared it.
    ///
    /// # Errors
    ///
    /// `Interface` out of turn, `ObjectNotFound` where no such branch is pending, as [`commit`](Self::commit) in one phase. A
    /// prepared branch remains prepared, and open, after another error. With [`outcome_unknown`](Error::outcome_unknown),
    /// the branch is committed unless it is still pending.
    fn tpc_commit<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        let _ = recovered;
        Box::pin(std::future::ready(Err(no_two_phase(self.info()))))
    }

    /// Rolls the open branch back, or a pending one that is named: see [`tpc_commit`](Self::tpc_commit).
    ///
    /// # Errors
    ///
    /// As [`tpc_commit`](Self::tpc_commit).
    fn tpc_rollback<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        let _ = recovered;
        Box::pin(std::future::ready(Err(no_two_phase(self.info()))))
    }

    /// Lists the branches that are prepared and not ended, as far as this connection could end them.
    ///
    /// # Errors
    ///
    /// `NotSupported` where this database has no two-phase commit; as the server tells.
    fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>> {
        Box::pin(std::future::ready(Err(no_two_phase(self.info()))))
    }

    /// Makes the session as good as new: no transaction, session variables, temporary tables, locks, role or search path
    /// of the last user remain.
    ///
    /// # Errors
    ///
    /// As the server tells; the connection should then be discarded.
    fn reset(&mut self) -> BoxFuture<'_, ()>;

    /// Tells whether [`reset`](Self::reset) would find nothing to do: the connection is ready, no transaction is open, and
    /// nothing in the session is known to be otherwise than it began. A pool then lends it again at once. It asks nobody, and a
    /// driver that cannot tell says no.
    fn is_clean(&self) -> bool {
        false
    }

    /// Takes the session as it is for what [`is_clean`](Self::is_clean) means: what a program sets on every new connection of
    /// a pool is no trace of its user. A reset undoes it all the same, and the program then sets it again.
    fn set_baseline(&mut self) {}

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    ///
    /// `ConnectionLost` when there is none.
    fn ping(&mut self) -> BoxFuture<'_, ()>;

    /// Takes the warnings and notices of the last statement.
    ///
    /// # Errors
    ///
    /// As the server tells, where it has to be asked.
    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>>;

    /// Reads the catalog: schemas, tables, views.
    ///
    /// # Errors
    ///
    /// `TableNotFound` for a table that does not exist, and as the server tells.
    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply>;

    /// Ends the session in good order; an open transaction is rolled back. A second close does nothing.
    ///
    /// # Errors
    ///
    /// As the server tells; the connection is dead all the same.
    fn close(&mut self) -> BoxFuture<'_, ()>;

    /// Gives the driver's own type, for what its crate adds to the contract; `None` where it adds nothing.
    fn driver(&mut self) -> Option<&mut dyn Any> {
        None
    }

    /// Gives the driver's own object for what only it can do, such as `tokio_postgres::Client`.
    fn native(&mut self) -> &mut dyn Any;
}

/// Runs one statement without parameters to its end: the way drivers send their own control statements.
///
/// # Errors
///
/// The statement's.
pub async fn run<C: Connection + ?Sized>(connection: &mut C, sql: &str) -> Result<Outcome> {
    connection.start(Query::new(sql)).await?;
    poll_fn(|cx| connection.poll_finish(cx)).await
}

/// Refuses a statement that would begin or end the transaction while a guard owns it.
///
/// # Errors
///
/// `Interface` that names the guard's methods.
pub fn admit(lexed: &Lexed, guarded: bool) -> Result<()> {
    if guarded { admit_in_guard(lexed.verb()) } else { Ok(()) }
}

/// Refuses the statements of a script that would begin or end a transaction which a guard owns.
///
/// # Errors
///
/// As [`admit`]; the position is the statement's in the script.
pub(crate) fn admit_script(text: &str, dialect: &Dialect) -> Result<()> {
    split(text, dialect).try_for_each(|span| admit_in_guard(span.verb).map_err(|error| error.with_position(span.start)))
}

fn admit_in_guard(verb: Verb) -> Result<()> {
    match verb {
        Verb::Begin
        | Verb::Commit
        | Verb::CommitAndChain
        | Verb::Rollback
        | Verb::RollbackAndChain
        | Verb::PrepareTransaction
        | Verb::SetAutocommit
        | Verb::Xa => Err(Error::interface("the statement would begin or end the transaction, which its guard does")
            .with_hint("call `begin`, `commit` or `rollback` on the transaction")),
        _ => Ok(()),
    }
}

/// Writes the name of a savepoint into SQL.
///
/// # Errors
///
/// `InvalidValue` for a name that is empty or has a NUL character, which no server takes.
pub fn savepoint_name(dialect: &Dialect, name: &str) -> Result<String> {
    if name.is_empty() || name.contains('\0') {
        let message = format!("the savepoint's name {name:?} is empty or has a NUL character");
        return Err(Error::new(ErrorKind::InvalidValue, message));
    }
    Ok(dialect.quote_identifier(name))
}

/// Makes the error of two-phase commit where there is none.
#[must_use]
#[cold]
pub fn no_two_phase(info: &DriverInfo) -> Error {
    Error::not_supported(format!("{} has no two-phase commit", info.server))
}

/// Makes the error of a call on a closed connection.
#[must_use]
#[cold]
pub fn closed() -> Error {
    Error::interface("the connection is closed")
}

/// Makes the error of a call on a connection that is dead though its user has not closed it.
#[must_use]
#[cold]
pub fn lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection was lost").with_hint("open another one")
}

/// Makes the error of a second statement on a connection whose cursor is open.
#[must_use]
#[cold]
pub fn busy() -> Error {
    Error::interface("a cursor is open on this connection").with_hint("read it to its end or drop it first")
}
