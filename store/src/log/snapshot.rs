//! What a clean close leaves beside the file, so that the next opening need not replay all of it.
//!
//! It is a help and no part of the database: when it is missing, damaged or of another file it is passed over, and it may be deleted at any
//! time. One that is behind the file serves for the beginning.

use std::hash::Hasher as _;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use oarlock_core::Result;
use twox_hash::XxHash3_64;
use twox_hash::xxhash3_64::Hasher;

use super::format::{FIRST_FRAME, FileHeader};
use super::frames::{Frames, Whole};
use super::position::{Last, Position};
use super::{Access, Log, Standing, SyncMode, beside, failure};
use crate::storage::{Open, Storage, StorageFile};

/// Writes the layer above's state.
pub(crate) type WriteSnapshot<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

const MAGIC: [u8; 8] = *b"oarindx1";

/// How long the header is; the content follows it.
const HEADER: usize = 88;
const CONTENT: u64 = HEADER as u64;

/// How much is read or written at once.
const CHUNK: usize = 1 << 18;

/// A snapshot that fits its file.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The end of the frames that are in it.
    pub(super) position: Position,
    /// Up to where the file was durable.
    pub(super) durable: u64,
    length: u64,
    file: Box<dyn StorageFile>,
}

/// What stands before the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    salt: u64,
    /// With the last frame: so a file is known again whose end was cut off and written anew.
    position: Position,
    durable: u64,
    length: u64,
    check: u64,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        let Position { transaction, time, end, last, based: _ } = self.position;
        let time = time.cast_unsigned();
        let Self { salt, durable, length, check, .. } = *self;
        let words = [salt, transaction, time, end, last.place, last.check, durable, length, check];
        for (word, bytes) in words.iter().zip(bytes[8..80].chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let check = XxHash3_64::oneshot(&bytes[..80]);
        bytes[80..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut words = bytes[8..].chunks_exact(8).map(|bytes| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let mut word = || words.next().unwrap_or_default();
        let salt = word();
        let (transaction, time, end) = (word(), word().cast_signed(), word());
        let last = Last { place: word(), check: word() };
        let position = Position { transaction, time, end, last, based: true };
        let header = Self { salt, position, durable: word(), length: word(), check: word() };
        (header.encode() == *bytes).then_some(header)
    }
}

impl Snapshot {
    /// Opens the snapshot beside a file, none unless it is whole and of this file.
    pub(crate) fn find(
        storage: &dyn Storage,
        path: &Path,
        store: &dyn StorageFile,
        header: &FileHeader,
        length: u64,
    ) -> Option<Self> {
        let file = storage.open(&beside(path, "-index"), Open::Read).ok()?;
        let mut bytes = [0; HEADER];
        crate::storage::read_exact_at(&*file, &mut bytes, 0).ok()?;
        let found = Header::decode(&bytes)?;
        if found.salt != header.salt
            || found.position.end > length
            || !found.is_of(&mut Frames::new(store, header, length))
        {
            return None;
        }
        let Header { position, durable, length, .. } = found;
        let snapshot = Self { position, durable, length, file };
        // Read twice, the second time from memory: what the layer above is given has been checked.
        (snapshot.check(found.salt).ok()? == found.check).then_some(snapshot)
    }

    fn check(&self, salt: u64) -> io::Result<u64> {
        let mut content = self.content();
        let mut hasher = Hasher::with_seed(salt);
        let mut buffer = vec![0; CHUNK];
        loop {
            match content.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                read => hasher.write(&buffer[..read]),
            }
        }
    }

    pub(crate) fn content(&self) -> impl Read + '_ {
        io::BufReader::with_capacity(
            CHUNK,
            Content { file: &*self.file, at: CONTENT, end: CONTENT.saturating_add(self.length) },
        )
    }
}

impl Header {
    /// Tells whether the last frame in it stands in the file.
    fn is_of(&self, frames: &mut Frames<'_>) -> bool {
        let Position { transaction, end, last, .. } = self.position;
        if last.place == 0 {
            return transaction == 0 && frames.header().base == 0 && end == FIRST_FRAME;
        }
        frames.at(last.place).is_ok_and(|frame| {
            frame.is_ok_and(|Whole { header, .. }| {
                header.transaction == transaction
                    && header.body_check == last.check
                    && last.place + header.frame_length() == end
            })
        })
    }
}

/// The content, read on from where it stands.
struct Content<'a> {
    file: &'a dyn StorageFile,
    at: u64,
    end: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..length], self.at)?;
        if read == 0 && length > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// Writes the content, and its check.
struct Writing<'a> {
    file: &'a dyn StorageFile,
    hasher: Hasher,
    length: u64,
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, CONTENT + self.length)?;
        self.hasher.write(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes no more frames, makes all durable, and writes what shortens the next opening: the state after the newest frame, by a
    /// function of the layer above.
    ///
    /// # Errors
    ///
    /// What writing and syncing gives. An error of the snapshot says so: the frames are safe then.
    pub(crate) fn close(&self, snapshot: Option<&mut WriteSnapshot<'_>>) -> Result<()> {
        let mut state = self.shared.lock();
        if matches!(state.standing, Standing::Closed) {
            return Ok(());
        }
        state.check_standing()?;
        state.standing = Standing::Closed;
        if self.access == Access::Read {
            return Ok(());
        }
        drop(state);
        self.finish()?;
        let mut state = self.shared.lock();
        if self.shared.mode == SyncMode::Normal {
            state = self.shared.sync_written(state);
        }
        state.check_failure()?;
        let generation = Arc::clone(&state.generation);
        let header = Header {
            salt: generation.header.salt,
            position: state.position,
            durable: state.durable,
            length: 0,
            check: 0,
        };
        let filled = state.filled;
        drop(state);
        self.shared.turned.notify_all();
        let end = header.position.end;
        if filled > end {
            let failed = |error| failure::io("giving back what was filled with zeros failed", error);
            generation.file.truncate(end).map_err(failed)?;
            self.sync(&*generation.file).map_err(failed)?;
        }
        if let Some(snapshot) = snapshot {
            self.write_snapshot(header, snapshot)
                .map_err(|error| failure::io("writing the index failed, with all commits safe", error))?;
        }
        Ok(())
    }

    fn write_snapshot(&self, header: Header, snapshot: &mut WriteSnapshot<'_>) -> io::Result<()> {
        let index = beside(&self.path, "-index");
        let new = beside(&index, "-new");
        let file = self.storage.open(&new, Open::New)?;
        let writing = Writing { file: &*file, hasher: Hasher::with_seed(header.salt), length: 0 };
        let mut writing = io::BufWriter::with_capacity(CHUNK, writing);
        snapshot(&mut writing)?;
        let writing = writing.into_inner().map_err(io::IntoInnerError::into_error)?;
        let header = Header { length: writing.length, check: writing.hasher.finish(), ..header };
        file.write_at(&header.encode(), 0)?;
        self.sync(&*file)?;
        self.storage.replace(&new, &index)
    }

    fn sync(&self, file: &dyn StorageFile) -> io::Result<()> {
        if self.shared.mode == SyncMode::Off { Ok(()) } else { file.sync_all() }
    }
}
