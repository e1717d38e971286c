//! Rows on their way from the thread that runs a statement to the one that reads them.
//!
//! The runner collects rows in an arena of its own and puts it into the queue when it is full. A reader who waits gets what
//! there is sooner: when rows come slowly, and when SQLite has worked for a while since the last one; but not each row by
//! itself, for to wake a reader costs as much as a hundred rows. SQLite's progress callback sees to that while it works on
//! the next row, so the arena is where the callback can reach it: with the thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use oarlock_core::{Column, Result};
use rusqlite::Row;

use crate::arena::Arena;
use crate::decode::Decoder;
use crate::run::{Flow, Sink};

/// The first arena is full with this many rows, each further one with four times as many, up to a limit: the reader begins
/// early and is woken seldom, for every wake-up is a switch of threads on both sides.
const FIRST: usize = 64;
const ROWS: usize = 2048;

/// An arena is full with this many bytes, too.
const BYTES: usize = 1 << 18;

/// The runner waits when this many arenas have not been taken: some thousand rows, so that on a busy machine the two threads
/// need not take turns.
const DEPTH: usize = 4;

/// Rows that come slower than this are worth a wake-up each.
const SLOW: Duration = Duration::from_micros(500);

/// How many times the progress callback asks, each time after a hundred of SQLite's operations, before it has the reader
/// woken.
const PATIENCE: u32 = 64;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// There is a reader in the state; the runner looks here first, at no cost.
    waiting: AtomicBool,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The statement has made its first step; what it writes is written then.
    begun: bool,
    /// The statement only reads: stopping it loses nothing.
    reads: bool,
    columns: Option<Arc<[Column]>>,
    arenas: VecDeque<Arena>,
    reader: Option<Waker>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, state: &mut State, cx: &Context<'_>) {
        state.reader = Some(cx.waker().clone());
        self.waiting.store(true, Ordering::Relaxed);
    }

    fn wake(&self, state: &mut State) {
        self.waiting.store(false, Ordering::Relaxed);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// Takes the statement's columns, when they are known.
    pub(crate) fn poll_columns(&self, cx: &Context<'_>) -> Poll<Arc<[Column]>> {
        let mut state = self.lock();
        if let Some(columns) = state.columns.take() {
            Poll::Ready(columns)
        } else {
            self.wait(&mut state, cx);
            Poll::Pending
        }
    }

    /// Takes the next rows, or has the reader woken when there are some.
    pub(crate) fn poll_take(&self, cx: &Context<'_>) -> Poll<Arena> {
        let mut state = self.lock();
        if let Some(arena) = state.arenas.pop_front() {
            drop(state);
            self.room.notify_one();
            Poll::Ready(arena)
        } else {
            self.wait(&mut state, cx);
            Poll::Pending
        }
    }

    /// Takes the next rows that are left when the statement has ended.
    pub(crate) fn take(&self) -> Option<Arena> {
        self.lock().arenas.pop_front()
    }

    /// Takes the columns when the statement has ended; none if it failed before it had any.
    pub(crate) fn take_columns(&self) -> Option<Arc<[Column]>> {
        self.lock().columns.take()
    }

    /// Tells the runner that no more rows are wanted: it ends the statement.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.arenas.clear();
        drop(state);
        self.room.notify_one();
    }

    /// Tells whether stopping the statement would undo something: it writes, and has done so.
    pub(crate) fn has_written(&self) -> bool {
        let state = self.lock();
        state.begun && !state.reads
    }
}

thread_local! {
    /// The rows that the statement which runs on this thread has given since the last full arena.
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

struct Collected {
    queue: Arc<Queue>,
    arena: Arena,
    /// With how many rows the arena is full.
    full: usize,
    passed: Instant,
    asked: u32,
}

impl Collected {
    fn comes_slowly(&self) -> bool {
        self.queue.waiting.load(Ordering::Relaxed)
            && self.arena.rows().is_power_of_two()
            && self.passed.elapsed() > SLOW
    }

    /// Passes the rows on, waits for room if need be, and tells whether more are wanted.
    fn pass(&mut self) -> bool {
        let successor = self.arena.successor();
        let full = std::mem::replace(&mut self.arena, successor).seal();
        self.asked = 0;
        self.full = (4 * self.full).min(ROWS);
        let mut state = self.queue.lock();
        if full.rows() > 0 && !state.closed {
            state.arenas.push_back(full);
        }
        self.queue.wake(&mut state);
        while state.arenas.len() >= DEPTH && !state.closed {
            state = self.queue.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let wanted = !state.closed;
        drop(state);
        self.passed = Instant::now();
        wanted
    }
}

/// Passes on what a waiting reader has waited for long enough; SQLite's progress callback calls it.
pub(crate) fn nudge() {
    COLLECTED.with_borrow_mut(|collected| {
        if let Some(collected) = collected
            && collected.queue.waiting.load(Ordering::Relaxed)
        {
            collected.asked += 1;
            if collected.asked >= PATIENCE {
                collected.pass();
            }
        }
    });
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
    fn begin(&mut self, columns: &Arc<[Column]>, decoders: &Arc<[Decoder]>, reads: bool) -> Result<()> {
        self.reads = reads;
        let mut state = self.queue.lock();
        state.begun = true;
        state.reads = reads;
        state.columns = Some(Arc::clone(columns));
        drop(state);
        let arena = Arena::new(Arc::clone(decoders));
        let collected =
            Collected { queue: Arc::clone(&self.queue), arena, full: FIRST, passed: Instant::now(), asked: 0 };
        COLLECTED.set(Some(collected));
        Ok(())
    }

    #[inline]
    fn row(&mut self, row: &Row<'_>) -> Result<Flow> {
        COLLECTED.with_borrow_mut(|collected| {
            let over = if self.reads { Flow::Stop } else { Flow::Discard };
            let Some(collected) = collected else { return Ok(over) };
            collected.arena.push(row)?;
            let full = collected.arena.rows() >= collected.full || collected.arena.heap() >= BYTES;
            Ok(if (full || collected.comes_slowly()) && !collected.pass() { over } else { Flow::More })
        })
    }
}

impl Drop for Feed {
    /// Leaves what was collected last to the reader, who is woken when the session comes home.
    fn drop(&mut self) {
        if let Some(collected) = COLLECTED.take()
            && collected.arena.rows() > 0
        {
            let mut state = self.queue.lock();
            if !state.closed {
                state.arenas.push_back(collected.arena.seal());
            }
        }
    }
}
