//! Rows that are made, or changed where their key is there.

use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::dialect::Flavor;
use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Dialect, Error, ErrorKind, Result};

use super::create::{Create, completed, insert_one, select_by};
use super::update::count_on;
use super::{Assign, Assignments, Execute, changed, equal, returned};
use crate::expr::{Assigned, Column, Op};
use crate::model::{Model, Role};
use crate::query::not_found;
use crate::render::{self, Conflict, Shape};

/// A row that is made, or changed where one with the same unique key is there: see [`Model`]'s `upsert`.
///
/// Where it is there, it gets what is given here, but for what says when it was made; its version is counted on. Carrying it out
/// gives the row as it is stored. A conflict with another unique key is an error, on every database.
#[must_use = "nothing is written until it is carried out"]
pub struct Upsert<M> {
    create: Create<M>,
    key: Vec<usize>,
    keep: bool,
    model: PhantomData<fn() -> M>,
}

/// The columns of a unique key: one, or a tuple.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of `{M}`",
    label = "expected a column of `{M}`, or a tuple of its columns"
)]
pub trait UniqueKey<M> {
    /// Gives their indexes.
    fn columns(&self) -> Vec<usize>;
}

#[diagnostic::do_not_recommend]
impl<M, T> UniqueKey<M> for Column<M, T> {
    fn columns(&self) -> Vec<usize> {
        vec![self.index()]
    }
}

macro_rules! tuples {
    ($(($($name:ident . $index:tt),+))+) => {$(
        #[diagnostic::do_not_recommend]
        impl<M, $($name),+> UniqueKey<M> for ($(Column<M, $name>,)+) {
            fn columns(&self) -> Vec<usize> {
                vec![$(self.$index.index()),+]
            }
        }
    )+};
}

tuples! {
    (A.0, B.1)
    (A.0, B.1, C.2)
    (A.0, B.1, C.2, D.3)
}

impl<M: Model> Upsert<M> {
    /// Makes one by a unique key.
    pub fn on(key: impl UniqueKey<M>) -> Self {
        Self { create: Create::new(), key: key.columns(), keep: false, model: PhantomData }
    }

    /// Leaves a row that is there as it is.
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Gives the columns that a row gets which is there.
    fn updated(&self, given: &Assignments) -> Vec<usize> {
        let table = M::table();
        if self.keep {
            return Vec::new();
        }
        let kept = |column: usize| {
            let role = table.column(column).role;
            self.key.contains(&column)
                || table.key().contains(&column)
                || matches!(role, Role::CreatedAt | Role::Version | Role::Auto)
        };
        (0..table.columns().len()).filter(|column| given.has(*column) && !kept(*column)).collect()
    }

    /// Gives what the row is to have, the values of the key, and the columns that a row gets which is there.
    fn parts(&self, assignments: Assignments) -> Result<(Assignments, Vec<Value>, Vec<usize>)> {
        let given = completed::<M>(assignments)?;
        let key_values =
            self.key.iter().map(|column| given.value(*column).cloned().ok_or_else(|| no_key::<M>(*column)));
        let (key_values, update) = (key_values.collect::<Result<_>>()?, self.updated(&given));
        Ok((given, key_values, update))
    }

    async fn run(mut self, cursor: &mut Cursor) -> Result<M> {
        let assignments = std::mem::take(&mut self.create.assignments);
        let (given, key_values, update) = self.parts(assignments)?;
        if !cursor.info().capabilities.update_returning {
            return update_or_insert(cursor, given, &self.key, key_values, update).await;
        }
        let (columns, values) = given.into_parts();
        let insert = insert_or_update::<M>(columns, self.key.clone(), update, true);
        match returned(cursor, &Shape::Insert(insert), &values).await?.pop() {
            Some(row) => Ok(row),
            None => find(cursor, &self.key, &key_values).await?.ok_or_else(not_found::<M>),
        }
    }
}

