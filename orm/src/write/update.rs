//! Changes to rows.

use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Db, Dialect, Error, ErrorKind, Result};

use super::create::{read_back, select_by};
use super::draft::check_rules;
use super::{Assign, Assignments, Draft, Execute, changed, equal, next, now, returned};
use crate::expr::{Argument, Assigned, Column, again};
use crate::model::{Model, Role};
use crate::query::{Query, cursor, not_found};
use crate::render::{self, Shape};

/// Changes to one row: see [`Model`]'s `update`.
///
/// Only what is set is sent. Carrying it out gives the row as it is stored; on MySQL and MariaDB, which do not give updated rows back, it is
/// read by its key, and may have been changed again by then.
///
/// A row that is gone is a `RowNotFound` error. Of a model with a `version`, a row that was changed since it was read is a
/// [`StaleRow`](ErrorKind::StaleRow) error.
#[must_use = "nothing is changed until it is carried out"]
pub struct Update<M> {
    assignments: Assignments,
    key: Result<Vec<Value>>,
    version: Option<Result<Value>>,
    model: PhantomData<fn() -> M>,
}

impl<M: Model> Update<M> {
    /// Makes one that changes nothing yet.
    pub fn of(row: &M) -> Self {
        let value = |column: usize| row.value(column).and_then(oarlock_core::value::Bound::into_value);
        let table = M::table();
        Self {
            assignments: Assignments::default(),
            key: table.key().iter().map(|column| value(*column)).collect(),
            version: table.of_role(Role::Version).map(value),
            model: PhantomData,
        }
    }
}

impl<M: Model> Assign for Update<M> {
    type Model = M;

    fn assign(&mut self, column: usize, given: Result<Assigned>) {
        self.assignments.assign(column, given);
    }
}

impl<M: Model> Execute for Update<M> {
    type Output = M;

    async fn execute<D: Db + ?Sized>(mut self, db: &D, site: &'static Location<'static>) -> Result<M> {
        self.check()?;
        let table = M::table();
        let mut cursor = cursor(db, site).await?;
        if self.assignments.is_empty() {
            return read_back(&mut cursor, self.key?).await;
        }
        let returning = cursor.info().capabilities.update_returning;
        let new_key = if returning { None } else { Some(self.new_key()?) };
        let (update, values) = self.into_parts(returning)?;
        let shape = Shape::Update(update);
        if let Some(key) = new_key {
            if changed(&mut cursor, &shape, &values).await? > 0 {
                return read_back(&mut cursor, key).await;
            }
        } else if let Some(row) = returned(&mut cursor, &shape, &values).await?.pop() {
            return Ok(row);
        }
        Err(if table.of_role(Role::Version).is_some() { stale::<M>() } else { not_found::<M>() })
    }

    fn sql(&self, dialect: &Dialect) -> Result<String> {
        let mut this = Self {
            assignments: self.assignments.clone(),
            key: copied(&self.key),
            version: self.version.as_ref().map(copied),
            model: PhantomData,
        };
        this.check()?;
        if this.assignments.is_empty() {
            return render::sql(&select_by::<M>(M::table().key()), dialect);
        }
        let (update, _) = this.into_parts(false)?;
        render::sql(&Shape::Update(update), dialect)
    }
}

fn copied<T: Clone>(value: &Result<T>) -> Result<T> {
    match value {
        Ok(value) => Ok(value.clone()),
        Err(error) => Err(again(error)),
    }
}

impl<M: Model> Update<M> {
    /// Asks hooks and rules.
    fn check(&mut self) -> Result<()> {
        self.assignments.check()?;
        M::before_update(&mut Draft::new(&mut self.assignments))?;
        self.assignments.check()?;
        check_rules::<M>(&self.assignments)
    }

    /// Gives the key that the row has afterwards, should it be changed.
    fn new_key(&self) -> Result<Vec<Value>> {
        let old = self.key.as_ref().map_err(again)?;
        let new = M::table().key().iter().zip(old).map(|(column, old)| {
            if !self.assignments.has(*column) {
                return Ok(old.clone());
            }
            self.assignments.value(*column).cloned().ok_or_else(unknown_key::<M>)
        });
        new.collect()
    }

