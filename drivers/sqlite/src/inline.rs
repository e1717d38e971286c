//! Statements that are known to be short run here and now, on the caller's thread: a trip to a worker costs as much as ten
//! point selects.
//!
//! What may run is told by its program ([`Program`](crate::program::Program)); that it stays short is seen to while it
//! runs. A read has a budget of time, and no value it meets may be large; one that goes past either is stopped, run again
//! on a worker from its start, and stays there for its next thousand runs. A write has no budget, as an interrupted one
//! would roll back the whole transaction: it runs here only where its work is little by its program and the write lock is held. Nothing
//! here waits for a lock, and nothing here waits for the disk but for a page that is not in memory.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use oarlock_core::connection::Query;
use oarlock_core::lex::Verb;
use oarlock_core::result::RowSink;
use oarlock_core::{Column, Outcome, Result, RowRef, ValueRef};
use rusqlite::Row;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef as Stored;
use smallvec::SmallVec;

use crate::arena::{Arena, lost_column};
use crate::bind;
use crate::decode::Decoder;
use crate::error::{is_busy, is_interrupt, is_too_big};
use crate::options::Inline;
use crate::program::Route;
use crate::run::{Failure, Flow, Sink};
use crate::session::Session;
use crate::statement::Prepared;

/// How long a read may take.
const BUDGET: Duration = Duration::from_micros(100);

/// The largest text or blob that a statement here may meet, and the most of them that it may bring, in bytes.
const LARGEST: u16 = u16::MAX;

/// How much work a thread may do before it lets other tasks run, in SQLite's operations: some 50 microseconds. To yield more
/// often costs more than it gives: the runtime asks the system for events each time.
const STINT: u32 = 4000;

/// What a statement costs before its first operation: by itself, where it has to look at the file, and within a transaction.
const STATEMENT: u32 = 100;
const WITHIN: u32 = 30;

/// A read that did less than this when its budget ran out was kept from working, by the system or the disk.
const WORK: u32 = 1000;

/// A statement that ran to its end.
pub(crate) struct Ran {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) rows: Option<Arena>,
    pub(crate) outcome: Outcome,
}

thread_local! {
    /// How much work this thread has done since it let other tasks run.
    static DONE: Cell<u32> = const { Cell::new(0) };
}

fn count(operations: u32) {
    DONE.set(DONE.get().saturating_add(operations));
}

/// Tells whether statements have held this thread for so long that others should have it.
#[inline]
pub(crate) fn is_long() -> bool {
    DONE.get() > STINT
}

/// Lets other tasks run.
pub(crate) async fn pause() {
    DONE.set(0);
    tokio::task::yield_now().await;
}

/// Rows of a statement that runs here.
#[derive(Default)]
struct Buffer {
    columns: Option<Arc<[Column]>>,
    rows: Option<Arena>,
}

impl Sink for Buffer {
    fn begin(&mut self, columns: &Arc<[Column]>, decoders: &Arc<[Decoder]>, _: bool) -> Result<()> {
        self.columns = Some(Arc::clone(columns));
        self.rows = (!columns.is_empty()).then(|| Arena::new(Arc::clone(decoders)));
        Ok(())
    }

    #[inline]
    fn row(&mut self, row: &Row<'_>) -> Result<Flow> {
        if let Some(rows) = &mut self.rows {
            rows.push(row)?;
        }
        Ok(Flow::More)
    }
}

/// Hands rows on as they come, without a copy.
struct Lender<'s> {
    sink: &'s mut dyn RowSink,
    columns: Arc<[Column]>,
    decoders: Arc<[Decoder]>,
    /// A text was not UTF-8. That is an error of its cell alone, if anybody asks for it: an arena knows.
    odd: bool,
    /// The program's own code panicked at the columns or a row. That goes on once the session is as it was.
    panic: Option<Box<dyn Any + Send>>,
}

impl Sink for Lender<'_> {
    fn begin(&mut self, columns: &Arc<[Column]>, decoders: &Arc<[Decoder]>, _: bool) -> Result<()> {
        self.columns = Arc::clone(columns);
        self.decoders = Arc::clone(decoders);
        let sink = &mut *self.sink;
        match catch_unwind(AssertUnwindSafe(|| sink.begin(columns))) {
            Ok(begun) => begun,
            Err(panic) => {
                self.panic = Some(panic);
                Ok(())
            }
        }
    }

    #[inline]
    fn row(&mut self, row: &Row<'_>) -> Result<Flow> {
        if self.panic.is_some() {
            return Ok(Flow::Stop);
        }
        let mut cells: SmallVec<[ValueRef<'_>; 16]> = SmallVec::new();
        for (column, decoder) in self.decoders.iter().enumerate() {
            let cell = match row.get_ref(column).map_err(|error| lost_column(&error))? {
                Stored::Null => ValueRef::Null,
                Stored::Integer(value) => decoder.integer(value),
                Stored::Real(value) => ValueRef::F64(value),
                Stored::Text(text) => {
                    let Ok(text) = str::from_utf8(text) else {
                        self.odd = true;
                        return Ok(Flow::Stop);
                    };
                    decoder.text(text)
                }
                Stored::Blob(blob) => decoder.blob(blob),
            };
            cells.push(cell);
        }
        let (sink, row) = (&mut *self.sink, RowRef::lent(&cells, &self.columns));
        match catch_unwind(AssertUnwindSafe(|| sink.row(row))) {
            Ok(wanted) => Ok(if wanted?.is_continue() { Flow::More } else { Flow::Stop }),
            Err(panic) => {
                self.panic = Some(panic);
                Ok(Flow::Stop)
            }
        }
    }
}

