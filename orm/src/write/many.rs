//! Many new rows.

use std::panic::Location;

use oarlock_core::value::{Bound, Value, ValueRef};
use oarlock_core::{Cursor, Db, Error, ErrorKind, Result, TxOptions};

use super::create::{Create, insert_one};
use super::graph::insert_graph;
use super::{Assignments, ROWS, all_values, changed, finish, returned};
use crate::model::{Model, TableInfo};
use crate::query::{Select, carry_out_many, cursor};
use crate::relation::{Groups, among};
use crate::render::{Insert, Shape};

/// Makes rows, all or none, and gives them as they are stored, in the order in which they were given.
pub(crate) async fn insert_many<M: Model, D: Db + ?Sized>(
    db: &D,
    rows: Vec<Create<M>>,
    site: &'static Location<'static>,
) -> Result<Vec<M>> {
    if rows.iter().any(|row| !row.related.is_empty()) {
        let tx = db.begin_at(TxOptions::default(), site).await?;
        let result = match cursor(&tx, site).await {
            Ok(mut cursor) => insert_graph(&mut cursor, rows).await,
            Err(error) => Err(error),
        };
        return finish(tx, result).await;
    }
    let given = rows.into_iter().map(Create::complete).collect::<Result<Vec<_>>>()?;
    if given.is_empty() {
        return Ok(Vec::new());
    }
    if is_one_part(&given, is_known_again::<M>) {
        let mut cursor = cursor(db, site).await?;
        if fits(&mut cursor, &given) >= given.len() {
            return insert_uniform(&mut cursor, given).await;
        }
    }
    let tx = db.begin_at(TxOptions::default(), site).await?;
    let result = match cursor(&tx, site).await {
        Ok(mut cursor) => insert_parts(&mut cursor, given).await,
        Err(error) => Err(error),
    };
    finish(tx, result).await
}

/// Makes rows, all or none, and tells how many; nothing is read back.
pub(crate) async fn insert_unread<M: Model, D: Db + ?Sized>(
    db: &D,
    rows: Vec<Create<M>>,
    site: &'static Location<'static>,
) -> Result<u64> {
    if rows.iter().any(|row| !row.related.is_empty()) {
        // What belongs to a row needs its key.
        let made = insert_many(db, rows, site).await?;
        return Ok(u64::try_from(made.len()).unwrap_or(u64::MAX));
    }
    let given = rows.into_iter().map(Create::complete).collect::<Result<Vec<_>>>()?;
    if given.is_empty() {
        return Ok(0);
    }
    if is_one_part(&given, gives) {
        let mut cursor = cursor(db, site).await?;
        if given.len() >= BATCHED && cursor.info().capabilities.batched_inserts {
            return send_batch(&mut cursor, M::table(), given).await;
        }
        if fits(&mut cursor, &given) >= given.len() {
            return send(&mut cursor, M::table(), given).await;
        }
    }
    let tx = db.begin_at(TxOptions::default(), site).await?;
    let result = match cursor(&tx, site).await {
        Ok(mut cursor) => send_parts(&mut cursor, M::table(), given).await,
        Err(error) => Err(error),
    };
    finish(tx, result).await
}

/// From how many rows on a batch is worth more than a statement of several rows, on a database that has a good way with batches.
const BATCHED: usize = 16;

/// Tells whether rows can be given by one statement, if there are not too many; `together` tells it of a row's values.
fn is_one_part(given: &[Assignments], together: impl Fn(&Assignments) -> bool) -> bool {
    match given {
        [] => false,
        [_] => true,
        [first, ..] => given.iter().all(|row| row.is_plain() && together(row) && same_columns(first, row)),
    }
}

