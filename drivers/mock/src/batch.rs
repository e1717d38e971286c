//! Rows that a script holds.

use std::sync::Arc;

use oarlock_core::value::NativeType;
use oarlock_core::{Column, Result, RowBatch, Value, ValueRef};

/// One result set of an expectation.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) rows: Arc<[Vec<Value>]>,
}

impl Set {
    /// Makes a set; a column's type is named for the first value in it that is not NULL.
    pub(crate) fn new(names: &[&str], rows: Vec<Vec<Value>>) -> Self {
        let kind = |index: usize| {
            let found = rows.iter().map(|row| row[index].as_ref()).find(|value| !value.is_null());
            found.unwrap_or(ValueRef::Null).kind_name()
        };
        let columns = names.iter().enumerate().map(|(index, name)| Column::new(*name, NativeType::new(0, kind(index))));
        Self { columns: columns.collect(), rows: rows.into() }
    }
}

/// Some of a set's rows.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Arc<[Vec<Value>]>,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl RowBatch for Batch {
    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        Ok(self.rows[self.first + row][column].as_ref())
    }
}
