//! Several statements in one round trip, with the transaction around them.
//!
//! All is sent before the first reply is awaited. After a statement that fails the server refuses those behind it, and answers
//! the COMMIT with ROLLBACK; so nothing depends on what was read in between.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Waiting, Waker};

use futures_util::TryStreamExt;
use futures_util::future::{MaybeDone, maybe_done};
use oarlock_core::connection::Query;
use oarlock_core::lex::lex;
use oarlock_core::params::arrange;
use oarlock_core::result::Reply;
use oarlock_core::{Error, Outcome, Result, RowBatch, TxOptions, TxState, ValueRef};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Row, RowStream};

use crate::batch::Plan;
use crate::connection::PostgresConnection;
use crate::decode::malformed;
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::{BATCH_SAVEPOINT, Undo};
use crate::run::{begin, lost_commit, miscounted};
use crate::statement::{Prepared, refuse_copy};

/// Runs a pipeline, all or nothing.
pub(crate) async fn execute(
    connection: &mut PostgresConnection,
    options: &TxOptions,
    queries: &[Query<'_>],
) -> Result<Vec<Reply>> {
    connection.ready().await?;
    let around = match connection.link.tx_state() {
        TxState::Auto => Around { open: begin(*options), close: "COMMIT".to_owned(), undo: Undo::Transaction },
        _ if *options != TxOptions::default() => {
            return Err(Error::interface("a pipeline in a transaction takes no options: it is a savepoint of it"));
        }
        _ => Around {
            open: format!("SAVEPOINT {BATCH_SAVEPOINT}"),
            close: format!("RELEASE SAVEPOINT {BATCH_SAVEPOINT}"),
            undo: Undo::Batch,
        },
    };
    let mut is_fresh = false;
    loop {
        let (prepared, refused) = prepare(connection, &around, queries, &mut is_fresh).await?;
        let refused = match refused {
            Some(error) if prepared.is_empty() => return Err(error),
            // It fails when its turn comes: one before it may fail first.
            refused => refused,
        };
        let failure = match run(connection, &around, &prepared, queries, refused).await {
            Ok(replies) => return Ok(replies),
            Err(failure) => failure,
        };
        if connection.link.is_dead() {
            return Err(failure.error);
        }
        connection.link.leave(around.undo);
        connection.link.recover().await?;
        if failure.stale {
            for query in queries {
                connection.statements.forget(query.sql);
            }
        }
        if is_fresh || !failure.stale {
            return Err(failure.error);
        }
    }
}

/// What is sent before the statements and after them.
struct Around {
    open: String,
    close: String,
    undo: Undo,
}

/// How a pipeline failed.
struct Failure {
    error: Error,
    /// The plan was stale, or a value did not fit a type that may have been changed since.
    stale: bool,
}

impl Failure {
    fn firm(error: Error) -> Self {
        Self { error, stale: false }
    }
}

/// Prepares the statements up to the first that cannot be, and gives them with its error.
async fn prepare(
    connection: &mut PostgresConnection,
    around: &Around,
    queries: &[Query<'_>],
    is_fresh: &mut bool,
) -> Result<(Vec<Arc<Prepared>>, Option<Error>)> {
    let mut prepared = Vec::with_capacity(queries.len());
    let mut saved = false;
    let mut refused = None;
    for query in queries {
        if let Some(known) = connection.statements.get(query.sql) {
            prepared.push(known);
            continue;
        }
        *is_fresh = true;
        if around.undo == Undo::Batch && !saved {
            // A failure must not take the transaction with it.
            connection.link.control(&around.open, around.undo).await?;
            saved = true;
        }
        let lexed = lex(query.sql, &connection.info.dialect)?;
        refuse_copy(query.sql, lexed.verb(), &connection.info.dialect)?;
        match connection.prepare(query.sql, lexed).await {
            Ok(fresh) => prepared.push(fresh),
            Err(error) if connection.link.is_dead() => return Err(error),
            Err(error) => {
                refused = Some(error.with_batch_index(prepared.len()));
                break;
            }
        }
    }
    if saved {
        connection.link.leave(around.undo);
        connection.link.recover().await?;
    }
    Ok((prepared, refused))
}

async fn run(
    connection: &mut PostgresConnection,
    around: &Around,
    prepared: &[Arc<Prepared>],
    queries: &[Query<'_>],
    refused: Option<Error>,
) -> Result<Vec<Reply>, Failure> {
    connection.link.leave(around.undo);
    let client = connection.link.client().map_err(Failure::firm)?;
    let mut open = send(client.batch_execute(&around.open));
    let mut statements = Vec::with_capacity(prepared.len());
    let mut unsent = refused;
    connection.soiled |= prepared.iter().any(|prepared| prepared.soils);
    for (index, (prepared, query)) in prepared.iter().zip(queries).enumerate() {
        match encoders(prepared, query) {
            Ok(encoders) => statements.push(send(client.query_raw(&prepared.statement, encoders))),
            Err(error) => unsent = Some(error.with_batch_index(index)),
        }
        // What does not fit its type was not sent. It is told in its turn, and nothing behind it is sent.
        if statements.len() == index || matches!(statements[index].as_ref().get_ref(), MaybeDone::Done(Err(_))) {
            break;
        }
        connection.link.wire.leave_another();
    }
    let is_whole = unsent.is_none() && statements.len() == queries.len();
    let mut close = is_whole.then(|| send(client.batch_execute(&around.close)));
    if close.is_some() {
        connection.link.wire.leave_another();
    }
    let mut replies = Vec::with_capacity(statements.len());
    let mut failed = sent(&mut open).await.err().map(|error| (error, None));
    for (index, statement) in statements.iter_mut().enumerate() {
        if failed.is_some() {
            break;
        }
        let reply = match sent(statement).await {
            Ok(stream) => read(stream).await,
            Err(error) => Err(error),
        };
        match reply {
            Ok((rows, count)) => {
                let (statements, wire) = (&mut connection.statements, &connection.link.wire);
                replies.push(reply_of(statements.plan(&prepared[index], queries[index].sql, wire), rows, count));
            }
            Err(error) => failed = Some((error, Some(index))),
        }
    }
    if let (Some(close), None) = (&mut close, &failed) {
        failed = sent(close).await.err().map(|error| (error, None));
    }
    drop((open, statements, close));
    match (failed, unsent) {
        (Some((error, index)), _) => {
            Err(convert(connection, around, error, index.map(|index| (index, &*prepared[index]))))
        }
        (None, Some(error)) => Err(Failure::firm(error)),
        (None, None) => {
            connection.link.landed();
            Ok(replies)
        }
    }
}

fn convert(
    connection: &mut PostgresConnection,
    around: &Around,
    error: tokio_postgres::Error,
    statement: Option<(usize, &Prepared)>,
) -> Failure {
    let misfit = error.as_db_error().is_none();
    let stale = error::is_stale_plan(&error, &connection.link.wire) && around.undo == Undo::Transaction;
    let fatal = connection.link.notes_fatal(&error);
    let context = statement.map_or_else(Context::default, |(_, prepared)| Context::of(&prepared.lexed));
    // The transaction's end was sent along: the server may have got that far.
    let error = lost_commit(error::convert(error, &connection.link.wire, context), around.undo);
    match statement {
        Some((index, _)) => Failure { error: error.with_batch_index(index), stale: !fatal && (misfit || stale) },
        None => Failure::firm(error),
    }
}

fn encoders<'q>(prepared: &Prepared, query: &Query<'q>) -> Result<Vec<Encoder<'q>>> {
    let params = query.params;
    let arrangement = arrange(&prepared.lexed, params.names, params.values.len())?;
    let parameters = prepared.statement.params().len();
    if arrangement.len() != parameters {
        return Err(miscounted(arrangement.len(), parameters));
    }
    Ok(arrangement
        .indexes()
        .enumerate()
        .map(|(native, index)| Encoder::new(params.values[index], native + 1))
        .collect())
}

/// A request whose message has left, or that has failed before.
type Sent<F> = Pin<Box<MaybeDone<F>>>;

/// Sends a request: its first poll does.
fn send<F: Future>(request: F) -> Sent<F> {
    let mut request = Box::pin(maybe_done(request));
    let _ = request.as_mut().poll(&mut Waiting::from_waker(Waker::noop()));
    request
}

/// Waits for the reply to a request.
async fn sent<T, F: Future<Output = Result<T, tokio_postgres::Error>>>(
    request: &mut Sent<F>,
) -> Result<T, tokio_postgres::Error> {
    request.as_mut().await;
    request.as_mut().take_output().expect("invariant: it was awaited in the line above, and is taken once")
}

/// Reads a statement's rows to their end.
async fn read(stream: RowStream) -> Result<(Vec<Row>, Option<u64>), tokio_postgres::Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok((rows, stream.rows_affected()))
}

fn reply_of(plan: Arc<Plan>, rows: Vec<Row>, count: Option<u64>) -> Reply {
    let columns = Arc::clone(&plan.columns);
    let batches = if rows.is_empty() { Vec::new() } else { vec![Arc::new(Passed { plan, rows }) as _] };
    Reply { columns, batches, outcome: Outcome::rows(count) }
}

/// Rows that came by way of tokio-postgres.
struct Passed {
    plan: Arc<Plan>,
    rows: Vec<Row>,
}

impl RowBatch for Passed {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        match self.rows[row].try_get::<_, Option<Raw<'_>>>(column) {
            Ok(Some(Raw(bytes))) => self.plan.cells[column].read(bytes),
            Ok(None) => Ok(ValueRef::Null),
            Err(_) => Err(malformed()),
        }
    }
}

/// A cell's bytes as the server wrote them.
struct Raw<'b>(&'b [u8]);

impl<'b> FromSql<'b> for Raw<'b> {
    fn from_sql(_: &Type, bytes: &'b [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(bytes))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
