//! The connection: the contract's calls on one session of the server.

use std::any::Any;
use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waiting, Poll, Waker, ready};
use std::time::{Duration, Instant};

use futures_util::Stream;
use oarlock_core::cancel::Cancel;
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo, Many, Query, busy, savepoint_name};
use oarlock_core::lex::Verb;
use oarlock_core::result::{Description, Notice, Reply};
use oarlock_core::tpc::Branch;
use oarlock_core::{Column, Dialect, Error, ErrorKind, Health, Outcome, Result, RowBatch, TxOptions, TxState, Xid};
use tokio_postgres::{Client, RowStream};

use crate::batch::{Batch, Plan};
use crate::capabilities::CAPABILITIES;
use crate::dial::dial;
use crate::error::{self, Context};
use crate::link::{Link, Undo};
use crate::options::{PostgresOptions, ResetPolicy, StatementNames};
use crate::run::told;
use crate::statement::{Prepared, Statements};
use crate::wire::Tag;
use crate::{catalog, many, pipeline, session};

/// A session of a PostgreSQL server.
///
/// A background task moves its bytes: it must be made, used and dropped within one tokio runtime. Statements are prepared
/// once and kept (see the [crate](crate) for how many).
///
/// # Cancellation
///
/// What a dropped call was doing is stopped on the server, by a request on a connection of its own, unless it ends within some
/// milliseconds; the next call waits for that. A transaction that was being begun and a batch that was being run are then
/// undone. In an open transaction, which a stopped statement would fail, a cursor that is dropped after its first rows is
/// read to its end instead.
pub struct PostgresConnection {
    pub(crate) link: Link,
    pub(crate) statements: Statements,
    pub(crate) info: DriverInfo,
    /// The reply of the open statement but for its rows; the allocation outlives the statement.
    pub(crate) stream: Pin<Box<Option<RowStream>>>,
    pub(crate) open: Option<Open>,
    pub(crate) columns: Arc<[Column]>,
    pub(crate) no_columns: Arc<[Column]>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) branch: Branch,
    pub(crate) names: StatementNames,
    reset: ResetPolicy,
    /// What makes the session new.
    renewal: Cow<'static, str>,
    /// The session may differ from a new one by more than a transaction.
    pub(crate) soiled: bool,
    /// What there is to give where the session is closed and has no client.
    nothing: (),
}

/// The open statement.
pub(crate) struct Open {
    /// `None` where it was sent as it stands, and is over at the server.
    prepared: Option<Arc<Prepared>>,
    /// How its rows are read: mostly as it was prepared.
    plan: Option<Arc<Plan>>,
    /// When it was sent, where a time limit holds.
    started: Option<Instant>,
    /// All of its reply was read.
    done: bool,
    /// Some of its rows have come.
    flows: bool,
    /// Its rows are no longer wanted.
    skips: bool,
    /// Its error, to be told once the reply was read to its end.
    failure: Option<Error>,
    rows_affected: Option<u64>,
}

impl PostgresConnection {
    /// Opens a session.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused`, `Authentication`, `TooManyConnections`, `ObjectNotFound` (no such database).
    pub async fn connect(options: &PostgresOptions) -> Result<Self> {
        let dialed = dial(options).await?;
        let mut capabilities = CAPABILITIES;
        capabilities.column_origin = options.column_origin;
        let info = DriverInfo {
            name: "postgres",
            server: format!("PostgreSQL {}", dialed.wire.server_version()),
            dialect: Dialect::POSTGRES,
            capabilities,
            endpoint: Arc::new(dialed.canceller.place()),
        };
        let no_columns: Arc<[Column]> = Arc::default();
        Ok(Self {
            link: Link::new(dialed),
            statements: Statements::new(options.statement_cache, options.column_origin),
            info,
            stream: Box::pin(None),
            open: None,
            columns: Arc::clone(&no_columns),
            no_columns,
            statement_timeout: options.statement_timeout,
            branch: Branch::None,
            names: options.statements,
            reset: options.reset,
            renewal: session::renewal(options),
            soiled: false,
            nothing: (),
        })
    }

