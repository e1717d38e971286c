//! Rows that go.

use std::panic::Location;

use oarlock_core::value::{Bound, Value};
use oarlock_core::{Db, Result};

use super::update::{stale, touch};
use super::{Assignments, changed, equal, now};
use crate::expr::Expr;
use crate::model::{Model, Role};
use crate::query::{Query, cursor, not_found};
use crate::render::{Delete, Shape, Update};

/// Deletes one row, or marks it as deleted where its model says so.
pub(crate) async fn delete_rows<M: Model, D: Db + ?Sized>(
    db: &D,
    row: &M,
    for_good: bool,
    site: &'static Location<'static>,
) -> Result<()> {
    row.before_delete()?;
    let table = M::table();
    let mut columns = table.key().to_vec();
    let version = table.of_role(Role::Version);
    columns.extend(version);
    let values =
        columns.iter().map(|column| row.value(*column).and_then(Bound::into_value)).collect::<Result<Vec<_>>>()?;
    let condition = Expr::<bool>::new(equal(table, &columns), values);
    let query = Query::<M>::new().filter(condition);
    match delete_where(db, if for_good { query.with_deleted() } else { query }, for_good, site).await? {
        0 if version.is_some() => Err(stale::<M>()),
        0 => Err(not_found::<M>()),
        _ => Ok(()),
    }
}

/// Deletes the rows for which a query's condition is true, or marks them as deleted where their model says so.
pub(crate) async fn delete_where<M: Model, D: Db + ?Sized>(
    db: &D,
    query: Query<M>,
    for_good: bool,
    site: &'static Location<'static>,
) -> Result<u64> {
    let (shape, values) = delete_shape(query, for_good)?;
    changed(&mut cursor(db, site).await?, &shape, &values).await
}

/// Makes the statement that deletes the rows, or marks them, and its values.
pub(crate) fn delete_shape<M: Model>(query: Query<M>, for_good: bool) -> Result<(Shape, Vec<Value>)> {
    let table = M::table();
    let (filter, filter_values) = query.into_filter()?;
    let Some(mark) = table.of_role(Role::DeletedAt).filter(|_| !for_good) else {
        return Ok((Shape::Delete(Delete { table, filter }), filter_values));
    };
    let mut marked = Assignments::default();
    marked.assign_value(mark, now(table.column(mark)));
    // To whoever has read the row before, it is as stale as any other that was changed.
    touch::<M>(&mut marked);
    let (set, mut values) = marked.into_parts();
    values.extend(filter_values);
    Ok((Shape::Update(Update { table, set, filter, returning: false }), values))
}
