//! Opening: the lock, a new file where there is none, replay, and what to do about the end.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};

use oarlock_core::{Error, ErrorKind, Result};

use super::batch::Batch;
use super::commit::now;
use super::format::{FILE_HEADER, FIRST_FRAME, FileHeader, FrameHeader, Kind, damaged};
use super::frames::{Former, Frames};
use super::position::Position;
use super::snapshot::Snapshot;
use super::tail::{self, Tail};
use super::withdrawn::Withdrawals;
use super::{
    Access, Cut, Generation, Log, LogOptions, OnDamage, Opening, Replay, Shared, Standing, State, SyncMode, beside,
    failure, is_missing,
};
use crate::storage::{Lock, LockError, Open, Storage, StorageFile};

/// What is told of a file by reading it to its end.
struct Replayed {
    position: Position,
    /// Up to where the file is durable, as far as is known.
    durable: u64,
    /// Up to where it is filled.
    filled: u64,
    frames: u64,
    from_snapshot: bool,
}

impl Log {
    /// Opens a store's file, makes it where it is missing, and replays it into the layer above.
    ///
    /// # Errors
    ///
    /// `LockTimeout` when somebody else has it open, who is named; `Io` with SQLSTATE `XX001` when the file is no store or acknowledged
    /// transactions cannot be read; `NotSupported` for the format of a later version; what the storage and `state` give.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        path: &Path,
        options: LogOptions,
        state: &mut dyn Replay,
    ) -> Result<(Self, Opening)> {
        let in_store = |error: Error| error.context(format_args!("the store {}", path.display()));
        let mut opening = Opening { created: false, replayed: 0, from_snapshot: false, cut: None };
        let lock = match options.access {
            Access::Write => Some(lock(&*storage, path)?),
            Access::Read => None,
        };
        if options.access == Access::Write {
            // What an interrupted creation or packing has left: never the store itself.
            let _ = storage.remove(&beside(path, "-new"));
        }
        let file = match open_file(&*storage, path, options.access) {
            Err(error) if is_missing(&error) && options.access == Access::Write => {
                opening.created = true;
                create(&*storage, path, &new_header())
                    .and_then(|()| open_file(&*storage, path, options.access))
                    .map_err(|error| in_store(failure::io("creating it failed", error)))?
            }
            other => other.map_err(|error| in_store(failure::io("opening it failed", error)))?,
        };
        let header = read_header(&*file).map_err(in_store)?;
        let length = file.length().map_err(|error| in_store(failure::io("asking for its length failed", error)))?;
        let snapshot = Snapshot::find(&*storage, path, &*file, &header, length);
        let mut frames = Frames::new(&*file, &header, length);
        let mut replayed = replay(&mut frames, snapshot, state).map_err(in_store)?;
        opening.replayed = replayed.frames;
        opening.from_snapshot = replayed.from_snapshot;
        let Position { transaction, end, .. } = replayed.position;
        let tail = tail::examine(&mut frames, end, transaction, length).map_err(in_store)?;
        drop(frames);
        if options.access == Access::Write {
            if tail != Tail::Empty {
                let cut =
                    settle(&*storage, path, &*file, tail, &replayed.position, options.on_damage).map_err(in_store)?;
                opening.cut = Some(cut);
                replayed.filled = end;
            }
            if options.sync != SyncMode::Off {
                harden(&*file, &replayed)
                    .map_err(|error| in_store(failure::io("syncing what was read failed", error)))?;
                replayed.durable = end;
            }
        }
        let generation = Generation { file, header, written: AtomicU64::new(end) };
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            mode: options.sync,
            state: Mutex::new(replayed.into_state(generation)),
            turned: Condvar::new(),
        });
        let syncer = (options.access == Access::Write && options.sync == SyncMode::Normal).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.sync_at_intervals())
        });
        Ok((Self { shared, storage, path: path.to_owned(), access: options.access, syncer, _lock: lock }, opening))
    }
}

pub(super) fn lock(storage: &dyn Storage, path: &Path) -> Result<Box<dyn Lock>> {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().and_then(|path| path.file_name()).unwrap_or_default();
    let holder = format!("process {} ({})", std::process::id(), program.display());
    storage.lock(&beside(path, "-lock"), &holder).map_err(|error| match error {
        LockError::Held(holder) => {
            let holder = if holder.is_empty() { "another process" } else { &holder };
            let message = format!("the store {} is open already, by {holder}", path.display());
            Error::new(ErrorKind::LockTimeout, message).with_sqlstate("55006").with_hint(
                "a store is opened by one process at a time, and there once; end the other, or open it for reading",
            )
        }
        LockError::Failed(error) => failure::io(format_args!("locking the store {} failed", path.display()), error),
    })
}

fn open_file(storage: &dyn Storage, path: &Path, access: Access) -> std::io::Result<Box<dyn StorageFile>> {
    storage.open(path, if access == Access::Write { Open::Write } else { Open::Read })
}

/// Makes a header of a new store.
fn new_header() -> FileHeader {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random().to_le_bytes());
    id[8..].copy_from_slice(&random().to_le_bytes());
    FileHeader { id, salt: random(), base: 0, created: now() }
}

/// Gives a number that no other file has. The standard library's keys of hash maps come from the system's random numbers.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(now())
}

