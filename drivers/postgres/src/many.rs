//! One statement for many rows of parameters, pipelined: the server works while the next rows are on their way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Waiting, Poll, Waker};

use oarlock_core::connection::{Many, admit};
use oarlock_core::lex::lex;
use oarlock_core::params::arrange;
use oarlock_core::{Error, Outcome, Result, TxState};

use crate::connection::PostgresConnection;
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::{BATCH_SAVEPOINT, Undo};
use crate::run::miscounted;
use crate::statement::{Prepared, changes_tables, refuse_copy};
use crate::wire::Tag;

/// How many executions are on their way at a time.
const CHUNK: usize = 256;

type Execution<'e> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'e>>;

/// How a batch failed.
struct Failure {
    error: Error,
    /// The plan was stale, or a value did not fit a type that may have been changed since.
    stale: bool,
}

/// Runs a batch, all or nothing.
pub(crate) async fn execute(connection: &mut PostgresConnection, many: Many<'_>) -> Result<Outcome> {
    connection.ready().await?;
    if many.rows == 0 {
        return Ok(Outcome::rows(Some(0)));
    }
    let state = connection.link.tx_state();
    let mut found = connection.statements.get(many.sql);
    loop {
        let is_fresh = found.is_none();
        let prepared = if let Some(prepared) = found.take() {
            prepared
        } else {
            let lexed = lex(many.sql, &connection.info.dialect)?;
            admit(&lexed, true)?;
            arrange(&lexed, many.names, many.width)?;
            refuse_copy(many.sql, lexed.verb(), &connection.info.dialect)?;
            connection.prepare(many.sql, lexed).await?
        };
        let (open, undo) = match state {
            TxState::Auto => ("BEGIN".to_owned(), Undo::Transaction),
            _ => (format!("SAVEPOINT {BATCH_SAVEPOINT}"), Undo::Batch),
        };
        connection.link.control(&open, undo).await?;
        let failure = match run(connection, &prepared, many, undo).await {
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
        if failure.stale {
            connection.statements.forget(many.sql);
        }
        if is_fresh || !failure.stale {
            return Err(failure.error);
        }
    }
}

fn lost_commit(error: Error, undo: Undo) -> Error {
    let unknown = error.is_connection_lost() && undo == Undo::Transaction;
    if unknown { error.with_outcome_unknown() } else { error }
}

/// Executes all rows and gives the sum of their counts.
async fn run(
    connection: &mut PostgresConnection,
    prepared: &Prepared,
    many: Many<'_>,
    undo: Undo,
) -> Result<u64, Failure> {
    let firm = |error| Failure { error, stale: false };
    let arrangement = arrange(&prepared.lexed, many.names, many.width).map_err(firm)?;
    if arrangement.len() != prepared.statement.params().len() {
        return Err(firm(miscounted(arrangement.len(), prepared.statement.params().len())));
    }
    let mut total = 0_u64;
    for first in (0..many.rows).step_by(CHUNK) {
        connection.link.leave(undo);
        let client = connection.link.client().map_err(firm)?;
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
            let stale = error::is_stale_plan(&error) && undo == Undo::Transaction;
            let fatal = connection.link.notes_fatal(&error);
            let error = error::convert(error, &connection.link.wire, Context::of(&prepared.lexed));
            return Err(Failure { error: error.with_batch_index(row), stale: !fatal && (misfit || stale) });
        }
        connection.link.landed();
    }
    Ok(total)
}
