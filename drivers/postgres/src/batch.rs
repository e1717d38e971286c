//! Rows in a batch: their cells side by side in one piece of memory, decoded when one is asked for.
//!
//! A `Row` of tokio-postgres holds an allocation of its own and a part of the buffer that the socket was read into. Small
//! rows are copied out of it, which costs less than to keep hundreds of them alive; a large one is kept as it came.

use std::error::Error as StdError;
use std::sync::Arc;

use oarlock_core::{Column, Error, ErrorKind, Result, RowBatch, ValueRef};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::decode::CellType;

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
    bytes: Vec<u8>,
    large: Vec<Row>,
    /// How many bytes the large rows have.
    large_bytes: usize,
}

/// How much room the next batch takes: as much as the last one needed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    rows: usize,
    bytes: usize,
}

/// The place of a cell's bytes, or a mark in place of the length.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    length: u32,
}

/// The cell is NULL.
const NULL: u32 = u32::MAX;

/// The cell is in the large row whose index stands in place of the start.
const LARGE: u32 = u32::MAX - 1;

/// From so many bytes on a row is kept as it came.
const MOST_COPIED: usize = 2048;

/// At so many bytes a batch is handed out, however few its rows are.
const FULL: usize = 1 << 20;

impl Batch {
    pub(crate) fn new(plan: Arc<Plan>, room: Room) -> Self {
        let cells = Vec::with_capacity(room.rows.max(1) * plan.cells.len());
        Self { plan, rows: 0, cells, bytes: Vec::with_capacity(room.bytes), large: Vec::new(), large_bytes: 0 }
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn push(&mut self, row: Row) {
        self.rows += 1;
        let size = row.raw_size_bytes();
        if size > MOST_COPIED || self.bytes.len() > FULL {
            self.keep(row, size);
            return;
        }
        for column in 0..self.plan.cells.len() {
            let place = match row.try_get::<_, Raw<'_>>(column) {
                Ok(Raw(Some(bytes))) => {
                    let cell = Cell { start: narrow(self.bytes.len()), length: narrow(bytes.len()) };
                    self.bytes.extend_from_slice(bytes);
                    cell
                }
                // tokio-postgres has compared the number of cells with that of the columns.
                Ok(Raw(None)) | Err(_) => Cell { start: 0, length: NULL },
            };
            self.cells.push(place);
        }
    }

    #[cold]
    fn keep(&mut self, row: Row, size: usize) {
        let place = Cell { start: narrow(self.large.len()), length: LARGE };
        self.cells.extend(std::iter::repeat_n(place, self.plan.cells.len()));
        self.large.push(row);
        self.large_bytes += size;
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Tells whether it holds as much as a batch should.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() + self.large_bytes >= FULL
    }

    /// Gives the room that another batch of the same kind will need.
    pub(crate) fn room(&self) -> Room {
        Room { rows: self.rows, bytes: self.bytes.len() + self.bytes.len() / 8 }
    }
}

/// A batch is handed out long before its bytes or rows are past 32 bits.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NULL)
}

fn widen(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl RowBatch for Batch {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        let width = self.plan.cells.len();
        let Cell { start, length } = self.cells[row * width + column];
        let bytes = match length {
            NULL => return Ok(ValueRef::Null),
            LARGE => match self.large[widen(start)].try_get(column).map_err(no_cell)? {
                Raw(Some(bytes)) => bytes,
                Raw(None) => return Ok(ValueRef::Null),
            },
            _ => &self.bytes[widen(start)..][..widen(length)],
        };
        self.plan.cells[column].read(bytes)
    }
}

#[cold]
fn no_cell(error: tokio_postgres::Error) -> Error {
    Error::new(ErrorKind::Internal, "the row has no such column").with_source(error)
}

/// A cell's bytes as the server sent them: `Row` has no other way to them.
struct Raw<'c>(Option<&'c [u8]>);

impl<'c> FromSql<'c> for Raw<'c> {
    #[inline]
    fn from_sql(_: &Type, bytes: &'c [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(bytes)))
    }

    #[inline]
    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }

    #[inline]
    fn accepts(_: &Type) -> bool {
        true
    }
}
