//! What is told of a call to the database: a span of `tracing` in the words of OpenTelemetry's conventions, and a warning where
//! the call was slow.
//!
//! This is the one place where calls are told of. Where nobody listens, a call costs one look at a number more. What is told is
//! in `docs/observability.md` of the repository, for those who listen.
//!
//! Invariant: no value is told. Parameters never come here; literals are taken out of texts (`text.rs`), and of an error only
//! its kind, code and constraint are told, since a server's messages may repeat what a row holds.

mod text;

use std::borrow::Cow;
use std::cell::LazyCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Level, Span};

use crate::connection::{BoxFuture, Connection, DriverInfo, Endpoint, Query};
use crate::factory::Connector;
use crate::lex::Lexing;
use crate::limits::Limits;
use crate::result::Outcome;
use crate::{Error, Result};
use text::{Summary, sanitized};

/// How long a call may take before it counts as slow, unless the program says otherwise.
pub const SLOW: Duration = Duration::from_secs(1);

/// The target of the spans of calls, all at level `DEBUG`.
const CALLS: &str = "oarlock::db";
/// The target of the warnings about slow calls.
const SLOW_CALLS: &str = "oarlock::slow";

/// Tells whether anybody listens to warnings or more. It is all that a call costs where nobody does.
#[inline]
pub(crate) fn is_heard() -> bool {
    LevelFilter::current() >= LevelFilter::WARN
}

/// What a call does.
#[derive(Debug, Clone)]
pub struct Work<'s> {
    kind: Kind,
    text: Cow<'s, str>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Statement,
    /// One statement for so many rows of parameters.
    Batch(usize),
    /// So many statements at once.
    Pipeline(usize),
    Script,
    /// What the contract itself does, by SQL's word for it.
    Control(&'static str),
}

impl<'s> Work<'s> {
    /// Runs one statement.
    #[must_use]
    pub fn statement(sql: impl Into<Cow<'s, str>>) -> Self {
        Self { kind: Kind::Statement, text: sql.into() }
    }

    /// Runs one statement for many rows of parameters.
    #[must_use]
    pub fn batch(sql: &'s str, rows: usize) -> Self {
        Self { kind: Kind::Batch(rows), text: Cow::Borrowed(sql) }
    }

    /// Runs several statements at once.
    pub(crate) fn pipeline(queries: &[Query<'s>]) -> Self {
        let texts: Vec<&str> = queries.iter().map(|query| query.sql).collect();
        Self { kind: Kind::Pipeline(queries.len()), text: Cow::Owned(texts.join("; ")) }
    }

    /// Runs a text of several statements.
    pub(crate) fn script(text: &'s str) -> Self {
        Self { kind: Kind::Script, text: Cow::Borrowed(text) }
    }

    /// Does what the contract has a call of its own for, such as `COMMIT`.
    #[must_use]
    pub fn control(operation: &'static str) -> Self {
        Self { kind: Kind::Control(operation), text: Cow::Borrowed("") }
    }

    /// Does so with a statement, which it does not run.
    pub(crate) fn with_text(mut self, sql: &'s str) -> Self {
        self.text = Cow::Borrowed(sql);
        self
    }

    fn into_owned(self) -> Work<'static> {
        Work { kind: self.kind, text: Cow::Owned(self.text.into_owned()) }
    }

    fn told(&self, lexing: Lexing) -> Told {
        let summary = Summary::of(&self.text, lexing);
        let operation = summary.operation().map(str::to_owned);
        let before = |word: &str, rest: &str| format!("{word} {rest}").trim_end().to_owned();
        let (operation, summary, size) = match self.kind {
            // The conventions know no batch of one.
            Kind::Statement | Kind::Batch(0 | 1) | Kind::Pipeline(1) => (operation, summary.text, 1),
            Kind::Script => (None, summary.text, 1),
            Kind::Batch(rows) => {
                (operation.map(|operation| before("BATCH", &operation)), before("BATCH", &summary.text), rows)
            }
            Kind::Pipeline(count) => (Some("BATCH".to_owned()), before("BATCH", &summary.text), count),
            Kind::Control(name) => (Some(name.to_owned()), before(name, &summary.text), 1),
        };
        let text = Some(sanitized(&self.text, lexing)).filter(|text| !text.is_empty());
        Told { operation, summary, text, size: (size > 1).then(|| number(size)) }
    }
}