/// Parts rows into those that one statement can give; `together` tells of a row's values whether it goes with others.
fn parts(given: Vec<Assignments>, most: usize, together: impl Fn(&Assignments) -> bool) -> Vec<Vec<Assignments>> {
    let mut parts: Vec<Vec<Assignments>> = Vec::new();
    let goes = |row: &Assignments| row.is_plain() && together(row);
    for row in given {
        let joins = |part: &&mut Vec<Assignments>| {
            part.len() < most
                && goes(&row)
                && part.first().is_some_and(|first| goes(first) && same_columns(first, &row))
        };
        match parts.last_mut().filter(joins) {
            Some(part) => part.push(row),
            None => parts.push(vec![row]),
        }
    }
    parts
}

/// Tells whether a row that is read back can be made by a statement of several: rows that give nothing have no common statement, and one
/// whose key the database makes up, but does not number, would not be known again.
fn is_known_again<M: Model>(row: &Assignments) -> bool {
    let table = M::table();
    gives(row) && (table.auto().is_some() || table.key().iter().all(|column| row.value(*column).is_some()))
}

/// Tells whether a row that is not read back can be made by a statement of several.
fn gives(row: &Assignments) -> bool {
    !row.is_empty()
}

/// Makes rows by as few statements as can be, on a cursor whose connection is in a transaction.
pub(super) async fn insert_parts<M: Model>(cursor: &mut Cursor, given: Vec<Assignments>) -> Result<Vec<M>> {
    let most = fits(cursor, &given);
    let mut made = Vec::with_capacity(given.len());
    for part in parts(given, most, is_known_again::<M>) {
        made.extend(insert_uniform(cursor, part).await?);
    }
    Ok(made)
}

/// Makes rows as [`insert_parts`] does, and tells how many.
async fn send_parts(cursor: &mut Cursor, table: &'static TableInfo, given: Vec<Assignments>) -> Result<u64> {
    let most = fits(cursor, &given);
    let mut count = 0;
    for part in parts(given, most, gives) {
        count += send(cursor, table, part).await?;
    }
    Ok(count)
}

/// Makes rows that give the same columns by one statement, and tells how many.
async fn send(cursor: &mut Cursor, table: &'static TableInfo, given: Vec<Assignments>) -> Result<u64> {
    let Some(first) = given.first() else { return Ok(0) };
    let (columns, rows) = (first.programs(), given.len());
    let values = all_values(given);
    let shape = Shape::Insert(Insert { table, columns, rows, conflict: None, returning: false });
    changed(cursor, &shape, &values).await
}

/// Makes rows that give the same columns as a batch, whose text is the same for any number of them, and tells how many.
async fn send_batch(cursor: &mut Cursor, table: &'static TableInfo, given: Vec<Assignments>) -> Result<u64> {
    let Some(first) = given.first() else { return Ok(0) };
    let columns = first.programs();
    let width = columns.len();
    let values = all_values(given);
    let shape = Shape::Insert(Insert { table, columns, rows: 1, conflict: None, returning: false });
    Ok(carry_out_many(cursor, &shape, &values, width).await?.rows_affected.unwrap_or(0))
}

/// Gives how many rows fit one statement.
fn fits(cursor: &mut Cursor, given: &[Assignments]) -> usize {
    let width = given.iter().map(|row| row.columns.len()).max().unwrap_or(1).max(1);
    (cursor.info().capabilities.max_parameters / width).clamp(1, ROWS)
}

fn same_columns(left: &Assignments, right: &Assignments) -> bool {
    left.columns.len() == right.columns.len() && left.columns.iter().zip(&right.columns).all(|(a, b)| a.0 == b.0)
}

