//! One statement for many rows of parameters, all or nothing.
//!
//! Rows to insert go many at a time where that stores the same ([`unnest`]), and by COPY where the statement says no more than COPY
//! can; all else is pipelined, so that the server works while the next rows are on their way. When rows together fail they run
//! again one by one, which tells the row at fault, and succeeds where only their being together was at fault.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context as Waiting, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use oarlock_core::connection::{Many, admit};
use oarlock_core::lex::lex;
use oarlock_core::params::{Arrangement, arrange};
use oarlock_core::{Error, ErrorCategory, Outcome, Result, TxState};
use tokio_postgres::Statement;

use crate::connection::PostgresConnection;
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::{BATCH_SAVEPOINT, Undo};
use crate::run::{lost_commit, miscounted};
use crate::statement::{Prepared, changes_tables, refuse_copy};
use crate::unnest::{self, Column};
use crate::wire::Tag;
use crate::{array, copy};

/// How many executions of one row are on their way at a time.
const CHUNK: usize = 256;

/// How many executions of many rows are on their way at a time: one at the server, and one for it to go on with.
const AHEAD: usize = 2;

type Execution<'e> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'e>>;

/// How a batch failed.
struct Failure {
    error: Error,
    /// The plan was stale, or a value did not fit a type that may have been changed since.
    stale: bool,
    /// The rows went many at a time: one by one they may tell more, or succeed.
    together: bool,
}

impl Failure {
    fn firm(error: Error) -> Self {
        Self { error, stale: false, together: false }
    }
}

/// Runs a batch, all or nothing.
pub(crate) async fn execute(connection: &mut PostgresConnection, many: Many<'_>) -> Result<Outcome> {
    connection.ready().await?;
    if many.rows == 0 {
        return Ok(Outcome::rows(Some(0)));
    }
    let state = connection.link.tx_state();
    let mut found = connection.statements.get(many.sql);
    let mut is_fresh = false;
    let mut together = many.width > 0 && many.rows >= unnest::FEW;
    loop {
        let prepared = if let Some(prepared) = found.take() {
            prepared
        } else {
            is_fresh = true;
            let lexed = lex(many.sql, &connection.info.dialect)?;
            admit(&lexed, true)?;
            arrange(&lexed, many.names, many.width)?;
            refuse_copy(many.sql, lexed.verb(), &connection.info.dialect)?;
            connection.prepare(many.sql, lexed).await?
        };
        if together && state == TxState::Auto && unnest::is_one_statement(many) {
            match run_alone(connection, &prepared, many).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => together = false,
                Err(failure) => {
                    if connection.link.is_dead() || !failure.together {
                        return Err(failure.error);
                    }
                    // Nothing of them is stored. What was wrong is told by the rows one by one.
                    connection.link.wire.clear();
                    together = false;
                }
            }
        }
        let (open, undo) = match state {
            TxState::Auto => ("BEGIN".to_owned(), Undo::Transaction),
            _ => (format!("SAVEPOINT {BATCH_SAVEPOINT}"), Undo::Batch),
        };
        connection.link.control(&open, undo).await?;
        connection.soiled |= prepared.soils;
        let failure = match run(connection, &prepared, many, undo, together).await {
            Ok(total) => {
                let counted = connection.link.wire.tag() == Tag::Counted;
                let close = match undo {
                    Undo::Transaction => "COMMIT".to_owned(),
                    _ => format!("RELEASE SAVEPOINT {BATCH_SAVEPOINT}"),
                };
                // From here on the server keeps the batch, whether we hear of it or not.
                let kept = Undo::Nothing;
                let warnings = connection.link.wire.notice_count();
                connection.link.control(&close, kept).await.map_err(|error| lost_commit(error, undo))?;
                if changes_tables(prepared.lexed.verb()) {
                    connection.statements.tables_changed();
                }
                return Ok(Outcome::rows(counted.then_some(total)).with_warnings(warnings));
            }
            Err(failure) => failure,
        };
        if connection.link.is_dead() {
            return Err(failure.error);
        }
        // The mark still stands, so this is what a dropped batch is recovered by, too.
        connection.link.leave(undo);
        connection.link.recover().await?;
        if failure.together {
            connection.link.wire.clear();
            together = false;
            found = Some(prepared);
            continue;
        }
        if failure.stale {
            connection.statements.forget(many.sql);
        }
        if is_fresh || !failure.stale {
            return Err(failure.error);
        }
    }
}

