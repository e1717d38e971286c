//! Records one after the other.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

use oarlock_core::{Record, Result};

use crate::expr::{self, Expr};
use crate::map::Range;
use crate::table::{Row, TableState, missing_row};
use crate::work::Interval;

/// Parts of a table, of which records are taken: of one from either end, of several from one. It holds the table as it was.
#[derive(Debug)]
pub(crate) struct Source {
    table: Arc<TableState>,
    entries: Entries,
    /// The parts that come after this one.
    rest: VecDeque<Interval>,
    /// The column that says when a record was deleted; those that were are passed over.
    deleted_at: Option<usize>,
}

/// A part of the table itself, or of an index.
#[derive(Debug)]
struct Entries {
    range: Range,
    of_index: bool,
}

impl Entries {
    fn of(table: &TableState, interval: &Interval) -> Self {
        let low = interval.low.as_ref().map(Vec::as_slice);
        let high = interval.high.as_ref().map(Vec::as_slice);
        let map = interval.index.map_or(&table.rows, |index| &table.indexes[index]);
        Self { range: map.range(low, high), of_index: interval.index.is_some() }
    }

    fn empty(table: &TableState) -> Self {
        Self { range: table.rows.range(Bound::Included(&[]), Bound::Excluded(&[])), of_index: false }
    }

    /// Gives the record that was stepped to last from one end.
    #[inline]
    fn last<'s>(&'s mut self, back: bool, table: &'s TableState) -> Result<Row<'s>> {
        let entry = self.range.last_entry(back).ok_or_else(missing_row)?;
        if self.of_index { table.row(entry.value).ok_or_else(missing_row) } else { Ok(Row::new(entry.value)) }
    }
}

impl Source {
    /// Opens parts that are in the order of their index; those at the back come first if it is said.
    pub(crate) fn new(table: Arc<TableState>, intervals: Vec<Interval>, back: bool, deleted_at: Option<usize>) -> Self {
        let mut rest = VecDeque::from(intervals);
        let first = if back { rest.pop_back() } else { rest.pop_front() };
        let entries = first.map_or_else(|| Entries::empty(&table), |interval| Entries::of(&table, &interval));
        Self { table, entries, rest, deleted_at }
    }

    pub(crate) fn table(&self) -> Arc<TableState> {
        Arc::clone(&self.table)
    }

    /// Gives how many records are left of one part, those that are marked as deleted counted.
    pub(crate) fn len(&self) -> usize {
        self.entries.range.len()
    }

    pub(crate) const fn has_marks(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Gives the next record for which a condition is true, from the front or from the back.
    #[inline]
    pub(crate) fn next(&mut self, back: bool, condition: Option<&Expr>) -> Result<Option<Row<'_>>> {
        while !self.go_on(back, condition)? {
            let next = if back { self.rest.pop_back() } else { self.rest.pop_front() };
            let Some(interval) = next else { return Ok(None) };
            self.entries = Entries::of(&self.table, &interval);
        }
        self.entries.last(back, &self.table).map(Some)
    }

    /// Goes on to the next record of the part that is wanted.
    #[inline]
    fn go_on(&mut self, back: bool, condition: Option<&Expr>) -> Result<bool> {
        if condition.is_none() && self.deleted_at.is_none() {
            Ok(self.entries.range.step(back).is_some())
        } else {
            self.find(back, condition)
        }
    }

    /// Goes on to the next record that is wanted.
    fn find(&mut self, back: bool, condition: Option<&Expr>) -> Result<bool> {
        while self.entries.range.step(back).is_some() {
            let row = self.entries.last(back, &self.table)?;
            if wanted(&self.table, row, condition, self.deleted_at)? {
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
