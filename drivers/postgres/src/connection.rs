//! The connection: the contract's calls on one session of the server.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waiting, Poll, Waker, ready};
use std::time::{Duration, Instant};

use futures_util::Stream;
use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::connection::{BoxFuture, Connection, DriverInfo, Many, Query, admit, busy};
use oarlock_core::lex::{Lexed, Verb, lex, split};
use oarlock_core::params::arrange;
use oarlock_core::result::{Description, Notice};
use oarlock_core::value::NativeType;
use oarlock_core::{
    Capabilities, Column, Dialect, Error, ErrorKind, Health, Isolation, Outcome, Result, RowBatch,
    TxOptions, TxState,
};
use tokio_postgres::{Client, Row, RowStream};

use crate::batch::Batch;
use crate::dial::dial;
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::{Link, Undo};
use crate::options::PostgresOptions;
use crate::statement::{Prepared, Statements, changes_tables, is_direct, refuse_copy};
use crate::wire::Tag;
use crate::{catalog, many, session};

/// The protocol counts parameters in 16 bits.
pub(crate) const MOST_PARAMETERS: usize = 65_535;

const CAPABILITIES: Capabilities = {
    let mut can = Capabilities::NONE;
    can.ddl_in_transaction = DdlInTransaction::RolledBack;
    can.isolation_levels = &[
        Isolation::ReadUncommitted,
        Isolation::ReadCommitted,
        Isolation::RepeatableRead,
        Isolation::Serializable,
    ];
    can.read_only_transactions = true;
    can.deferrable_transactions = true;
    can.failed_transaction_state = true;
    can.savepoints = true;
    can.deferrable_constraints = true;
    can.insert_returning = true;
    can.update_returning = true;
    can.delete_returning = true;
    can.procedures = true;
    can.arrays = true;
    can.intervals = true;
    can.spans = true;
    can.non_finite_floats = true;
    can.permissions = true;
    can.row_locks = true;
    can.statement_timeout = true;
    can.warnings = true;
    can.partial_indexes = true;
    can.expression_indexes = true;
    can.column_origin = true;
    can.schemas = true;
    can.max_parameters = MOST_PARAMETERS;
    can
};

/// A session of a PostgreSQL server.
///
/// A background task moves its bytes: it must be made, used and dropped within one tokio runtime. Statements are prepared
/// once and kept (see the [crate](crate) for how many).
///
/// # Cancellation
///
/// A dropped call goes on at the server until its end, for which the next call waits. A transaction that was being begun
/// and a batch that was being run are then undone.
pub struct PostgresConnection {
    pub(crate) link: Link,
    pub(crate) statements: Statements,
    info: DriverInfo,
    /// The rows of the open statement; the allocation outlives the statement.
    stream: Pin<Box<Option<RowStream>>>,
    open: Option<Open>,
    columns: Arc<[Column]>,
    no_columns: Arc<[Column]>,
    pub(crate) statement_timeout: Option<Duration>,
    /// What there is to give where the session is closed and has no client.
    nothing: (),
}

