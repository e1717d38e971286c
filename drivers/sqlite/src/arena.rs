//! Rows as they leave SQLite: compact cells and one heap for their bytes, so that a batch costs a few allocations however
//! many rows it has, and crosses threads as one object.

use std::sync::Arc;

use oarlock_core::heap::{Heap, Span};
use oarlock_core::{Error, ErrorKind, Result, RowBatch, ValueRef};
use rusqlite::Row;
use rusqlite::types::ValueRef as Stored;

use crate::decode::{Decoder, not_utf8};

/// A stored value: 16 bytes.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Span),
    Blob(Span),
}

/// How many more rows there is room made for when a second one comes, and how many bytes of each at most.
const MORE: usize = 63;
const ROOMY: usize = 256;

/// Rows of one result.
#[derive(Debug)]
pub(crate) struct Arena {
    decoders: Arc<[Decoder]>,
    cells: Vec<Cell>,
    heap: Heap,
    rows: usize,
}

impl Arena {
    pub(crate) fn new(decoders: Arc<[Decoder]>) -> Self {
        // Room for a row of usual size, which is all that most results have.
        Self { cells: Vec::with_capacity(decoders.len()), heap: Heap::with_capacity(64), decoders, rows: 0 }
    }

    /// Makes an empty arena for more rows of the same result, with room for as many.
    pub(crate) fn successor(&self) -> Self {
        Self {
            decoders: Arc::clone(&self.decoders),
            cells: Vec::with_capacity(self.cells.len()),
            heap: Heap::with_capacity(self.heap.len()),
            rows: 0,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Gives the size of the texts and blobs.
    pub(crate) fn heap(&self) -> usize {
        self.heap.len()
    }

    /// Makes the rows ready to be read.
    #[must_use]
    pub(crate) fn seal(mut self) -> Self {
        self.heap.seal();
        self
    }

    /// Copies a row in.
    #[inline]
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<()> {
        if self.rows == 1 {
            // One row was all that was expected; where there are two, there are many.
            self.cells.reserve(MORE * self.decoders.len());
            self.heap.reserve(MORE * self.heap.len().min(ROOMY));
        }
        for column in 0..self.decoders.len() {
            let cell = match row.get_ref(column).map_err(|error| lost_column(&error))? {
                Stored::Null => Cell::Null,
                Stored::Integer(value) => Cell::Integer(value),
                Stored::Real(value) => Cell::Real(value),
                Stored::Text(text) => Cell::Text(self.heap.push(text)?),
                Stored::Blob(blob) => Cell::Blob(self.heap.push(blob)?),
            };
            self.cells.push(cell);
        }
        self.rows += 1;
        Ok(())
    }
}

#[cold]
pub(crate) fn lost_column(error: &rusqlite::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("the statement's columns changed while it ran: {error}"))
}

impl RowBatch for Arena {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        let decoder = self.decoders[column];
        Ok(match self.cells[row * self.decoders.len() + column] {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => decoder.integer(value),
            Cell::Real(value) => ValueRef::F64(value),
            Cell::Text(span) => decoder.text(self.heap.text(span).ok_or_else(not_utf8)?),
            Cell::Blob(span) => decoder.blob(self.heap.bytes(span)),
        })
    }
}

/// A run of an arena's rows, for a caller who wants fewer than there are.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) arena: Arc<Arena>,
    pub(crate) start: usize,
    pub(crate) rows: usize,
}

impl RowBatch for Part {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        self.arena.get(self.start + row, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_sixteen_bytes() {
        assert_eq!(size_of::<Cell>(), 16);
    }

    #[test]
    fn a_cell_keeps_its_storage_class() -> Result<(), Box<dyn std::error::Error>> {
        let db = rusqlite::Connection::open_in_memory()?;
        let mut statement = db.prepare("SELECT NULL, -5, 0.5, 'é', x'00ff', ''")?;
        let mut rows = statement.query([])?;
        let mut arena = Arena::new(vec![Decoder::Stored; 6].into());
        while let Some(row) = rows.next()? {
            arena.push(row)?;
        }
        let arena = arena.seal();
        let expected = [
            ValueRef::Null,
            ValueRef::I64(-5),
            ValueRef::F64(0.5),
            ValueRef::Text("é"),
            ValueRef::Bytes(&[0, 255]),
            ValueRef::Text(""),
        ];
        for (column, value) in expected.into_iter().enumerate() {
            assert_eq!(arena.get(0, column)?, value);
        }
        Ok(())
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error_of_its_cell_alone() -> Result<(), Box<dyn std::error::Error>> {
        let db = rusqlite::Connection::open_in_memory()?;
        let mut statement = db.prepare("SELECT CAST(x'ff' AS TEXT), 'fine'")?;
        let mut rows = statement.query([])?;
        let mut arena = Arena::new(vec![Decoder::Stored; 2].into());
        while let Some(row) = rows.next()? {
            arena.push(row)?;
        }
        let arena = arena.seal();
        assert_eq!(arena.get(0, 0).expect_err("not UTF-8").kind(), ErrorKind::Conversion);
        assert_eq!(arena.get(0, 1)?, ValueRef::Text("fine"));
        Ok(())
    }
}
