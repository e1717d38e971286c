//! Packing: a new file that begins with the state after one transaction, and has those after it, in the place of the old one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use oarlock_core::{Error, ErrorKind, Result};

use crate::history::payload_of;
use crate::log::{Frame, Rewriting};
use crate::map::Builder;
use crate::op::{self, Op, operations};
use crate::state::State;
use crate::store::{Shared, Store};
use crate::table::{Place, Row};
use crate::work::PREFIX;

/// What packing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// The transaction to which history is left out: what it and those before it did is one state now.
    pub base: u64,
    /// How many transactions after it the file has.
    pub transactions: u64,
}

/// About how many bytes of records stand in one frame at the beginning.
const PART: usize = 4 << 20;

/// Where operations of the old file stand in the new one.
type Places = HashMap<u64, u64>;

impl Store {
    /// Leaves out of the file what led to the state before a transaction: its records as they were then, and the transactions from there on,
    /// become a file of their own, which takes the place of the old one. Earlier versions are gone for good.
    ///
    /// Reading goes on meanwhile, and so does writing but for the last moment; a transaction that is open then has to be run again. It takes the time
    /// to read the file and write the new one, and the memory of the state at that transaction and of twenty bytes for each operation since. One thread
    /// packs at a time; others wait for it.
    ///
    /// # Errors
    ///
    /// `ReadOnly`; what reading and writing gives, and then the old file stays.
    pub fn pack(&self, before: u64) -> Result<Packed> {
        let _alone = self.shared().packing.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.snapshot().transaction();
        let base = before.saturating_sub(1).min(last).max(self.shared().log.base());
        let state = self.replayed(base)?;
        let mut new = self.shared().log.rewrite(base)?;
        let mut places = Places::new();
        write_base(&mut new, &state, &mut places)?;
        drop(state);
        self.shared().complete(new, base, places)
    }

    /// Packs the file to its present state: all history is gone, and the file as small as can be.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack).
    pub fn compact(&self) -> Result<Packed> {
        self.pack(u64::MAX)
    }
}

impl Shared {
    /// Takes over the transactions after the base, the last of them while nobody commits, and puts the new file in place.
    fn complete(&self, mut new: Rewriting, base: u64, mut places: Places) -> Result<Packed> {
        let reader = self.log.reader();
        let mut copied = base;
        let mut from = copy(&mut new, &reader, None, &mut copied, &mut places)?;
        let mut latest = self.latest();
        // What has been appended meanwhile is waited for, so that it can be read.
        self.log.finish()?;
        from = copy(&mut new, &reader, Some(from), &mut copied, &mut places)?;
        let _ = from;
        let mut state = State::clone(&latest);
        for table in state.tables.iter_mut().flatten() {
            let table = Arc::make_mut(table);
            let moved = |place: Place| place.get().and_then(|place| places.get(&place)).copied();
            let mut rows = Builder::new();
            let mut all = table.rows.all();
            while let Some(entry) = all.next() {
                let row = Row::new(entry.value);
                let place = moved(row.place).ok_or_else(|| lost(table.def.name()))?;
                rows.push(entry.key, [&Place::in_file(place).encode(), row.bytes]);
            }
            let mut deleted = Builder::new();
            let mut all = table.deleted.all();
            while let Some(entry) = all.next() {
                if let Some(place) = moved(Row::new(entry.value).place) {
                    deleted.push(entry.key, [&Place::in_file(place).encode(), &[]]);
                }
            }
            (table.rows, table.deleted) = (rows.finish(), deleted.finish());
        }
        state.reader = Some(self.log.install(new)?);
        state.epoch += 1;
        let state = Arc::new(state);
        *latest = Arc::clone(&state);
        // While the lock is held: the state before this one has the same number, and places in the old file.
        self.publish(state);
        Ok(Packed { base, transactions: copied - base })
    }
}

/// Writes a state as the first frames of a file.
fn write_base(new: &mut Rewriting, state: &State, places: &mut Places) -> Result<()> {
    let mut part = Part { payload: vec![0; PREFIX], offsets: Vec::new(), time: state.time };
    for table in state.live() {
        op::put_define(&mut part.payload, &table.def.stored.to_json()?);
    }
    for table in state.live() {
        let id = table.def.stored.id;
        let next = table.sequence.load(std::sync::atomic::Ordering::Relaxed);
        op::put_sequence(&mut part.payload, id, next);
        let mut rows = table.rows.all();
        while let Some(entry) = rows.next() {
            let row = Row::new(entry.value);
            let old = row.place.get().ok_or_else(|| lost(table.def.name()))?;
            part.offsets.push((old, part.payload.len() as u64));
            op::put_record(&mut part.payload, id, 0, row.bytes);
            if part.payload.len() >= PART {
                part.write(new, places)?;
            }
        }
    }
    part.write(new, places)
}

struct Part {
    payload: Vec<u8>,
    offsets: Vec<(u64, u64)>,
    time: i64,
}

impl Part {
    fn write(&mut self, new: &mut Rewriting, places: &mut Places) -> Result<()> {
        if self.payload.len() > PREFIX {
            let place = new.base(self.time, &self.payload)?;
            places.extend(self.offsets.drain(..).map(|(old, offset)| (old, place + offset)));
            self.payload.truncate(PREFIX);
        }
        Ok(())
    }
}

/// Copies the transactions after one, and gives where the old file was read up to.
fn copy(
    new: &mut Rewriting,
    reader: &crate::log::Reader,
    from: Option<u64>,
    copied: &mut u64,
    places: &mut Places,
) -> Result<u64> {
    let mut scan = reader.scan(from);
    while let Some(frame) = scan.next()? {
        if frame.base || frame.transaction <= *copied {
            continue;
        }
        *copied = frame.transaction;
        copy_frame(new, &frame, places)?;
    }
    Ok(scan.place())
}

/// Copies a transaction, with the places of earlier versions as they are in the new file.
fn copy_frame(new: &mut Rewriting, frame: &Frame<'_>, places: &mut Places) -> Result<()> {
    let mut payload = Vec::with_capacity(frame.payload.len() + 16);
    payload.extend_from_slice(frame.payload.get(..PREFIX).unwrap_or(&[0; PREFIX]));
    let mut offsets = Vec::new();
    for op in operations(payload_of(frame)) {
        let at = |place: u64| places.get(&place).copied().unwrap_or(0);
        let offset = payload.len() as u64;
        match op? {
            Op::Put { table, link, record } => {
                offsets.push((frame.place + link.offset, offset));
                op::put_record(&mut payload, table, at(link.previous), record);
            }
            Op::Delete { table, link, key } => {
                offsets.push((frame.place + link.offset, offset));
                op::put_delete(&mut payload, table, at(link.previous), key);
            }
            Op::Define { json } => op::put_define(&mut payload, json),
            Op::Drop { table } => op::put_drop(&mut payload, table),
            Op::Sequence { table, next } => op::put_sequence(&mut payload, table, next),
        }
    }
    let place = new.commit(frame, &payload)?;
    places.extend(offsets.into_iter().map(|(old, offset)| (old, place + offset)));
    Ok(())
}

#[cold]
fn lost(table: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("a record of {table} is not where the file should have it"))
}
