//! Writing a new file in the place of the old one, while the old one is in use.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use oarlock_core::{Error, ErrorKind, Result};

use super::format::{FileHeader, Kind, Stamp, Unsynced, put_frame};
use super::open::random;
use super::{Access, Frame, Generation, Log, Position, Reader, beside, failure};
use crate::storage::{Open, StorageFile};

/// How much is collected before it is written.
const CHUNK: usize = 1 << 20;

/// A new file that is being written. Dropped, it is nothing.
///
/// It is begun with the state after one transaction, in one or more frames, and takes every later transaction. Whoever writes it holds the lock
/// that orders transactions only for the last few of them, and for [`install`](Self::install).
#[derive(Debug)]
pub(crate) struct Rewriting {
    file: Box<dyn StorageFile>,
    header: FileHeader,
    buffer: Vec<u8>,
    position: Position,
}

impl Log {
    /// Begins a new file, whose first frames will tell the state after a transaction.
    ///
    /// # Errors
    ///
    /// `ReadOnly`; what making the file gives.
    pub(crate) fn rewrite(&self, base: u64) -> Result<Rewriting> {
        if self.access == Access::Read {
            return Err(Error::new(ErrorKind::ReadOnly, "the store was opened for reading"));
        }
        let state = self.shared.lock();
        state.check_standing()?;
        let header = FileHeader { salt: random(), base, ..state.generation.header };
        drop(state);
        let file = self.storage.open(&beside(&self.path, "-new"), Open::New).map_err(failed)?;
        let buffer = header.encode().to_vec();
        Ok(Rewriting { file, header, buffer, position: Position::first(&header) })
    }

    /// Puts a new file in the place of the one in use. The lock that orders transactions is held; the new file has all of them.
    /// Those who read the old one go on doing so. Gives what reads the new one.
    ///
    /// # Errors
    ///
    /// What writing and syncing gives, and then all is as before; unless the renaming itself fails, which poisons the store.
    pub(crate) fn install(&self, mut new: Rewriting) -> Result<Reader> {
        new.complete_base()?;
        new.write()?;
        new.file.sync_all().map_err(failed)?;
        let last = self.finish()?;
        if new.position.transaction != last {
            let message =
                format!("the new file ends with transaction {}, and the store with {last}", new.position.transaction);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let mut state = self.shared.lock();
        let replaced = self.storage.replace(&beside(&self.path, "-new"), &self.path);
        if let Err(error) = replaced {
            let error = failure::io("putting the packed file in place failed", error);
            state.fail(&error);
            return Err(error);
        }
        let end = new.position.end;
        state.generation = Arc::new(Generation { file: new.file, header: new.header, written: AtomicU64::new(end) });
        state.position = new.position;
        state.finished = new.position;
        state.durable = end;
        state.filled = end;
        drop(state);
        Ok(self.reader())
    }
}

impl Rewriting {
    /// Appends a part of the state that the file begins with, and gives the place of its payload.
    ///
    /// # Errors
    ///
    /// What writing gives; `OutOfRange` for more than 4 GiB in one part.
    pub(crate) fn base(&mut self, time: i64, payload: &[u8]) -> Result<u64> {
        self.frame(Kind::Base, self.header.base, time, None, payload)
    }

    /// Appends a transaction of the old file with its payload, which may be another one now, and gives the payload's place.
    ///
    /// # Errors
    ///
    /// As [`base`](Self::base).
    pub(crate) fn commit(&mut self, frame: &Frame<'_>, payload: &[u8]) -> Result<u64> {
        self.complete_base()?;
        self.frame(Kind::Commit, frame.transaction, frame.time, frame.note, payload)
    }

    /// Says that the state at the beginning has no more parts, unless that is said.
    fn complete_base(&mut self) -> Result<()> {
        if self.position.based {
            return Ok(());
        }
        self.frame(Kind::BaseEnd, self.header.base, self.position.time, None, &[]).map(drop)
    }

    fn frame(&mut self, kind: Kind, transaction: u64, time: i64, note: Option<&str>, payload: &[u8]) -> Result<u64> {
        if self.buffer.len() >= CHUNK {
            self.write()?;
        }
        let Position { time: before, end: place, .. } = self.position;
        // The file takes its name only when it is durable as a whole.
        let unsynced = Unsynced::new(place, place);
        let stamp = Stamp { kind, transaction, time: time.max(before), unsynced };
        let header = put_frame(&mut self.buffer, stamp, note, payload, self.header.salt)?;
        if !self.position.is_followed_by(&header) {
            let message = format!("transaction {transaction} does not follow on {}", self.position.transaction);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        self.position.pass(&header);
        Ok(header.payload_place(place))
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_at(&self.buffer, self.position.end - self.buffer.len() as u64).map_err(failed)?;
        self.buffer.clear();
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Error {
    failure::io("writing the packed file failed", error)
}
