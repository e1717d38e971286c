//! Cursors: a statement on a connection, and its rows as they arrive.

mod direct;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::buffered::BufferedCursor;
use crate::connection::{Connection, DriverInfo, Query};
use crate::lease::Lease;
use crate::params::{Bindings, Parameters, Params};
use crate::result::{Column, Notice, Outcome, RowBatch};
use crate::row::{FromRow, Row, RowRef};
use crate::trace::{Call, Work};
use crate::vigil::Vigil;
use crate::{Error, Result};

/// A cursor in PEP 249's sense: it runs statements on one connection and fetches their rows in order, as they arrive.
///
/// It owns its lease on the connection: from a [`Conn`](crate::Conn) or a [`Tx`](crate::Tx) nothing else runs there until
/// it is dropped; from a pool it holds one connection. It is a `Stream` of [`Row`]s.
///
/// # Cancellation
///
/// Dropping a future of a cursor, or the cursor itself with rows left, is safe: the connection cleans up before its next
/// statement.
pub struct Cursor {
    lease: Lease,
    /// The open statement's, where it has a limit of time or somebody listens.
    vigil: Option<Box<Vigil>>,
    state: State,
    columns: Arc<[Column]>,
    batch: Option<Arc<dyn RowBatch>>,
    next: usize,
    array_size: usize,
    row_number: u64,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No statement was run.
    New,
    /// The statement is open on the connection and may have rows.
    Open,
    /// The current set is at its end; another one follows.
    SetOver,
    /// The statement is over.
    Over,
}

impl Cursor {
    /// The number of rows taken from the driver at a time unless it is changed.
    pub const DEFAULT_ARRAY_SIZE: usize = 256;

    /// Makes a cursor on a leased connection. [`DbExt::cursor`](crate::DbExt::cursor) is the usual way.
    #[must_use]
    pub fn new(lease: Lease) -> Self {
        Self {
            lease,
            vigil: None,
            state: State::New,
            columns: Arc::default(),
            batch: None,
            next: 0,
            array_size: Self::DEFAULT_ARRAY_SIZE,
            row_number: 0,
            outcome: Outcome::default(),
        }
    }

    /// Runs a statement; rows of an earlier one that were not fetched are dropped.
    ///
    /// A statement that gives no rows is run to its end; one that does is run as far as its columns, and its rows wait.
    ///
    /// # Errors
    ///
    /// As [`Connection::start`].
    pub async fn execute<P: Params>(&mut self, sql: &str, params: P) -> Result<()> {
        let mut bindings = Bindings::default();
        params.bind(&mut bindings)?;
        let values = bindings.values();
        self.execute_bound(sql, Parameters { names: bindings.names()?, values: &values }).await
    }

    pub(crate) async fn execute_bound(&mut self, sql: &str, params: Parameters<'_>) -> Result<()> {
        self.close_statement();
        let query = Query { sql, params, guarded: self.lease.is_guarded() };
        self.vigil = self.lease.watch(|| Work::statement(sql));
        let start = StopOnDrop(&mut self.lease);
        let begun = start.0.connection().start(query);
        let begun = match &mut self.vigil {
            None => begun.await,
            // Boxed, so that the future of a statement that nobody watches stays small.
            Some(vigil) => Box::pin(vigil.hold(begun)).await,
        };
        drop(start);
        if let Err(error) = begun {
            self.vigil = None;
            return Err(error);
        }
        self.state = State::Open;
        self.columns = Arc::clone(self.lease.connection().columns());
        if self.columns.is_empty() {
            self.finish().await?;
        } else if let Some(call) = self.call() {
            call.returned(0);
        }
        Ok(())
    }

    /// Calls a stored procedure by `CALL name(…)`, and stands before its first result set. The name is taken as it stands, but for
    /// dots, which part a schema from it.
    ///
    /// # Errors
    ///
    /// `NotSupported` where the database has no procedures; else as [`execute`](Self::execute).
    pub async fn call_procedure<P: Params>(&mut self, name: &str, params: P) -> Result<()> {
        let info = self.lease.connection().info();
        if !info.capabilities.procedures {
            return Err(Error::not_supported(format!("{} has no stored procedures", info.name)));
        }
        let mut bindings = Bindings::default();
        params.bind(&mut bindings)?;
        if bindings.names()?.is_some() {
            return Err(Error::not_supported("a procedure takes its parameters by position"));
        }
        let name: Vec<String> = name.split('.').map(|part| info.dialect.quote_identifier(part)).collect();
        let marks = vec!["?"; bindings.len()].join(", ");
        let sql = format!("CALL {}({marks})", name.join("."));
        let values = bindings.values();
        self.execute_bound(&sql, Parameters::positional(&values)).await
    }

    /// Tells about the driver and the server of the connection.
    pub fn info(&mut self) -> &DriverInfo {
        self.lease.info()
    }

    /// Gives the columns of the current result set: empty when the statement gives no rows.
    pub fn description(&self) -> &[Column] {
        &self.columns
    }