/// Executes rows that make one statement, which is all or nothing by itself: without the two trips of a transaction. `None` where there is
/// no such statement.
async fn run_alone(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    many: Many<'_>,
) -> Result<Option<Outcome>, Failure> {
    let arrangement = arrange(&prepared.lexed, many.names, many.width).map_err(Failure::firm)?;
    let parameters = prepared.statement.params();
    if arrangement.len() != parameters.len() {
        return Err(Failure::firm(miscounted(arrangement.len(), parameters.len())));
    }
    let Some(columns) = Column::all(&many, &arrangement, parameters) else { return Ok(None) };
    let kept = Undo::Nothing;
    let result = match statement_for_many(connection, prepared, kept).await {
        Ok(Some(statement)) => {
            connection.soiled |= prepared.soils;
            many_at_a_time(connection, &statement, &columns, many, kept).await
        }
        Ok(None) => return Ok(None),
        Err(failure) => Err(failure),
    };
    match result {
        Ok(total) => {
            let counted = connection.link.wire.tag() == Tag::Counted;
            let warnings = connection.link.wire.notice_count();
            if changes_tables(prepared.lexed.verb()) {
                connection.statements.tables_changed();
            }
            Ok(Some(Outcome::rows(counted.then_some(total)).with_warnings(warnings)))
        }
        Err(failure) if connection.link.is_dead() => {
            Err(Failure { error: lost_commit(failure.error, Undo::Transaction), ..failure })
        }
        Err(failure) => {
            connection.link.leave(kept);
            connection.link.recover().await.map_err(Failure::firm)?;
            Err(failure)
        }
    }
}

/// Executes all rows and gives the sum of their counts.
async fn run(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    many: Many<'_>,
    undo: Undo,
    together: bool,
) -> Result<u64, Failure> {
    let arrangement = arrange(&prepared.lexed, many.names, many.width).map_err(Failure::firm)?;
    let parameters = prepared.statement.params();
    if arrangement.len() != parameters.len() {
        return Err(Failure::firm(miscounted(arrangement.len(), parameters.len())));
    }
    if together
        && let Some(statement) = statement_for_many(connection, prepared, undo).await?
        && let Some(columns) = Column::all(&many, &arrangement, parameters)
    {
        if many.rows >= unnest::COPIED
            && !columns.iter().any(Column::is_text)
            && let Some(rows) = copied(connection, prepared, &columns, many, undo).await?
        {
            return Ok(rows);
        }
        return many_at_a_time(connection, &statement, &columns, many, undo).await;
    }
    one_by_one(connection, prepared, &arrangement, many, undo).await
}

/// Gives the statement for many rows, where there is one.
async fn statement_for_many(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    undo: Undo,
) -> Result<Option<Statement>, Failure> {
    if let Some(known) = prepared.unnest.get() {
        return Ok(known.clone());
    }
    connection.link.leave(undo);
    let client = connection.link.client().map_err(Failure::firm)?;
    match unnest::prepare(client, prepared, &connection.info.dialect).await {
        Ok(statement) => {
            connection.link.landed();
            Ok(prepared.unnest.get_or_init(|| statement).clone())
        }
        Err(error) => {
            // It is not tried again: the rows go one by one from now on.
            let _ = prepared.unnest.set(None);
            Err(failed_together(connection, error))
        }
    }
}

