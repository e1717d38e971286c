//! What stands behind the last whole frame: nothing, the remains of an interrupted commit, or damage.
//!
//! Each frame tells up to where the file was durable when it was made. So a whole frame further on that was made when the bytes here were
//! durable proves that they were acknowledged and are damaged now; and frames that do not know of it are of the same batch, which never
//! was acknowledged.

use oarlock_core::Result;

use super::format::{FRAME_HEADER, TRANSACTION};
use super::frames::{Frames, Stop};

/// The unit in which disks write, so that a torn write is old and new by sectors.
const SECTOR: u64 = 512;

/// How many bytes are checked in search of frames, as a multiple of those that are there: what claims to be frames may overlap, and a hostile
/// file would have them checked for ever.
const MOST_CHECKED: u64 = 16;

/// What is found there; lengths do not count zeros at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Zeros only.
    Empty,
    /// What looks like a commit that was interrupted, and was never acknowledged.
    Torn { length: u64 },
    /// What no interrupted commit explains, although no frame proves that it was acknowledged.
    Odd { length: u64 },
    /// What was durable when this later transaction was made.
    Damaged { length: u64, transaction: u64 },
}

/// Looks at the file from the place where reading ended, after a transaction.
pub(super) fn examine(frames: &mut Frames<'_>, start: u64, transaction: u64, file_length: u64) -> Result<Tail> {
    let length = used(frames, start, file_length)?;
    if length == 0 {
        return Ok(Tail::Empty);
    }
    let torn = looks_torn(frames, start)?;
    let end = start + length;
    let mut budget = length.saturating_mul(MOST_CHECKED).max(1 << 20);
    let mut place = start;
    while place < end {
        // Frames that follow have the next numbers, no more than there is room for. This spares a check for every eight bytes.
        let most = transaction.saturating_add(length / FRAME_HEADER as u64 + 1);
        let number = frames.bytes(place + TRANSACTION, 8)?.and_then(<[u8]>::first_chunk).copied();
        let number = number.map(u64::from_le_bytes);
        if !number.is_some_and(|number| number > transaction && number <= most) {
            place += 8;
            continue;
        }
        let (step, checked) = match frames.at(place) {
            Ok(Ok(frame)) => {
                let header = frame.header;
                if header.unsynced.durable(place) > start {
                    return Ok(Tail::Damaged { length, transaction: header.transaction });
                }
                (header.frame_length(), header.frame_length())
            }
            Ok(Err(Stop::Body(header))) => (8, u64::from(header.body)),
            Ok(Err(Stop::Empty | Stop::Header | Stop::Order)) => (8, 0),
            // A whole header of another version's, in the middle of what cannot be read: nothing to go by.
            Err(error) if error.kind() == oarlock_core::ErrorKind::NotSupported => (8, 0),
            Err(error) => return Err(error),
        };
        place += step;
        budget = budget.saturating_sub(checked);
        if budget == 0 {
            return Ok(Tail::Odd { length });
        }
    }
    Ok(if torn { Tail::Torn { length } } else { Tail::Odd { length } })
}

/// Gives how many bytes there are before the zeros at the end of the file.
fn used(frames: &mut Frames<'_>, place: u64, file_length: u64) -> Result<u64> {
    let mut used = 0;
    let mut at = place;
    while at < file_length {
        let part = (file_length - at).min(1 << 16);
        let Some(bytes) = frames.bytes(at, part)? else { break };
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            used = at + last as u64 + 1 - place;
        }
        at += part;
    }
    Ok(used)
}

/// Tells whether the frame that should begin at a place looks as if some sectors of it had never been written, or its end.
fn looks_torn(frames: &mut Frames<'_>, place: u64) -> Result<bool> {
    let length = match frames.at(place) {
        Ok(Err(Stop::Empty)) => return Ok(true),
        Ok(Err(Stop::Header)) => FRAME_HEADER as u64,
        Ok(Err(Stop::Body(header))) => FRAME_HEADER as u64 + u64::from(header.body),
        // A whole frame out of turn.
        Ok(Ok(_) | Err(Stop::Order)) | Err(_) => return Ok(false),
    };
    let end = place + length;
    let mut at = place;
    while at < end {
        let next = (at + 1).next_multiple_of(SECTOR).min(end);
        match frames.bytes(at, next - at)? {
            None => return Ok(true),
            Some(bytes) if bytes.iter().all(|byte| *byte == 0) => return Ok(true),
            Some(_) => {}
        }
        at = next;
    }
    Ok(false)
}
