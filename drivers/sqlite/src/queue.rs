//! Rows on their way from the thread that runs a statement to the one that reads them.
//!
//! The runner puts one row after the other into an arena, the reader takes the arena as it is: a row is there as soon as
//! SQLite gave it, and rows that are not waited for travel together. To wake a reader costs as much as a hundred rows, so
//! it is done when there is a full batch, when rows come slowly, or when SQLite has worked for a while since the last take.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use oarlock_core::{Column, Result};
use rusqlite::Row;

use crate::arena::Arena;
use crate::decode::Decoder;
use crate::run::{Flow, Sink};

/// As many rows as a reader asks for at a time.
const BATCH: usize = 256;

/// The runner waits when this much has not been taken.
const FULL_ROWS: usize = 2 * BATCH;
const FULL_BYTES: usize = 1 << 20;

/// Rows that come slower than this are worth a wake-up each.
const SLOW: Duration = Duration::from_micros(500);

/// How many nudges, a hundred of SQLite's operations each, a row waits for company.
const PATIENCE: u32 = 64;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// When the statement had made its first step; what it writes is written then.
    begun: Option<Instant>,
    /// Whether the statement only reads: stopping it loses nothing.
    reads: bool,
    columns: Option<Arc<[Column]>>,
    arena: Option<Arena>,
    taken: Option<Instant>,
    reader: Option<Waker>,
    nudges: u32,
    closed: bool,
}

impl State {
    fn wake(&mut self) {
        self.nudges = 0;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn rows(&self) -> usize {
        self.arena.as_ref().map_or(0, Arena::rows)
    }

    fn is_full(&self) -> bool {
        self.arena.as_ref().is_some_and(|arena| arena.rows() >= FULL_ROWS || arena.heap() >= FULL_BYTES)
    }

    fn comes_slowly(&self) -> bool {
        self.rows().is_power_of_two() && self.taken.is_some_and(|taken| taken.elapsed() > SLOW)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the reader if it has waited long enough for what is there; SQLite's progress callback calls it.
    pub(crate) fn nudge(&self) {
        let mut state = self.lock();
        if state.reader.is_some() && (state.rows() > 0 || state.columns.is_some()) {
            state.nudges += 1;
            if state.nudges >= PATIENCE {
                state.wake();
            }
        }
    }

    /// Takes the statement's columns, when they are known.
    pub(crate) fn poll_columns(&self, cx: &mut Context<'_>) -> Poll<Arc<[Column]>> {
        let mut state = self.lock();
        match state.columns.take() {
            Some(columns) => Poll::Ready(columns),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes all rows that are there, or has the reader woken when there are some.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Arena> {
        let mut state = self.lock();
        if state.rows() == 0 {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let full = state.is_full();
        let successor = state.arena.as_ref().map(Arena::successor);
        let taken = std::mem::replace(&mut state.arena, successor);
        state.nudges = 0;
        state.taken = Some(Instant::now());
        drop(state);
        if full {
            self.room.notify_one();
        }
        taken.map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes the rows that are left when the statement has ended.
    pub(crate) fn take_rest(&self) -> Option<Arena> {
        self.lock().arena.take().filter(|arena| arena.rows() > 0)
    }

    /// Takes the columns when the statement has ended; none if it failed before it had any.
    pub(crate) fn take_columns(&self) -> Option<Arc<[Column]>> {
        self.lock().columns.take()
    }

    /// Tells the runner that no more rows are wanted: it ends the statement.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.arena = None;
        drop(state);
        self.room.notify_one();
    }

    /// Tells whether stopping the statement would undo something: it writes, and has done so.
    pub(crate) fn has_written(&self) -> bool {
        let state = self.lock();
        state.begun.is_some() && !state.reads
    }
}

/// The runner's end.
pub(crate) struct Feed {
    queue: Arc<Queue>,
    reads: bool,
}

impl Feed {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue, reads: true }
    }
}

impl Sink for Feed {
    fn begin(&mut self, columns: &Arc<[Column]>, decoders: &Arc<[Decoder]>, reads: bool) {
        self.reads = reads;
        let now = Some(Instant::now());
        let mut state = self.queue.lock();
        state.begun = now;
        state.taken = now;
        state.reads = reads;
        state.columns = Some(Arc::clone(columns));
        state.arena = (!state.closed).then(|| Arena::new(Arc::clone(decoders)));
    }

    fn row(&mut self, row: &Row<'_>) -> Result<Flow> {
        let over = if self.reads { Flow::Stop } else { Flow::Discard };
        let mut state = self.queue.lock();
        let Some(arena) = &mut state.arena else { return Ok(over) };
        arena.push(row)?;
        if arena.rows().is_multiple_of(BATCH) || state.comes_slowly() {
            state.wake();
        }
        while state.is_full() && !state.closed {
            state.wake();
            state = self.queue.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(if state.closed { over } else { Flow::More })
    }
}
