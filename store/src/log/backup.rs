//! Backups of a log in use, whole or of what came after a transaction, and files made of them.

use std::io::{self, Read, Write};
use std::path::Path;

use oarlock_core::{Error, ErrorKind, Result};
use twox_hash::XxHash3_64;

use super::format::{FileHeader, VERSION, damaged, u16_at, u64_at};
use super::frames::{Frames, Stop};
use super::open::{lock, read_header};
use super::position::Position;
use super::{Log, beside, failure};
use crate::storage::{Open, Storage, StorageFile};

const MAGIC: [u8; 8] = *b"oarlock+";

/// How long the header of an increment is.
const HEADER: usize = 72;

/// How much is copied at once.
const CHUNK: usize = 1 << 18;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The last transaction in it; the next increment is made since this one.
    pub transaction: u64,
    /// Its length.
    pub bytes: u64,
}

/// Up to where a store is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Until {
    /// All that the backups hold.
    #[default]
    Newest,
    /// This transaction, with all before it.
    Transaction(u64),
    /// The last transaction that was committed at this time, in microseconds since 1970, or before.
    Time(i64),
}

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The last transaction.
    pub transaction: u64,
    /// When it was committed, in microseconds since 1970.
    pub time: i64,
}

/// What stands before the frames of an increment: which file they come from, and which frame they follow on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    id: [u8; 16],
    salt: u64,
    /// Where the frames begin in the file.
    place: u64,
    /// The check of the body of the frame before them.
    last_check: u64,
    length: u64,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..40].copy_from_slice(&self.salt.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.place.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.last_check.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.length.to_le_bytes());
        let check = XxHash3_64::oneshot(&bytes[..64]);
        bytes[64..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Result<Self> {
        if !bytes.starts_with(&MAGIC) || u64_at(bytes, 64) != XxHash3_64::oneshot(&bytes[..64]) {
            return Err(damaged("it is no increment of a store, or its header is damaged"));
        }
        if u16_at(bytes, 8) != VERSION || bytes[10..16] != [0; 6] {
            return Err(Error::not_supported(format!(
                "it has format {}, and this version of oarlock reads format {VERSION}",
                u16_at(bytes, 8)
            )));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[16..32]);
        let (salt, place, last_check, length) =
            (u64_at(bytes, 32), u64_at(bytes, 40), u64_at(bytes, 48), u64_at(bytes, 56));
        Ok(Self { id, salt, place, last_check, length })
    }
}

impl Log {
    /// Writes the file as of the last acknowledged commit, or, `since` a transaction, what came after it. Commits go on meanwhile.
    ///
    /// # Errors
    ///
    /// `OutOfRange` when the transaction is not in the file; what reading and writing gives.
    pub(crate) fn backup(&self, since: Option<u64>, to: &mut dyn Write) -> Result<Backup> {
        let reader = self.reader();
        let header = &reader.generation.header;
        let mut position = Position::first(header);
        let end = reader.acknowledged();
        let mut frames = Frames::new(&*reader.generation.file, header, end);
        if let Some(since) = since {
            if since < header.base {
                return Err(Error::new(
                    ErrorKind::OutOfRange,
                    format!(
                        "transaction {since} was packed into {}, so that there is no increment since it",
                        header.base
                    ),
                )
                .with_hint("make a full backup"));
            }
            read_on(&mut position, &mut frames, Until::Transaction(since))?;
            if position.transaction != since {
                let message = format!("there is no transaction {since}; the last one is {}", position.transaction);
                return Err(Error::new(ErrorKind::OutOfRange, message));
            }
        }
        let start = if since.is_some() { position.end } else { 0 };
        let mut bytes = end - start;
        let failed = |error| failure::io("writing the backup failed", error);
        if since.is_some() {
            let &FileHeader { id, salt, .. } = header;
            let header = Header { id, salt, place: start, last_check: position.last.check, length: bytes };
            to.write_all(&header.encode()).map_err(failed)?;
            bytes += HEADER as u64;
        }
        let mut place = start;
        while place < end {
            let part = frames.bytes(place, (end - place).min(CHUNK as u64))?;
            let part = part.ok_or_else(|| damaged(format!("the file ends before byte {end}")))?;
            to.write_all(part).map_err(failed)?;
            place += part.len() as u64;
        }
        to.flush().map_err(failed)?;
        read_on(&mut position, &mut frames, Until::Newest)?;
        Ok(Backup { transaction: position.transaction, bytes })
    }
}

