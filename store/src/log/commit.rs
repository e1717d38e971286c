//! Appending frames, and one sync for all who wait.

use std::borrow::Cow;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use oarlock_core::{Error, ErrorKind, Result};

use super::batch::Batch;
use super::format::{Kind, Stamp, Unsynced};
use super::withdrawn::Failure;
use super::{Access, Appended, Generation, Log, Position, Shared, Standing, State, SyncMode, failure};

/// How long `SyncMode::Normal` leaves commits without a sync.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// By how much the file is filled up with zeros, at the least and at the most. Between them it grows by an eighth.
const LEAST_FILLING: u64 = 64 << 10;
const MOST_FILLING: u64 = 2 << 20;

impl Log {
    /// Takes a frame as the next one, behind the transaction that it stands on. Whoever calls this holds the lock that orders transactions.
    ///
    /// # Errors
    ///
    /// `Io` when an earlier sync has failed: the store is poisoned until it is opened anew. `SerializationFailure` where the transaction that it stands
    /// on was withdrawn. `OutOfRange` for a frame longer than 4 GiB or a note longer than 64 KiB.
    pub(crate) fn append<'p>(
        &self,
        after: u64,
        note: Option<&str>,
        payload: impl Into<Cow<'p, [u8]>>,
    ) -> Result<Appended> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::ReadOnly, "the store was opened for reading"));
        }
        let mut state = self.shared.lock();
        state.check_standing()?;
        let state = &mut *state;
        let Position { transaction, time, end: place, .. } = state.position;
        if transaction != after {
            let message = format!("transaction {after}, on which this one stands, could not be written");
            return Err(Error::new(ErrorKind::SerializationFailure, message));
        }
        let transaction = transaction.checked_add(1);
        let transaction = transaction.ok_or_else(|| Error::new(ErrorKind::OutOfRange, "there are no more numbers"))?;
        let time = now().max(time);
        let stamp = Stamp { kind: Kind::Commit, transaction, time, unsynced: Unsynced::new(place, state.durable) };
        let header = state.pending.put(stamp, note, payload.into(), state.generation.header.salt)?;
        state.position.pass(&header);
        state.tickets += 1;
        Ok(Appended { ticket: state.tickets, transaction, time, place: header.payload_place(place) })
    }

    /// Waits until the frame is as durable as the options ask; one of those who wait syncs for all. It is called once for each frame.
    ///
    /// # Errors
    ///
    /// What writing gives, with nothing of the frame in the file: the log goes on behind what was there before. `Io` when syncing failed, with
    /// `outcome_unknown` set: opening the file tells, and until then the log takes no more frames.
    pub(crate) fn wait(&self, frame: Appended) -> Result<()> {
        let mut state = self.shared.settle(frame.ticket)?;
        state.withdrawals.take(frame.ticket).map_or(Ok(()), Err)
    }

    /// Waits until everything that was appended is as durable as the options ask, and gives the last transaction. Nobody appends meanwhile.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub(crate) fn finish(&self) -> Result<u64> {
        let state = self.shared.lock();
        let (transaction, tickets) = (state.position.transaction, state.tickets);
        drop(state);
        let state = self.shared.settle(tickets)?;
        let last = state.position.transaction;
        if last < transaction {
            let message = format!("the transactions after {last} could not be written");
            return Err(Error::new(ErrorKind::Io, message));
        }
        Ok(last)
    }
}

