//! Rows in a batch, as the server wrote them; a cell is decoded when it is asked for.

use std::sync::Arc;

use bytes::Bytes;
use oarlock_core::{Column, Result, RowBatch, ValueRef};

use crate::decode::{CellType, malformed};

/// What is known of a statement's columns: worked out once, shared by its batches.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) cells: Box<[CellType]>,
}

/// Rows with the way to read them.
pub(crate) struct Batch {
    plan: Arc<Plan>,
    rows: usize,
    /// Where each cell's bytes are, row after row.
    cells: Vec<Cell>,
    bytes: Bytes,
}

/// The place of a cell's bytes; the length is that of NULL where there are none.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    length: u32,
}

/// The length that the protocol gives NULL: -1.
const NULL: u32 = u32::MAX;

/// The length of a message's header, and of the number of cells behind it.
const HEAD: usize = 7;

impl Batch {
    /// Makes a batch of at most `max` rows out of a piece of whole `DataRow` messages, and takes them off the piece.
    ///
    /// # Errors
    ///
    /// `Conversion` when the messages are none of this statement's.
    pub(crate) fn cut(plan: Arc<Plan>, piece: &mut Bytes, max: usize) -> Result<Self> {
        let width = plan.cells.len();
        let mut cells = Vec::new();
        let (mut rows, mut at) = (0, 0);
        while rows < max && at < piece.len() {
            let [_, a, b, c, d, high, low] = head(piece, at)?;
            let next = at + 1 + widen(u32::from_be_bytes([a, b, c, d]));
            if usize::from(u16::from_be_bytes([high, low])) != width || next > piece.len() {
                return Err(malformed());
            }
            if rows == 0 {
                // Rows are mostly alike, so the first tells how many there are.
                cells.reserve_exact(width * max.min(piece.len().div_ceil(next)));
            }
            let mut start = at + HEAD;
            for _ in 0..width {
                let length = u32::from_be_bytes(head(piece, start)?);
                start += 4;
                cells.push(Cell { start: u32::try_from(start).map_err(|_| malformed())?, length });
                start += if length == NULL { 0 } else { widen(length) };
            }
            if start != next {
                return Err(malformed());
            }
            (rows, at) = (rows + 1, next);
        }
        Ok(Self { plan, rows, cells, bytes: piece.split_to(at) })
    }
}

#[inline]
fn head<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(malformed)
}

#[inline]
fn widen(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl RowBatch for Batch {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        let Cell { start, length } = self.cells[row * self.plan.cells.len() + column];
        if length == NULL {
            return Ok(ValueRef::Null);
        }
        self.plan.cells[column].read(&self.bytes[widen(start)..][..widen(length)])
    }
}

#[cfg(test)]
mod tests {
    use oarlock_core::ErrorKind;
    use tokio_postgres::types::Type;

    use super::*;

    fn plan() -> Arc<Plan> {
        let cells = [Type::INT4, Type::TEXT].iter().map(CellType::new).collect();
        Arc::new(Plan { columns: Arc::default(), cells })
    }

    fn row(number: i32, text: Option<&str>) -> Vec<u8> {
        let mut body = [&2_u16.to_be_bytes()[..], &4_u32.to_be_bytes(), &number.to_be_bytes()].concat();
        let length = text.map_or(NULL, |text| u32::try_from(text.len()).unwrap_or_default());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(text.unwrap_or_default().as_bytes());
        let length = u32::try_from(body.len() + 4).unwrap_or_default();
        [b"D", &length.to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn rows_are_cut_off_as_many_as_are_wanted() -> Result<()> {
        let mut piece = Bytes::from([row(1, Some("one")), row(2, None), row(3, Some(""))].concat());
        let first = Batch::cut(plan(), &mut piece, 2)?;
        let rest = Batch::cut(plan(), &mut piece, 2)?;
        assert!(piece.is_empty());
        assert_eq!((first.len(), rest.len()), (2, 1));
        assert_eq!((first.get(0, 0)?, first.get(0, 1)?), (ValueRef::I64(1), ValueRef::Text("one")));
        assert_eq!((first.get(1, 0)?, first.get(1, 1)?), (ValueRef::I64(2), ValueRef::Null));
        assert_eq!((rest.get(0, 0)?, rest.get(0, 1)?), (ValueRef::I64(3), ValueRef::Text("")));
        Ok(())
    }

    #[test]
    fn rows_of_another_form_are_an_error() {
        let whole = row(1, Some("one"));
        for end in 1..whole.len() {
            let error =
                Batch::cut(plan(), &mut Bytes::copy_from_slice(&whole[..end]), 9).err().map(|error| error.kind());
            assert_eq!(error, Some(ErrorKind::Conversion), "{end}");
        }
        for at in 1..HEAD + 4 {
            let mut wrong = whole.clone();
            wrong[at] ^= 0x41;
            assert!(Batch::cut(plan(), &mut Bytes::from(wrong), 9).is_err(), "{at}");
        }
    }
}
