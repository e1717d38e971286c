//! Running statements: prepared, as they stand, as a script, and those that begin and end a transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::connection::{Query, admit};
use oarlock_core::lex::{Lexed, Span, Verb, first_message, lex};
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
        self.follow([verb])?;
        if ends_transaction(verb) && self.link.wire.tag() == Tag::Rollback {
            return Err(rolled_back());
        }
        Ok(())
    }

    /// Looks after what statements have changed that ran as they stand.
    fn follow(&mut self, verbs: impl IntoIterator<Item = Verb>) -> Result<()> {
        let (mut tables, mut statements) = (false, false);
        for verb in verbs {
            tables |= changes_tables(verb);
            statements |= matches!(verb, Verb::Discard | Verb::Deallocate);
        }
        if tables {
            self.statements.tables_changed();
            self.link.client()?.clear_type_cache();
        }
        if statements {
            self.statements.clear();
        }
        Ok(())
    }

    pub(crate) async fn run_script(&mut self, text: &str) -> Result<()> {
        self.ready().await?;
        if let Some(nul) = text.bytes().position(|byte| byte == 0) {
            return Err(Error::new(ErrorKind::Syntax, "a NUL character in the script").with_position(nul));
        }
        let mut from = 0;
        loop {
            // A statement may change the rules for the strings after it, so the rest is cut anew after each message.
            let rest = &text[from..];
            let spans = self.first_message(rest);
            let Some(end) = spans.last().map(|last| last.end) else { return Ok(()) };
            self.run_message(rest, &spans).await.map_err(|error| {
                let place = error.position().unwrap_or(spans[0].start);
                error.with_position(from + place)
            })?;
            self.heed_rules();
            from += end;
        }
    }

    /// Cuts the first statements off a script that are the same in one message as one by one: the server makes a transaction of a
    /// message, so it has to be in one that the script, or whoever runs it, has begun.
    fn first_message(&self, script: &str) -> Vec<Span> {
        let dialect = &self.info.dialect;
        let mut within = self.link.tx_state() == TxState::Open;
        first_message(script, dialect, |span, next| {
            within = match span.verb {
                Verb::Begin => true,
                verb if verb.controls_transaction() => within && matches!(verb, Verb::Savepoint | Verb::Release),
                _ => within,
            };
            // What is refused is refused in its turn.
            within
                && !changes_reading(span.text(script))
                && refuse_copy(next.text(script), next.verb, dialect).is_ok()
                && refuse_copy(span.text(script), span.verb, dialect).is_ok()
        })
    }

    /// Sends statements of a script in one message; the error's position is in the script.
    async fn run_message(&mut self, script: &str, spans: &[Span]) -> Result<()> {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(()) };
        if spans.len() == 1 {
            let statement = first.text(script);
            refuse_copy(statement, first.verb, &self.info.dialect)?;
            let context = Context { native: Some(statement), ..Context::default() };
            let ran = self.run_text(statement, first.verb, context).await;
            return ran.map_err(|error| {
                let place = first.start + error.position().unwrap_or(0);
                error.with_position(place)
            });
        }
        let before = self.link.tx_state();
        let undo = if before == TxState::Auto { Undo::Transaction } else { Undo::Nothing };
        let text = &script[first.start..last.end];
        for span in spans {
            self.soiled |= soils(span.text(script), span.verb, &self.info.dialect);
        }
        let limit = self.statement_timeout.map(|limit| (limit, Duration::ZERO));
        let context = Context { native: Some(text), limit, ..Context::default() };
        let mut ran = 0;
        let sent = self.link.send_several(text, undo, context, &mut ran).await;
        let ran = &spans[..ran.min(spans.len())];
        self.follow(ran.iter().map(|span| span.verb))?;
        match sent {
            Err(error) => {
                let failed = spans.get(ran.len()).unwrap_or(last);
                let place = error.position().map_or(failed.start, |position| first.start + position);
                let ends = spans.iter().find(|span| ends_transaction(span.verb));
                let verb = ends.map_or(failed.verb, |span| span.verb);
                Err(told(error, verb, before).with_position(place))
            }
            Ok(()) if ends_transaction(last.verb) && self.link.wire.tag() == Tag::Rollback => Err(rolled_back()),
            Ok(()) => Ok(()),
        }
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

/// Tells whether a statement ends a transaction so that its work stays, if it has not failed.
fn ends_transaction(verb: Verb) -> bool {
    matches!(verb, Verb::Commit | Verb::CommitAndChain | Verb::PrepareTransaction)
}

/// Tells whether a statement may change how the server reads the strings behind it.
fn changes_reading(statement: &str) -> bool {
    let setting = b"standard_conforming_strings";
    statement.as_bytes().windows(setting.len()).any(|part| part.eq_ignore_ascii_case(setting))
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
    let unknown = error.is_connection_lost() && !reads && (before == TxState::Auto || ends_transaction(verb));
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