    /// Makes the connection ready for a call: refuses one out of turn, and ends what a dropped one left behind.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        self.recovered().await?;
        self.branch.check_statement()
    }

    /// Makes the connection ready for what is possible on a prepared branch too.
    pub(crate) async fn recovered(&mut self) -> Result<()> {
        self.link.client()?;
        if self.open.is_some() {
            return Err(busy());
        }
        if self.link.is_unsettled() {
            // The rows of an abandoned statement: nobody waits for them, so they are not even passed on.
            self.stream.as_mut().set(None);
            self.link.wire.rows.forget();
            Box::pin(self.link.recover()).await?;
        }
        self.link.wire.clear();
        self.heed_rules();
        Ok(())
    }

    /// Reads statements by the session's rules for strings, which a `SET standard_conforming_strings` changes.
    pub(crate) fn heed_rules(&mut self) {
        let escapes = self.link.wire.backslash_escapes();
        if self.info.dialect.lexing.backslash_escapes != escapes {
            self.info.dialect.lexing.backslash_escapes = escapes;
            self.statements.clear();
        }
    }

    /// Waits for the end of the open statement's reply; its rows come on a road of their own. An error is kept until the
    /// reply was read to its end, so that the state of the transaction is known when it is told.
    fn poll_end(&mut self, cx: &mut Waiting<'_>) -> Poll<()> {
        while let Some(mut stream) = self.stream.as_mut().as_pin_mut() {
            match ready!(stream.as_mut().poll_next(cx)) {
                None => {
                    let rows_affected = stream.rows_affected();
                    self.end_of_reply(rows_affected);
                }
                Some(Err(error)) => self.take_error(error),
                Some(Ok(_)) => self.take_stray_row(),
            }
        }
        Poll::Ready(())
    }

    /// Takes rows that have come.
    fn take_batch(&mut self, max: usize) -> Result<Option<Arc<dyn RowBatch>>> {
        let Some(plan) = self.open.as_ref().and_then(|open| open.plan.clone()) else {
            return Ok(None);
        };
        let Some(mut piece) = self.link.wire.rows.take() else {
            return Ok(None);
        };
        let batch = Batch::cut(plan, &mut piece, max.max(1)).inspect_err(|_| self.link.kill())?;
        self.link.wire.rows.give_back(piece);
        if let Some(open) = &mut self.open {
            open.flows = true;
        }
        Ok(Some(Arc::new(batch)))
    }

    fn end_of_reply(&mut self, rows_affected: Option<u64>) {
        self.stream.as_mut().set(None);
        if let Some(open) = &mut self.open {
            open.done = true;
            open.rows_affected = rows_affected;
        }
    }

    #[cold]
    fn take_error(&mut self, error: tokio_postgres::Error) {
        let fatal = self.link.notes_fatal(&error);
        if let Some(open) = &mut self.open {
            let context = open.prepared.as_ref().map_or_else(Context::default, |prepared| Context::of(&prepared.lexed));
            let limit = self.statement_timeout.zip(open.started).map(|(limit, at)| (limit, at.elapsed()));
            let error = error::convert(error, &self.link.wire, Context { limit, ..context });
            // The first is the cause; what follows it can only be that the session ended.
            open.failure.get_or_insert(error);
        }
        if fatal {
            self.end_of_reply(None);
        }
    }

    /// Takes a row that came by way of tokio-postgres: the two roads are out of step, and no row after it can be trusted.
    #[cold]
    fn take_stray_row(&mut self) {
        if let Some(open) = &mut self.open {
            let stray = || Error::new(ErrorKind::Internal, "a row of the statement came where none was expected");
            open.failure.get_or_insert_with(stray);
        }
        self.link.kill();
        self.end_of_reply(None);
    }

    /// Ends the open statement with its failure, if it has one and its reply was read.
    fn take_failure(&mut self) -> Option<Error> {
        let failure = self.open.as_mut().filter(|open| open.done)?.failure.take()?;
        let open = self.open.take()?;
        let verb = open.prepared.map_or(Verb::Other, |prepared| prepared.lexed.verb());
        let before = if self.link.wire.tx_state() == TxState::Auto { TxState::Auto } else { TxState::Open };
        Some(told(failure, verb, before))
    }
}