    /// Gives the shape and its values in its order.
    fn into_parts(mut self, returning: bool) -> Result<(render::Update, Vec<Value>)> {
        touch::<M>(&mut self.assignments);
        let table = M::table();
        let mut columns = table.key().to_vec();
        let (set, mut values) = self.assignments.into_parts();
        values.extend(self.key?);
        if let (Some(version), Some(column)) = (self.version, table.of_role(Role::Version)) {
            columns.push(column);
            values.push(version?);
        }
        Ok((render::Update { table, set, filter: equal(table, &columns), returning }, values))
    }
}

/// Changes to all rows for which a query's condition is true: see [`Query::update`].
///
/// Carrying it out tells how many rows there were.
#[must_use = "nothing is changed until it is carried out"]
pub struct UpdateMany<M> {
    assignments: Assignments,
    query: Query<M>,
}

impl<M: Model> UpdateMany<M> {
    pub(crate) fn new(query: Query<M>) -> Self {
        Self { assignments: Assignments::default(), query }
    }

    /// Says what a column is to hold: a value, or an expression over the row as it was.
    pub fn set<T>(mut self, column: Column<M, T>, value: impl Argument<T>) -> Self {
        self.assignments.assign(column.index(), value.into_assigned());
        self
    }

    /// Carries it out; where nothing is set, nothing is sent.
    ///
    /// # Errors
    ///
    /// What the database says, `Invalid` for values that break the model's rules, and `Interface` for a query with joins or a limit.
    #[track_caller]
    pub fn exec<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<u64>> + Send {
        let site = Location::caller();
        async move {
            if self.assignments.says_nothing() {
                return Ok(0);
            }
            let (update, values) = self.into_parts()?;
            changed(&mut cursor(db, site).await?, &Shape::Update(update), &values).await
        }
    }

    /// Gives the SQL that carries it out on a kind of database: see [`Query::sql`].
    ///
    /// # Errors
    ///
    /// What carrying it out would tell before anything is sent, and `Interface` where nothing is set.
    pub fn sql(&self, dialect: &Dialect) -> Result<String> {
        if self.assignments.says_nothing() {
            return Err(Error::interface("no column is set, so that nothing is sent"));
        }
        let again = Self { assignments: self.assignments.clone(), query: self.query.without_relations() };
        let (update, _) = again.into_parts()?;
        render::sql(&Shape::Update(update), dialect)
    }

    /// Gives the shape and its values in its order.
    pub(crate) fn into_parts(mut self) -> Result<(render::Update, Vec<Value>)> {
        self.assignments.check()?;
        check_rules::<M>(&self.assignments)?;
        touch::<M>(&mut self.assignments);
        let (filter, filter_values) = self.query.into_filter()?;
        let (set, mut values) = self.assignments.into_parts();
        values.extend(filter_values);
        Ok((render::Update { table: M::table(), set, filter, returning: false }, values))
    }
}

/// Notes that the row was changed.
pub(super) fn touch<M: Model>(assignments: &mut Assignments) {
    let table = M::table();
    if let Some(column) = table.of_role(Role::UpdatedAt) {
        assignments.assign_absent(column, now(table.column(column)));
    }
    count_on::<M>(assignments);
}

/// Counts the row's version on, where it has one.
pub(super) fn count_on<M: Model>(assignments: &mut Assignments) {
    let table = M::table();
    if let Some(column) = table.of_role(Role::Version) {
        assignments.assign(column, Ok(next(table, column)));
    }
}

#[cold]
fn unknown_key<M: Model>() -> Error {
    Error::not_supported(format!(
        "a key of {} that the database computes: it does not give the changed row back",
        M::DEF.name
    ))
    .with_hint("compute the key in the program, or change it by a query")
}

#[cold]
pub(super) fn stale<M: Model>() -> Error {
    let name = M::DEF.name;
    Error::new(ErrorKind::StaleRow, format!("the row of {name} was changed or deleted since it was read"))
        .with_table(M::TABLE)
        .with_hint("read it again, and decide anew")
}
