//! Running statements: prepared, as they stand, as a script, and those that begin and end a transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::connection::{Query, admit};
use oarlock_core::lex::{Lexed, Verb, lex, split};
use oarlock_core::params::arrange;
use oarlock_core::result::Description;
use oarlock_core::value::NativeType;
use oarlock_core::{Error, ErrorKind, Result, TxOptions, TxState};

use crate::capabilities::MOST_PARAMETERS;
use crate::connection::{Open, PostgresConnection};
use crate::encode::Encoder;
use crate::error::{self, Context};
use crate::link::Undo;
use crate::options::StatementNames;
use crate::soil::soils;
use crate::statement::{Prepared, changes_tables, is_direct, refuse_copy};
use crate::wire::Tag;

impl PostgresConnection {
    fn context<'s>(&self, lexed: &'s Lexed, started: Option<Instant>) -> Context<'s> {
        let limit = self.statement_timeout.zip(started).map(|(limit, started)| (limit, started.elapsed()));
        Context { limit, ..Context::of(lexed) }
    }

    /// Starts a statement. What is rare is boxed: this future is made for every statement, and copied once.
    pub(crate) async fn begin_statement(&mut self, query: Query<'_>) -> Result<()> {
        self.ready().await?;
        let state = self.link.tx_state();
        let found = self.statements.get(query.sql);
        let mut is_fresh = found.is_none();
        let mut prepared = if let Some(prepared) = found {
            prepared
        } else {
            let lexed = lex(query.sql, &self.info.dialect)?;
            admit(&lexed, query.guarded)?;
            arrange(&lexed, query.params.names, query.params.values.len())?;
            refuse_copy(query.sql, lexed.verb(), &self.info.dialect)?;
            if is_direct(&lexed) {
                return Box::pin(self.run_direct(&lexed)).await;
            }
            Box::pin(self.prepare(query.sql, lexed)).await?
        };
        loop {
            admit(&prepared.lexed, query.guarded)?;
            let Err(error) = self.send(&prepared, &query).await? else {
                return Ok(());
            };
            let outdated = error::is_stale_plan(&error, &self.link.wire);
            // Nothing was sent when a value did not fit; the type may have been changed since it was inferred.
            let misfit = error.as_db_error().is_none();
            let context = self.context(&prepared.lexed, None);
            let error = Box::pin(self.link.failed(error, context)).await;
            let again = !is_fresh && (misfit || outdated && state == TxState::Auto) && !self.link.is_dead();
            if outdated || again {
                self.statements.forget(query.sql);
            }
            if !again {
                return Err(told(error, prepared.lexed.verb(), state));
            }
            is_fresh = true;
            let lexed = prepared.lexed.clone();
            prepared = Box::pin(self.prepare(query.sql, lexed)).await?;
        }
    }

    /// Prepares a statement and keeps it.
    pub(crate) async fn prepare(&mut self, sql: &str, lexed: Lexed) -> Result<Arc<Prepared>> {
        if lexed.slots().len() > MOST_PARAMETERS || lexed.arity() > MOST_PARAMETERS {
            return Err(Error::new(
                ErrorKind::Parameters,
                format!("a statement has at most {MOST_PARAMETERS} parameters, and this one has {}", lexed.arity()),
            ));
        }
        let shown = lexed.clone();
        self.link.leave(Undo::Nothing);
        let soils = soils(lexed.native(), lexed.verb(), &self.info.dialect);
        match self.statements.prepare(self.link.client()?, sql, lexed, soils).await {
            Ok(prepared) => {
                self.link.landed();
                Ok(prepared)
            }
            Err(error) => {
                // A statement that is missing while one is prepared is among those by which tokio-postgres looks types up.
                // The user's DISCARD ALL has dropped it, and there is no way to have it prepared again.
                let crippled = error.code().is_some_and(|code| code.code() == "26000");
                let context = self.context(&shown, None);
                let error = self.link.failed(error, context).await;
                if crippled {
                    self.link.kill();
                }
                Err(error)
            }
        }
    }

    /// Sends a prepared statement; the inner result is the server's or the encoder's word.
    async fn send(&mut self, prepared: &Arc<Prepared>, query: &Query<'_>) -> Result<Result<(), tokio_postgres::Error>> {
        let params = query.params;
        let arrangement = arrange(&prepared.lexed, params.names, params.values.len())?;
        if arrangement.len() != prepared.statement.params().len() {
            return Err(miscounted(arrangement.len(), prepared.statement.params().len()));
        }
        let encoders =
            arrangement.indexes().enumerate().map(|(native, index)| Encoder::new(params.values[index], native + 1));
        self.soiled |= prepared.soils;
        self.link.leave(Undo::Nothing);
        let started = self.statement_timeout.map(|_| Instant::now());
        self.link.wire.rows.expect();
        let stream = match self.link.client()?.query_raw(&prepared.statement, encoders).await {
            Ok(stream) => stream,
            Err(error) => {
                self.link.wire.rows.pass();
                return Ok(Err(error));
            }
        };
        self.link.landed();
        self.stream.as_mut().set(Some(stream));
        let plan = self.statements.plan(prepared, query.sql, &self.link.wire);
        self.columns = Arc::clone(&plan.columns);
        self.open = Some(Open::coming(Arc::clone(prepared), plan, started));
        Ok(Ok(()))
    }

    /// Runs a statement without parameters and rows.
    async fn run_direct(&mut self, lexed: &Lexed) -> Result<()> {
        self.run_text(lexed.native(), lexed.verb(), self.context(lexed, None)).await?;
        self.columns = Arc::clone(&self.no_columns);
        self.open = Some(Open::over());
        Ok(())
    }

    /// Sends one statement as it stands, and looks after what its verb changes.
    pub(crate) async fn run_text(&mut self, native: &str, verb: Verb, context: Context<'_>) -> Result<()> {
        if verb == Verb::Listen {
            listens(self.names)?;
        }
        let before = self.link.tx_state();
        self.soiled |= soils(native, verb, &self.info.dialect);
        let limit = self.statement_timeout.map(|limit| (limit, Duration::ZERO));
        if let Err(error) = self.link.send(native, Undo::Nothing, Context { limit, ..context }).await {
            return Err(told(error, verb, before));
        }
        if changes_tables(verb) {
            self.statements.tables_changed();
            self.link.client()?.clear_type_cache();
        }
        if matches!(verb, Verb::Discard | Verb::Deallocate) {
            self.statements.clear();
        }
        let ends = matches!(verb, Verb::Commit | Verb::CommitAndChain | Verb::PrepareTransaction);
        if ends && self.link.wire.tag() == Tag::Rollback {
            return Err(rolled_back());
        }
        Ok(())
    }

    pub(crate) async fn run_script(&mut self, text: &str) -> Result<()> {
        self.ready().await?;
        if let Some(nul) = text.bytes().position(|byte| byte == 0) {
            return Err(Error::new(ErrorKind::Syntax, "a NUL character in the script").with_position(nul));
        }
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
            let context = Context { native: Some(statement), ..Context::default() };
            if let Err(error) = self.run_text(statement, span.verb, context).await {
                let place = error.position().map(|position| start + position);
                return Err(place.into_iter().fold(error, Error::with_position));
            }
            self.heed_rules();
            from += span.end;
        }
        Ok(())
    }

    pub(crate) async fn begin_transaction(&mut self, options: &TxOptions) -> Result<()> {
        self.ready().await?;
        self.branch.check_plain_end()?;
        if self.link.tx_state() != TxState::Auto {
            return Err(Error::interface("a transaction is open already").with_hint("set a savepoint, or end it first"));
        }
        self.link.control(&begin(*options), Undo::Transaction).await
    }

    pub(crate) async fn commit_transaction(&mut self) -> Result<()> {
        match self.link.tx_state() {
            TxState::Auto => Err(Error::interface("there is no transaction to commit")),
            TxState::Failed => {
                self.link.control("ROLLBACK", Undo::Nothing).await?;
                Err(rolled_back())
            }
            _ => self.run_text("COMMIT", Verb::Commit, Context::default()).await,
        }
    }

    pub(crate) async fn roll_transaction_back(&mut self) -> Result<()> {
        match self.link.tx_state() {
            TxState::Auto => Ok(()),
            _ => self.link.control("ROLLBACK", Undo::Nothing).await,
        }
    }

    pub(crate) async fn describe_statement(&mut self, sql: &str) -> Result<Description> {
        self.ready().await?;
        let prepared = if let Some(prepared) = self.statements.get(sql) {
            prepared
        } else {
            let lexed = lex(sql, &self.info.dialect)?;
            self.prepare(sql, lexed).await?
        };
        let parameters = prepared.statement.params();
        Ok(Description {
            arity: prepared.lexed.arity(),
            names: prepared.lexed.names().to_vec(),
            native_arity: parameters.len(),
            parameters: parameters.iter().map(|of| Some(NativeType::new(of.oid(), of.name()))).collect(),
            columns: prepared.plan.columns.to_vec(),
        })
    }
}