/// Makes the statement that inserts a row, or changes the one that has its key.
fn insert_or_update<M: Model>(
    columns: Vec<(usize, Vec<Op>)>,
    key: Vec<usize>,
    update: Vec<usize>,
    returning: bool,
) -> render::Insert {
    let table = M::table();
    let version = table.of_role(Role::Version).filter(|_| !update.is_empty());
    let conflict = Some(Box::new(Conflict { key, update, version }));
    render::Insert { table, columns, rows: 1, conflict, returning }
}

/// Changes the row, or makes it where it is not there: for MySQL and MariaDB, whose own upsert changes a row with any of its keys.
async fn update_or_insert<M: Model>(
    cursor: &mut Cursor,
    given: Assignments,
    key: &[usize],
    key_values: Vec<Value>,
    update: Vec<usize>,
) -> Result<M> {
    for last in [false, true] {
        if let Some((update, mut values)) = update_of_key::<M>(&given, key, &update) {
            values.extend(key_values.iter().cloned());
            changed(cursor, &Shape::Update(update), &values).await?;
        }
        if let Some(row) = find(cursor, key, &key_values).await? {
            return Ok(row);
        }
        match insert_one(cursor, given.clone()).await {
            // Somebody else made it in between: it is there now, and is changed.
            Err(error) if error.kind() == ErrorKind::UniqueViolation && !last => {}
            other => return other,
        }
    }
    Err(not_found::<M>())
}

/// Makes the statement that changes the row of the key, with the values that it sets; `None` where nothing is to change.
fn update_of_key<M: Model>(
    given: &Assignments,
    key: &[usize],
    update: &[usize],
) -> Option<(render::Update, Vec<Value>)> {
    if update.is_empty() {
        return None;
    }
    let table = M::table();
    let mut changes = given.clone();
    changes.columns.retain(|(column, ..)| update.contains(column));
    count_on::<M>(&mut changes);
    let (set, values) = changes.into_parts();
    Some((render::Update { table, set, filter: equal(table, key), returning: false }, values))
}

async fn find<M: Model>(cursor: &mut Cursor, key: &[usize], values: &[Value]) -> Result<Option<M>> {
    Ok(returned(cursor, &select_by::<M>(key), values).await?.pop())
}

#[cold]
fn no_key<M: Model>(column: usize) -> Error {
    let field = &M::table().column(column).field;
    Error::interface(format!("{}.{field} is the key to be found by, and has no plain value", M::DEF.name))
}

impl<M: Model> Assign for Upsert<M> {
    type Model = M;

    fn assign(&mut self, column: usize, given: Result<Assigned>) {
        self.create.assign(column, given);
    }
}

impl<M: Model> Execute for Upsert<M> {
    type Output = M;

    async fn execute<D: Db + ?Sized>(self, db: &D, site: &'static Location<'static>) -> Result<M> {
        self.run(&mut crate::query::cursor(db, site).await?).await
    }

    /// On MySQL these are three statements, of which the last is sent where the row is not there.
    fn sql(&self, dialect: &Dialect) -> Result<String> {
        let (given, _, update) = self.parts(self.create.assignments.clone())?;
        if dialect.flavor != Flavor::MySql {
            let insert = insert_or_update::<M>(given.into_parts().0, self.key.clone(), update, false);
            return render::sql(&Shape::Insert(insert), dialect);
        }
        let update = update_of_key::<M>(&given, &self.key, &update).map(|(update, _)| Shape::Update(update));
        let (table, columns) = (M::table(), given.into_parts().0);
        let insert = render::Insert { table, columns, rows: 1, conflict: None, returning: false };
        let shapes = update.into_iter().chain([select_by::<M>(&self.key), Shape::Insert(insert)]);
        let texts = shapes.map(|shape| render::sql(&shape, dialect)).collect::<Result<Vec<_>>>()?;
        Ok(texts.join(";\n"))
    }
}