impl Open {
    /// A statement whose reply is coming in.
    pub(crate) fn coming(prepared: Arc<Prepared>, plan: Arc<Plan>, started: Option<Instant>) -> Self {
        Self { prepared: Some(prepared), plan: Some(plan), started, done: false, ..Self::over() }
    }

    /// A statement without rows that has been carried out.
    pub(crate) fn over() -> Self {
        Self {
            prepared: None,
            plan: None,
            started: None,
            done: true,
            flows: false,
            skips: false,
            failure: None,
            rows_affected: None,
        }
    }
}

impl Connection for PostgresConnection {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn health(&self) -> Health {
        if self.link.is_dead() {
            Health::Dead
        } else if self.link.is_recovering() {
            Health::Recovering
        } else {
            Health::Ready
        }
    }

    fn tx_state(&self) -> TxState {
        self.link.tx_state()
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        Box::pin(self.begin_statement(query))
    }

    fn columns(&self) -> &Arc<[Column]> {
        if self.open.is_some() { &self.columns } else { &self.no_columns }
    }

    fn poll_fill(&mut self, cx: &mut Waiting<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        if self.open.as_ref().is_none_or(|open| open.skips) {
            return Poll::Ready(Ok(None));
        }
        loop {
            // The end is looked for before the rows: all of them are there when it has come.
            let ended = self.poll_end(cx);
            if let Some(batch) = self.take_batch(max)? {
                return Poll::Ready(Ok(Some(batch)));
            }
            if ended.is_ready() {
                return Poll::Ready(self.take_failure().map_or(Ok(None), Err));
            }
            if !self.link.wire.rows.wake(cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Marks the rows as unwanted: a statement of PostgreSQL has one result set. They are dropped when it is finished.
    fn poll_next_set(&mut self, _: &mut Waiting<'_>) -> Poll<Result<bool>> {
        if let Some(open) = &mut self.open {
            open.skips = true;
            self.link.wire.rows.forget();
        }
        Poll::Ready(Ok(false))
    }

    fn poll_finish(&mut self, cx: &mut Waiting<'_>) -> Poll<Result<Outcome>> {
        self.link.wire.rows.forget();
        ready!(self.poll_end(cx));
        if let Some(error) = self.take_failure() {
            return Poll::Ready(Err(error));
        }
        let Some(open) = self.open.take() else {
            return Poll::Ready(Ok(Outcome::default()));
        };
        let counted = self.link.wire.tag() == Tag::Counted;
        let outcome =
            Outcome::rows(open.rows_affected.filter(|_| counted)).with_warnings(self.link.wire.notice_count());
        Poll::Ready(Ok(outcome))
    }

    fn canceller(&self) -> Option<Arc<dyn Cancel>> {
        Some(Arc::clone(&self.link.canceller) as _)
    }

    fn abandon(&mut self) {
        if self.open.is_none() {
            return self.link.give_up(false);
        }
        // What has come already is dropped here; often that is all there was, and nothing is left to wait for.
        let mut cx = Waiting::from_waker(Waker::noop());
        let waiting = self.link.wire.rows.has_some();
        self.link.wire.rows.forget();
        let _ = self.poll_end(&mut cx);
        if let Some(open) = self.open.take().filter(|open| !open.done) {
            self.link.leave(Undo::Nothing);
            self.link.give_up(open.flows || waiting);
        }
        self.stream.as_mut().set(None);
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        Box::pin(self.describe_statement(sql))
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(many::execute(self, many))
    }

    fn pipeline<'a>(&'a mut self, options: &'a TxOptions, queries: &'a [Query<'a>]) -> BoxFuture<'a, Vec<Reply>> {
        Box::pin(pipeline::execute(self, options, queries))
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.run_script(text))
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(self.begin_transaction(options))
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.branch.check_plain_end()?;
            self.commit_transaction().await
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.branch.check_plain_end()?;
            self.roll_transaction_back().await
        })
    }

    fn tpc_branch(&self) -> &Branch {
        &self.branch
    }

    fn tpc_begin<'a>(&'a mut self, xid: &'a Xid) -> BoxFuture<'a, ()> {
        Box::pin(self.begin_branch(xid))
    }

    fn tpc_prepare(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.prepare_branch())
    }

