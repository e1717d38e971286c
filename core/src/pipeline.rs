//! Several statements at once.

use std::fmt;

use crate::buffered::BufferedCursor;
use crate::connection::{Query, TxState, admit};
use crate::cursor::Cursor;
use crate::db::Db;
use crate::lex::{Verb, lex};
use crate::params::{Bindings, Parameters, Params};
use crate::trace::Work;
use crate::transaction::TxOptions;
use crate::tx::Tx;
use crate::value::ValueRef;
use crate::{Dialect, Error, Result};

/// Statements that are run together, all or nothing: what [`DbExt::pipeline`](crate::DbExt::pipeline) makes.
///
/// They run in order, in a transaction of their own; on a transaction, in a savepoint. When one fails, those after it are
/// not run, and nothing remains of those before it. Where the database
/// [can](crate::Capabilities::pipelining) they travel in one round trip, with the transaction around them; elsewhere each takes
/// its own, and the results are the same.
///
/// All rows are kept in memory. Of a statement with several result sets the first is kept.
///
/// # Examples
///
/// ```
/// # use oarlock_core::{Db, DbExt, Result};
/// # async fn f(db: &dyn Db, id: i64) -> Result<()> {
/// let mut results = db
///     .pipeline()
///     .add("UPDATE page SET views = views + 1 WHERE id = ?", (id,))
///     .add("SELECT title FROM page WHERE id = ?", (id,))
///     .add("SELECT id, body FROM comment WHERE page = ? ORDER BY id", (id,))
///     .run()
///     .await?;
/// let comments: Vec<(i64, String)> = results[2].fetch_all()?;
/// let title: Option<(String,)> = results[1].fetch_one()?;
/// assert_eq!(results[0].outcome().rows_affected, Some(1));
/// # Ok(())
/// # }
/// ```
pub struct Pipeline<'p, D: ?Sized> {
    db: &'p D,
    options: TxOptions,
    statements: Vec<(&'p str, Box<dyn Params + 'p>)>,
}

impl<'p, D: Db + ?Sized> Pipeline<'p, D> {
    pub(crate) fn new(db: &'p D) -> Self {
        Self { db, options: TxOptions::default(), statements: Vec::new() }
    }

    /// Sets the options of the transaction: a pipeline that only reads need not take the lock to write, which SQLite has one
    /// of.
    pub fn options(&mut self, options: TxOptions) -> &mut Self {
        self.options = options;
        self
    }

    /// Adds a statement with its parameters. It is looked at when the pipeline runs.
    pub fn add(&mut self, sql: &'p str, params: impl Params + 'p) -> &mut Self {
        self.statements.push((sql, Box::new(params)));
        self
    }

    /// Gives the number of statements.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Tells whether there are no statements.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Runs the statements and gives their results, in the same order. It may be called again, which runs them again.
    ///
    /// # Errors
    ///
    /// The first failing statement's, with its index as [`batch_index`](Error::batch_index); the commit's, without one.
    /// `Interface` for a statement that would begin or end a transaction and on a connection with a transaction that no guard
    /// holds, `NotSupported` for one that commits by itself (MySQL's DDL): then nothing was run;
    /// and for one that gives several sets of rows, such as a procedure: nothing remains then.
    ///
    /// # Cancellation
    ///
    /// As that of a transaction: all was done or nothing.
    pub async fn run(&self) -> Result<Vec<BufferedCursor>> {
        if self.statements.is_empty() {
            return Ok(Vec::new());
        }
        let mut bindings = Vec::with_capacity(self.statements.len());
        for (index, (_, params)) in self.statements.iter().enumerate() {
            let mut bound = Bindings::default();
            params.bind(&mut bound).map_err(|error| error.with_batch_index(index))?;
            bindings.push(bound);
        }
        let values: Vec<_> = bindings.iter().map(Bindings::values).collect();
        let mut queries = Vec::with_capacity(self.statements.len());
        for (index, ((sql, _), (bound, values))) in self.statements.iter().zip(bindings.iter().zip(&values)).enumerate()
        {
            let names = bound.names().map_err(|error| error.with_batch_index(index))?;
            let values: &[ValueRef<'_>] = values;
            queries.push(Query { sql, params: Parameters { names, values }, guarded: true });
        }
        self.run_bound(&queries).await
    }

    async fn run_bound(&self, queries: &[Query<'_>]) -> Result<Vec<BufferedCursor>> {
        let mut lease = self.db.lease().await?;
        if !lease.is_guarded() && lease.connection().tx_state() != TxState::Auto {
            return Err(Error::interface("the connection is in a transaction that no guard holds")
                .with_hint("begin one with `begin`, and run the pipeline on it"));
        }
        let travels = travels_together(queries, &lease.info().dialect)?;
        if travels && lease.info().capabilities.pipelining {
            let work = || Work::pipeline(queries);
            let replies = lease.call(work, |connection| connection.pipeline(&self.options, queries)).await?;
            return Ok(replies.into_iter().map(BufferedCursor::from).collect());
        }
        drop(lease);
        let tx = self.db.begin_with(self.options).await?;
        let mut results = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            match run_one(&tx, query).await {
                Ok(result) => results.push(result),
                Err(error) => {
                    // Its error is the one to tell; a rollback that fails is made good before the next statement.
                    let _ = tx.rollback().await;
                    return Err(error.with_batch_index(index));
                }
            }
        }
        tx.commit().await?;
        Ok(results)
    }
}

async fn run_one(tx: &Tx, query: &Query<'_>) -> Result<BufferedCursor> {
    let mut cursor = Cursor::new(tx.lease().await?);
    cursor.execute_bound(query.sql, query.params).await?;
    cursor.into_buffered().await
}

/// Refuses what cannot be undone, and tells whether all statements can be read by the server before the first has run: none
/// makes or changes what another may name.
fn travels_together(queries: &[Query<'_>], dialect: &Dialect) -> Result<bool> {
    let mut travels = true;
    for (index, query) in queries.iter().enumerate() {
        // What cannot be read is for the driver to refuse, when its turn comes.
        let Ok(lexed) = lex(query.sql, dialect) else {
            travels = false;
            continue;
        };
        admit(&lexed, true).map_err(|error| error.with_batch_index(index))?;
        let verb = lexed.verb();
        if verb.commits_implicitly(dialect.flavor) {
            return Err(Error::not_supported(
                "the statement commits by itself, so a pipeline with it could not be undone",
            )
            .with_batch_index(index));
        }
        travels &= verb.changes_rows() || matches!(verb, Verb::Select | Verb::Values | Verb::Table | Verb::With);
    }
    Ok(travels)
}

impl<D: ?Sized> fmt::Debug for Pipeline<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statements: Vec<&str> = self.statements.iter().map(|(sql, _)| *sql).collect();
        f.debug_struct("Pipeline").field("statements", &statements).finish_non_exhaustive()
    }
}
