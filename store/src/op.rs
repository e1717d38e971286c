//! The operations of a transaction, as the log keeps them.
//!
//! A frame's payload is operations one after the other. An operation on a record says where it stands within the payload and where the record's
//! version before it stands in the file: so a record's history is a chain through the file, and takes no memory.

use oarlock_core::{Error, ErrorKind, Result};

use crate::record::varint::{get_unsigned, put_unsigned, take, take_array};

const PUT: u8 = 1;
const DELETE: u8 = 2;
const DEFINE: u8 = 3;
const DROP: u8 = 4;
const SEQUENCE: u8 = 5;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op<'p> {
    /// The record is this one now.
    Put { table: u32, link: Link, record: &'p [u8] },
    /// There is no record of this key now.
    Delete { table: u32, link: Link, key: &'p [u8] },
    /// The table is this one now: see `schema::Stored`.
    Define { json: &'p [u8] },
    /// The table is gone, with its records.
    Drop { table: u32 },
    /// The next number of a table's is not below this one.
    Sequence { table: u32, next: u64 },
}

/// Where an operation on a record stands, and where the version before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    /// How far from the payload's beginning.
    pub(crate) offset: u64,
    /// The place in the file of the operation that made the version before; 0 where there was none.
    pub(crate) previous: u64,
}

/// How many bytes an operation's head has at the most: as many are read where its length is not known.
pub(crate) const HEAD: usize = 1 + 4 * 10;

pub(crate) fn put_record(out: &mut Vec<u8>, table: u32, previous: u64, record: &[u8]) {
    head(out, PUT, table, previous);
    counted(out, record);
}

pub(crate) fn put_delete(out: &mut Vec<u8>, table: u32, previous: u64, key: &[u8]) {
    head(out, DELETE, table, previous);
    counted(out, key);
}

pub(crate) fn put_define(out: &mut Vec<u8>, json: &[u8]) {
    out.push(DEFINE);
    counted(out, json);
}

pub(crate) fn put_drop(out: &mut Vec<u8>, table: u32) {
    out.push(DROP);
    put_unsigned(out, table.into());
}

pub(crate) fn put_sequence(out: &mut Vec<u8>, table: u32, next: u64) {
    out.push(SEQUENCE);
    put_unsigned(out, table.into());
    put_unsigned(out, next);
}

fn head(out: &mut Vec<u8>, kind: u8, table: u32, previous: u64) {
    let offset = out.len();
    out.push(kind);
    put_unsigned(out, table.into());
    put_unsigned(out, u64::try_from(offset).unwrap_or(u64::MAX));
    put_unsigned(out, previous);
}

fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    put_unsigned(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

impl<'p> Op<'p> {
    /// Takes an operation from the front of a payload.
    ///
    /// # Errors
    ///
    /// `Internal` where there is none.
    pub(crate) fn take(bytes: &mut &'p [u8]) -> Result<Self> {
        let [kind] = take_array(bytes)?;
        match kind {
            PUT | DELETE => {
                let table = number(bytes)?;
                let link = Link { offset: get_unsigned(bytes)?, previous: get_unsigned(bytes)? };
                let content = content(bytes)?;
                Ok(if kind == PUT {
                    Self::Put { table, link, record: content }
                } else {
                    Self::Delete { table, link, key: content }
                })
            }
            DEFINE => Ok(Self::Define { json: content(bytes)? }),
            DROP => Ok(Self::Drop { table: number(bytes)? }),
            SEQUENCE => Ok(Self::Sequence { table: number(bytes)?, next: get_unsigned(bytes)? }),
            other => Err(Error::new(
                ErrorKind::Internal,
                format!("the file has an operation of kind {other}, which this version does not know"),
            )),
        }
    }

    /// Reads the head of an operation on a record, and how many bytes follow it.
    pub(crate) fn head(bytes: &mut &'p [u8]) -> Result<(Link, usize)> {
        let [kind] = take_array(bytes)?;
        if kind != PUT && kind != DELETE {
            return Err(misplaced());
        }
        number(bytes)?;
        let link = Link { offset: get_unsigned(bytes)?, previous: get_unsigned(bytes)? };
        Ok((link, usize::try_from(get_unsigned(bytes)?).map_err(|_| misplaced())?))
    }
}

fn content<'p>(bytes: &mut &'p [u8]) -> Result<&'p [u8]> {
    let length = usize::try_from(get_unsigned(bytes)?).map_err(|_| misplaced())?;
    take(bytes, length)
}

fn number(bytes: &mut &[u8]) -> Result<u32> {
    u32::try_from(get_unsigned(bytes)?).map_err(|_| misplaced())
}

#[cold]
fn misplaced() -> Error {
    Error::new(ErrorKind::Internal, "no operation stands where one should")
}

/// Reads the operations of a payload.
pub(crate) fn operations(mut payload: &[u8]) -> impl Iterator<Item = Result<Op<'_>>> {
    std::iter::from_fn(move || {
        if payload.is_empty() {
            return None;
        }
        let op = Op::take(&mut payload);
        if op.is_err() {
            payload = &[];
        }
        Some(op)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_back_as_they_were() {
        let mut payload = Vec::new();
        put_define(&mut payload, b"{}");
        let second = payload.len();
        put_record(&mut payload, 3, 77, b"record");
        put_delete(&mut payload, 3, 0, b"key");
        put_drop(&mut payload, 9);
        put_sequence(&mut payload, 3, 500);
        let read: Result<Vec<_>> = operations(&payload).collect();
        let read = read.unwrap();
        assert_eq!(read[0], Op::Define { json: b"{}" });
        let offset = u64::try_from(second).unwrap();
        assert_eq!(read[1], Op::Put { table: 3, link: Link { offset, previous: 77 }, record: b"record" });
        assert!(matches!(read[2], Op::Delete { table: 3, link: Link { previous: 0, .. }, key: b"key" }));
        assert_eq!(read[3..], [Op::Drop { table: 9 }, Op::Sequence { table: 3, next: 500 }]);
        let (link, length) = Op::head(&mut &payload[second..]).unwrap();
        assert_eq!((link, length), (Link { offset, previous: 77 }, 6));
    }

    #[test]
    fn a_payload_that_breaks_off_is_an_error() {
        let mut payload = Vec::new();
        put_record(&mut payload, 3, 77, b"record");
        for end in 1..payload.len() {
            assert!(operations(&payload[..end]).any(|op| op.is_err()), "{end}");
        }
    }
}
