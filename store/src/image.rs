//! The image of the state that a clean close leaves beside the file, so that the next opening need not replay it.
//!
//! It says where the operations stand that made the records what they are: opening reads those, and passes over all others. It can be left
//! out, and lost, at any time: the file has all that it says. Its first byte is its version; an image of another one is not taken.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use oarlock_core::Result;

use crate::log::{Former, failure};
use crate::map::{Map, Unsorted};
use crate::op::Op;
use crate::record::varint::{get_signed, get_unsigned, put_signed, put_unsigned, take};
use crate::schema::Stored;
use crate::state::State;
use crate::table::{Place, Row};

const VERSION: u8 = 2;

/// How much is collected before it is written.
const CHUNK: usize = 1 << 18;

/// Writes the image of a state all of which is in the file.
pub(crate) fn write(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = vec![VERSION];
    put_unsigned(&mut bytes, state.transaction);
    put_signed(&mut bytes, state.time);
    put_unsigned(&mut bytes, wide(state.live().count()));
    for table in state.live() {
        let json = table.def.stored.to_json().map_err(io::Error::other)?;
        put_unsigned(&mut bytes, wide(json.len()));
        bytes.extend_from_slice(&json);
        put_unsigned(&mut bytes, table.sequence.load(Ordering::Relaxed));
        for map in [&table.rows, &table.deleted] {
            write_places(map, &mut bytes, out)?;
        }
    }
    out.write_all(&bytes)
}

/// Writes the places of a map's entries, in their order in the file, each as how far it is from the one before.
fn write_places(map: &Map, bytes: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    let mut places = Vec::with_capacity(map.len());
    let mut entries = map.all();
    while let Some(entry) = entries.next() {
        let place = Row::new(entry.value).place.get();
        places.push(place.ok_or_else(|| io::Error::other("a record is not in the file"))?);
    }
    places.sort_unstable();
    put_unsigned(bytes, wide(places.len()));
    let mut before = 0;
    for place in places {
        put_unsigned(bytes, place - before);
        before = place;
        if bytes.len() >= CHUNK {
            out.write_all(bytes)?;
            bytes.clear();
        }
    }
    Ok(())
}

/// An operation that is to be read, and the table that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    place: u64,
    slot: usize,
}

/// What was read for a table.
struct Found {
    rows: Unsorted,
    deleted: Unsorted,
}

/// Reads an image, and what it leads to, into a state without indexes. `None` where it is of another version or does not fit the frames.
pub(crate) fn read(input: &mut dyn Read, frames: &mut Former<'_, '_>, history: bool) -> Result<Option<State>> {
    let mut content = Vec::new();
    input.read_to_end(&mut content).map_err(|error| failure::io("reading the image of a clean close failed", error))?;
    let bytes = &mut content.as_slice();
    if take(bytes, 1).ok() != Some(&[VERSION]) {
        return Ok(None);
    }
    let mut state = State { transaction: get_unsigned(bytes)?, time: get_signed(bytes)?, ..State::default() };
    let mut wanted = Vec::new();
    for _ in 0..get_unsigned(bytes)? {
        let stored = Stored::from_json(counted(bytes)?)?;
        let slot = crate::state::slot(stored.id)?;
        state.define(stored)?;
        let next = get_unsigned(bytes)?;
        state.table(slot)?.number_past(next.saturating_sub(1));
        // Records, and those that are no more.
        for needed in [true, history] {
            let mut place = 0_u64;
            for _ in 0..get_unsigned(bytes)? {
                place = place.saturating_add(get_unsigned(bytes)?);
                if needed {
                    wanted.push(Wanted { place, slot });
                }
            }
        }
    }
    wanted.sort_unstable();
    let fits = read_wanted(&mut state, &wanted, frames)?;
    state.link()?;
    Ok(fits.then_some(state))
}

/// Reads operations into a state. False where one is not where it should be.
fn read_wanted(state: &mut State, mut wanted: &[Wanted], frames: &mut Former<'_, '_>) -> Result<bool> {
    let empty = |_| Found { rows: Unsorted::with_capacity(0), deleted: Unsorted::with_capacity(0) };
    let mut found: Vec<Option<Found>> = state.tables.iter().map(|table| table.as_ref().map(empty)).collect();
    while let Some(first) = wanted.first() {
        let Some(frame) = frames.with(first.place)? else { return Ok(false) };
        let within = |place: u64| usize::try_from(place.checked_sub(frame.place)?).ok();
        while let Some((Wanted { place, slot }, rest)) = wanted.split_first()
            && let Some(mut payload) = within(*place).and_then(|offset| frame.payload.get(offset..))
            && !payload.is_empty()
        {
            wanted = rest;
            let (table, Some(found)) = (state.table(*slot)?, &mut found[*slot]) else { return Ok(false) };
            let link = match Op::take(&mut payload) {
                Ok(Op::Put { table: id, link, record }) if id == table.def.stored.id => {
                    let modern = table.def.modern(record)?;
                    let record = modern.as_deref().unwrap_or(record);
                    let key = table.key_of(&table.locate(record)?)?;
                    found.rows.push(key.as_bytes(), [&Place::in_file(*place).encode(), record]);
                    link
                }
                Ok(Op::Delete { table: id, link, key }) if id == table.def.stored.id => {
                    found.deleted.push(key, [&Place::in_file(*place).encode(), &[]]);
                    link
                }
                _ => return Ok(false),
            };
            if frame.place + link.offset != *place {
                return Ok(false);
            }
        }
        if wanted.first() == Some(first) {
            return Ok(false);
        }
    }
    for (slot, found) in found.into_iter().enumerate() {
        let Some(found) = found else { continue };
        let (Ok(rows), Ok(deleted)) = (found.rows.into_map(), found.deleted.into_map()) else { return Ok(false) };
        let table = state.table_mut(slot)?;
        (table.rows, table.deleted) = (rows, deleted);
    }
    Ok(true)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn counted<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8]> {
    let length = usize::try_from(get_unsigned(bytes)?).unwrap_or(usize::MAX);
    take(bytes, length)
}