impl Session {
    /// Runs a statement here if it is short; `None` when it has to go to a worker, where nothing of it has happened.
    pub(crate) fn run_here(&mut self, query: &Query<'_>) -> Result<Option<Ran>> {
        let Some(prepared) = self.short(query)? else { return Ok(None) };
        let mut buffer = Buffer::default();
        let Some(outcome) = self.run_short(query, &prepared, &mut buffer)? else { return Ok(None) };
        let rows = buffer.rows.filter(|rows| rows.rows() > 0).map(Arena::seal);
        Ok(Some(Ran { columns: buffer.columns.unwrap_or_default(), rows, outcome }))
    }

    /// Runs a statement here if it is short, and lends its rows; `None` where that cannot be done, and nothing has happened.
    pub(crate) fn lend_here(&mut self, query: &Query<'_>, sink: &mut dyn RowSink) -> Result<Option<Ran>> {
        let Some(prepared) = self.short(query)? else { return Ok(None) };
        // A write whose rows cannot all be lent could not be run again.
        if prepared.program.route != Route::Read && !prepared.columns.is_empty() {
            return Ok(None);
        }
        let mut lender = Lender { sink, columns: Arc::default(), decoders: Arc::default(), odd: false, panic: None };
        let outcome = self.run_short(query, &prepared, &mut lender)?.filter(|_| !lender.odd);
        if let Some(panic) = lender.panic {
            resume_unwind(panic);
        }
        Ok(outcome.map(|outcome| Ran { columns: lender.columns, rows: None, outcome }))
    }

    /// Finds a statement that is short, if it may run.
    fn short(&mut self, query: &Query<'_>) -> Result<Option<Arc<Prepared>>> {
        if self.options.inline == Inline::Nothing || self.touched || self.lent {
            return Ok(None);
        }
        let Some(prepared) = self.known(query.sql) else { return Ok(None) };
        if !self.is_short(&prepared) || bind::size(query.params.values) > usize::from(LARGEST) {
            return Ok(None);
        }
        self.admit(&prepared, query.guarded)?;
        Ok(Some(prepared))
    }

    /// Runs a statement that is short; `None` where it turns out not to be, or has to wait.
    fn run_short(
        &mut self,
        query: &Query<'_>,
        prepared: &Arc<Prepared>,
        sink: &mut impl Sink,
    ) -> Result<Option<Outcome>> {
        let reads = prepared.program.route == Route::Read;
        let result = if reads {
            self.run_bounded(query, prepared, sink)
        } else {
            self.guard.enter(None);
            let result = self.run(query.sql, prepared, query.params, sink);
            self.guard.leave();
            result
        };
        let overhead = if self.db.is_autocommit() && !self.is_private() { STATEMENT } else { WITHIN };
        count(self.operations.saturating_add(overhead));
        match result {
            Ok(outcome) => Ok(Some(outcome)),
            Err(Failure::Sqlite(error)) if is_busy(&error) => Ok(None),
            Err(Failure::Sqlite(error)) if reads && (is_interrupt(&error) || is_too_big(&error)) => {
                if self.operations >= WORK || is_too_big(&error) {
                    prepared.banish();
                }
                Ok(None)
            }
            Err(failure) => Err(failure.into_error(prepared)),
        }
    }

    fn run_bounded(
        &mut self,
        query: &Query<'_>,
        prepared: &Arc<Prepared>,
        sink: &mut impl Sink,
    ) -> Result<Outcome, Failure> {
        let usual = self.db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LARGEST.into())?;
        self.guard.enter(Some(BUDGET));
        let result = self.run(query.sql, prepared, query.params, sink);
        self.guard.leave();
        self.db.set_limit(Limit::SQLITE_LIMIT_LENGTH, usual)?;
        result
    }

    fn is_short(&self, prepared: &Prepared) -> bool {
        // To a database in memory, a commit is no work.
        let free = self.is_private();
        match (prepared.program.route, prepared.verb()) {
            (Route::Worker, _) => false,
            (Route::Read, _) => !prepared.is_banished(),
            (Route::Write, _) => free || (self.turn.is_some() && !self.db.is_autocommit()),
            (Route::Control, Verb::Savepoint) => true,
            (Route::Control, Verb::Begin) => !self.needs_turn(prepared),
            // Within a transaction that was begun as one, releasing a savepoint commits nothing.
            (Route::Control, Verb::Release) => free || !self.wrote || self.begun,
            (Route::Control, _) => free || !self.wrote,
        }
    }

    /// Begins a transaction here, unless that has to wait.
    pub(crate) fn begin_here(&mut self, read_only: bool) -> Result<bool> {
        self.control_here(|session| session.begin(read_only))
    }

    /// Ends a transaction here, unless that is work.
    pub(crate) fn end_here(&mut self, end: impl FnOnce(&mut Self) -> Result<()>) -> Result<bool> {
        if self.wrote && !self.is_private() { Ok(false) } else { self.control_here(end) }
    }

    fn control_here(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<bool> {
        if self.options.inline == Inline::Nothing || self.touched || self.lent {
            return Ok(false);
        }
        self.guard.enter(None);
        let result = work(self);
        self.guard.leave();
        count(STATEMENT);
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == oarlock_core::ErrorKind::LockTimeout => Ok(false),
            Err(error) => Err(error),
        }
    }
}
