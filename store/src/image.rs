//! The image of the state that a clean close leaves beside the file, so that the next opening need not replay it.
//!
//! It can be left out, and lost, at any time: the file has all that it says. Its first byte is its version; an image of another one is not taken.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;

use oarlock_core::Result;

use crate::log::failure;
use crate::map::Builder;
use crate::record::varint::{get_signed, get_unsigned, put_signed, put_unsigned, take};
use crate::schema::Stored;
use crate::state::State;
use crate::table::{Place, Row};

const VERSION: u8 = 1;

/// How much is collected before it is written.
const CHUNK: usize = 1 << 18;

/// Writes the image of a state all of which is in the file.
pub(crate) fn write(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let pending = || io::Error::other("a record is not in the file");
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut bytes = vec![VERSION];
    put_unsigned(&mut bytes, state.transaction);
    put_signed(&mut bytes, state.time);
    put_unsigned(&mut bytes, count(state.live().count()));
    for table in state.live() {
        let json = table.def.stored.to_json().map_err(io::Error::other)?;
        put_unsigned(&mut bytes, count(json.len()));
        bytes.extend_from_slice(&json);
        put_unsigned(&mut bytes, table.sequence.load(Ordering::Relaxed));
        put_unsigned(&mut bytes, count(table.rows.len()));
        let mut rows = table.rows.all();
        while let Some(entry) = rows.next() {
            let row = Row::new(entry.value);
            put_unsigned(&mut bytes, row.place.get().ok_or_else(pending)?);
            put_unsigned(&mut bytes, count(row.bytes.len()));
            bytes.extend_from_slice(row.bytes);
            if bytes.len() >= CHUNK {
                out.write_all(&bytes)?;
                bytes.clear();
            }
        }
        put_unsigned(&mut bytes, count(table.deleted.len()));
        let mut deleted = table.deleted.all();
        while let Some(entry) = deleted.next() {
            put_unsigned(&mut bytes, Row::new(entry.value).place.get().ok_or_else(pending)?);
            put_unsigned(&mut bytes, count(entry.key.len()));
            bytes.extend_from_slice(entry.key);
        }
    }
    out.write_all(&bytes)
}

/// Reads an image into a state without indexes. `None` where it is of another version.
pub(crate) fn read(input: &mut dyn Read, history: bool) -> Result<Option<State>> {
    let mut content = Vec::new();
    input.read_to_end(&mut content).map_err(|error| failure::io("reading the image of a clean close failed", error))?;
    let bytes = &mut content.as_slice();
    if take(bytes, 1).ok() != Some(&[VERSION]) {
        return Ok(None);
    }
    let mut state = State { transaction: get_unsigned(bytes)?, time: get_signed(bytes)?, ..State::default() };
    for _ in 0..get_unsigned(bytes)? {
        let stored = Stored::from_json(counted(bytes)?)?;
        let slot = crate::state::slot(stored.id)?;
        state.define(stored)?;
        let next = get_unsigned(bytes)?;
        let table = state.table_mut(slot)?;
        table.number_past(next.saturating_sub(1));
        let mut rows = Builder::new();
        for _ in 0..get_unsigned(bytes)? {
            let place = Place::in_file(get_unsigned(bytes)?);
            let record = counted(bytes)?;
            rows.push(table.key_of(&table.locate(record)?)?.as_bytes(), [&place.encode(), record]);
        }
        let mut deleted = Builder::new();
        for _ in 0..get_unsigned(bytes)? {
            let place = Place::in_file(get_unsigned(bytes)?);
            deleted.push(counted(bytes)?, [&place.encode(), &[]]);
        }
        table.rows = rows.finish();
        if history {
            table.deleted = deleted.finish();
        }
    }
    state.link()?;
    Ok(Some(state))
}

fn counted<'b>(bytes: &mut &'b [u8]) -> Result<&'b [u8]> {
    let length = usize::try_from(get_unsigned(bytes)?).unwrap_or(usize::MAX);
    take(bytes, length)
}
