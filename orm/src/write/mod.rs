//! Statements that write.

mod create;
mod delete;
mod draft;
mod graph;
mod link;
mod many;
mod update;
mod upsert;

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::SystemTime;

use oarlock_core::schema::Type;
use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Dialect, Error, Result, Tx};

pub use create::Create;
pub(crate) use delete::{delete_rows, delete_shape, delete_where};
pub use draft::Draft;
pub use graph::{CreateBy, CreateRelated};
pub(crate) use many::{insert_many, insert_unread};
pub use update::{Update, UpdateMany};
pub use upsert::{UniqueKey, Upsert};

use crate::expr::{Assigned, Binary, Op};
use crate::model::{ColumnInfo, Model, TableInfo};
use crate::query::{carry_out, read_models};
use crate::relation::column_op;
use crate::render::Shape;

/// What takes values for a model's columns: the setters that `derive(Model)` writes call it.
pub trait Assign {
    /// The model.
    type Model: Model;

    /// Says what a column is to hold; the last word counts.
    fn assign(&mut self, column: usize, given: Result<Assigned>);
}

/// What can be carried out.
pub trait Execute: Assign + Sized + Send {
    /// What it gives.
    type Output: Send;

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// What the statement's own page says.
    fn execute<D: Db + ?Sized>(
        self,
        db: &D,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<Self::Output>> + Send;

    /// Gives the SQL that carries it out on a kind of database, for a look at it: see [`Query::sql`](crate::Query::sql). What reads the written
    /// row back is left out, and so are rows that are made together with it.
    ///
    /// # Errors
    ///
    /// What carrying it out would tell before anything is sent.
    fn sql(&self, dialect: &Dialect) -> Result<String>;
}

/// The columns that a statement gives values to, in the order of the table, each with what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assignments {
    columns: Vec<(usize, Assigned)>,
    error: Option<Arc<Error>>,
}

impl Assignments {
    fn assign(&mut self, column: usize, given: Result<Assigned>) {
        match given {
            Ok(given) => match self.place(column) {
                Ok(place) => self.columns[place].1 = given,
                Err(place) => self.columns.insert(place, (column, given)),
            },
            Err(error) => {
                self.error.get_or_insert(Arc::new(error));
            }
        }
    }

    /// Says what a column is to hold, unless it is said already.
    fn assign_absent(&mut self, column: usize, value: Value) {
        if let Err(place) = self.place(column) {
            self.columns.insert(place, (column, Assigned::Value(value)));
        }
    }

    /// Says what a column is to hold.
    fn assign_value(&mut self, column: usize, value: Value) {
        self.assign(column, Ok(Assigned::Value(value)));
    }

    /// Finds a column, or the place where it would be.
    fn place(&self, column: usize) -> Result<usize, usize> {
        self.columns.binary_search_by_key(&column, |known| known.0)
    }

    fn has(&self, column: usize) -> bool {
        self.place(column).is_ok()
    }

    /// Gives a column's value, where it is a plain one.
    fn value(&self, column: usize) -> Option<&Value> {
        match &self.columns[self.place(column).ok()?].1 {
            Assigned::Value(value) => Some(value),
            Assigned::Program(_) => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Tells whether there is nothing to write, and nothing to tell.
    fn says_nothing(&self) -> bool {
        self.columns.is_empty() && self.error.is_none()
    }

    fn check(&mut self) -> Result<()> {
        match self.error.take() {
            Some(error) => Err(crate::expr::raise(error)),
            None => Ok(()),
        }
    }

    /// Tells whether every column is given a value, so that many rows can be given in one statement.
    fn is_plain(&self) -> bool {
        self.columns.iter().all(|(_, given)| matches!(given, Assigned::Value(_)))
    }

    /// Gives the columns with their programs.
    fn programs(&self) -> Vec<(usize, Vec<Op>)> {
        let program = |given: &Assigned| match given {
            Assigned::Value(_) => vec![Op::Value],
            Assigned::Program(program) => program.ops.clone(),
        };
        self.columns.iter().map(|(column, given)| (*column, program(given))).collect()
    }

    /// Gives all values, in their order, behind others.
    fn into_values(self, values: &mut Vec<Value>) {
        for (_, given) in self.columns {
            match given {
                Assigned::Value(value) => values.push(value),
                Assigned::Program(program) => values.extend(program.values),
            }
        }
    }

    /// Gives the columns with their programs, and all values in their order.
    fn into_parts(self) -> (Vec<(usize, Vec<Op>)>, Vec<Value>) {
        let programs = self.programs();
        let mut values = Vec::with_capacity(self.columns.len());
        self.into_values(&mut values);
        (programs, values)
    }
}

/// Gives the values of rows that give the same columns, row after row.
fn all_values(rows: Vec<Assignments>) -> Vec<Value> {
    let width = rows.first().map_or(0, |row| row.columns.len());
    let mut values = Vec::with_capacity(width * rows.len());
    for row in rows {
        row.into_values(&mut values);
    }
    values
}

/// How many rows are given in one statement at the most.
const ROWS: usize = 1000;

/// Ends a transaction as what was done in it has ended.
async fn finish<T>(tx: Tx, result: Result<T>) -> Result<T> {
    match result {
        Ok(done) => tx.commit().await.map(|()| done),
        Err(error) => {
            // The error of the statement is the one to tell; a rollback that fails is made good before the next statement.
            let _ = tx.rollback().await;
            Err(error)
        }
    }
}

/// Runs a statement that gives rows of the model back.
async fn returned<M: Model>(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<Vec<M>> {
    let rows = read_models(cursor, shape, values).await?;
    cursor.finish().await?;
    Ok(rows)
}

/// Runs a statement that gives no rows back, and tells how many it changed.
async fn changed(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<u64> {
    Ok(carry_out(cursor, shape, values).await?.rows_affected.unwrap_or(0))
}

/// Makes the condition that columns are equal to values.
pub(crate) fn equal(table: &'static TableInfo, columns: &[usize]) -> Vec<Op> {
    let mut ops = Vec::with_capacity(columns.len() * 4);
    for (index, column) in columns.iter().enumerate() {
        ops.extend([column_op(table, *column), Op::Value, Op::Binary(Binary::Eq)]);
        if index > 0 {
            ops.push(Op::Binary(Binary::And));
        }
    }
    ops
}

/// Counts a column on by one.
fn next(table: &'static TableInfo, column: usize) -> Assigned {
    let ops = vec![column_op(table, column), Op::Value, Op::Binary(Binary::Add)];
    Assigned::program(ops, vec![Value::I64(1)])
}

/// Gives the present as a column holds it.
fn now(column: &ColumnInfo) -> Value {
    const DAY: i64 = 86_400_000_000;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    match column.ty {
        Type::DateTime => Value::DateTime(micros),
        Type::Date => Value::Date(i32::try_from(micros / DAY).unwrap_or(i32::MAX)),
        Type::Time => Value::Time(micros % DAY),
        _ => Value::Instant(micros),
    }
}