/// Makes rows that give the same columns, by one statement.
async fn insert_uniform<M: Model>(cursor: &mut Cursor, given: Vec<Assignments>) -> Result<Vec<M>> {
    let table = M::table();
    let count = given.len();
    match count {
        0 => return Ok(Vec::new()),
        1 => {
            let only = given.into_iter().next().unwrap_or_default();
            return Ok(vec![insert_one(cursor, only).await?]);
        }
        _ => {}
    }
    // The place of each row, by its key where the program gives it.
    let keys: Option<Vec<Vec<Value>>> = given
        .iter()
        .map(|row| table.key().iter().map(|column| row.value(*column).cloned()).collect::<Option<Vec<_>>>())
        .collect();
    let columns = given[0].programs();
    let values = all_values(given);
    let returning = cursor.info().capabilities.insert_returning;
    let shape = Shape::Insert(Insert { table, columns, rows: count, conflict: None, returning });
    let made = if returning {
        returned::<M>(cursor, &shape, &values).await?
    } else {
        changed(cursor, &shape, &values).await?;
        let keys = match &keys {
            Some(keys) => keys.clone(),
            None => numbered::<M>(cursor, count).await?,
        };
        read_all(cursor, &keys).await?
    };
    if made.len() != count {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("{count} rows of {} were given, and {} came back", table.model(), made.len()),
        ));
    }
    match keys {
        Some(keys) => in_order_of(made, &keys),
        None => in_order_of_numbers(made),
    }
}

/// Puts rows into the order of the keys that the database has numbered: it numbers them in the order in which they are given, whatever
/// the order in which it gives them back.
fn in_order_of_numbers<M: Model>(made: Vec<M>) -> Result<Vec<M>> {
    let table = M::table();
    let Some(auto) = table.auto() else {
        return Err(Error::not_supported(format!("the keys of new rows of {} are not known", table.model()))
            .with_hint("give them in the program"));
    };
    let mut numbered = made
        .into_iter()
        .map(|row| {
            let number = match row.value(auto)?.as_ref() {
                ValueRef::I64(number) => Some(number),
                ValueRef::U64(number) => i64::try_from(number).ok(),
                _ => None,
            };
            Ok((number, row))
        })
        .collect::<Result<Vec<_>>>()?;
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, row)| row).collect())
}

/// Gives the keys that the database has numbered, of a statement of several rows.
async fn numbered<M: Model>(cursor: &mut Cursor, count: usize) -> Result<Vec<Vec<Value>>> {
    let first = cursor.last_insert_id().ok_or_else(|| {
        Error::not_supported(format!("the keys of new rows of {} are not known", M::DEF.name))
            .with_hint("give them in the program")
    })?;
    cursor.execute("SELECT @@auto_increment_increment", ()).await?;
    let step = cursor.fetch_one::<(i64,)>().await?.map_or(1, |row| row.0);
    cursor.finish().await?;
    Ok((0..).take(count).map(|index: i64| vec![Value::I64(first + index * step)]).collect())
}

/// Reads the rows of keys, in any order.
async fn read_all<M: Model>(cursor: &mut Cursor, keys: &[Vec<Value>]) -> Result<Vec<M>> {
    let table = M::table();
    let width = table.key().len();
    let mut select = Select::from(table);
    select.filter = among(table, table.key(), keys.len());
    let values: Vec<Value> =
        (0..width).map(|column| Value::Array(keys.iter().map(|key| key[column].clone()).collect())).collect();
    returned(cursor, &Shape::Select(Box::new(select)), &values).await
}

/// Puts rows into the order of keys.
fn in_order_of<M: Model>(made: Vec<M>, keys: &[Vec<Value>]) -> Result<Vec<M>> {
    let table = M::table();
    let mut places = Groups::default();
    let own: Vec<usize> = (0..table.key().len()).collect();
    for key in keys {
        places.enter(&own, |column| Ok(Bound::Borrowed(key[column].as_ref())))?;
    }
    let mut sorted: Vec<Option<M>> = Vec::new();
    sorted.resize_with(keys.len(), || None);
    for row in made {
        match places.find(table.key(), |column| row.value(column))? {
            Some(place) if sorted[place].is_none() => sorted[place] = Some(row),
            _ => {
                return Err(Error::new(
                    ErrorKind::NotSupported,
                    format!(
                        "the database has changed the key of a new row of {}: its place is not known",
                        table.model()
                    ),
                ));
            }
        }
    }
    Ok(sorted.into_iter().flatten().collect())
}