    /// Gives how many rows are taken from the driver at a time, and by `fetch_many(None)`.
    pub fn array_size(&self) -> usize {
        self.array_size
    }

    /// Sets how many rows are taken at a time, from the next time on; 0 counts as 1.
    pub fn set_array_size(&mut self, rows: usize) {
        self.array_size = rows.max(1);
    }

    /// Gives how many rows the statement changed or gave, once it is over; `None` before, and where there is no such count.
    pub fn row_count(&self) -> Option<u64> {
        self.outcome.rows_affected
    }

    /// Gives the key that the statement generated, where it did and the database tells.
    pub fn last_insert_id(&self) -> Option<i64> {
        self.outcome.last_insert_id
    }

    /// Gives the statement's outcome so far: complete once its last row was fetched.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Gives the index of the next row in the current set, counted from 0.
    pub fn row_number(&self) -> u64 {
        self.row_number
    }

    /// Fetches the next row, or `None` at the end of the set, for ever.
    ///
    /// # Errors
    ///
    /// `Interface` when the statement gives no rows, the row's own that cannot be read (it is then still the next one), and
    /// the statement's late failure.
    pub async fn fetch_one<T: FromRow>(&mut self) -> Result<Option<T>> {
        self.check_rows()?;
        let plan = T::plan(&self.columns)?;
        if !poll_fn(|cx| self.poll_available(cx)).await? {
            return Ok(None);
        }
        self.take_row::<T>(&plan)
    }

    /// Fetches up to `count` rows, `array_size` when it is `None`; an empty vector at the end.
    ///
    /// # Errors
    ///
    /// As [`fetch_one`](Self::fetch_one).
    pub async fn fetch_many<T: FromRow>(&mut self, count: impl Into<Option<usize>>) -> Result<Vec<T>> {
        let count = count.into().unwrap_or(self.array_size);
        self.fetch_up_to(count).await
    }

    /// Fetches all rows that are left in the set.
    ///
    /// # Errors
    ///
    /// As [`fetch_one`](Self::fetch_one).
    pub async fn fetch_all<T: FromRow>(&mut self) -> Result<Vec<T>> {
        self.fetch_up_to(usize::MAX).await
    }

    async fn fetch_up_to<T: FromRow>(&mut self, count: usize) -> Result<Vec<T>> {
        self.check_rows()?;
        let plan = T::plan(&self.columns)?;
        let mut rows = Vec::new();
        while rows.len() < count && poll_fn(|cx| self.poll_available(cx)).await? {
            let Some(batch) = &self.batch else { break };
            let end = batch.len().min(self.next.saturating_add(count - rows.len()));
            rows.reserve(end - self.next);
            while self.next < end {
                rows.push(T::from_row(&plan, RowRef::new(batch, self.next, &self.columns))?);
                self.next += 1;
                self.row_number += 1;
            }
        }
        Ok(rows)
    }

