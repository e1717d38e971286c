//! New rows.

use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Dialect, Error, ErrorKind, Result};

use super::draft::check_rules;
use super::{Assign, Assignments, CreateRelated, Draft, Execute, changed, equal, insert_many, now, returned};
use crate::expr::Assigned;
use crate::model::{Model, Role, TableInfo};
use crate::query::{cursor, not_found};
use crate::render::{self, Insert, Shape};

/// A row that is made: see [`Model`]'s `create`.
///
/// Carrying it out gives the row as it is stored, with what the database has filled in. It is an `Interface` error to leave out a
/// column that has to have a value, told before anything is sent.
#[must_use = "nothing is made until it is carried out"]
pub struct Create<M> {
    pub(super) assignments: Assignments,
    /// The rows that are made together with it.
    pub(super) related: Vec<Box<dyn CreateRelated<M>>>,
    model: PhantomData<fn() -> M>,
}

impl<M: Model> Create<M> {
    /// Makes one that says nothing yet.
    pub fn new() -> Self {
        Self { assignments: Assignments::default(), related: Vec::new(), model: PhantomData }
    }

    /// Makes one of a whole row, but for the key that the database numbers where it is nought.
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    pub fn of(row: &M) -> Result<Self> {
        let mut create = Self::new();
        for (index, column) in M::table().columns().iter().enumerate() {
            let value = row.value(index)?.into_value()?;
            let numbered = column.role == Role::Auto && matches!(value, Value::I64(0) | Value::U64(0));
            if !numbered {
                create.assignments.assign_absent(index, value);
            }
        }
        Ok(create)
    }

    /// Fills in what the model says, and finds out whether something is missing.
    pub(super) fn complete(self) -> Result<Assignments> {
        completed::<M>(self.assignments)
    }
}

/// Fills in what a model says of a new row, and finds out whether something is missing.
pub(super) fn completed<M: Model>(mut assignments: Assignments) -> Result<Assignments> {
    assignments.check()?;
    M::before_create(&mut Draft::new(&mut assignments))?;
    assignments.check()?;
    check_rules::<M>(&assignments)?;
    fill_in(M::table(), &mut assignments)?;
    Ok(assignments)
}

/// Fills in what a table says of new rows, and finds out whether something is missing.
pub(super) fn fill_in(table: &TableInfo, assignments: &mut Assignments) -> Result<()> {
    for index in table.needed() {
        let column = table.column(*index);
        match column.role {
            Role::CreatedAt | Role::UpdatedAt => assignments.assign_absent(*index, now(column)),
            Role::Version => assignments.assign_absent(*index, Value::I64(1)),
            _ if assignments.has(*index) => {}
            _ => return Err(left_out(table, *index)),
        }
    }
    Ok(())
}

impl<M: Model> Default for Create<M> {
    fn default() -> Self {
        Self::new()
    }
}

#[cold]
fn left_out(table: &TableInfo, column: usize) -> Error {
    let (model, field) = (table.model(), &table.column(column).field);
    Error::interface(format!("{model}.{field} has no value, and no default"))
        .with_table(table.name())
        .with_column(table.column(column).name.as_str())
        .with_hint("give it one, or give the field a default by `#[model(default = …)]`")
}

impl<M: Model> Assign for Create<M> {
    type Model = M;

    fn assign(&mut self, column: usize, given: Result<Assigned>) {
        self.assignments.assign(column, given);
    }
}

impl<M: Model> Execute for Create<M> {
    type Output = M;

    async fn execute<D: Db + ?Sized>(self, db: &D, site: &'static Location<'static>) -> Result<M> {
        if !self.related.is_empty() {
            return insert_many(db, vec![self], site).await?.pop().ok_or_else(not_found::<M>);
        }
        let mut cursor = cursor(db, site).await?;
        insert_one(&mut cursor, self.complete()?).await
    }

    fn sql(&self, dialect: &Dialect) -> Result<String> {
        let (columns, _) = completed::<M>(self.assignments.clone())?.into_parts();
        let insert = Insert { table: M::table(), columns, rows: 1, conflict: None, returning: false };
        render::sql(&Shape::Insert(insert), dialect)
    }
}

/// Inserts a row and reads it back.
pub(super) async fn insert_one<M: Model>(cursor: &mut Cursor, assignments: Assignments) -> Result<M> {
    let table = M::table();
    let capabilities = &cursor.info().capabilities;
    let returning = capabilities.insert_returning;
    let key = table.key().iter().map(|column| assignments.value(*column).cloned()).collect::<Option<Vec<Value>>>();
    let (columns, values) = assignments.into_parts();
    let shape = Shape::Insert(Insert { table, columns, rows: 1, conflict: None, returning });
    if returning {
        return returned(cursor, &shape, &values).await?.pop().ok_or_else(not_found::<M>);
    }
    changed(cursor, &shape, &values).await?;
    let key = match key {
        Some(key) => key,
        None => vec![numbered(cursor, table)?],
    };
    read_back(cursor, key).await
}

/// Gives the key that the database has numbered.
fn numbered(cursor: &Cursor, table: &TableInfo) -> Result<Value> {
    cursor.last_insert_id().map(Value::I64).filter(|_| table.auto().is_some()).ok_or_else(|| {
        Error::new(
            ErrorKind::NotSupported,
            format!(
                "a row of {} was made, but its key is not known: the database does not give rows back",
                table.model()
            ),
        )
        .with_hint("give the key in the program, or let the database number it")
    })
}

/// Reads the row of a key.
pub(super) async fn read_back<M: Model>(cursor: &mut Cursor, key: Vec<Value>) -> Result<M> {
    returned(cursor, &select_by::<M>(M::table().key()), &key).await?.pop().ok_or_else(not_found::<M>)
}

/// Makes the statement that reads the row whose columns are equal to values.
pub(super) fn select_by<M: Model>(columns: &[usize]) -> Shape {
    let mut select = crate::query::Select::from(M::table());
    select.filter = equal(M::table(), columns);
    Shape::Select(Box::new(select))
}
