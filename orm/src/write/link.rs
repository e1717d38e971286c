//! Rows of the third table of a relation, by the rows that they join.

use std::future::Future;
use std::panic::Location;

use oarlock_core::value::{Bound, Value};
use oarlock_core::{Cursor, Db, Result, Row, TxOptions};

use super::create::fill_in;
use super::{Assignments, ROWS, all_values, changed, equal, finish};
use crate::expr::{Binary, Op};
use crate::model::{Model, TableInfo};
use crate::query::{Output, Projection, Select, cursor, run};
use crate::relation::{Groups, Joining, ManyRelation, among, column_op, parts};
use crate::render::{Delete, Insert, Shape};

/// Which rows of the third table join a row with others.
///
/// Each of these is one transaction. Two that join the same rows at once may end in a `UniqueViolation`, as an insert would. A joining
/// table with columns that need a value takes its rows by its own model's `create_many`.
impl<P: Model, C: Model, J: Joining> ManyRelation<P, C, J> {
    /// Joins rows with a row, as far as they are not joined yet; tells how many were not.
    ///
    /// # Errors
    ///
    /// What the database says, and `Interface` where the joining table has another column that needs a value.
    #[track_caller]
    pub fn link<'r, D: Db + ?Sized>(
        self,
        db: &D,
        row: &P,
        others: impl IntoIterator<Item = &'r C>,
    ) -> impl Future<Output = Result<u64>> + Send {
        change(db, Links::new(self, row, others), Change::Link, Location::caller())
    }

    /// Deletes the rows that join rows with a row, for good; tells how many there were.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    pub fn unlink<'r, D: Db + ?Sized>(
        self,
        db: &D,
        row: &P,
        others: impl IntoIterator<Item = &'r C>,
    ) -> impl Future<Output = Result<u64>> + Send {
        change(db, Links::new(self, row, others), Change::Unlink, Location::caller())
    }

    /// Joins these rows with a row, and no others: rows that are joined already keep their joining row, those that are left out lose it.
    ///
    /// # Errors
    ///
    /// As [`link`](Self::link).
    #[track_caller]
    pub fn set<'r, D: Db + ?Sized>(
        self,
        db: &D,
        row: &P,
        others: impl IntoIterator<Item = &'r C>,
    ) -> impl Future<Output = Result<()>> + Send {
        let done = change(db, Links::new(self, row, others), Change::Set, Location::caller());
        async move { done.await.map(drop) }
    }
}

/// What becomes of the rows that join.
#[derive(Debug, Clone, Copy)]
enum Change {
    Link,
    Unlink,
    Set,
}

/// Changes the rows that join in one transaction, and tells how many it made or deleted.
async fn change<D: Db + ?Sized>(
    db: &D,
    links: Result<Links>,
    change: Change,
    site: &'static Location<'static>,
) -> Result<u64> {
    let links = links?;
    let tx = db.begin_at(TxOptions::default(), site).await?;
    let result = match cursor(&tx, site).await {
        Ok(mut cursor) => match change {
            Change::Link => link_on(&mut cursor, &links).await,
            Change::Unlink => links.delete(&mut cursor, &links.others).await,
            Change::Set => set_on(&mut cursor, links).await,
        },
        Err(error) => Err(error),
    };
    finish(tx, result).await
}

/// A row and the rows that it is joined with, by their keys.
struct Links {
    through: &'static TableInfo,
    /// The columns there that refer to the row, and what they hold.
    own: Vec<usize>,
    own_values: Vec<Value>,
    /// The columns there that refer to the others, and what they hold.
    other: Vec<usize>,
    others: Groups,
}