impl Shared {
    /// Waits until it is known what has become of a frame.
    fn settle(&self, ticket: u64) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while state.settled < ticket {
            state.check_failure().map_err(Error::with_outcome_unknown)?;
            state = if state.leading { self.wait(state) } else { self.lead(state) };
        }
        Ok(state)
    }

    /// Writes what is pending, and syncs it, for all who wait.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.leading = true;
        let spare = mem::take(&mut state.spare);
        let batch = Arc::new(mem::replace(&mut state.pending, spare));
        state.writing = Arc::clone(&batch);
        let generation = Arc::clone(&state.generation);
        let (position, tickets, finished) = (state.position, state.tickets, state.finished);
        let end = position.end;
        let filled = match self.mode {
            SyncMode::Off => end,
            _ if end <= state.filled => state.filled,
            // What is as large as that is no commit among many small ones: it leaves the filling to the next.
            _ if batch.len() as u64 >= MOST_FILLING => end,
            _ => end + filling(end),
        };
        let zeros = if filled > state.filled { filled - end } else { 0 };
        drop(state);

        let result = self.put(&generation, &batch, end, zeros);
        let result = match result {
            Err(Unwritten::Batch(error)) => match self.cut(&generation, finished.end) {
                Ok(()) => Err(Unwritten::Batch(error)),
                Err(failed) => Err(Unwritten::Unknown(failed.with_source(error))),
            },
            other => other,
        };

        let mut state = self.lock();
        state.leading = false;
        state.writing = Arc::default();
        match result {
            Ok(filled) => {
                state.finished = position;
                state.settled = tickets;
                state.filled = filled.max(state.filled);
                if self.mode == SyncMode::Full {
                    state.durable = end;
                }
                if let Some(mut batch) = Arc::into_inner(batch) {
                    batch.clear();
                    state.spare = batch;
                }
            }
            Err(Unwritten::Batch(error)) => state.withdraw(&error),
            Err(Unwritten::Unknown(error)) => state.fail(&error),
        }
        self.turned.notify_all();
        state
    }

    /// Writes a batch that ends at `end`, and zeros after it; gives up to where the file is filled.
    fn put(&self, generation: &Generation, batch: &Batch, end: u64, zeros: u64) -> Result<u64, Unwritten> {
        let place = end - batch.len() as u64;
        let failed = |error| {
            let path = self.path.display();
            failure::io(format_args!("writing {} bytes at {place} of the store {path} failed", batch.len()), error)
        };
        let mut next = place;
        for piece in batch.pieces() {
            generation.file.write_at(piece, next).map_err(|error| Unwritten::Batch(failed(error)))?;
            next += piece.len() as u64;
        }
        let mut filled = end;
        if zeros > 0 {
            // Zeros that are written, and not a hole: a commit into them changes no metadata of the file, and its sync writes one block.
            let zeros = vec![0; usize::try_from(zeros).unwrap_or_default()];
            match generation.file.write_at(&zeros, end).map_err(failed) {
                Ok(()) => filled += zeros.len() as u64,
                // The commit itself has found room.
                Err(error) if error.kind() == ErrorKind::ResourcesExhausted => {}
                Err(error) => return Err(Unwritten::Batch(error)),
            }
        }
        generation.written.store(end, Ordering::Release);
        if self.mode == SyncMode::Full {
            let failed = |error| Unwritten::Unknown(self.sync_failed(error));
            generation.file.sync_data().map_err(failed)?;
        }
        Ok(filled)
    }

    /// Cuts off what was written in part. It is synced, whatever the mode: of what is said to have failed nothing may come back after a power failure.
    fn cut(&self, generation: &Generation, end: u64) -> Result<()> {
        let failed = |error| {
            let path = self.path.display();
            failure::io(format_args!("cutting off what was written in part at {end} of the store {path} failed"), error)
        };
        generation.file.truncate(end).map_err(failed)?;
        generation.file.sync_all().map_err(failed)
    }

    fn sync_failed(&self, error: std::io::Error) -> Error {
        failure::io(format_args!("syncing the store {} failed", self.path.display()), error)
    }

    /// Syncs from time to time what was only written, until the log is closed, and then once more.
    pub(super) fn sync_at_intervals(&self) {
        let mut state = self.lock();
        while matches!(state.standing, Standing::Good) {
            if state.durable >= state.generation.written.load(Ordering::Acquire) {
                state = self.wait(state);
                continue;
            }
            let standing = |state: &mut State| matches!(state.standing, Standing::Good);
            let waited = self.turned.wait_timeout_while(state, SYNC_INTERVAL, standing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state = self.sync_written(state);
        }
    }

    /// Syncs what was written so far.
    pub(super) fn sync_written<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if matches!(state.standing, Standing::Failed(_)) {
            return state;
        }
        let generation = Arc::clone(&state.generation);
        let written = generation.written.load(Ordering::Acquire);
        drop(state);
        let result = generation.file.sync_data();
        let mut state = self.lock();
        match result {
            Ok(()) if Arc::ptr_eq(&generation, &state.generation) => state.durable = state.durable.max(written),
            Ok(()) => {}
            Err(error) => state.fail(&self.sync_failed(error)),
        }
        state
    }
}

