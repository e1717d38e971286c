//! The cursor whose calls wait.

use oarlock_core::result::Notice;
use oarlock_core::{Column, FromRow, Outcome, Params, Result, Row};

use super::wait;

/// A cursor whose calls wait: see [`oarlock::Cursor`](crate::Cursor).
#[derive(Debug)]
pub struct Cursor(pub(super) crate::Cursor);

impl Cursor {
    /// Runs a statement: see [`Cursor::execute`](crate::Cursor::execute).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn execute(&mut self, sql: &str, params: impl Params) -> Result<()> {
        wait(self.0.execute(sql, params))
    }

    /// Calls a stored procedure: see [`Cursor::call_procedure`](crate::Cursor::call_procedure).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn call_procedure(&mut self, name: &str, params: impl Params) -> Result<()> {
        wait(self.0.call_procedure(name, params))
    }

    /// Fetches the next row: see [`Cursor::fetch_one`](crate::Cursor::fetch_one).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_one<T: FromRow>(&mut self) -> Result<Option<T>> {
        wait(self.0.fetch_one())
    }

    /// Fetches up to `count` rows: see [`Cursor::fetch_many`](crate::Cursor::fetch_many).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_many<T: FromRow>(&mut self, count: impl Into<Option<usize>>) -> Result<Vec<T>> {
        wait(self.0.fetch_many(count))
    }

    /// Fetches all rows that are left: see [`Cursor::fetch_all`](crate::Cursor::fetch_all).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn fetch_all<T: FromRow>(&mut self) -> Result<Vec<T>> {
        wait(self.0.fetch_all())
    }

    /// Goes to the next result set: see [`Cursor::next_set`](crate::Cursor::next_set).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn next_set(&mut self) -> Result<bool> {
        wait(self.0.next_set())
    }

    /// Fetches all rows into memory, to be read in any order: see [`Cursor::buffered`](crate::Cursor::buffered).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn buffered(self) -> Result<crate::BufferedCursor> {
        wait(self.0.buffered())
    }

    /// Ends the statement and gives its outcome: see [`Cursor::finish`](crate::Cursor::finish).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn finish(&mut self) -> Result<Outcome> {
        wait(self.0.finish())
    }

    /// Takes the warnings of the last statement: see [`Cursor::warnings`](crate::Cursor::warnings).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn warnings(&mut self) -> Result<Vec<Notice>> {
        wait(self.0.warnings())
    }

    /// Gives how many rows are taken from the driver at a time.
    pub fn array_size(&self) -> usize {
        self.0.array_size()
    }

    /// Sets how many rows are taken at a time, from the next time on; 0 counts as 1.
    pub fn set_array_size(&mut self, rows: usize) {
        self.0.set_array_size(rows);
    }

    /// Gives the index of the next row in the current set, counted from 0.
    pub fn row_number(&self) -> u64 {
        self.0.row_number()
    }

    /// Gives the statement's outcome so far: complete once its last row was fetched.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome()
    }

    /// Gives the columns of the current result set.
    pub fn description(&self) -> &[Column] {
        self.0.description()
    }

    /// Gives how many rows the statement changed or gave, once it is over.
    pub fn row_count(&self) -> Option<u64> {
        self.0.row_count()
    }

    /// Gives the key that the statement generated.
    pub fn last_insert_id(&self) -> Option<i64> {
        self.0.last_insert_id()
    }
}

/// The rows of the current set as they arrive. A statement that gives none has none to iterate over.
impl Iterator for Cursor {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.description().is_empty() {
            return None;
        }
        self.fetch_one().transpose()
    }
}