/// What may be told of a call's work.
struct Told {
    operation: Option<String>,
    summary: String,
    text: Option<String>,
    /// The size of a batch.
    size: Option<u64>,
}

/// A call that somebody listens to, from its beginning until this is dropped. [`Lease::note`](crate::Lease::note) makes it.
///
/// What is measured is the time for which the caller waited for the database: that in which a slow reader lets rows lie does not
/// count, nor does work that is done at once on the caller's thread, which drivers keep short.
#[derive(Debug)]
pub struct Call {
    span: Span,
    /// The work, where it is told when it takes as long as this.
    slow: Option<(Duration, Work<'static>, Lexing)>,
    waited: Duration,
    /// The caller waits, since then.
    since: Option<Instant>,
    returned: Option<u64>,
    affected: Option<u64>,
}

impl Call {
    /// Begins to note a call; `None` where nobody listens to such a one. Ask [`is_heard`] first.
    #[inline(never)]
    pub(crate) fn begin<'s>(limits: Limits, info: &DriverInfo, work: impl FnOnce() -> Work<'s>) -> Option<Self> {
        let work = work();
        let lexing = info.dialect.lexing;
        // Nothing of this is worked out where the span is not wanted.
        let told = LazyCell::new(|| work.told(lexing));
        let endpoint = &info.endpoint;
        let span = tracing::span!(
            target: CALLS,
            Level::DEBUG,
            "db",
            "otel.name" = if told.summary.is_empty() { endpoint.system } else { &told.summary },
            "otel.kind" = "client",
            "otel.status_code" = tracing::field::Empty,
            "db.system.name" = endpoint.system,
            "db.namespace" = endpoint.namespace.as_deref(),
            "server.address" = endpoint.address.as_deref(),
            "server.port" = endpoint.port,
            "db.operation.name" = told.operation.as_deref(),
            "db.operation.batch.size" = told.size,
            "db.query.summary" = told.summary.as_str(),
            "db.query.text" = told.text.as_deref(),
            "db.response.returned_rows" = tracing::field::Empty,
            "db.response.status_code" = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            "oarlock.constraint" = tracing::field::Empty,
            "oarlock.abandoned" = tracing::field::Empty,
        );
        let slow = limits.slow().filter(|_| tracing::event_enabled!(target: SLOW_CALLS, Level::WARN));
        if span.is_disabled() && slow.is_none() {
            return None;
        }
        drop(told);
        let slow = slow.map(|limit| (limit, work.into_owned(), lexing));
        Some(Self { span, slow, waited: Duration::ZERO, since: None, returned: None, affected: None })
    }

    /// Polls a future of the call to its end. Its error is the call's.
    ///
    /// # Errors
    ///
    /// The future's.
    pub async fn hold<T>(&mut self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let mut future = pin!(future);
        let waiting = Waiting(self);
        poll_fn(|cx| waiting.0.poll(|| future.as_mut().poll(cx))).await
    }

    /// Polls something of the call. Its error is the call's.
    pub fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<Result<T>>) -> Poll<Result<T>> {
        let polled = self.span.in_scope(poll);
        match &polled {
            Poll::Pending => {
                self.since.get_or_insert_with(Instant::now);
            }
            Poll::Ready(result) => {
                self.stop_waiting();
                if let Err(error) = result {
                    record_error(&self.span, error);
                }
            }
        }
        polled
    }

    /// Notes rows that came; none tells that the statement gives rows.
    pub fn returned(&mut self, rows: usize) {
        *self.returned.get_or_insert_default() += number(rows);
    }

    /// Notes what the statement did.
    pub fn did(&mut self, outcome: &Outcome) {
        self.affected = outcome.rows_affected;
    }

    fn stop_waiting(&mut self) -> bool {
        let waits = self.since.take();
        self.waited += waits.map(|since| since.elapsed()).unwrap_or_default();
        waits.is_some()
    }

    /// Notes that nobody waits any more, if somebody did.
    fn give_up(&mut self) {
        if self.stop_waiting() {
            self.span.record("oarlock.abandoned", true);
        }
    }

    #[cold]
    fn tell_slow(&self, limit: Duration, told: &Told) {
        self.span.in_scope(|| {
            tracing::event!(
                target: SLOW_CALLS,
                Level::WARN,
                {
                    db.query.summary = told.summary.as_str(),
                    db.query.text = told.text.as_deref(),
                    rows = self.returned.or(self.affected),
                    elapsed_ms = millis(self.waited),
                    limit_ms = millis(limit)
                },
                "a call to the database was slow"
            );
        });
    }
}