/// The open statement.
struct Open {
    /// `None` where it was sent as it stands, and is over at the server.
    prepared: Option<Arc<Prepared>>,
    /// When it was sent, where a time limit holds.
    started: Option<Instant>,
    /// All of its reply was read.
    done: bool,
    /// Its rows are no longer wanted.
    skips: bool,
    /// Its error, to be told once the reply was read to its end.
    failure: Option<Error>,
    rows_affected: Option<u64>,
    /// How many rows the last batch had: so many the next one has room for.
    last_fill: usize,
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
            nothing: (),
        })
    }

    /// Makes the connection ready for a call: refuses one out of turn, and ends what a dropped one left behind.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        self.link.client()?;
        if self.open.is_some() {
            return Err(busy());
        }
        if self.link.is_recovering() {
            // The rows of an abandoned statement: nobody waits for them, so they are not even passed on.
            self.stream.as_mut().set(None);
            self.link.recover().await?;
        }
        self.link.wire.clear();
        let escapes = self.link.wire.backslash_escapes();
        if self.info.dialect.lexing.backslash_escapes != escapes {
            self.info.dialect.lexing.backslash_escapes = escapes;
            self.statements.clear();
        }
        Ok(())
    }

    fn context<'s>(&self, lexed: &'s Lexed, started: Option<Instant>) -> Context<'s> {
        let limit = self
            .statement_timeout
            .zip(started)
            .map(|(limit, started)| (limit, started.elapsed()));
        Context {
            lexed: Some(lexed),
            limit,
        }
    }

    async fn begin_statement(&mut self, query: Query<'_>) -> Result<()> {
        self.ready().await?;
        let state = self.link.tx_state();
        let found = self.statements.get(query.sql, state != TxState::Auto);
        let mut is_fresh = found.is_none();
        let mut prepared = match found {
            Some(prepared) => prepared,
            None => {
                let lexed = lex(query.sql, &self.info.dialect)?;
                admit(&lexed, query.guarded)?;
                arrange(&lexed, query.params.names, query.params.values.len())?;
                refuse_copy(query.sql, lexed.verb(), &self.info.dialect)?;
                if is_direct(&lexed) {
                    return self.run_direct(&lexed).await;
                }
                self.prepare(query.sql, lexed).await?
            }
        };
        loop {
            admit(&prepared.lexed, query.guarded)?;
            let Err(error) = self.send(&prepared, &query).await? else {
                return Ok(());
            };
            let stale = error::is_stale_plan(&error);
            // Nothing was sent when a value did not fit; the type may have been changed since it was inferred.
            let misfit = error.as_db_error().is_none();
            let context = self.context(&prepared.lexed, None);
            let error = self.link.failed(error, context).await;
            let again =
                !is_fresh && (misfit || stale && state == TxState::Auto) && !self.link.is_dead();
            if stale || again {
                self.statements.forget(query.sql);
            }
            if !again {
                return Err(self.told(error, prepared.lexed.verb(), state));
            }
            is_fresh = true;
            let lexed = prepared.lexed.clone();
            prepared = self.prepare(query.sql, lexed).await?;
        }
    }

    /// Marks the error of a lost connection where the statement may have been carried out.
    fn told(&self, error: Error, verb: Verb, before: TxState) -> Error {
        let reads = matches!(
            verb,
            Verb::Select | Verb::Values | Verb::Table | Verb::Show | Verb::Explain
        );
        let commits = matches!(
            verb,
            Verb::Commit | Verb::CommitAndChain | Verb::PrepareTransaction
        );
        match error.is_connection_lost() && !reads && (before == TxState::Auto || commits) {
            true => error.with_outcome_unknown(),
            false => error,
        }
    }

    pub(crate) async fn prepare(&mut self, sql: &str, lexed: Lexed) -> Result<Arc<Prepared>> {
        if lexed.slots().len() > MOST_PARAMETERS || lexed.arity() > MOST_PARAMETERS {
            return Err(Error::new(
                ErrorKind::Parameters,
                format!(
                    "a statement has at most {MOST_PARAMETERS} parameters, and this one has {}",
                    lexed.arity()
                ),
            ));
        }
        let shown = lexed.clone();
        self.link.client()?;
        self.link.leave(Undo::Nothing);
        // The client is looked at again because the borrow ends with the mark.
        match self
            .statements
            .prepare(self.link.client()?, sql, lexed)
            .await
        {
            Ok(prepared) => {
                self.link.landed();
                Ok(prepared)
            }
            Err(error) => {
                let context = self.context(&shown, None);
                Err(self.link.failed(error, context).await)
            }
        }
    }

    /// Sends a prepared statement; the inner result is the server's or the encoder's word.
    async fn send(
        &mut self,
        prepared: &Arc<Prepared>,
        query: &Query<'_>,
    ) -> Result<Result<(), tokio_postgres::Error>> {
        let params = query.params;
        let arrangement = arrange(&prepared.lexed, params.names, params.values.len())?;
        if arrangement.len() != prepared.statement.params().len() {
            return Err(miscounted(
                arrangement.len(),
                prepared.statement.params().len(),
            ));
        }
        let encoders = arrangement
            .indexes()
            .enumerate()
            .map(|(native, index)| Encoder::new(params.values[index], native + 1));
        self.link.leave(Undo::Nothing);
        let started = self.statement_timeout.map(|_| Instant::now());
        let stream = match self
            .link
            .client()?
            .query_raw(&prepared.statement, encoders)
            .await
        {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(error)),
        };
        self.link.landed();
        self.stream.as_mut().set(Some(stream));
        self.columns = Arc::clone(&prepared.plan.columns);
        self.open = Some(Open {
            started,
            ..Open::new(Some(Arc::clone(prepared)))
        });
        Ok(Ok(()))
    }

    /// Runs a statement without parameters and rows.
    async fn run_direct(&mut self, lexed: &Lexed) -> Result<()> {
        self.run_text(lexed.native(), lexed.verb(), self.context(lexed, None))
            .await?;
        self.columns = Arc::clone(&self.no_columns);
        self.open = Some(Open {
            done: true,
            ..Open::new(None)
        });
        Ok(())
    }

    /// Sends one statement as it stands, and looks after what its verb changes.
    async fn run_text(&mut self, native: &str, verb: Verb, context: Context<'_>) -> Result<()> {
        let before = self.link.tx_state();
        let limit = self.statement_timeout.map(|limit| (limit, Duration::ZERO));
        if let Err(error) = self
            .link
            .send(native, Undo::Nothing, Context { limit, ..context })
            .await
        {
            return Err(self.told(error, verb, before));
        }
        if changes_tables(verb) {
            self.statements.tables_changed();
            self.link.client()?.clear_type_cache();
        }
        let ends = matches!(
            verb,
            Verb::Commit | Verb::CommitAndChain | Verb::PrepareTransaction
        );
        if ends && self.link.wire.tag() == Tag::Rollback {
            return Err(rolled_back());
        }
        Ok(())
    }

    async fn run_script(&mut self, text: &str) -> Result<()> {
        self.ready().await?;
        let mut from = 0;
        while from < text.len() {
            // A statement may change the rules for the strings after it, so the rest is cut anew after each.
            let rest = &text[from..];
            let Some(span) = split(rest, &self.info.dialect).next() else {
                break;
            };
            let statement = span.text(rest);
            refuse_copy(statement, span.verb, &self.info.dialect)?;
            let start = from + span.start;
            if let Err(error) = self
                .run_text(statement, span.verb, Context::default())
                .await
            {
                let place = error.position().map(|position| start + position);
                return Err(place.into_iter().fold(error, Error::with_position));
            }
            self.info.dialect.lexing.backslash_escapes = self.link.wire.backslash_escapes();
            from += span.end;
        }
        Ok(())
    }

    async fn begin_transaction(&mut self, options: &TxOptions) -> Result<()> {
        self.ready().await?;
        if self.link.tx_state() != TxState::Auto {
            return Err(Error::interface("a transaction is open already")
                .with_hint("set a savepoint, or end it first"));
        }
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = options.isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(isolation.as_sql());
        }
        if options.read_only {
            sql.push_str(" READ ONLY");
        }
        if options.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        self.link.control(&sql, Undo::Transaction).await
    }

    async fn commit_transaction(&mut self) -> Result<()> {
        self.ready().await?;
        match self.link.tx_state() {
            TxState::Auto => Err(Error::interface("there is no transaction to commit")),
            TxState::Failed => {
                self.link.control("ROLLBACK", Undo::Nothing).await?;
                Err(rolled_back())
            }
            _ => {
                self.run_text("COMMIT", Verb::Commit, Context::default())
                    .await
            }
        }
    }

    async fn describe_statement(&mut self, sql: &str) -> Result<Description> {
        self.ready().await?;
        let prepared = match self
            .statements
            .get(sql, self.link.tx_state() != TxState::Auto)
        {
            Some(prepared) => prepared,
            None => {
                let lexed = lex(sql, &self.info.dialect)?;
                self.prepare(sql, lexed).await?
            }
        };
        let parameters = prepared.statement.params();
        Ok(Description {
            arity: prepared.lexed.arity(),
            names: prepared.lexed.names().to_vec(),
            native_arity: parameters.len(),
            parameters: parameters
                .iter()
                .map(|of| Some(NativeType::new(of.oid(), of.name())))
                .collect(),
            columns: prepared.plan.columns.to_vec(),
        })
    }

    /// Takes what the open statement's stream gives next; an error is kept until the reply was read to its end, so that
    /// the state of the transaction is known when it is told.
    fn poll_row(&mut self, cx: &mut Waiting<'_>) -> Poll<Option<Row>> {
        let Some(open) = &mut self.open else {
            return Poll::Ready(None);
        };
        loop {
            let Some(stream) = self.stream.as_mut().as_pin_mut().filter(|_| !open.done) else {
                return Poll::Ready(None);
            };
            match ready!(stream.poll_next(cx)) {
                Some(Ok(row)) => return Poll::Ready(Some(row)),
                None => {
                    open.done = true;
                    open.rows_affected = self
                        .stream
                        .as_ref()
                        .as_pin_ref()
                        .and_then(|stream| stream.rows_affected());
                    self.stream.as_mut().set(None);
                }
                Some(Err(error)) => {
                    if self.link.notes_fatal(&error) {
                        open.done = true;
                        self.stream.as_mut().set(None);
                    }
                    let lexed = open.prepared.as_ref().map(|prepared| &prepared.lexed);
                    let limit = self
                        .statement_timeout
                        .zip(open.started)
                        .map(|(limit, at)| (limit, at.elapsed()));
                    let error = error::convert(error, &self.link.wire, Context { lexed, limit });
                    // The first is the cause; what follows it can only be that the session ended.
                    open.failure.get_or_insert(error);
                }
            }
        }
    }

    /// Ends the open statement with its failure, if it has one and its reply was read.
    fn take_failure(&mut self) -> Option<Error> {
        let failure = self
            .open
            .as_mut()
            .filter(|open| open.done)?
            .failure
            .take()?;
        let open = self.open.take()?;
        let verb = open
            .prepared
            .map_or(Verb::Other, |prepared| prepared.lexed.verb());
        let before = if self.link.wire.tx_state() == TxState::Auto {
            TxState::Auto
        } else {
            TxState::Open
        };
        Some(self.told(failure, verb, before))
    }
}

