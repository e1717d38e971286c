//! The log: frames appended to one file, synced together, and replayed at opening.
//!
//! It knows nothing of what a frame says. Above it, a transaction is validated against the newest state and applied to it under one lock, which is
//! held while [`Log::append`] gives the frame its number and its place, so that the frames stand in the order in which transactions
//! were validated; the lock is let go, and [`Log::wait`] returns once the frame is as durable as the options ask. Many who wait are served by one
//! sync. What is published to readers is what has been waited for.

pub(crate) mod backup;
mod batch;
pub(crate) mod check;
mod commit;
pub(crate) mod failure;
mod format;
mod frames;
mod open;
mod position;
mod rewrite;
mod scan;
mod snapshot;
mod tail;
mod withdrawn;

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use oarlock_core::{Error, Result};

pub use self::backup::{Backup, Restored, Until};
use self::batch::Batch;
pub use self::check::{FileCheck, Problem};
pub(crate) use self::commit::now;
use self::format::FileHeader;
#[cfg(any(test, feature = "simulation"))]
pub use self::format::make_checks_right;
pub(crate) use self::frames::Former;
use self::position::Position;
pub(crate) use self::rewrite::Rewriting;
pub(crate) use self::scan::{Head, Look};
use self::withdrawn::{Failure, Withdrawals};
use crate::storage::{Lock, Storage, StorageFile, read_exact_at};

/// What was committed in one go: one frame of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Whether this is a part of the state that the file begins with, up to the transaction, and not the transaction alone.
    pub(crate) base: bool,
    /// The transaction, counted from 1 without gaps.
    pub(crate) transaction: u64,
    /// When it was committed, in microseconds since 1970; never before the one ahead of it.
    pub(crate) time: i64,
    /// What was said of it.
    pub(crate) note: Option<&'a str>,
    /// What it says.
    pub(crate) payload: &'a [u8],
    /// Where the payload stands: what [`Reader::read`] takes, with offsets within the payload added.
    pub(crate) place: u64,
}

/// A frame that was appended and may not be durable yet. It is waited for: [`Log::wait`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    /// Counts what was appended since the file was opened, withdrawn or not: a transaction's number may be given again.
    ticket: u64,
    pub(crate) transaction: u64,
    pub(crate) time: i64,
    /// As [`Frame::place`].
    pub(crate) place: u64,
}

/// What a log is replayed into.
pub(crate) trait Replay {
    /// Takes what [`Log::close`] was given, before any frame; the frames that follow came after it. What it reads is what was written, and the
    /// frames that were there then can be read. False when it is of a kind that is not understood or does not fit the frames: nothing was
    /// taken then, and every frame follows.
    ///
    /// # Errors
    ///
    /// What reading gives; opening fails.
    fn snapshot(&mut self, snapshot: &mut dyn Read, frames: &mut Former<'_, '_>) -> Result<bool>;

    /// Takes the next frame.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the payload; opening fails.
    fn frame(&mut self, frame: Frame<'_>) -> Result<()>;
}

/// When a commit is told to have succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Once it is durable: neither a crash nor a power failure undoes it.
    #[default]
    Full,
    /// Once the operating system has it. A killed process loses nothing; a power failure takes the last second at the most, and
    /// leaves a state that was.
    Normal,
    /// As `Normal`, and nothing is ever synced: a power failure may take any number of the last commits.
    Off,
}

/// What may be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Access {
    /// All; the store is locked.
    #[default]
    Write,
    /// Nothing is changed and nothing is locked: the store may be in use by somebody.
    Read,
}

/// What to do about acknowledged transactions that cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnDamage {
    /// Refuse to open.
    #[default]
    Refuse,
    /// Go on with what was committed before the damage, and keep what follows aside in a file.
    KeepAside,
}

/// How a log is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogOptions {
    pub(crate) sync: SyncMode,
    pub(crate) access: Access,
    pub(crate) on_damage: OnDamage,
}

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opening {
    /// Whether the file was made.
    pub created: bool,
    /// How many transactions were replayed.
    pub replayed: u64,
    /// Whether the snapshot of a clean close took the place of those before.
    pub from_snapshot: bool,
    /// What was cut off at the end.
    pub cut: Option<Cut>,
}

/// Bytes at the end of a file that are no whole frames: what a commit left that was interrupted, as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// Where they began.
    pub place: u64,
    /// How many, not counting zeros at the end.
    pub length: u64,
    /// Where they are kept, unless they look like the remains of a commit that was never acknowledged.
    pub kept: Option<PathBuf>,
}

/// The file of frames.
pub(crate) struct Log {
    shared: Arc<Shared>,
    storage: Arc<dyn Storage>,
    path: PathBuf,
    access: Access,
    syncer: Option<JoinHandle<()>>,
    _lock: Option<Box<dyn Lock>>,
}

impl Log {
    /// Gives what reads the frames of the file as it is now. It goes on reading that file when a new one takes its place.
    pub(crate) fn reader(&self) -> Reader {
        Reader { generation: Arc::clone(&self.shared.lock().generation), shared: Arc::clone(&self.shared) }
    }

