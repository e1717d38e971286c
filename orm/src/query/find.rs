//! The rows of many keys.

use std::panic::Location;

use oarlock_core::value::{Bound, Value};
use oarlock_core::{Db, Result};

use super::{Query, cursor, read_models};
use crate::model::Model;
use crate::relation::{Groups, Prepared, narrowed, parts};

/// Reads the rows of keys, in the order of the keys: one statement for thousands of them.
pub(crate) async fn find_many<M: Model, D: Db + ?Sized>(
    db: &D,
    keys: Vec<Vec<Value>>,
    site: &'static Location<'static>,
) -> Result<Vec<M>> {
    let table = M::table();
    let width = table.key().len();
    let mut wanted = Groups::default();
    let places: Vec<usize> = (0..width).collect();
    for key in &keys {
        wanted.enter(&places, |column| Ok(Bound::Borrowed(key[column].as_ref())))?;
    }
    if wanted.len() == 0 {
        return Ok(Vec::new());
    }
    let query = Prepared::new(Query::<M>::new());
    let mut cursor = cursor(db, site).await?;
    let mut found: Vec<Option<M>> = Vec::new();
    found.resize_with(wanted.len(), || None);
    for part in parts(&mut cursor, wanted.len(), width) {
        let (shape, values) = narrowed(&query, table, table.key(), &wanted, part);
        for row in read_models::<M>(&mut cursor, &shape, &values).await? {
            if let Some(place) = wanted.find(table.key(), |column| row.value(column))? {
                found[place] = Some(row);
            }
        }
    }
    Ok(found.into_iter().flatten().collect())
}
