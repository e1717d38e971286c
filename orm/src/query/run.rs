//! Running shapes.

use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Error, FromRow, Outcome, Result, RowRef};

use crate::model::Model;
use crate::render::{Arguments, Rendered, Shape, rendered};

/// Makes a cursor for a call at a place in the program.
pub(crate) async fn cursor<D: Db + ?Sized>(db: &D, site: &'static Location<'static>) -> Result<Cursor> {
    Ok(Cursor::new(match db.lease_now(site) {
        Some(lease) => lease,
        None => db.lease_at(site).await?,
    }))
}

/// Runs a shape on a cursor, which stands before its first row then.
pub(crate) async fn run(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<()> {
    let statement = rendered(shape, cursor.info().dialect.flavor)?;
    let arguments = arguments(cursor, &statement, values)?;
    cursor.execute(&statement.sql, arguments).await
}

/// Runs a shape, and reads all rows.
pub(crate) async fn read<T: FromRow>(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<Vec<T>> {
    let statement = rendered(shape, cursor.info().dialect.flavor)?;
    let arguments = arguments(cursor, &statement, values)?;
    cursor.query_all(&statement.sql, arguments).await
}

/// Runs a shape, and reads all rows as models.
pub(crate) async fn read_models<M: Model>(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<Vec<M>> {
    Ok(models(read(cursor, shape, values).await?))
}

/// Runs a shape that gives no rows to its end.
pub(crate) async fn carry_out(cursor: &mut Cursor, shape: &Shape, values: &[Value]) -> Result<Outcome> {
    let statement = rendered(shape, cursor.info().dialect.flavor)?;
    let arguments = arguments(cursor, &statement, values)?;
    cursor.run(&statement.sql, arguments).await
}

/// Runs a shape that gives no rows once for every so many values.
pub(crate) async fn carry_out_many(
    cursor: &mut Cursor,
    shape: &Shape,
    values: &[Value],
    width: usize,
) -> Result<Outcome> {
    let statement = rendered(shape, cursor.info().dialect.flavor)?;
    let rows = values.chunks_exact(width).map(|row| statement.bind(row)).collect::<Result<Vec<_>>>()?;
    cursor.execute_many(&statement.sql, &rows).await
}

/// Gives a statement's parameters, if the database takes as many.
fn arguments<'v>(cursor: &mut Cursor, statement: &'v Rendered, values: &'v [Value]) -> Result<Arguments<'v>> {
    let arguments = statement.bind(values)?;
    let most = cursor.info().capabilities.max_parameters;
    if arguments.len() > most {
        return Err(too_many(arguments.len(), most));
    }
    Ok(arguments)
}

#[cold]
fn too_many(count: usize, most: usize) -> Error {
    Error::interface(format!("a statement of {count} values, of which the database takes {most} at once"))
        .with_hint("cut the list in parts, or keep it in a table that the query asks")
}

/// How many columns a model may have: as many as any of the databases allows a query.
const MOST_COLUMNS: usize = 4096;

/// The places of columns that stand one after the other.
static PLACES: [usize; MOST_COLUMNS] = {
    let mut places = [0; MOST_COLUMNS];
    let mut index = 0;
    while index < MOST_COLUMNS {
        places[index] = index;
        index += 1;
    }
    places
};

/// Gives the places of a model's columns, the first of which is at `first`.
pub(crate) fn places<M: Model>(first: usize) -> &'static [usize] {
    &PLACES[first..first + M::table().columns().len()]
}

/// A model that is read from a row whose columns are the model's, in their order.
pub(crate) struct Positional<M>(pub(crate) M);

impl<M: Model> FromRow for Positional<M> {
    type Plan = &'static [usize];

    fn plan(_: &[oarlock_core::Column]) -> Result<Self::Plan> {
        Ok(places::<M>(0))
    }

    #[inline]
    fn from_row(plan: &Self::Plan, row: RowRef<'_>) -> Result<Self> {
        M::read(plan, row).map(Self)
    }
}

/// Reads all rows that are left as models.
pub(crate) async fn fetch_models<M: Model>(cursor: &mut Cursor) -> Result<Vec<M>> {
    Ok(models(cursor.fetch_all().await?))
}

/// The rows stay where they are: this is the identity, as far as memory goes.
fn models<M>(rows: Vec<Positional<M>>) -> Vec<M> {
    rows.into_iter().map(|row| row.0).collect()
}