    /// Gives the transaction whose state the file begins with.
    pub(crate) fn base(&self) -> u64 {
        self.shared.lock().generation.header.base
    }

    /// Tells whether it takes frames, as far as is known.
    pub(crate) fn takes_frames(&self) -> bool {
        self.access == Access::Write && matches!(self.shared.lock().standing, Standing::Good)
    }

    /// Gives the number and the time of the last frame.
    pub(crate) fn last(&self) -> (u64, i64) {
        let state = self.shared.lock();
        (state.position.transaction, state.position.time)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if matches!(state.standing, Standing::Good) {
            state.standing = Standing::Closed;
        }
        drop(state);
        self.shared.turned.notify_all();
        if let Some(syncer) = self.syncer.take() {
            let _ = syncer.join();
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("path", &self.path).field("access", &self.access).finish_non_exhaustive()
    }
}

/// Reads bytes of frames, for versions that are not in memory.
#[derive(Clone)]
pub(crate) struct Reader {
    generation: Arc<Generation>,
    shared: Arc<Shared>,
}

impl Reader {
    /// Gives where the last acknowledged frame ends.
    fn acknowledged(&self) -> u64 {
        let state = self.shared.lock();
        if Arc::ptr_eq(&state.generation, &self.generation) {
            state.finished.end
        } else {
            // All of it was, before another file took its place.
            self.generation.written.load(Ordering::Acquire)
        }
    }

    /// Reads bytes of a frame that was appended, durable or not. One read of the file, of what is asked for.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub(crate) fn read(&self, place: u64, length: usize) -> Result<Vec<u8>> {
        let end = place.saturating_add(length as u64);
        if end > self.generation.written.load(Ordering::Acquire)
            && let Some(bytes) = self.shared.lock().unwritten(&self.generation, place, length)
        {
            return Ok(bytes);
        }
        let mut bytes = vec![0; length];
        read_exact_at(&*self.generation.file, &mut bytes, place)
            .map_err(|error| failure::io(format_args!("reading {length} bytes at {place} failed"), error))?;
        Ok(bytes)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// One file of the store's: packing puts another in its place.
#[derive(Debug)]
struct Generation {
    file: Box<dyn StorageFile>,
    header: FileHeader,
    /// Up to where frames have been written.
    written: AtomicU64,
}

/// What those who append, wait and read share.
struct Shared {
    /// For errors.
    path: PathBuf,
    mode: SyncMode,
    state: Mutex<State>,
    /// Told when a leader has ended, a sync is wanted, or the log is closed.
    turned: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.turned.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    generation: Arc<Generation>,
    /// The end of the frames that were appended.
    position: Position,
    /// Frames that nobody has begun to write; they end at the position.
    pending: Batch,
    /// Frames that a leader is writing; they end where `pending` begins.
    writing: Arc<Batch>,
    /// Buffers to use again.
    spare: Batch,
    /// Whether somebody writes and syncs for all.
    leading: bool,
    /// How many frames were appended since the file was opened.
    tickets: u64,
    /// Up to which of them it is known what has become of them.
    settled: u64,
    /// Those that could not be written, and are not there.
    withdrawals: Withdrawals,
    /// The end of the frames that are as durable as the mode asks.
    finished: Position,
    /// Up to where the file is durable, as far as is known.
    durable: u64,
    /// Up to where the file has been filled with zeros for what comes.
    filled: u64,
    standing: Standing,
}

/// Whether the log takes frames.
#[derive(Debug)]
enum Standing {
    Good,
    Closed,
    /// Syncing failed, or cutting off what was written in part.
    Failed(Failure),
}

impl State {
    /// Gives bytes that may not be in the file yet; none when they are.
    fn unwritten(&self, generation: &Arc<Generation>, place: u64, length: usize) -> Option<Vec<u8>> {
        if !Arc::ptr_eq(generation, &self.generation) {
            return None;
        }
        let pending = self.position.end - self.pending.len() as u64;
        let writing = pending - self.writing.len() as u64;
        let part = |batch: &Batch, start: u64| {
            let from = usize::try_from(place.checked_sub(start)?).ok()?;
            batch.get(from, length)
        };
        // A frame lies in one of the two.
        part(&self.pending, pending).or_else(|| part(&self.writing, writing))
    }

    fn check_standing(&self) -> Result<()> {
        match &self.standing {
            Standing::Closed => Err(Error::interface("the store is closed")),
            _ => self.check_failure(),
        }
    }

    fn check_failure(&self) -> Result<()> {
        match &self.standing {
            Standing::Good | Standing::Closed => Ok(()),
            Standing::Failed(failure) => Err(failure
                .error()
                .with_hint("the store takes no more commits until it is opened anew; what can be read stays readable")),
        }
    }
}

/// Gives the path of a file beside the store's.
fn beside(path: &std::path::Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
