//! Running shapes.

use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Error, FromRow, Result, RowRef};

use crate::model::Model;
use crate::render::{Shape, rendered};

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
    let arguments = statement.bind(values)?;
    let most = cursor.info().capabilities.max_parameters;
    if arguments.len() > most {
        return Err(too_many(arguments.len(), most));
    }
    cursor.execute(&statement.sql, arguments).await
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
    // The rows stay where they are: this is the identity, as far as memory goes.
    Ok(cursor.fetch_all::<Positional<M>>().await?.into_iter().map(|row| row.0).collect())
}