/// Makes a store's file of a full backup and the increments that follow on it. Every frame is checked, and the file is there as a whole or not at
/// all.
///
/// # Errors
///
/// `AlreadyExists` when there is a file; `Io` with SQLSTATE `XX001` when a backup is damaged or does not follow on the one before;
/// `OutOfRange` when the backups hold no such transaction; what reading and writing gives.
pub(crate) fn restore(
    storage: &dyn Storage,
    path: &Path,
    full: &mut dyn Read,
    increments: &mut dyn Iterator<Item = io::Result<Box<dyn Read>>>,
    until: Until,
) -> Result<Restored> {
    let _lock = lock(storage, path)?;
    if storage.open(path, Open::Read).is_ok() {
        return Err(Error::new(ErrorKind::AlreadyExists, format!("the file {} exists", path.display()))
            .with_hint("restore to another path, or move it away"));
    }
    let new = beside(path, "-new");
    let file = storage.open(&new, Open::New).map_err(restoring)?;
    let restored = fill(&*file, full, increments, until);
    let installed = restored.and_then(|restored| {
        file.sync_all().and_then(|()| storage.replace(&new, path)).map_err(restoring)?;
        Ok(restored)
    });
    if installed.is_err() {
        let _ = storage.remove(&new);
    }
    installed
}

fn fill(
    file: &dyn StorageFile,
    full: &mut dyn Read,
    increments: &mut dyn Iterator<Item = io::Result<Box<dyn Read>>>,
    until: Until,
) -> Result<Restored> {
    let in_full = |error: Error| error.context("the full backup");
    let mut length = copy(full, u64::MAX, file, 0)?;
    let header = read_header(file).map_err(in_full)?;
    let mut position = Position::first(&header);
    let mut more = read_all(&mut position, file, &header, length, until).map_err(in_full)?;
    for (number, increment) in increments.enumerate() {
        let in_increment = |error: Error| error.context(format_args!("increment {}", number + 1));
        let mut increment = increment.map_err(restoring)?;
        let mut bytes = [0; HEADER];
        increment.read_exact(&mut bytes).map_err(restoring).map_err(in_increment)?;
        let found = Header::decode(&bytes).map_err(in_increment)?;
        if (found.id, found.salt) != (header.id, header.salt) {
            return Err(in_increment(damaged(
                "it is of another store, or packing came between it and the full backup",
            )));
        }
        if more {
            break;
        }
        if found.place != position.end || found.last_check != position.last.check {
            return Err(in_increment(damaged(format!(
                "it does not follow on transaction {}, with which the backups before it end",
                position.transaction
            ))));
        }
        length = found.place + copy(&mut increment, found.length, file, found.place)?;
        if length != found.place + found.length {
            return Err(in_increment(damaged("it is cut off")));
        }
        more = read_all(&mut position, file, &header, length, until).map_err(in_increment)?;
    }
    if !position.based || matches!(until, Until::Transaction(wanted) if wanted != position.transaction) {
        let message =
            format!("the backups hold transactions {} to {}, and not {until:?}", header.base, position.transaction);
        return Err(Error::new(ErrorKind::OutOfRange, message));
    }
    if length > position.end {
        file.truncate(position.end).map_err(restoring)?;
    }
    Ok(Restored { transaction: position.transaction, time: position.time })
}

/// Reads on, up to what is wanted, and tells whether that was found, or else why reading ended.
fn read_on(position: &mut Position, frames: &mut Frames<'_>, until: Until) -> Result<Option<Stop>> {
    loop {
        let header = match position.read(frames)? {
            Ok(frame) => frame.header,
            Err(stop) => return Ok(Some(stop)),
        };
        let beyond = match until {
            Until::Newest => false,
            Until::Transaction(wanted) => header.transaction > wanted,
            Until::Time(time) => header.time > time,
        };
        if beyond {
            return Ok(None);
        }
        position.pass(&header);
    }
}

/// Reads on in a file that has to hold nothing but frames, and tells whether there is more than what is wanted.
fn read_all(
    position: &mut Position,
    file: &dyn StorageFile,
    header: &FileHeader,
    length: u64,
    until: Until,
) -> Result<bool> {
    match read_on(position, &mut Frames::new(file, header, length), until)? {
        None => Ok(true),
        Some(Stop::Empty) => Ok(false),
        Some(_) => Err(damaged(format!(
            "it is damaged at byte {}: what follows transaction {} cannot be read",
            position.end, position.transaction
        ))),
    }
}

/// Copies what can be read, up to a length, and gives how much that was.
fn copy(from: &mut dyn Read, most: u64, to: &dyn StorageFile, place: u64) -> Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut from = from.take(most);
    let mut done = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(done),
            Ok(read) => {
                to.write_at(&buffer[..read], place + done).map_err(restoring)?;
                done += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(restoring(error)),
        }
    }
}

fn restoring(error: io::Error) -> Error {
    failure::io("restoring a backup failed", error)
}