/// Copies the rows where the statement says no more than that; `None` where it does.
async fn copied(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    columns: &[Column<'_>],
    many: Many<'_>,
    undo: Undo,
) -> Result<Option<u64>, Failure> {
    let dialect = connection.info.dialect;
    let Some((target, order)) = unnest::target(&prepared.lexed, &dialect) else { return Ok(None) };
    let query = copy::describe(&target, &dialect).map_err(Failure::firm)?;
    connection.link.leave(undo);
    let client = connection.link.client().map_err(Failure::firm)?;
    let types = match copy::types(client, &query).await {
        Ok(types) => types,
        Err(error) => return Err(failed_together(connection, error)),
    };
    // The table was changed since the statement was prepared: it still takes what it took then, and COPY would not.
    if !order.iter().map(|native| &prepared.statement.params()[*native]).eq(&types) {
        return Ok(None);
    }
    let sink = match client.copy_in::<_, Bytes>(&copy::binary(&target)).await {
        Ok(sink) => sink,
        Err(error) => return Err(failed_together(connection, error)),
    };
    connection.link.wire.expect_copy();
    let width = array::field_count(types.len()).map_err(Failure::firm)?;
    let write = |row: usize, out: &mut BytesMut| {
        out.put_i16(width);
        order.iter().zip(&types).try_for_each(|(native, of)| columns[*native].put(row, of, out))
    };
    let copied = {
        let mut sink = pin!(sink);
        let mut data = copy::Binary::new();
        let mut result = Ok(());
        for row in 0..many.rows {
            let piece = match data.row(|out| write(row, out)) {
                Ok(piece) => piece,
                // Dropping the sink breaks the copy off.
                Err(error) => return Err(Failure { error, stale: false, together: true }),
            };
            if let Some(piece) = piece {
                result = sink.feed(piece).await;
            }
            if result.is_err() {
                break;
            }
        }
        if result.is_ok() {
            result = sink.feed(data.end()).await;
        }
        match result {
            Ok(()) => sink.finish().await,
            Err(error) => Err(error),
        }
    };
    match copied {
        Ok(rows) => {
            connection.link.landed();
            Ok(Some(rows))
        }
        Err(error) => Err(failed_together(connection, error)),
    }
}

async fn many_at_a_time(
    connection: &mut PostgresConnection,
    statement: &Statement,
    columns: &[Column<'_>],
    many: Many<'_>,
    undo: Undo,
) -> Result<u64, Failure> {
    connection.link.leave(undo);
    let client = connection.link.client().map_err(Failure::firm)?;
    let mut executions: VecDeque<Execution<'_>> = VecDeque::with_capacity(AHEAD);
    let mut total = 0;
    let mut result = Ok(());
    for (chunk, rows) in unnest::chunks(many).enumerate() {
        if executions.len() == AHEAD
            && let Some(first) = executions.pop_front()
        {
            match first.await {
                Ok(count) => total += count,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let slices: Vec<_> = columns.iter().map(|column| column.rows(rows.clone())).collect();
        let mut execution: Execution<'_> = Box::pin(client.execute_raw(statement, slices));
        // The first poll encodes and sends.
        match execution.as_mut().poll(&mut Waiting::from_waker(Waker::noop())) {
            Poll::Pending => executions.push_back(execution),
            Poll::Ready(Ok(count)) => total += count,
            Poll::Ready(Err(error)) => {
                result = Err(error);
                break;
            }
        }
        if chunk > 0 {
            connection.link.wire.leave_another();
        }
    }
    while let Some(execution) = executions.pop_front().filter(|_| result.is_ok()) {
        match execution.await {
            Ok(count) => total += count,
            Err(error) => result = Err(error),
        }
    }
    drop(executions);
    match result {
        Ok(()) => {
            connection.link.landed();
            Ok(total)
        }
        Err(error) => Err(failed_together(connection, error)),
    }
}

/// Takes the error of rows that went together.
fn failed_together(connection: &mut PostgresConnection, error: tokio_postgres::Error) -> Failure {
    let fatal = connection.link.notes_fatal(&error);
    let error = error::convert(error, &connection.link.wire, Context::default());
    // What came from outside, such as a deadlock or a time limit, needs no second try.
    let outside = matches!(error.category(), ErrorCategory::Operational | ErrorCategory::Internal);
    Failure { error, stale: false, together: !fatal && !outside }
}

async fn one_by_one(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    arrangement: &Arrangement<'_>,
    many: Many<'_>,
    undo: Undo,
) -> Result<u64, Failure> {
    let mut total = 0_u64;
    for first in (0..many.rows).step_by(CHUNK) {
        connection.link.leave(undo);
        let client = connection.link.client().map_err(Failure::firm)?;
        let mut executions: Vec<Option<Execution<'_>>> = Vec::with_capacity(CHUNK);
        let mut sent = Ok(());
        for row in first..many.rows.min(first + CHUNK) {
            let values = many.row(row).values;
            let encoders =
                arrangement.indexes().enumerate().map(|(native, index)| Encoder::new(values[index], native + 1));
            let mut execution: Execution<'_> = Box::pin(client.execute_raw(&prepared.statement, encoders));
            // The first poll encodes and sends; the reply is awaited below, in the same order.
            match execution.as_mut().poll(&mut Waiting::from_waker(Waker::noop())) {
                Poll::Pending => executions.push(Some(execution)),
                Poll::Ready(Ok(count)) => {
                    total += count;
                    executions.push(None);
                }
                Poll::Ready(Err(error)) => {
                    sent = Err((row, error));
                    break;
                }
            }
            if row > first {
                connection.link.wire.leave_another();
            }
        }
        let mut result = Ok(());
        for (offset, execution) in executions.into_iter().enumerate() {
            let Some(execution) = execution else { continue };
            match execution.await {
                Ok(count) => total += count,
                Err(error) => {
                    result = Err((first + offset, error));
                    break;
                }
            }
        }
        if let Err((row, error)) = result.and(sent) {
            let misfit = error.as_db_error().is_none();
            let stale = error::is_stale_plan(&error, &connection.link.wire) && undo == Undo::Transaction;
            let fatal = connection.link.notes_fatal(&error);
            let error = error::convert(error, &connection.link.wire, Context::of(&prepared.lexed));
            let stale = !fatal && (misfit || stale);
            return Err(Failure { error: error.with_batch_index(row), stale, together: false });
        }
        connection.link.landed();
    }
    Ok(total)
}
