//! Running statements on a session, on whatever thread it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oarlock_core::connection::admit;
use oarlock_core::lex::{Lexed, Span, Verb, lex};
use oarlock_core::params::{Parameters, arrange};
use oarlock_core::result::Description;
use oarlock_core::{Column, Dialect, Error, ErrorKind, Outcome, Result, TxState};
use rusqlite::hooks::Action;
use rusqlite::{Row, Statement, StatementStatus};

use crate::bind::bind_all;
use crate::decode::Decoder;
use crate::error::from_rusqlite;
use crate::parameters::OwnedParameters;
use crate::program::Route;
use crate::session::Session;
use crate::statement::Prepared;

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    More,
    /// None, but the statement runs to its end.
    Discard,
    /// None, and the statement may end here.
    Stop,
}

/// How a job that ran a statement ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(Outcome),
    /// It has not begun: the turn to write has to be had first.
    NeedsTurn,
}

/// Where rows go.
pub(crate) trait Sink {
    /// Takes the columns, before the first row.
    fn begin(&mut self, columns: &Arc<[Column]>, decoders: &Arc<[Decoder]>, reads: bool) -> Result<()>;

    /// Takes a row.
    fn row(&mut self, row: &Row<'_>) -> Result<Flow>;
}

/// A sink for rows that nobody wants.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn begin(&mut self, _: &Arc<[Column]>, _: &Arc<[Decoder]>, _: bool) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &Row<'_>) -> Result<Flow> {
        Ok(Flow::Discard)
    }
}

/// Why a statement did not run to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    pub(crate) fn into_error(self, prepared: &Prepared) -> Error {
        match self {
            Self::Sqlite(error) => prepared.error(error),
            Self::Other(error) => error,
        }
    }
}

impl Session {
    /// Refuses a statement that must not run as things stand.
    pub(crate) fn admit(&self, prepared: &Prepared, guarded: bool) -> Result<()> {
        admit(&prepared.lexed, guarded)?;
        if guarded && self.tx_state() == TxState::Auto {
            return Err(gone());
        }
        if self.read_only && !prepared.reads {
            return Err(read_only());
        }
        Ok(())
    }

    /// Runs a statement to its end, or for as long as its rows are wanted.
    pub(crate) fn run(
        &mut self,
        sql: &str,
        prepared: &Arc<Prepared>,
        parameters: Parameters<'_>,
        sink: &mut impl Sink,
    ) -> Result<Outcome, Failure> {
        let hook = prepared.upserts.then(|| InsertHook::new(self)).transpose()?;
        let result = self.step(sql, prepared, parameters, hook.as_ref(), sink);
        if hook.is_some() {
            InsertHook::remove(self)?;
        }
        self.restore_waiting()?;
        self.follow(prepared);
        result
    }

    fn step(
        &mut self,
        sql: &str,
        prepared: &Arc<Prepared>,
        parameters: Parameters<'_>,
        hook: Option<&InsertHook>,
        sink: &mut impl Sink,
    ) -> Result<Outcome, Failure> {
        let arrangement = arrange(&prepared.lexed, parameters.names, parameters.values.len())?;
        let mut renewed = None;
        let mut rows_given = 0;
        let outcome = {
            let mut statement = self.db.prepare_cached(prepared.lexed.native())?;
            bind_all(&mut statement, &arrangement, parameters.values, prepared.program.wide)?;
            statement.reset_status(StatementStatus::VmStep);
            let mut rows = statement.raw_query();
            let mut begun = false;
            loop {
                let row = match rows.next() {
                    Ok(Some(row)) => row,
                    Ok(None) => break,
                    Err(error) => {
                        drop(rows);
                        self.operations = operations(&statement);
                        return Err(error.into());
                    }
                };
                if !begun {
                    begun = true;
                    renewed = self.renew(prepared, row.as_ref(), true);
                    let current = renewed.as_ref().unwrap_or(prepared);
                    sink.begin(&current.columns, &current.decoders, current.reads)?;
                }
                rows_given += 1;
                if sink.row(row)? == Flow::Stop {
                    break;
                }
            }
            drop(rows);
            self.operations = operations(&statement);
            // Before anything else runs, EXPLAIN too: it would count in its place.
            let affected = self.affected(prepared, rows_given);
            if !begun {
                renewed = self.renew(prepared, &statement, !self.db.is_autocommit());
                let current = renewed.as_ref().unwrap_or(prepared);
                sink.begin(&current.columns, &current.decoders, current.reads)?;
            }
            if prepared.verb() == Verb::Pragma {
                // It took effect, and gave its answer, when it was prepared.
                statement.discard();
            }
            let inserted = hook.is_none_or(InsertHook::inserted);
            let made = prepared.program.numbers && inserted && affected.is_some_and(|rows| rows > 0);
            Outcome::rows(affected).with_last_insert_id(made.then(|| self.db.last_insert_rowid()))
        };
        if let Some(renewed) = renewed {
            self.keep(sql, &renewed);
        }
        Ok(outcome)
    }

