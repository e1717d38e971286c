//! Rows that are made, or changed where their key is there.

use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Error, ErrorKind, Result};

use super::create::{Create, insert_one};
use super::{Assign, Assignments, Execute, changed, equal, returned};
use crate::expr::{AnyExpr, Binary, Column, Expr};
use crate::model::{Model, Role};
use crate::query::{Select, not_found};
use crate::relation::column_op;
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
        let kept = |column: usize| {
            let role = table.column(column).role;
            self.key.contains(&column)
                || table.key().contains(&column)
                || matches!(role, Role::CreatedAt | Role::Version | Role::Auto)
        };
        (0..table.columns().len()).filter(|column| given.has(*column) && !kept(*column)).collect()
    }

    async fn run(self, cursor: &mut Cursor) -> Result<M> {
        let table = M::table();
        let (key, keep) = (self.key.clone(), self.keep);
        let kept = Self { create: Create::new(), key: self.key.clone(), keep, model: PhantomData };
        let given = self.create.complete()?;
        let key_values = key
            .iter()
            .map(|column| given.value(*column).cloned().ok_or_else(|| no_key::<M>(*column)))
            .collect::<Result<Vec<_>>>()?;
        let update = if keep { Vec::new() } else { kept.updated(&given) };
        if cursor.info().capabilities.update_returning {
            let version = table.of_role(Role::Version).filter(|_| !update.is_empty());
            let (columns, values) = given.into_parts();
            let conflict = Some(Conflict { key: key.clone(), update, version });
            let shape = Shape::Insert(render::Insert { table, columns, rows: 1, conflict, returning: true });
            if let Some(row) = returned(cursor, &shape, &values).await?.pop() {
                return Ok(row);
            }
            return find(cursor, &key, &key_values).await?.ok_or_else(not_found::<M>);
        }
        self::update_or_insert(cursor, given, &key, key_values, update).await
    }
}

/// Changes the row, or makes it where it is not there: for MySQL and MariaDB, whose own upsert changes a row with any of its keys.
async fn update_or_insert<M: Model>(
    cursor: &mut Cursor,
    given: Assignments,
    key: &[usize],
    key_values: Vec<Value>,
    update: Vec<usize>,
) -> Result<M> {
    let table = M::table();
    for last in [false, true] {
        if !update.is_empty() {
            let mut changes = given.clone();
            changes.columns.retain(|(column, ..)| update.contains(column));
            if let Some(version) = table.of_role(Role::Version) {
                let one = Expr::<i64>::value(&1_i64);
                let next = Expr::<i64>::new(vec![column_op(table, version)], Vec::new());
                changes.assign(version, next.binary::<i64, ()>(Binary::Add, one));
            }
            let (set, mut values) = changes.into_parts();
            values.extend(key_values.iter().cloned());
            let shape = Shape::Update(render::Update { table, set, filter: equal(table, key), returning: false });
            changed(cursor, &shape, &values).await?;
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

async fn find<M: Model>(cursor: &mut Cursor, key: &[usize], values: &[Value]) -> Result<Option<M>> {
    let mut select = Select::from(M::table());
    select.filter = equal(M::table(), key);
    Ok(returned(cursor, &Shape::Select(select), values).await?.pop())
}

#[cold]
fn no_key<M: Model>(column: usize) -> Error {
    let field = &M::table().column(column).field;
    Error::interface(format!("{}.{field} is the key to be found by, and has no plain value", M::DEF.name))
}

impl<M: Model> Assign for Upsert<M> {
    type Model = M;

    fn assign(&mut self, column: usize, value: AnyExpr) {
        self.create.assign(column, value);
    }
}

impl<M: Model> Execute for Upsert<M> {
    type Output = M;

    async fn execute<D: Db + ?Sized>(self, db: &D, site: &'static Location<'static>) -> Result<M> {
        self.run(&mut crate::query::cursor(db, site).await?).await
    }
}
