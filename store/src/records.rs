//! Records one after the other.

use std::marker::PhantomData;
use std::sync::Arc;

use oarlock_core::{Record, Result};

use crate::expr::{self, Expr};
use crate::map::Range;
use crate::table::{Place, Row, TableState, missing_row};
use crate::work::Interval;

/// A part of a table, of which records are taken from either end. It holds the table as it was.
#[derive(Debug)]
pub(crate) struct Source {
    table: Arc<TableState>,
    entries: Entries,
    /// The column that says when a record was deleted; those that were are passed over.
    deleted_at: Option<usize>,
}

#[derive(Debug)]
enum Entries {
    Rows(Range<Place>),
    Index(Range<()>),
}

impl Source {
    pub(crate) fn new(table: Arc<TableState>, interval: &Interval, deleted_at: Option<usize>) -> Self {
        let low = interval.low.as_ref().map(Vec::as_slice);
        let high = interval.high.as_ref().map(Vec::as_slice);
        let entries = match interval.index {
            None => Entries::Rows(table.rows.range(low, high)),
            Some(index) => Entries::Index(table.indexes[index].range(low, high)),
        };
        Self { table, entries, deleted_at }
    }

    pub(crate) fn table(&self) -> Arc<TableState> {
        Arc::clone(&self.table)
    }

    /// Gives how many records are left, those that are marked as deleted counted.
    pub(crate) fn len(&self) -> usize {
        match &self.entries {
            Entries::Rows(range) => range.len(),
            Entries::Index(range) => range.len(),
        }
    }

    pub(crate) const fn has_marks(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Gives the next record for which a condition is true, from the front or from the back.
    #[inline]
    pub(crate) fn next(&mut self, back: bool, condition: Option<&Expr>) -> Result<Option<Row<'_>>> {
        let found = if condition.is_none() && self.deleted_at.is_none() {
            self.step(back).is_some()
        } else {
            self.find(back, condition)?
        };
        if !found {
            return Ok(None);
        }
        match &mut self.entries {
            Entries::Rows(range) => Ok(range.last_entry(back).map(Row::from)),
            Entries::Index(range) => match range.last_entry(back) {
                Some(entry) => self.table.row(entry.value).ok_or_else(missing_row).map(Some),
                None => Ok(None),
            },
        }
    }

    fn step(&mut self, back: bool) -> Option<usize> {
        match &mut self.entries {
            Entries::Rows(range) => range.step(back),
            Entries::Index(range) => range.step(back),
        }
    }

    /// Goes on to the next record that is wanted.
    fn find(&mut self, back: bool, condition: Option<&Expr>) -> Result<bool> {
        while let Some(place) = self.step(back) {
            let row = match &mut self.entries {
                Entries::Rows(range) => range.entry(place, back).map(Row::from),
                Entries::Index(range) => range.entry(place, back).and_then(|entry| self.table.row(entry.value)),
            };
            if wanted(&self.table, row.ok_or_else(missing_row)?, condition, self.deleted_at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Tells whether a record is not marked as deleted and fits a condition.
fn wanted(table: &TableState, row: Row<'_>, condition: Option<&Expr>, deleted_at: Option<usize>) -> Result<bool> {
    if condition.is_none() && deleted_at.is_none() {
        return Ok(true);
    }
    let record = table.locate(row.bytes)?;
    if let Some(column) = deleted_at
        && !record.get(column)?.is_null()
    {
        return Ok(false);
    }
    condition.map_or(Ok(true), |condition| expr::holds(condition, &|column| record.get(column)))
}

/// The records of a part of a table, from either end, as they were when it was asked for.
#[derive(Debug)]
pub struct Records<'v, R> {
    source: Source,
    view: PhantomData<&'v R>,
}

impl<R> Records<'_, R> {
    pub(crate) const fn new(source: Source) -> Self {
        Self { source, view: PhantomData }
    }
}

impl<R: Record> Iterator for Records<'_, R> {
    type Item = Result<R>;

    #[inline]
    fn next(&mut self) -> Option<Result<R>> {
        self.source.next(false, None).transpose().map(|row| crate::query::decode(row?.bytes))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = self.source.len();
        (if self.source.has_marks() { 0 } else { most }, Some(most))
    }

    fn count(self) -> usize {
        if self.source.has_marks() { self.fold(0, |count, _| count + 1) } else { self.source.len() }
    }
}

impl<R: Record> DoubleEndedIterator for Records<'_, R> {
    fn next_back(&mut self) -> Option<Result<R>> {
        self.source.next(true, None).transpose().map(|row| crate::query::decode(row?.bytes))
    }
}