impl Open {
    fn new(prepared: Option<Arc<Prepared>>) -> Self {
        Self {
            prepared,
            started: None,
            done: false,
            skips: false,
            failure: None,
            rows_affected: None,
            last_fill: 0,
        }
    }
}

#[cold]
fn rolled_back() -> Error {
    Error::new(
        ErrorKind::TransactionFailed,
        "the transaction had failed and was rolled back instead of committed",
    )
    .with_sqlstate("25P02")
}

#[cold]
pub(crate) fn miscounted(ours: usize, theirs: usize) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the statement was read to have {ours} parameters, but the server counts {theirs}"),
    )
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
        if self.open.is_some() {
            &self.columns
        } else {
            &self.no_columns
        }
    }

    fn poll_fill(
        &mut self,
        cx: &mut Waiting<'_>,
        max: usize,
    ) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        let Some(open) = &self.open else {
            return Poll::Ready(Ok(None));
        };
        if open.skips {
            return Poll::Ready(Ok(None));
        }
        let max = max.max(1);
        let mut rows = Vec::new();
        while rows.len() < max {
            match self.poll_row(cx) {
                Poll::Ready(Some(row)) => {
                    if rows.is_empty() {
                        let room = self.open.as_ref().map_or(1, |open| open.last_fill.max(1));
                        rows.reserve_exact(room.min(max));
                    }
                    rows.push(row);
                }
                Poll::Ready(None) => break,
                Poll::Pending if rows.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if rows.is_empty() {
            return Poll::Ready(self.take_failure().map_or(Ok(None), Err));
        }
        let Some(open) = &mut self.open else {
            return Poll::Ready(Ok(None));
        };
        open.last_fill = rows.len();
        let plan = open
            .prepared
            .as_ref()
            .map(|prepared| Arc::clone(&prepared.plan));
        Poll::Ready(Ok(
            plan.map(|plan| Arc::new(Batch::new(plan, rows)) as Arc<dyn RowBatch>)
        ))
    }

    /// Marks the rows as unwanted: a statement of PostgreSQL has one result set. They are dropped when it is finished.
    fn poll_next_set(&mut self, _: &mut Waiting<'_>) -> Poll<Result<bool>> {
        if let Some(open) = &mut self.open {
            open.skips = true;
        }
        Poll::Ready(Ok(false))
    }

    fn poll_finish(&mut self, cx: &mut Waiting<'_>) -> Poll<Result<Outcome>> {
        while ready!(self.poll_row(cx)).is_some() {}
        if let Some(error) = self.take_failure() {
            return Poll::Ready(Err(error));
        }
        let Some(open) = self.open.take() else {
            return Poll::Ready(Ok(Outcome::default()));
        };
        let counted = self.link.wire.tag() == Tag::Counted;
        let outcome = Outcome::rows(open.rows_affected.filter(|_| counted))
            .with_warnings(self.link.wire.notice_count());
        Poll::Ready(Ok(outcome))
    }

    fn abandon(&mut self) {
        if self.open.is_none() {
            return;
        }
        // What has come already is dropped here; often that is all there was, and nothing is left to wait for.
        let mut cx = Waiting::from_waker(Waker::noop());
        while let Poll::Ready(Some(_)) = self.poll_row(&mut cx) {}
        if self.open.take().is_some_and(|open| !open.done) {
            self.link.leave(Undo::Nothing);
        }
        self.stream.as_mut().set(None);
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        Box::pin(self.describe_statement(sql))
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(many::execute(self, many))
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(self.run_script(text))
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        Box::pin(self.begin_transaction(options))
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.commit_transaction())
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            match self.link.tx_state() {
                TxState::Auto => Ok(()),
                _ => self.link.control("ROLLBACK", Undo::Nothing).await,
            }
        })
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.link
                .control(&format!("SAVEPOINT {name}"), Undo::Nothing)
                .await
        })
    }

    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.ready().await?;
            self.link
                .control(&format!("RELEASE SAVEPOINT {name}"), Undo::Nothing)
                .await
        })
    }

    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.ready().await?;
            let sql = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
            self.link.control(&sql, Undo::Nothing).await
        })
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.ready().await?;
            session::reset(&mut self.link).await
        })
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
        match self.link.client_mut() {
            Some(client) => client as &mut Client,
            None => &mut self.nothing,
        }
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