    fn affected(&self, prepared: &Prepared, rows_given: u64) -> Option<u64> {
        if prepared.verb().changes_rows() {
            Some(self.db.changes())
        } else if prepared.columns.is_empty() {
            // SQLite would tell the count of the last statement that had one.
            None
        } else {
            Some(rows_given)
        }
    }

    /// Looks at a statement again if the schema changed under it.
    ///
    /// SQLite prepares a statement anew for other reasons, too: with the statistics of `ANALYZE`, each time that it is given values
    /// by which another plan may be better. `within` says that a transaction keeps the schema as it is.
    fn renew(&self, prepared: &Prepared, statement: &Statement<'_>, within: bool) -> Option<Arc<Prepared>> {
        if statement.get_status(StatementStatus::RePrepare) == prepared.revision {
            return None;
        }
        let schema = self.schema();
        if schema.is_none() || schema != prepared.schema {
            return Some(Arc::new(self.look_again(prepared, statement, schema.filter(|_| within))));
        }
        // What a read does of other work than loops, no plan changes; a write must not turn out to be long.
        (prepared.program.route == Route::Write).then(|| {
            let mut again = self.look_again(prepared, statement, schema);
            again.program.route = Route::Worker;
            Arc::new(again)
        })
    }

    /// Gives the version of the schema, where there is none but that of the main database.
    fn schema(&self) -> Option<i64> {
        if self.dirty {
            return None;
        }
        let mut version = self.db.prepare_cached("PRAGMA main.schema_version").ok()?;
        version.query_row([], |row| row.get(0)).ok()
    }

    /// Follows what a statement did to the session, or may have done though it failed.
    fn follow(&mut self, prepared: &Prepared) {
        self.dirty |= !prepared.reads && prepared.program.temporary;
        self.follow_verb(prepared.verb(), prepared.reads);
    }

    fn follow_verb(&mut self, verb: Verb, reads: bool) {
        self.wrote |= !reads;
        match verb {
            Verb::Select
            | Verb::Values
            | Verb::Insert
            | Verb::Update
            | Verb::Delete
            | Verb::Replace
            | Verb::Explain
            | Verb::Begin
            | Verb::Commit
            | Verb::Rollback
            | Verb::Savepoint
            | Verb::Release
            | Verb::RollbackTo => {}
            Verb::Pragma | Verb::CreateTemporary | Verb::Attach | Verb::Detach => {
                self.dirty = true;
                self.changed();
            }
            _ => self.changed(),
        }
        self.settle();
    }

    /// Runs a statement of a script. It is read a second time only where a parameter may stand in it.
    fn run_text(&mut self, sql: &str, verb: Verb) -> Result<()> {
        let may_have_parameters = sql.bytes().any(|byte| matches!(byte, b'?' | b':' | b'@' | b'$'));
        let lexed = may_have_parameters.then(|| lex(sql, &Dialect::SQLITE)).transpose()?;
        if lexed.as_ref().is_some_and(|lexed| lexed.arity() > 0) {
            return Err(Error::new(ErrorKind::Parameters, "a script takes no parameters")
                .with_hint("run the statement by itself with `execute`"));
        }
        if verb == Verb::Pragma || self.keeps_temporary || mentions_temporary(sql) {
            let prepared = self.prepare(sql)?;
            self.admit(&prepared, false)?;
            let ran = self.run(sql, &prepared, Parameters::none(), &mut Nowhere);
            return ran.map(drop).map_err(|failure| failure.into_error(&prepared));
        }
        let reads = match self.run_once(lexed.as_ref().map_or(sql, Lexed::native), verb) {
            Ok(reads) => reads,
            Err(failure) => {
                self.follow_verb(verb, false);
                return Err(match failure {
                    Failure::Sqlite(error) => from_rusqlite(error, lexed.as_ref()),
                    Failure::Other(error) => error,
                });
            }
        };
        self.follow_verb(verb, reads);
        Ok(())
    }