/// Why a batch was not written.
enum Unwritten {
    /// Writing failed: what there is of the batch stands behind all that was acknowledged, and nobody has been shown it.
    Batch(Error),
    /// What the file holds beyond what was acknowledged is not known any more.
    Unknown(Error),
}

impl State {
    /// Takes no more frames.
    pub(super) fn fail(&mut self, error: &Error) {
        if !matches!(self.standing, Standing::Failed(_)) {
            self.standing = Standing::Failed(Failure::of(error));
        }
    }

    /// Takes back what was appended and is not in the file: what could not be written, and what has come since, which stands on it.
    fn withdraw(&mut self, error: &Error) {
        self.withdrawals.add(self.settled, self.tickets, Failure::of(error));
        self.settled = self.tickets;
        self.pending.clear();
        self.position = self.finished;
        // The file was cut off there.
        self.filled = self.finished.end;
    }
}

fn filling(end: u64) -> u64 {
    let filling = (end / 8).clamp(LEAST_FILLING, MOST_FILLING);
    // Up to a whole page of the file system's.
    (end + filling).next_multiple_of(4096) - end
}

/// Gives the time in microseconds since 1970, and 0 before.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::log::LogOptions;
    use crate::proof::Nothing;
    use crate::storage::simulated::Disk;

    #[test]
    fn all_who_wait_are_served_by_one_sync() {
        let disk = Disk::default();
        let path = Path::new("x.store");
        let log = Log::open(Arc::new(disk.clone()), path, LogOptions::default(), &mut Nothing).unwrap().0;
        // The first commit fills the file up.
        log.wait(log.append(0, None, b"first").unwrap()).unwrap();
        disk.plan(None);
        let frames: Vec<_> = (1..11).map(|after| log.append(after, None, b"one of ten").unwrap()).collect();
        std::thread::scope(|scope| {
            for frame in &frames {
                scope.spawn(|| log.wait(*frame).unwrap());
            }
        });
        assert_eq!(disk.operations(), 2, "one write and one sync");
    }

    #[test]
    fn the_file_is_filled_ahead_of_small_commits_and_not_of_large_ones() {
        let disk = Disk::default();
        let path = Path::new("x.store");
        let log = Log::open(Arc::new(disk.clone()), path, LogOptions::default(), &mut Nothing).unwrap().0;
        let commit = |transaction: u64, length: usize| {
            log.wait(log.append(transaction - 1, None, vec![1; length]).unwrap()).unwrap();
            let behind = disk.content(path).unwrap().iter().rev().take_while(|byte| **byte == 0).count();
            u64::try_from(behind).unwrap()
        };
        assert!(commit(1, 10) >= LEAST_FILLING);
        assert!(commit(2, usize::try_from(MOST_FILLING).unwrap()) < 64);
        let filled = commit(3, 10);
        assert!((LEAST_FILLING..=MOST_FILLING).contains(&filled), "{filled}");
        assert!(commit(4, 10) < filled, "it is written into what was filled");
    }

    #[test]
    fn what_is_too_long_is_refused_and_harms_nothing() {
        let log = Log::open(Arc::new(Disk::default()), Path::new("x"), LogOptions::default(), &mut Nothing).unwrap().0;
        let error = log.append(0, Some(&"n".repeat(65_536)), b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
        assert!(error.to_string().contains("the note has 65536 bytes, and at most 65535"), "{error}");
        let appended = log.append(0, Some(&"n".repeat(65_535)), b"").unwrap();
        assert_eq!(appended.transaction, 1);
        log.wait(appended).unwrap();
    }
}
