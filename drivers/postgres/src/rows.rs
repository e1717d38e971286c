//! The road of rows, which is not tokio-postgres's.
//!
//! tokio-postgres makes an object with an allocation of its own of every row, which is half of what a row costs the client.
//! While a statement of ours is open, its rows are taken out of the stream before tokio-postgres sees them, and go to the
//! connection as the server wrote them. All other messages, and the rows of statements that are not ours, pass.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;

/// Rows between the task that reads them and the connection that wants them.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    mode: AtomicU8,
    queue: Mutex<Queue>,
    /// There may be something in the queue: spares the lock where there is not.
    filled: AtomicBool,
    /// The connection, which waits for rows.
    reader: AtomicWaker,
    /// The task, which waits for room.
    writer: AtomicWaker,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole `DataRow` messages, one after the other in each piece.
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

/// Rows pass: no statement of ours is open.
const PASSING: u8 = 0;
/// A statement of ours was sent; its rows come after the next `BindComplete`.
const EXPECTING: u8 = 1;
/// Rows are taken.
const TAKING: u8 = 2;
/// As `EXPECTING`, but nobody wants them any more.
const EXPECTING_NONE: u8 = 3;
/// Rows are dropped.
const DROPPING: u8 = 4;

/// At so many bytes the server has to wait until rows were read.
const FULL: usize = 256 << 10;

impl Rows {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Awaits the rows of the statement that is sent next.
    pub(crate) fn expect(&self) {
        self.mode.store(EXPECTING, Ordering::Release);
    }

    /// Lets rows pass again, for nothing was sent or the statement has failed.
    pub(crate) fn pass(&self) {
        self.mode.store(PASSING, Ordering::Release);
    }

    /// Drops the statement's rows, those that have come and those that will.
    pub(crate) fn forget(&self) {
        let left = self.mode.fetch_update(Ordering::AcqRel, Ordering::Acquire, |mode| match mode {
            EXPECTING => Some(EXPECTING_NONE),
            TAKING => Some(DROPPING),
            _ => None,
        });
        // Rows pass again when the last of a statement has been pushed.
        if left == Err(PASSING) && !self.filled.load(Ordering::Acquire) {
            return;
        }
        // Even where there seems to be nothing: a push may be under way, and it looks at the mode under the lock.
        let mut queue = self.lock();
        queue.pieces.clear();
        queue.bytes = 0;
        self.filled.store(false, Ordering::Release);
        drop(queue);
        self.writer.wake();
    }

    /// Notes a message that is passed on.
    pub(crate) fn note(&self, kind: u8) {
        if !matches!(kind, b'2' | b'C' | b'I' | b's' | b'E') {
            return;
        }
        let next = |mode| match (kind, mode) {
            (b'2', EXPECTING) => Some(TAKING),
            (b'2', EXPECTING_NONE) => Some(DROPPING),
            // The statement is over: it is complete, was empty or has failed.
            (b'C' | b'I' | b's' | b'E', TAKING | DROPPING) | (b'E', EXPECTING | EXPECTING_NONE) => Some(PASSING),
            _ => None,
        };
        let _ = self.mode.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// Tells whether a row that has come is taken out of the stream.
    pub(crate) fn takes(&self) -> bool {
        matches!(self.mode.load(Ordering::Acquire), TAKING | DROPPING)
    }

    /// Takes whole messages.
    pub(crate) fn push(&self, messages: &[u8]) {
        let mut queue = self.lock();
        // Looked at under the lock: what is forgotten after this is cleared with the queue.
        if self.mode.load(Ordering::Acquire) == TAKING {
            queue.pieces.push_back(Bytes::copy_from_slice(messages));
            queue.bytes += messages.len();
            self.filled.store(true, Ordering::Release);
            drop(queue);
            self.reader.wake();
        }
    }

    /// Tells whether the reading must wait; the task is woken when there is room.
    pub(crate) fn is_full(&self, cx: &mut Context<'_>) -> bool {
        if !self.has_some() || self.lock().bytes < FULL {
            return false;
        }
        self.writer.register(cx.waker());
        self.lock().bytes >= FULL
    }

    /// Tells whether a statement is under way, whose rows are ours.
    pub(crate) fn are_awaited(&self) -> bool {
        self.mode.load(Ordering::Acquire) != PASSING
    }

    /// Tells whether rows have come that were not taken.
    pub(crate) fn has_some(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    /// Takes the next piece out; [`give_back`](Self::give_back) takes what is left of it.
    pub(crate) fn take(&self) -> Option<Bytes> {
        if !self.filled.load(Ordering::Acquire) {
            return None;
        }
        let mut queue = self.lock();
        let piece = queue.pieces.pop_front();
        queue.bytes -= piece.as_ref().map_or(0, Bytes::len);
        self.filled.store(!queue.pieces.is_empty(), Ordering::Release);
        drop(queue);
        self.writer.wake();
        piece
    }

    /// Puts the rest of a piece back to the front.
    pub(crate) fn give_back(&self, rest: Bytes) {
        if !rest.is_empty() {
            let mut queue = self.lock();
            queue.bytes += rest.len();
            queue.pieces.push_front(rest);
            self.filled.store(true, Ordering::Release);
        }
    }

    /// Wakes the connection when rows come; tells whether there are some already.
    pub(crate) fn wake(&self, waker: &Waker) -> bool {
        self.reader.register(waker);
        self.filled.load(Ordering::Acquire)
    }
}