    fn tpc_commit<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        Box::pin(self.commit_branch(recovered))
    }

    fn tpc_rollback<'a>(&'a mut self, recovered: Option<&'a Xid>) -> BoxFuture<'a, ()> {
        Box::pin(self.roll_branch_back(recovered))
    }

    fn tpc_recover(&mut self) -> BoxFuture<'_, Vec<Xid>> {
        Box::pin(self.pending_branches())
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info.dialect, name)?;
            self.ready().await?;
            self.link.control(&format!("SAVEPOINT {name}"), Undo::Nothing).await
        })
    }

    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info.dialect, name)?;
            self.ready().await?;
            self.link.control(&format!("RELEASE SAVEPOINT {name}"), Undo::Nothing).await
        })
    }

    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = savepoint_name(&self.info.dialect, name)?;
            self.ready().await?;
            let sql = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
            self.link.control(&sql, Undo::Nothing).await
        })
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.recovered().await?;
            // A prepared one is no longer the session's.
            self.branch = Branch::None;
            if self.reset == ResetPolicy::Dirty && !self.soiled {
                return match self.link.tx_state() {
                    TxState::Auto => Ok(()),
                    _ => self.link.control("ROLLBACK", Undo::Nothing).await,
                };
            }
            session::reset(&mut self.link, &self.renewal).await?;
            self.soiled = false;
            Ok(())
        })
    }

    fn is_clean(&self) -> bool {
        self.reset == ResetPolicy::Dirty
            && !self.soiled
            && self.open.is_none()
            && self.branch.is_none()
            && self.health() == Health::Ready
            && self.tx_state() == TxState::Auto
    }

    fn set_baseline(&mut self) {
        self.soiled = false;
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.link.control("", Undo::Nothing).await
        })
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        // Not by way of `ready`, which forgets them for the statement to come.
        Box::pin(async move {
            self.link.client()?;
            match self.open {
                Some(_) => Err(busy()),
                None => Ok(self.link.wire.take_notices()),
            }
        })
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        Box::pin(async move {
            self.ready().await?;
            self.link.leave(Undo::Nothing);
            match catalog::read(self.link.client()?, query).await {
                Ok(reply) => {
                    self.link.landed();
                    reply
                }
                Err(error) => Err(self.link.failed(error, Context::default()).await),
            }
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.abandon();
            self.link.close().await;
            Ok(())
        })
    }

    /// Gives the [`tokio_postgres::Client`]; nothing once the connection is closed.
    fn native(&mut self) -> &mut dyn Any {
        // Whatever is done to the session there is not seen here.
        self.soiled = true;
        match self.link.client_mut() {
            Some(client) => client as &mut Client,
            None => &mut self.nothing,
        }
    }

    fn driver(&mut self) -> Option<&mut dyn Any> {
        Some(self)
    }
}

impl std::fmt::Debug for PostgresConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConnection")
            .field("server", &self.info.server)
            .field("health", &self.health())
            .field("tx_state", &self.tx_state())
            .finish_non_exhaustive()
    }
}
