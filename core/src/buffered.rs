//! A result kept in memory, to be read in any order.

use std::sync::Arc;

use crate::result::{Column, Outcome, Reply, RowBatch};
use crate::row::{FromRow, Row};
use crate::{Error, ErrorKind, Result};

/// How [`BufferedCursor::scroll`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scroll {
    /// From where the cursor stands; negative goes back.
    Relative(i64),
    /// From the first row, which is 0.
    Absolute(u64),
}

/// A result set in memory: it holds no connection and can be scrolled.
#[derive(Debug, Clone)]
pub struct BufferedCursor {
    columns: Arc<[Column]>,
    rows: Vec<Row>,
    next: usize,
    outcome: Outcome,
}

impl BufferedCursor {
    pub(crate) fn new(columns: Arc<[Column]>, rows: Vec<Row>, outcome: Outcome) -> Self {
        Self { columns, rows, next: 0, outcome }
    }

    /// Gives what the statement did, where it was over when its rows were taken.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Gives the columns.
    pub fn description(&self) -> &[Column] {
        &self.columns
    }

    /// Gives the number of rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// Gives the index of the next row, counted from 0.
    pub fn row_number(&self) -> usize {
        self.next
    }

    /// Moves to another row, which the next fetch then gives. One past the last row is allowed.
    ///
    /// # Errors
    ///
    /// `OutOfRange` when it would leave the result; the cursor stays where it was (PEP 249 has an `IndexError` here).
    pub fn scroll(&mut self, to: Scroll) -> Result<()> {
        let target = match to {
            Scroll::Absolute(row) => usize::try_from(row).ok(),
            Scroll::Relative(rows) => isize::try_from(rows).ok().and_then(|rows| self.next.checked_add_signed(rows)),
        };
        match target.filter(|row| *row <= self.rows.len()) {
            Some(row) => {
                self.next = row;
                Ok(())
            }
            None => Err(Error::new(
                ErrorKind::OutOfRange,
                format!("cannot scroll from row {} by {to:?}: the result has {} rows", self.next, self.rows.len()),
            )),
        }
    }

    /// Reads the next row, or `None` at the end.
    ///
    /// # Errors
    ///
    /// `Interface` when the statement gives no rows; the row's own that cannot be read, which is then still the next one.
    pub fn fetch_one<T: FromRow>(&mut self) -> Result<Option<T>> {
        self.check_rows()?;
        let Some(row) = self.rows.get(self.next) else {
            return Ok(None);
        };
        let row = row.read()?;
        self.next += 1;
        Ok(Some(row))
    }

    /// Reads up to `count` rows.
    ///
    /// # Errors
    ///
    /// As [`fetch_one`](Self::fetch_one).
    pub fn fetch_many<T: FromRow>(&mut self, count: usize) -> Result<Vec<T>> {
        self.check_rows()?;
        let plan = T::plan(&self.columns)?;
        let end = self.rows.len().min(self.next.saturating_add(count));
        let rows =
            self.rows[self.next..end].iter().map(|row| T::from_row(&plan, row.as_ref())).collect::<Result<_>>()?;
        self.next = end;
        Ok(rows)
    }

    /// Reads all rows that are left.
    ///
    /// # Errors
    ///
    /// As [`fetch_one`](Self::fetch_one).
    pub fn fetch_all<T: FromRow>(&mut self) -> Result<Vec<T>> {
        self.fetch_many(usize::MAX)
    }

    fn check_rows(&self) -> Result<()> {
        if self.columns.is_empty() { Err(Error::interface("the statement gives no rows to fetch")) } else { Ok(()) }
    }
}

impl From<Reply> for BufferedCursor {
    fn from(reply: Reply) -> Self {
        let Reply { columns, batches, outcome } = reply;
        let row = |batch: &Arc<dyn RowBatch>, index| Row::new(Arc::clone(batch), index, Arc::clone(&columns));
        let rows = batches.iter().flat_map(|batch| (0..batch.len()).map(move |index| row(batch, index))).collect();
        Self::new(columns, rows, outcome)
    }
}