/// Makes a file with nothing but a header. It is there as a whole or not at all.
fn create(storage: &dyn Storage, path: &Path, header: &FileHeader) -> std::io::Result<()> {
    let new = beside(path, "-new");
    let file = storage.open(&new, Open::New)?;
    file.write_at(&header.encode(), 0)?;
    file.sync_all()?;
    storage.replace(&new, path)
}

pub(super) fn read_header(file: &dyn StorageFile) -> Result<FileHeader> {
    let mut bytes = [0; FILE_HEADER];
    let read = file.read_at(&mut bytes, 0).map_err(|error| failure::io("reading its header failed", error))?;
    if read == 0 {
        return Err(damaged("the file is empty, and a store never is").with_hint("remove it to begin a new store"));
    }
    FileHeader::decode(&bytes[..read])
}

/// Reads frames until there are no more.
fn replay(frames: &mut Frames<'_>, snapshot: Option<Snapshot>, state: &mut dyn Replay) -> Result<Replayed> {
    let mut replayed = Replayed {
        position: Position::first(frames.header()),
        durable: FIRST_FRAME,
        filled: frames.length(),
        frames: 0,
        from_snapshot: false,
    };
    if let Some(snapshot) = snapshot
        && state.snapshot(&mut snapshot.content(), &mut Former::new(frames, snapshot.position.end))?
    {
        replayed.position = snapshot.position;
        replayed.durable = snapshot.durable.min(snapshot.position.end);
        replayed.from_snapshot = true;
    }
    let position = &mut replayed.position;
    while let Ok(frame) = position.read(frames)? {
        let FrameHeader { kind, transaction, unsynced, .. } = frame.header;
        if kind != Kind::BaseEnd {
            state
                .frame(frame.frame())
                .map_err(|error| error.context(format_args!("transaction {transaction}, at byte {}", frame.place)))?;
        }
        replayed.durable = unsynced.durable(frame.place);
        replayed.frames += u64::from(kind == Kind::Commit);
        position.pass(&frame.header);
    }
    if !position.based {
        return Err(damaged(format!(
            "it is damaged at byte {}: the state after transaction {}, which it begins with, cannot be read",
            position.end, position.transaction
        ))
        .with_hint("restore a backup"));
    }
    Ok(replayed)
}

impl Replayed {
    fn into_state(self, generation: Generation) -> State {
        State {
            generation: Arc::new(generation),
            position: self.position,
            pending: Batch::default(),
            writing: Arc::default(),
            spare: Batch::default(),
            leading: false,
            tickets: 0,
            settled: 0,
            withdrawals: Withdrawals::default(),
            finished: self.position,
            durable: self.durable,
            filled: self.filled,
            standing: Standing::Good,
        }
    }
}

/// Cuts the end off, and keeps aside what may be more than an interrupted commit.
fn settle(
    storage: &dyn Storage,
    path: &Path,
    file: &dyn StorageFile,
    tail: Tail,
    position: &Position,
    on_damage: OnDamage,
) -> Result<Cut> {
    let (length, keep) = match tail {
        Tail::Empty => (0, false),
        Tail::Torn { length } => (length, false),
        Tail::Odd { length } => (length, true),
        Tail::Damaged { length, transaction } => {
            if on_damage == OnDamage::Refuse {
                let first = position.transaction.saturating_add(1);
                return Err(damaged(format!(
                    "it is damaged at byte {}: transaction {first} cannot be read, and was durable when transaction {transaction} was made",
                    position.end
                ))
                .with_hint(format!(
                    "restore a backup, or open it with damage kept aside, which goes back to transaction {}",
                    position.transaction
                )));
            }
            (length, true)
        }
    };
    let mut cut = Cut { place: position.end, length, kept: None };
    if keep {
        let kept = beside(path, &format!("-cut-{}", position.end));
        keep_aside(storage, file, &cut, &kept)
            .map_err(|error| failure::io("keeping aside what cannot be read failed", error))?;
        cut.kept = Some(kept);
    }
    let failed = |error| failure::io("cutting off an interrupted commit failed", error);
    file.truncate(position.end).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(cut)
}

fn keep_aside(storage: &dyn Storage, file: &dyn StorageFile, cut: &Cut, kept: &Path) -> std::io::Result<()> {
    let new = beside(kept, "-new");
    let to = storage.open(&new, Open::New)?;
    copy(file, cut.place, &*to, 0, cut.length)?;
    to.sync_all()?;
    storage.replace(&new, kept)
}

/// Makes what was read durable, before anybody is told of it.
///
/// A process that was killed may have left it to the system's memory. And where a sync failed, the system may call memory clean that never
/// reached the disk: so what is not known to be durable is written once more, which makes it dirty again.
fn harden(file: &dyn StorageFile, replayed: &Replayed) -> std::io::Result<()> {
    if replayed.durable < replayed.position.end {
        copy(file, replayed.durable, file, replayed.durable, replayed.position.end - replayed.durable)?;
    }
    file.sync_data()
}

/// Copies bytes, a buffer at a time.
fn copy(
    from: &dyn StorageFile,
    from_place: u64,
    to: &dyn StorageFile,
    to_place: u64,
    length: u64,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0;
    while done < length {
        let part = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
        crate::storage::read_exact_at(from, &mut buffer[..part], from_place + done)?;
        to.write_at(&buffer[..part], to_place + done)?;
        done += part as u64;
    }
    Ok(())
}