    /// Reads the rows of the current set as a typed stream whose columns are matched once.
    ///
    /// # Errors
    ///
    /// `Interface` when the statement gives no rows; `ColumnNotFound` when they do not fit the type.
    pub fn rows<T: FromRow>(&mut self) -> Result<Rows<'_, T>> {
        self.check_rows()?;
        let plan = T::plan(&self.columns)?;
        Ok(Rows { cursor: self, plan })
    }

    /// Drops the rest of the current set and goes to the next one; `false` when there is none.
    ///
    /// # Errors
    ///
    /// The statement's late failure.
    pub async fn next_set(&mut self) -> Result<bool> {
        if matches!(self.state, State::New | State::Over) {
            return Ok(false);
        }
        self.batch = None;
        self.row_number = 0;
        let found = poll_fn(|cx| self.poll_next_set(cx)).await.inspect_err(|_| self.end())?;
        if !found {
            self.finish().await?;
            return Ok(false);
        }
        self.state = State::Open;
        self.columns = Arc::clone(self.lease.connection().columns());
        Ok(true)
    }

    /// Fetches all that is left of the set into memory, to be read in any order.
    ///
    /// # Errors
    ///
    /// As [`fetch_one`](Self::fetch_one).
    pub async fn buffered(mut self) -> Result<BufferedCursor> {
        let rows = self.fetch_all::<Row>().await?;
        Ok(BufferedCursor::new(Arc::clone(&self.columns), rows, self.outcome))
    }

    /// Runs the statement to its end, and keeps the rows that it gives, if it does; more than one set of them is an error.
    pub(crate) async fn into_buffered(mut self) -> Result<BufferedCursor> {
        let rows = if self.columns.is_empty() { Vec::new() } else { self.fetch_all::<Row>().await? };
        if self.lease.connection().more_sets() {
            return Err(Error::not_supported(
                "the statement gives several sets of rows, and a pipeline keeps one of each",
            )
            .with_hint("run it on a transaction, and go through its sets with `next_set`"));
        }
        let columns = Arc::clone(&self.columns);
        Ok(BufferedCursor::new(columns, rows, self.finish().await?))
    }

    /// Drops what is left of the statement and gives its outcome.
    ///
    /// # Errors
    ///
    /// The statement's late failure.
    pub async fn finish(&mut self) -> Result<Outcome> {
        if matches!(self.state, State::Open | State::SetOver) {
            self.batch = None;
            poll_fn(|cx| self.poll_finish(cx)).await?;
        }
        Ok(self.outcome)
    }

    /// Takes the warnings and notices of the last statement, which is finished first.
    ///
    /// # Errors
    ///
    /// As the server tells, where it has to be asked.
    pub async fn warnings(&mut self) -> Result<Vec<Notice>> {
        self.finish().await?;
        self.lease.call(|| Work::control("WARNINGS"), |connection| connection.warnings()).await
    }

    fn check_rows(&self) -> Result<()> {
        if self.columns.is_empty() {
            return Err(Error::interface(match self.state {
                State::New => "nothing was executed on this cursor",
                _ => "the statement gives no rows to fetch",
            }));
        }
        Ok(())
    }

    /// Makes sure that `batch` has a row at `next`; `false` at the end of the set.
    fn poll_available(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        loop {
            if self.batch.as_ref().is_some_and(|batch| self.next < batch.len()) {
                return Poll::Ready(Ok(true));
            }
            self.batch = None;
            if self.state != State::Open {
                return Poll::Ready(Ok(false));
            }
            let most = self.array_size;
            match ready!(self.poll_connection(cx, |connection, cx| connection.poll_fill(cx, most))) {
                Ok(Some(batch)) => {
                    if let Some(call) = self.call() {
                        call.returned(batch.len());
                    }
                    self.batch = Some(batch);
                    self.next = 0;
                }
                Ok(None) if self.lease.connection().more_sets() => self.state = State::SetOver,
                Ok(None) => ready!(self.poll_finish(cx))?,
                Err(error) => {
                    self.end();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let result = ready!(self.poll_connection(cx, |connection, cx| connection.poll_finish(cx)));
        if let Ok(outcome) = result {
            self.outcome = outcome;
            if let Some(call) = self.call() {
                call.did(&outcome);
            }
        }
        self.end();
        Poll::Ready(result.map(drop))
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        self.poll_connection(cx, |connection, cx| connection.poll_next_set(cx))
    }

    /// Polls something of the open statement: within its limit of time where it has one, and noted where somebody listens.
    #[inline]
    fn poll_connection<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut dyn Connection, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        let connection = self.lease.connection();
        let Some(vigil) = &mut self.vigil else { return poll(connection, cx) };
        let polled = vigil.poll(cx, |cx| poll(connection, cx));
        if vigil.gave_up() {
            self.lease.connection().abandon();
        }
        polled
    }

    /// Gives what is noted of the open statement, where somebody listens.
    fn call(&mut self) -> Option<&mut Call> {
        self.vigil.as_mut()?.call.as_mut()
    }

    /// The statement is over.
    fn end(&mut self) {
        self.state = State::Over;
        self.vigil = None;
    }

    fn take_row<T: FromRow>(&mut self, plan: &T::Plan) -> Result<Option<T>> {
        let Some(batch) = &self.batch else {
            return Ok(None);
        };
        let row = T::from_row(plan, RowRef::new(batch, self.next, &self.columns))?;
        self.next += 1;
        self.row_number += 1;
        Ok(Some(row))
    }

    fn poll_typed<T: FromRow>(&mut self, plan: &T::Plan, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        match ready!(self.poll_available(cx)) {
            Ok(true) => Poll::Ready(self.take_row(plan).transpose()),
            Ok(false) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    /// Drops what is left of the statement.
    fn abandon(&mut self) {
        if matches!(self.state, State::Open | State::SetOver) {
            self.lease.connection().abandon();
        }
    }

    fn close_statement(&mut self) {
        if self.state == State::New {
            return;
        }
        self.abandon();
        self.state = State::New;
        self.vigil = None;
        self.columns = Arc::default();
        self.batch = None;
        self.row_number = 0;
        self.outcome = Outcome::default();
    }
}

/// Has the server stop a statement when the future that starts it is dropped.
struct StopOnDrop<'c>(&'c mut Lease);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop_dropped();
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl futures_core::Stream for Cursor {
    type Item = Result<Row>;

    /// Gives the rows of the current set. A statement that gives none is an empty stream.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_typed::<Row>(&(), cx)
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor")
            .field("state", &self.state)
            .field("row_number", &self.row_number)
            .finish_non_exhaustive()
    }
}

/// The rows of a cursor's current set, read into a type: see [`Cursor::rows`].
pub struct Rows<'c, T: FromRow> {
    cursor: &'c mut Cursor,
    plan: T::Plan,
}

impl<T: FromRow> Rows<'_, T> {
    /// Reads the next row, or `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`Cursor::fetch_one`].
    pub async fn next(&mut self) -> Result<Option<T>> {
        poll_fn(|cx| self.cursor.poll_typed(&self.plan, cx)).await.transpose()
    }
}

impl<T: FromRow> futures_core::Stream for Rows<'_, T>
where
    T::Plan: Unpin,
{
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.cursor.poll_typed(&this.plan, cx)
    }
}