    /// Runs a statement once, of which nothing need be known but whether it reads: a script may change the schema with each
    /// statement, and what is known of it would have to be read anew for the next.
    fn run_once(&mut self, native: &str, verb: Verb) -> Result<bool, Failure> {
        match verb {
            // They come again, and no schema changes them.
            Verb::Begin | Verb::Commit => run_to_its_end(&mut *self.db.prepare_cached(native)?, self.read_only),
            _ => run_to_its_end(&mut self.db.prepare(native)?, self.read_only),
        }
    }

    /// Runs the statements of a script up to the first error. A transaction that it has begun is undone where nobody waits for it
    /// any more.
    pub(crate) fn script(&mut self, text: &str, spans: &[Span]) -> Result<()> {
        let before = self.tx_state();
        let ran = self.run_texts(text, spans);
        if ran.is_err() && before == TxState::Auto && self.guard.stopped() {
            self.guard.clear();
            self.rollback()?;
        }
        ran
    }

    fn run_texts(&mut self, text: &str, spans: &[Span]) -> Result<()> {
        for span in spans {
            self.go_on()?;
            self.run_text(span.text(text), span.verb).map_err(|error| match error.position() {
                Some(position) => error.with_position(span.start + position),
                None => error.with_position(span.start),
            })?;
        }
        Ok(())
    }

    /// Ends a job that is wanted no more between two of its statements.
    fn go_on(&self) -> Result<()> {
        if self.guard.stopped() {
            return Err(Error::new(ErrorKind::Cancelled, "the call was dropped"));
        }
        Ok(())
    }

    /// Runs a statement from its text, unless it needs the turn to write and has it not.
    pub(crate) fn execute(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
        guarded: bool,
        sink: &mut impl Sink,
    ) -> Result<Ended> {
        self.rearm()?;
        let prepared = self.prepare(sql)?;
        self.admit(&prepared, guarded)?;
        if self.needs_turn(&prepared) {
            return Ok(Ended::NeedsTurn);
        }
        self.run(sql, &prepared, parameters, sink).map(Ended::Done).map_err(|failure| failure.into_error(&prepared))
    }

    /// Tells whether a statement writes where others of this process may, and has to wait for its turn.
    pub(crate) fn needs_turn(&self, prepared: &Prepared) -> bool {
        prepared.program.locks && self.turn.is_none() && !self.is_private()
    }

    pub(crate) fn describe(&mut self, sql: &str) -> Result<Description> {
        let prepared = self.prepare(sql)?;
        let arity = {
            let statement = self.db.prepare_cached(prepared.lexed.native()).map_err(|error| prepared.error(error))?;
            statement.parameter_count()
        };
        self.restore_waiting().map_err(|error| prepared.error(error))?;
        Ok(prepared.describe(arity))
    }