impl Links {
    fn new<'r, P: Model, C: Model, J>(
        relation: ManyRelation<P, C, J>,
        row: &P,
        others: impl IntoIterator<Item = &'r C>,
    ) -> Result<Self> {
        let (through, to_row, to_other) = relation.keys();
        let own_values = to_row.referenced().into_iter().map(|column| row.value(column).and_then(Bound::into_value));
        let own_values = own_values.collect::<Result<Vec<_>>>()?;
        let (referenced, mut keys) = (to_other.referenced(), Groups::default());
        for other in others {
            keys.enter(&referenced, |column| other.value(column))?;
        }
        let (own, other) = (to_row.columns().to_vec(), to_other.columns().to_vec());
        Ok(Self { through, own, own_values, other, others: keys })
    }

    /// Gives the condition that a row there joins the row with one of so many others, or with any.
    fn filter(&self, count: Option<usize>) -> Vec<Op> {
        let mut filter = equal(self.through, &self.own);
        if let Some(count) = count {
            filter.extend(among(self.through, &self.other, count));
            filter.push(Op::Binary(Binary::And));
        }
        filter
    }

    /// Gives the values of that condition.
    fn values(&self, others: &Groups, part: &std::ops::Range<usize>) -> Vec<Value> {
        let mut values = self.own_values.clone();
        values.extend(others.lists(self.other.len(), part));
        values
    }

    /// Reads the keys of others that are joined with the row: of those that are wanted, or all.
    async fn joined(&self, cursor: &mut Cursor, all: bool) -> Result<Groups> {
        let width = self.other.len();
        let places: Vec<usize> = (0..width).collect();
        let mut joined = Groups::default();
        let whole = 0..self.others.len();
        let parts: Vec<_> = if all { vec![whole] } else { parts(cursor, self.others.len(), width).collect() };
        for part in parts {
            let mut select = Select::from(self.through);
            let output = |column: &usize| Output { ops: vec![column_op(self.through, *column)], name: None };
            select.projection = Projection::Values(self.other.iter().map(output).collect());
            select.filter = self.filter((!all).then_some(part.len()));
            let values = if all { self.own_values.clone() } else { self.values(&self.others, &part) };
            run(cursor, &Shape::Select(Box::new(select)), &values).await?;
            for row in cursor.fetch_all::<Row>().await? {
                joined.enter(&places, |column| row.value(column).map(Bound::Borrowed))?;
            }
        }
        Ok(joined)
    }

    /// Makes the rows that join the row with the wanted ones that are not among those that are joined.
    async fn insert(&self, cursor: &mut Cursor, joined: &mut Groups) -> Result<u64> {
        let places: Vec<usize> = (0..self.other.len()).collect();
        let columns = [self.own.as_slice(), &self.other].concat();
        let mut rows = Vec::new();
        for key in self.others.keys(self.other.len()) {
            if joined.find(&places, |column| Ok(Bound::Borrowed(key[column].as_ref())))?.is_none() {
                rows.push(joining_row(self.through, &columns, self.own_values.iter().chain(key))?);
            }
        }
        insert_joining(cursor, self.through, rows).await
    }

    /// Deletes the rows that join the row with others.
    async fn delete(&self, cursor: &mut Cursor, others: &Groups) -> Result<u64> {
        let mut count = 0;
        for part in parts(cursor, others.len(), self.other.len()) {
            let shape = Shape::Delete(Delete { table: self.through, filter: self.filter(Some(part.len())) });
            count += changed(cursor, &shape, &self.values(others, &part)).await?;
        }
        Ok(count)
    }
}

/// Gives the row that joins two, by their keys.
pub(super) fn joining_row<'v>(
    table: &TableInfo,
    columns: &[usize],
    keys: impl IntoIterator<Item = &'v Value>,
) -> Result<Assignments> {
    let mut row = Assignments::default();
    for (column, value) in columns.iter().zip(keys) {
        row.assign_value(*column, value.clone());
    }
    fill_in(table, &mut row)?;
    Ok(row)
}

/// Makes rows that join, which all give the same columns, and tells how many.
pub(super) async fn insert_joining(
    cursor: &mut Cursor,
    table: &'static TableInfo,
    rows: Vec<Assignments>,
) -> Result<u64> {
    let Some(first) = rows.first() else { return Ok(0) };
    let columns = first.programs();
    let most = (cursor.info().capabilities.max_parameters / columns.len()).clamp(1, ROWS);
    let (mut count, mut rows) = (0, rows.into_iter().peekable());
    while rows.peek().is_some() {
        let part: Vec<Assignments> = rows.by_ref().take(most).collect();
        let (columns, conflict) = (columns.clone(), None);
        let shape = Shape::Insert(Insert { table, columns, rows: part.len(), conflict, returning: false });
        let values = all_values(part);
        count += changed(cursor, &shape, &values).await?;
    }
    Ok(count)
}

/// Joins the wanted rows that are not joined yet.
async fn link_on(cursor: &mut Cursor, links: &Links) -> Result<u64> {
    let mut joined = links.joined(cursor, false).await?;
    links.insert(cursor, &mut joined).await
}

/// Joins the wanted rows and no others.
async fn set_on(cursor: &mut Cursor, mut links: Links) -> Result<u64> {
    let mut joined = links.joined(cursor, true).await?;
    let places: Vec<usize> = (0..links.other.len()).collect();
    let mut surplus = Groups::default();
    for key in joined.keys(links.other.len()) {
        let value = |column: usize| Ok(Bound::Borrowed(key[column].as_ref()));
        if links.others.find(&places, value)?.is_none() {
            surplus.enter(&places, value)?;
        }
    }
    Ok(links.delete(cursor, &surplus).await? + links.insert(cursor, &mut joined).await?)
}
