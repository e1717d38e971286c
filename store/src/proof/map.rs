//! A small map that is kept by the log alone.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};

use super::{Progress, State, Subject, path};
use crate::log::{Appended, Former, Frame, Log, LogOptions, Replay, SyncMode};
use crate::storage::Storage;
use crate::storage::simulated::{Disk, Random};

/// The map and its log.
pub(super) struct Map {
    pub(super) log: Arc<Log>,
    content: Content,
}

#[derive(Clone, Default)]
struct Content {
    state: State,
    transaction: u64,
}

impl Map {
    pub(super) fn open_in(storage: Arc<dyn Storage>, options: LogOptions) -> Result<Self> {
        Self::open_at(storage, path(), options)
    }

    pub(super) fn open_at(storage: Arc<dyn Storage>, path: &Path, options: LogOptions) -> Result<Self> {
        let mut content = Content::default();
        let (log, _) = Log::open(storage, path, options, &mut content)?;
        assert_eq!(log.last().0, content.transaction);
        Ok(Self { log: Arc::new(log), content })
    }

    /// Gives what a transaction may put into the map.
    pub(super) fn changes(random: &mut Random) -> State {
        let mut changes = State::new();
        for _ in 0..=random.below(3) {
            let length = match random.below(20) {
                0 => random.below(20_000),
                1..5 => random.below(2_000),
                _ => random.below(200),
            };
            let byte = u8::try_from(random.below(256)).unwrap();
            changes.insert(vec![b'a' + u8::try_from(random.below(20)).unwrap()], vec![byte; length]);
        }
        changes
    }

    /// Appends a transaction with a few changes.
    pub(super) fn append(&mut self, random: &mut Random, progress: &Progress) -> Result<Appended> {
        let changes = Self::changes(random);
        let mut state = self.content.state.clone();
        state.extend(changes.clone());
        progress.expect(self.content.transaction + 1, state);
        self.put(changes, random.one_in(4).then_some("a note"))
    }

    /// Appends a transaction.
    pub(super) fn put(&mut self, changes: State, note: Option<&str>) -> Result<Appended> {
        let payload = encode(&changes);
        let appended = self.log.append(self.content.transaction, note, payload.clone())?;
        assert_eq!(appended.transaction, self.content.transaction + 1);
        let there = self.log.reader().read(appended.place, payload.len())?;
        assert!(there == payload, "a frame can be read once it is appended");
        self.content.transaction = appended.transaction;
        self.content.state.extend(changes);
        Ok(appended)
    }
}

impl Subject for Map {
    fn open(disk: &Disk, mode: SyncMode) -> Result<Self> {
        Self::open_in(Arc::new(disk.clone()), LogOptions { sync: mode, ..LogOptions::default() })
    }

    fn state(&self) -> (u64, State) {
        (self.content.transaction, self.content.state.clone())
    }

    fn step(&mut self, random: &mut Random, progress: &Progress) -> Result<()> {
        // A few that wait together, now and then.
        let together = if random.one_in(3) { 1 + random.below(4) } else { 1 };
        let before = self.content.clone();
        let appended: Vec<_> = (0..together).map(|_| self.append(random, progress)).collect::<Result<_>>()?;
        for frame in appended {
            if let Err(error) = self.log.wait(frame) {
                if !error.outcome_unknown() {
                    self.content = before;
                }
                return Err(error);
            }
            progress.acknowledge(frame.transaction);
        }
        Ok(())
    }

    fn pack(&mut self, random: &mut Random) -> Result<()> {
        // The state as of some transaction in a few frames, and the later transactions as they were.
        let (first, last) = (self.log.base(), self.content.transaction);
        let base = first + random.below(usize::try_from(last - first).unwrap() + 1) as u64;
        let reader = self.log.reader();
        let mut scan = reader.scan(None);
        let mut new = self.log.rewrite(base)?;
        let (mut before, mut time, mut based) = (State::new(), 0, base == 0);
        while let Some(frame) = scan.next()? {
            if frame.transaction <= base {
                apply(&mut before, frame.payload);
                time = frame.time;
                continue;
            }
            if !based {
                based = true;
                for (key, value) in &before {
                    new.base(time, &encode(&State::from([(key.clone(), value.clone())])))?;
                }
            }
            new.commit(&frame, frame.payload)?;
        }
        if !based {
            new.base(time, &encode(&before))?;
        }
        let reader = self.log.install(new)?;
        assert_eq!(self.log.last().0, self.content.transaction);
        assert_eq!(reader.scan(None).next()?.map(|frame| frame.base), (last > 0).then_some(base > 0));
        Ok(())
    }

    fn close(self) -> Result<()> {
        let state = encode(&self.content.state);
        self.log.close(Some(&mut |to: &mut dyn Write| {
            to.write_all(&self.content.transaction.to_le_bytes())?;
            to.write_all(&state)
        }))
    }
}

impl Replay for Content {
    fn snapshot(&mut self, snapshot: &mut dyn Read, _: &mut Former<'_, '_>) -> Result<bool> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes).map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
        let (transaction, state) = bytes.split_first_chunk().unwrap();
        self.transaction = u64::from_le_bytes(*transaction);
        apply(&mut self.state, state);
        Ok(true)
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<()> {
        if !frame.base {
            assert_eq!(frame.transaction, self.transaction + 1);
        }
        self.transaction = frame.transaction;
        assert!(matches!(frame.note, None | Some("a note")), "{:?}", frame.note);
        apply(&mut self.state, frame.payload);
        Ok(())
    }
}

/// Writes a map as keys of one byte with lengths and values.
fn encode(changes: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in changes {
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

/// Puts what [`encode`] has written into a map; bytes that it cannot have written are left where they are.
fn apply(state: &mut State, mut bytes: &[u8]) {
    while let Some((key, rest)) = bytes.split_first()
        && let Some((length, rest)) = rest.split_first_chunk()
        && let Some((value, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        state.insert(vec![*key], value.to_vec());
        bytes = rest;
    }
}