/// Writes the statement that begins a transaction.
pub(crate) fn begin(options: TxOptions) -> String {
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
    sql
}

/// Refuses to listen in a session that may be another's the moment after.
pub(crate) fn listens(names: StatementNames) -> Result<()> {
    match names {
        StatementNames::Named => Ok(()),
        StatementNames::Unnamed => {
            Err(Error::not_supported("LISTEN needs a session of its own, and statements=unnamed does without")
                .with_hint("listen on a connection that leads past the pooler, without statements=unnamed in its URL"))
        }
    }
}

/// Marks the error of a connection that was lost while a transaction of the driver's own may have been committed.
pub(crate) fn lost_commit(error: Error, undo: Undo) -> Error {
    let unknown = error.is_connection_lost() && undo == Undo::Transaction;
    if unknown { error.with_outcome_unknown() } else { error }
}

/// Marks the error of a lost connection where the statement may have been carried out.
pub(crate) fn told(error: Error, verb: Verb, before: TxState) -> Error {
    let reads = matches!(verb, Verb::Select | Verb::Values | Verb::Table | Verb::Show | Verb::Explain);
    let commits = matches!(verb, Verb::Commit | Verb::CommitAndChain | Verb::PrepareTransaction);
    let unknown = error.is_connection_lost() && !reads && (before == TxState::Auto || commits);
    if unknown { error.with_outcome_unknown() } else { error }
}

#[cold]
fn rolled_back() -> Error {
    Error::new(ErrorKind::TransactionFailed, "the transaction had failed and was rolled back instead of committed")
        .with_sqlstate("25P02")
}

#[cold]
pub(crate) fn miscounted(ours: usize, theirs: usize) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the statement was read to have {ours} parameters, but the server counts {theirs}"),
    )
}
