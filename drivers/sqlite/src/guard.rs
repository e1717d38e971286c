//! What stands between a running statement and the rest of the program: the callbacks that SQLite asks while it works,
//! and the words by which other threads reach them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use oarlock_core::cancel::Cancel;
use oarlock_core::{BoxFuture, Error, ErrorKind, Result};
use rusqlite::{Connection, InterruptHandle};
use tokio::sync::Notify;

use crate::queue;

/// How many of its operations SQLite runs between two questions: one or two microseconds.
const OPERATIONS: i32 = 100;

/// No budget, no deadline.
const NEVER: u64 = u64::MAX;

/// The state that a connection's callbacks look at. It is shared by whoever holds the connection's front and by the
/// thread on which a statement runs.
pub(crate) struct Guard {
    born: Instant,
    /// For how long a statement may run on a thread that must not block, in nanoseconds.
    budget: AtomicU64,
    /// Until when it may run, in nanoseconds since `born`; known once it has run for a while.
    deadline: AtomicU64,
    /// The statement is wanted no more.
    stop: AtomicBool,
    /// The statement runs on a thread that must not sleep.
    inline: AtomicBool,
    busy_timeout: AtomicU64,
    outside: Mutex<Outside>,
    /// Wakes the call that waits for its turn, to stop waiting.
    enough: Notify,
}

/// What other threads reach a connection by.
#[derive(Default)]
struct Outside {
    interrupt: Option<InterruptHandle>,
    /// A job runs on a worker: there is something to stop.
    away: bool,
    /// A call waits for its turn to write.
    waiting: bool,
}

impl Guard {
    pub(crate) fn new(busy_timeout: Duration) -> Self {
        Self {
            born: Instant::now(),
            budget: AtomicU64::new(NEVER),
            deadline: AtomicU64::new(NEVER),
            stop: AtomicBool::new(false),
            inline: AtomicBool::new(false),
            busy_timeout: AtomicU64::new(nanos(busy_timeout)),
            outside: Mutex::default(),
            enough: Notify::new(),
        }
    }

    /// Puts the callbacks into a connection. A later `PRAGMA busy_timeout`, or the like through rusqlite, takes them out.
    pub(crate) fn install(self: &Arc<Self>, db: &mut Connection) -> rusqlite::Result<()> {
        self.outside().interrupt = Some(db.get_interrupt_handle());
        let guard = Arc::clone(self);
        db.progress_handler(OPERATIONS, Some(move || guard.interrupts()))?;
        let guard = Arc::clone(self);
        let mut since = Instant::now();
        db.busy_handler(Some(move |attempt| {
            if attempt == 0 {
                since = Instant::now();
            }
            guard.waits(attempt, since)
        }))
    }

    fn interrupts(&self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return true;
        }
        if !self.inline.load(Ordering::Relaxed) {
            queue::nudge();
            return false;
        }
        match self.budget.load(Ordering::Relaxed) {
            NEVER => false,
            budget => {
                let now = nanos(self.born.elapsed());
                // The clock starts with the first question: a statement too short to be asked never reads it.
                let deadline = self.deadline.load(Ordering::Relaxed);
                if deadline == NEVER {
                    self.deadline.store(now + budget, Ordering::Relaxed);
                }
                now >= deadline
            }
        }
    }

    /// Waits for a lock and tells whether to try again. Never on a thread that must not sleep.
    fn waits(&self, attempt: i32, since: Instant) -> bool {
        if self.inline.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let Some(left) = self.busy_timeout().checked_sub(since.elapsed()) else { return false };
        // 0.1, 0.2, 0.4 … up to 12.8 ms: locks are held for microseconds or for a transaction's life.
        let pause = Duration::from_micros(100 << attempt.clamp(0, 7));
        std::thread::sleep(pause.min(left));
        true
    }

    pub(crate) fn busy_timeout(&self) -> Duration {
        Duration::from_nanos(self.busy_timeout.load(Ordering::Relaxed))
    }

    pub(crate) fn set_busy_timeout(&self, timeout: Duration) {
        self.busy_timeout.store(nanos(timeout), Ordering::Relaxed);
    }

    /// Asks the running statement to stop; it ends as interrupted.
    ///
    /// SQLite's own interrupt is forgotten when no statement has begun yet, and the question comes only between
    /// operations: each covers for the other.
    pub(crate) fn stop(&self) {
        let outside = self.outside();
        // What has come home is not to be stopped, nor is what runs next.
        if outside.away {
            self.stop.store(true, Ordering::Relaxed);
            if let Some(handle) = &outside.interrupt {
                handle.interrupt();
            }
        }
        if outside.waiting {
            self.enough.notify_waiters();
        }
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a job goes to a worker.
    pub(crate) fn depart(&self) {
        self.outside().away = true;
    }

    /// Tells whether the running job is wanted no more, for the time between two of its statements.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits for the turn to write, unless it is told to stop.
    pub(crate) async fn wait_for<T>(&self, turn: impl Future<Output = Result<T>>) -> Result<T> {
        let (mut turn, mut enough) = (pin!(turn), pin!(self.enough.notified()));
        enough.as_mut().enable();
        self.outside().waiting = true;
        let _waiting = Waiting(self);
        poll_fn(|cx| match turn.as_mut().poll(cx) {
            Poll::Pending => enough.as_mut().poll(cx).map(|()| {
                Err(Error::new(ErrorKind::Cancelled, "the statement was stopped while it waited for its turn to write"))
            }),
            ready @ Poll::Ready(_) => ready,
        })
        .await
    }

    /// Takes the stop back, when what ran has ended.
    pub(crate) fn clear(&self) {
        let mut outside = self.outside();
        outside.away = false;
        self.stop.store(false, Ordering::Relaxed);
    }

    /// Marks that what runs now must neither sleep nor, where a budget is given, run much past it.
    pub(crate) fn enter(&self, budget: Option<Duration>) {
        self.budget.store(budget.map_or(NEVER, nanos), Ordering::Relaxed);
        self.deadline.store(NEVER, Ordering::Relaxed);
        self.inline.store(true, Ordering::Relaxed);
    }

    /// Takes the mark back.
    pub(crate) fn leave(&self) {
        self.inline.store(false, Ordering::Relaxed);
    }
}

/// A call that waits for its turn.
struct Waiting<'g>(&'g Guard);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.outside().waiting = false;
    }
}

impl Cancel for Guard {
    fn cancel(&self) -> BoxFuture<'static, ()> {
        self.stop();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("stop", &self.stop).field("inline", &self.inline).finish_non_exhaustive()
    }
}
