//! Rows as tokio-postgres gives them, read when a cell is asked for.

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
    rows: Vec<Row>,
}

impl Batch {
    pub(crate) fn new(plan: Arc<Plan>, rows: Vec<Row>) -> Self {
        Self { plan, rows }
    }
}

impl RowBatch for Batch {
    fn len(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>> {
        match self.rows[row].try_get::<_, Raw<'_>>(column) {
            Ok(Raw(Some(bytes))) => self.plan.cells[column].read(bytes),
            Ok(Raw(None)) => Ok(ValueRef::Null),
            Err(error) => Err(Error::new(ErrorKind::Internal, "the row has no such column").with_source(error)),
        }
    }
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
