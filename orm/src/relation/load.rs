//! Loading by one foreign key.

use oarlock_core::dialect::Flavor;
use oarlock_core::value::{Bound, Value};
use oarlock_core::{BoxFuture, Cursor, Error, Result};

use super::key::Groups;
use super::{Load, Relation, Slot, column_op};
use crate::expr::{Binary, Op, again, filled_up};
use crate::model::{Model, TableInfo};
use crate::query::{Query, Select, Values, read_models};
use crate::render::Shape;

/// Loads the rows of a relation.
pub(super) struct Related<P, S: Slot> {
    relation: Relation<P, S>,
    query: Prepared<S::Model>,
}

/// A relation's query, which runs once for every so many parents.
pub(crate) struct Prepared<C> {
    select: Box<Select>,
    values: Values,
    pub(super) with: Vec<Box<dyn Load<C>>>,
    /// What is wrong with it, told when it runs.
    fault: Option<Error>,
}

impl<C: Model> Prepared<C> {
    pub(crate) fn new(query: Query<C>) -> Self {
        let (query, fault) = query.prepared();
        Self { select: query.select, values: query.values, with: query.with, fault }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.fault.as_ref().map_or(Ok(()), |error| Err(again(error)))
    }
}

impl<P: Model, S: Slot> Related<P, S> {
    pub(super) fn new(relation: Relation<P, S>, query: Query<S::Model>) -> Self {
        Self { relation, query: Prepared::new(query) }
    }

    async fn load_all(&self, cursor: &mut Cursor, parents: &mut [P]) -> Result<()> {
        self.query.check()?;
        let key = self.relation.key();
        let (parent_columns, child_columns) = self.relation.columns(key);
        let mut groups = Groups::default();
        let mut places = Vec::with_capacity(parents.len());
        for parent in parents.iter() {
            places.push(groups.enter(&parent_columns, |column| parent.value(column))?);
        }

        let mut children = Vec::new();
        let table = S::Model::table();
        for part in parts(cursor, groups.len(), child_columns.len()) {
            let (shape, values) = narrowed(&self.query, table, &child_columns, &groups, part);
            let mut found = read_models::<S::Model>(cursor, &shape, &values).await?;
            if children.is_empty() {
                children = found;
            } else {
                children.append(&mut found);
            }
        }
        for relation in &self.query.with {
            relation.load(cursor, &mut children).await?;
        }

        let mut grouped: Vec<Vec<S::Model>> = Vec::new();
        grouped.resize_with(groups.len(), Vec::new);
        for child in children {
            if let Some(group) = groups.find(&child_columns, |column| child.value(column))? {
                grouped[group].push(child);
            }
        }
        let shared: Vec<S> = grouped.into_iter().map(S::of).collect();
        let none = S::of(Vec::new());
        for (parent, place) in parents.iter_mut().zip(places) {
            *(self.relation.slot)(parent) = place.map_or_else(|| none.share(), |group| shared[group].share());
        }
        Ok(())
    }
}

impl<P: Model, S: Slot + Send + Sync> Load<P> for Related<P, S> {
    fn load<'l>(&'l self, cursor: &'l mut Cursor, parents: &'l mut [P]) -> BoxFuture<'l, ()> {
        Box::pin(async move { if parents.is_empty() { Ok(()) } else { self.load_all(cursor, parents).await } })
    }
}

/// How many keys go into one query where each is a parameter: far below every database's limit, as a query's own values come
/// on top, and its text must be read.
const KEYS: usize = 8192;

/// Cuts the groups into parts that fit one query each.
pub(crate) fn parts(
    cursor: &mut Cursor,
    groups: usize,
    width: usize,
) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
    // PostgreSQL takes a list as one parameter.
    let one_parameter = width == 1 && cursor.info().dialect.flavor == Flavor::Postgres;
    let most = if one_parameter { usize::MAX } else { KEYS / width };
    (0..groups).step_by(most.min(groups.max(1))).map(move |first| first..groups.min(first.saturating_add(most)))
}

/// Makes the query of the rows whose columns are the keys of a part of the groups.
pub(crate) fn narrowed<C: Model>(
    query: &Prepared<C>,
    table: &'static TableInfo,
    columns: &[usize],
    groups: &Groups,
    part: std::ops::Range<usize>,
) -> (Shape, Vec<Value>) {
    let mut select = query.select.clone();
    let had = !select.filter.is_empty();
    select.filter.extend(among(table, columns, part.len()));
    if had {
        select.filter.push(Op::Binary(Binary::And));
    }
    let per_parent = select.limit;
    if per_parent {
        select.limit = false;
        select.limit_per = columns.iter().map(|column| column_op(table, *column)).collect();
    }

    let given = &query.values;
    let mut values = given.joins.clone();
    values.extend(given.filter.iter().cloned());
    values.extend(groups.lists(columns.len(), &part));
    values.extend(given.order.iter().cloned());
    values.extend(given.limit.map(crate::query::rows));
    (Shape::Select(select), values)
}

/// Makes the condition that columns are one of so many keys, whose values are a list for each column.
pub(crate) fn among(table: &'static TableInfo, columns: &[usize], keys: usize) -> Vec<Op> {
    let mut ops: Vec<Op> = columns.iter().map(|column| column_op(table, *column)).collect();
    if columns.len() > 1 {
        ops.extend([Op::Tuple(columns.len()), Op::Tuples { count: keys.next_power_of_two(), width: columns.len() }]);
    } else {
        ops.push(Op::List(filled_up(keys)));
    }
    ops.push(Op::Binary(Binary::In));
    ops
}

/// Reads a key from a row's columns.
pub(super) fn cell(row: &oarlock_core::Row, column: usize) -> Result<Bound<'_>> {
    row.value(column).map(Bound::Borrowed)
}