    /// Runs a statement for every row of parameters, all or nothing.
    pub(crate) fn run_many(
        &mut self,
        sql: &str,
        parameters: &OwnedParameters,
        rows: usize,
        guarded: bool,
    ) -> Result<Outcome> {
        let prepared = self.prepare(sql)?;
        self.admit(&prepared, guarded)?;
        if !matches!(self.tx_state(), TxState::Auto) || prepared.verb() == Verb::Begin {
            return self.within("SAVEPOINT oarlock_many", "RELEASE oarlock_many", |session| {
                session.each(&prepared, parameters, rows)
            });
        }
        let begin = if prepared.reads { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.within(begin, "COMMIT", |session| session.each(&prepared, parameters, rows))
    }

    fn within(&mut self, begin: &str, end: &str, work: impl FnOnce(&mut Self) -> Result<Outcome>) -> Result<Outcome> {
        let outer = self.tx_state();
        self.control(begin)?;
        let result = work(self).and_then(|outcome| self.control(end).map(|()| outcome));
        if result.is_err() && !self.db.is_autocommit() {
            if outer == TxState::Auto {
                self.control("ROLLBACK")?;
            } else {
                self.control("ROLLBACK TO oarlock_many")?;
                self.control("RELEASE oarlock_many")?;
            }
        }
        self.settle();
        result
    }

    fn each(&mut self, prepared: &Arc<Prepared>, parameters: &OwnedParameters, rows: usize) -> Result<Outcome> {
        let width = parameters.len() / rows.max(1);
        let arrangement = arrange(&prepared.lexed, parameters.names().as_deref(), width)?;
        let mut row = Vec::with_capacity(width);
        let mut sum = 0;
        let mut inserted = false;
        {
            let mut statement =
                self.db.prepare_cached(prepared.lexed.native()).map_err(|error| prepared.error(error))?;
            for index in 0..rows {
                self.go_on().map_err(|error| error.with_batch_index(index))?;
                row.clear();
                row.extend(parameters.values(index * width..(index + 1) * width));
                bind_all(&mut statement, &arrangement, &row, prepared.program.wide)
                    .map_err(|error| error.with_batch_index(index))?;
                let affected = self
                    .step_row(prepared, &mut statement)
                    .map_err(|error| prepared.error(error).with_batch_index(index))?;
                sum += affected;
                inserted |= affected > 0;
            }
        }
        // A row that inserts nothing leaves the number of the one before it.
        let last = (prepared.program.numbers && inserted && !prepared.upserts).then(|| self.db.last_insert_rowid());
        self.follow(prepared);
        Ok(Outcome::rows(Some(sum)).with_last_insert_id(last))
    }

    /// Runs a statement of a batch for the row that was bound, and gives how many rows it changed or gave.
    fn step_row(&self, prepared: &Prepared, statement: &mut Statement<'_>) -> rusqlite::Result<u64> {
        if prepared.columns.is_empty() && prepared.verb().changes_rows() {
            return statement.raw_execute().map(|rows| u64::try_from(rows).unwrap_or(u64::MAX));
        }
        let mut given = 0;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {
            given += 1;
        }
        drop(rows);
        Ok(self.affected(prepared, given).unwrap_or(0))
    }
}

fn operations(statement: &Statement<'_>) -> u32 {
    u32::try_from(statement.get_status(StatementStatus::VmStep)).unwrap_or(0)
}

#[cold]
fn read_only() -> Error {
    Error::new(ErrorKind::ReadOnly, "the transaction is read-only")
}

/// Runs a statement that has no parameters, and tells whether it only reads.
fn run_to_its_end(statement: &mut Statement<'_>, reads_only: bool) -> Result<bool, Failure> {
    let reads = statement.readonly();
    if reads_only && !reads {
        return Err(read_only().into());
    }
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(reads)
}

/// Tells whether a statement may be about temporary tables.
fn mentions_temporary(sql: &str) -> bool {
    sql.as_bytes().windows(4).any(|part| part[0] | 0x20 == b't' && part.eq_ignore_ascii_case(b"temp"))
}

/// Makes the error of a transaction that SQLite rolled back under its guard.
#[cold]
pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::TransactionFailed, "the transaction was rolled back by sqlite")
        .with_hint("an interrupted write, a full disk or ON CONFLICT ROLLBACK does that; run the transaction again")
}

/// Tells whether a statement inserted, where its count does not.
struct InsertHook(Arc<AtomicBool>);

impl InsertHook {
    fn new(session: &mut Session) -> rusqlite::Result<Self> {
        let inserted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&inserted);
        session.db.update_hook(Some(move |action, _: &str, _: &str, _| {
            if action == Action::SQLITE_INSERT {
                seen.store(true, Ordering::Relaxed);
            }
        }))?;
        Ok(Self(inserted))
    }

    fn inserted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn remove(session: &mut Session) -> rusqlite::Result<()> {
        session.db.update_hook(None::<fn(Action, &str, &str, i64)>)
    }
}
