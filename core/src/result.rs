//! What a statement gives back: columns, rows in batches, the outcome, notices.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::value::{NativeType, ValueRef};
use crate::{Result, RowRef};

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name: the alias, where the statement gives one. Names may repeat.
    pub name: Arc<str>,
    /// The database's own type.
    pub native: NativeType,
    /// Whether NULL may occur, where the database tells.
    pub nullable: Option<bool>,
    /// The table's column that it comes from, where the database tells.
    pub origin: Option<Origin>,
}

impl Column {
    /// Makes a column of which only name and type are known.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, native: NativeType) -> Self {
        Self { name: name.into(), native, nullable: None, origin: None }
    }
}

/// The table's column that a result's column comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The table.
    pub table: Arc<str>,
    /// The column of that table.
    pub column: Arc<str>,
}

/// Rows as the driver received them; a cell is decoded when it is read.
///
/// A batch owns its memory: it may outlive the cursor and the connection.
pub trait RowBatch: Send + Sync {
    /// Gives the number of rows, at least 1.
    fn len(&self) -> usize;

    /// Tells whether there are no rows, which a driver never hands out.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes one cell. Both indexes are within the batch: the caller has checked.
    ///
    /// # Errors
    ///
    /// `Conversion` when the server's bytes do not form a value of the column's type.
    fn get(&self, row: usize, column: usize) -> Result<ValueRef<'_>>;
}

/// What takes rows while the statement runs, so that nothing of them has to be kept: see
/// [`Connection::run_now`](crate::Connection::run_now).
pub trait RowSink {
    /// Takes the columns, once, before the first row, and where there is none; they are empty where the statement gives no rows.
    ///
    /// # Errors
    ///
    /// Its own, which ends the statement.
    fn begin(&mut self, columns: &Arc<[Column]>) -> Result<()>;

    /// Takes a row, and tells whether it wants more. The row is gone after this.
    ///
    /// # Errors
    ///
    /// Its own, which ends the statement.
    fn row(&mut self, row: RowRef<'_>) -> Result<ControlFlow<()>>;
}

/// What a finished statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Rows matched by UPDATE or DELETE, inserted by INSERT, or given by a query; `None` where the statement has no such
    /// count (DDL).
    pub rows_affected: Option<u64>,
    /// The key that this statement made, `None` when it made none. PostgreSQL has none: use RETURNING.
    pub last_insert_id: Option<i64>,
    /// The number of warnings and notices that came with it.
    pub warnings: u32,
}

impl Outcome {
    /// Makes the outcome of a statement that affected rows.
    #[must_use]
    pub fn rows(affected: Option<u64>) -> Self {
        Self { rows_affected: affected, ..Self::default() }
    }

    /// Sets the generated key.
    #[must_use]
    pub fn with_last_insert_id(mut self, id: Option<i64>) -> Self {
        self.last_insert_id = id;
        self
    }

    /// Sets the number of warnings.
    #[must_use]
    pub fn with_warnings(mut self, warnings: u32) -> Self {
        self.warnings = warnings;
        self
    }
}

/// All that one statement of a [pipeline](crate::Connection::pipeline) gave.
#[derive(Clone)]
pub struct Reply {
    /// The columns, empty when the statement gives no rows.
    pub columns: Arc<[Column]>,
    /// The rows, in order.
    pub batches: Vec<Arc<dyn RowBatch>>,
    /// What it did.
    pub outcome: Outcome,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: usize = self.batches.iter().map(|batch| batch.len()).sum();
        f.debug_struct("Reply").field("rows", &rows).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// A prepared statement's parameters and columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// How many parameters the caller supplies.
    pub arity: usize,
    /// The parameters' names, empty unless the statement names them.
    pub names: Vec<String>,
    /// How many parameters the server itself counts in the translated statement.
    pub native_arity: usize,
    /// The server's types of its parameters, `None` where it does not tell.
    pub parameters: Vec<Option<NativeType>>,
    /// The columns of the result, empty when it has none.
    pub columns: Vec<Column>,
}

/// A warning or notice that came with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The level in the database's words: `WARNING`, `NOTICE`, `Note`.
    pub severity: String,
    /// The SQLSTATE or error number, where there is one.
    pub code: Option<String>,
    /// The message.
    pub message: String,
}