/// A future of a call, which may be dropped before the call is.
struct Waiting<'c>(&'c mut Call);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// The call is over.
impl Drop for Call {
    fn drop(&mut self) {
        self.give_up();
        if let Some(rows) = self.returned {
            self.span.record("db.response.returned_rows", rows);
        }
        if let Some((limit, work, lexing)) = &self.slow
            && self.waited >= *limit
        {
            self.tell_slow(*limit, &work.told(*lexing));
        }
    }
}

/// Polls a future of a call to its end, noted where somebody listens.
///
/// # Errors
///
/// The future's.
pub async fn hold<T>(call: &mut Option<Box<Call>>, future: impl Future<Output = Result<T>>) -> Result<T> {
    match call {
        Some(call) => call.hold(future).await,
        None => future.await,
    }
}

/// Makes a call of the contract's that takes no limit of time, and notes it.
pub(crate) async fn noted<'c, T>(
    limits: Limits,
    operation: &'static str,
    connection: &'c mut dyn Connection,
    make: impl FnOnce(&'c mut dyn Connection) -> BoxFuture<'c, T>,
) -> Result<T> {
    if !is_heard() {
        return make(connection).await;
    }
    match Call::begin(limits, connection.info(), || Work::control(operation)) {
        Some(mut call) => call.hold(make(connection)).await,
        None => make(connection).await,
    }
}

/// Opens a connection, and tells of it.
pub(crate) async fn connecting(connector: &dyn Connector) -> Result<Box<dyn Connection>> {
    let span = tracing::span!(
        target: CALLS,
        Level::DEBUG,
        "connect",
        "otel.name" = "CONNECT",
        "otel.kind" = "client",
        "otel.status_code" = tracing::field::Empty,
        "db.system.name" = tracing::field::Empty,
        "db.namespace" = tracing::field::Empty,
        "server.address" = tracing::field::Empty,
        "server.port" = tracing::field::Empty,
        "db.operation.name" = "CONNECT",
        "db.response.status_code" = tracing::field::Empty,
        "error.type" = tracing::field::Empty,
    );
    let mut unopened = Unopened { span: &span, connector: Some(connector) };
    let opened = connector.connect().instrument(span.clone()).await;
    match &opened {
        Ok(connection) => {
            unopened.connector = None;
            record_endpoint(&span, &connection.info().endpoint);
        }
        Err(error) => record_error(&span, error),
    }
    opened
}

/// Records where a connection was to lead that could not be opened, or was given up: a server that does not answer is known by that.
struct Unopened<'c> {
    span: &'c Span,
    /// `None` once it is open.
    connector: Option<&'c dyn Connector>,
}

impl Drop for Unopened<'_> {
    fn drop(&mut self) {
        let connector = self.connector.filter(|_| !self.span.is_disabled());
        if let Some(endpoint) = connector.and_then(Connector::endpoint) {
            record_endpoint(self.span, &endpoint);
        }
    }
}

fn record_endpoint(span: &Span, endpoint: &Endpoint) {
    span.record("db.system.name", endpoint.system);
    span.record("db.namespace", endpoint.namespace.as_deref());
    span.record("server.address", endpoint.address.as_deref());
    span.record("server.port", endpoint.port);
}

/// Records what may be told of an error: its message and detail may repeat values.
fn record_error(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", tracing::field::debug(error.kind()));
    span.record("oarlock.constraint", error.constraint());
    // PostgreSQL has no number, and of the others the number is what tells more.
    match (error.code(), error.sqlstate()) {
        (Some(code), _) => span.record("db.response.status_code", code.to_string()),
        (None, state) => span.record("db.response.status_code", state),
    };
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
