//! Queries over a model.

/// Writes what a query inside takes over, for what is built around one.
macro_rules! narrows {
    (filter: $filter:literal; order_by: $order_by:literal; limit: $limit:literal;) => {
        #[doc = $filter]
        pub fn filter(mut self, condition: impl crate::expr::Argument<bool>) -> Self {
            self.query = self.query.filter(condition);
            self
        }

        #[doc = $order_by]
        pub fn order_by(mut self, order: crate::expr::Order) -> Self {
            self.query = self.query.order_by(order);
            self
        }

        #[doc = $limit]
        pub fn limit(mut self, rows: u64) -> Self {
            self.query = self.query.limit(rows);
            self
        }
    };
}
pub(crate) use narrows;

mod aggregate;
mod find;
mod join;
mod page;
mod run;
mod selection;
mod shape;
mod stream;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Cursor, Db, Dialect, Error, ErrorKind, Result};

pub(crate) use find::find_many;
pub use join::JoinThrough;
pub use page::{Page, Place, Slice};
pub(crate) use run::{carry_out, carry_out_many, cursor, fetch_models, places, read, read_models, run};
pub use selection::{All, Named, Optional, SelectQuery, Selected, Selection};
pub use shape::{Join, JoinKind, Lock, LockWait, Output, Projection, Select, Source};
pub use stream::ModelStream;

use crate::expr::{Argument, Binary, Column, Op, Order, Unary, again};
use crate::model::{Model, Role};
use crate::relation::{IntoLoad, Load};
use crate::render::{self, Shape};
use crate::write::{UpdateMany, delete_shape, delete_where};

/// A query over a model's table.
///
/// It is made by [`Model::query`], and does nothing until one of its last words (`all`, `first`, `count` …) runs it. Two queries of
/// the same shape, whatever their values, have one SQL text, which is written once for each database.
#[must_use = "a query does nothing until it is run"]
pub struct Query<M> {
    /// Boxed, as a query is moved from word to word.
    pub(crate) select: Box<Select>,
    pub(crate) values: Values,
    pub(crate) with: Relations<M>,
    error: Option<Error>,
    deleted: Deleted,
    model: PhantomData<fn() -> M>,
}

/// What a query loads beside its own rows.
type Relations<M> = Vec<Box<dyn Load<M>>>;

/// The values of a query, in the order in which its shape has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    pub(crate) joins: Vec<Value>,
    pub(crate) filter: Vec<Value>,
    pub(crate) order: Vec<Value>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
}

/// What becomes of rows that are marked as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    Hidden,
    Shown,
    Only,
}

impl<M: Model> Query<M> {
    /// Makes the query that reads all rows.
    pub fn new() -> Self {
        Self {
            select: Box::new(Select::from(M::table())),
            values: Values::default(),
            with: Vec::new(),
            error: None,
            deleted: Deleted::Hidden,
            model: PhantomData,
        }
    }

    /// Keeps the rows for which the condition is true, as well as every condition before.
    pub fn filter(mut self, condition: impl Argument<bool>) -> Self {
        match condition.into_expr().into_parts() {
            Ok((ops, values)) => self.narrow(ops, values),
            Err(error) => self.fail(error),
        }
        self
    }

    /// Puts a condition beside those that are there.
    pub(crate) fn narrow(&mut self, ops: Vec<Op>, values: Vec<Value>) {
        let both = !self.select.filter.is_empty();
        if both {
            self.select.filter.extend(ops);
            self.select.filter.push(Op::Binary(Binary::And));
            self.values.filter.extend(values);
        } else {
            self.select.filter = ops;
            self.values.filter = values;
        }
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// Orders the rows, after every order before.
    pub fn order_by(mut self, order: Order) -> Self {
        match order.into_parts() {
            Ok((term, values)) => {
                self.select.order.push(term);
                self.values.order.extend(values);
            }
            Err(error) => self.fail(error),
        }
        self
    }

    /// Reads so many rows at the most; of a relation's query, so many for each parent.
    pub fn limit(mut self, rows: u64) -> Self {
        self.select.limit = true;
        self.values.limit = Some(rows);
        self
    }

    /// Reads one row at the most, and none where none are to be read.
    pub(crate) fn at_most_one(self) -> Self {
        let most = self.values.limit.map_or(1, |most| most.min(1));
        self.limit(most)
    }

    /// Leaves out so many rows at the beginning.
    pub fn offset(mut self, rows: u64) -> Self {
        self.select.offset = true;
        self.values.offset = Some(rows);
        self
    }

    /// Counts equal rows once.
    pub fn distinct(mut self) -> Self {
        self.select.distinct = true;
        self
    }

    /// Loads the rows of a relation, in one query more: a relation, or a query of one with its own filter, order, limit for each
    /// parent, and relations.
    pub fn with(mut self, relation: impl IntoLoad<M>) -> Self {
        self.with.push(relation.into_load());
        self
    }

    /// Reads rows that are marked as deleted, too.
    pub fn with_deleted(mut self) -> Self {
        self.deleted = Deleted::Shown;
        self
    }

    /// Reads only rows that are marked as deleted.
    pub fn only_deleted(mut self) -> Self {
        self.deleted = Deleted::Only;
        self
    }

    /// Locks the rows until the transaction ends, so that others wait who would change or lock them. SQLite locks no rows: a
    /// transaction that writes has the whole file.
    pub fn for_update(self) -> Self {
        self.lock(false, LockWait::Wait)
    }

    /// Locks the rows as [`for_update`](Self::for_update) does, and leaves out those that another has locked.
    ///
    /// # Errors
    ///
    /// When it is run on SQLite, `NotSupported`.
    pub fn for_update_skip_locked(self) -> Self {
        self.lock(false, LockWait::SkipLocked)
    }

    /// Locks the rows as [`for_update`](Self::for_update) does; a row that another has locked is a `LockTimeout` error at once.
    ///
    /// # Errors
    ///
    /// When it is run on SQLite, `NotSupported`.
    pub fn for_update_no_wait(self) -> Self {
        self.lock(false, LockWait::NoWait)
    }

    /// Locks the rows against changes until the transaction ends; others may lock them so, too.
    pub fn for_share(self) -> Self {
        self.lock(true, LockWait::Wait)
    }

    fn lock(mut self, shared: bool, wait: LockWait) -> Self {
        self.select.lock = Some(Lock { shared, wait });
        self
    }

    /// Reads all rows.
    ///
    /// # Errors
    ///
    /// An `Interface` error of the query itself, and what the database says.
    #[track_caller]
    pub fn all<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Vec<M>>> + Send {
        self.all_at(db, Location::caller())
    }

    /// Reads all rows, for a call at a place in the program.
    pub(crate) fn all_at<D: Db + ?Sized>(
        self,
        db: &D,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<Vec<M>>> + Send {
        // Here, so that the future has what runs, and not the query as well.
        let parts = self.into_shape();
        async move {
            let (shape, values, with) = parts?;
            let mut cursor = cursor(db, site).await?;
            read_related(&mut cursor, &shape, &values, &with).await
        }
    }

    /// Reads all rows on a cursor.
    pub(crate) async fn all_on(self, cursor: &mut Cursor) -> Result<Vec<M>> {
        let (shape, values, with) = self.into_shape()?;
        read_related(cursor, &shape, &values, &with).await
    }

    /// Reads the first row, `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn first<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Option<M>>> + Send {
        let rows = self.at_most_one().all(db);
        async move { Ok(rows.await?.pop()) }
    }

    /// Reads the first row. None is a `RowNotFound` error.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all), and `RowNotFound`.
    #[track_caller]
    pub fn require<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<M>> + Send {
        let row = self.first(db);
        async move { row.await?.ok_or_else(not_found::<M>) }
    }

    /// Tells whether there is a row.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn exists<D: Db + ?Sized>(mut self, db: &D) -> impl Future<Output = Result<bool>> + Send {
        let site = Location::caller();
        self.select.projection = Projection::One;
        self.select.order.clear();
        self.values.order.clear();
        let query = self.at_most_one();
        async move {
            let mut cursor = cursor(db, site).await?;
            let (shape, values, _) = query.into_shape()?;
            run(&mut cursor, &shape, &values).await?;
            Ok(cursor.fetch_one::<()>().await?.is_some())
        }
    }

    /// Counts the rows; a limit, an offset, an order and a lock do not matter.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn count<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<u64>> + Send {
        let site = Location::caller();
        async move { self.count_on(&mut cursor(db, site).await?).await }
    }

    /// Counts the rows on a cursor.
    async fn count_on(mut self, cursor: &mut Cursor) -> Result<u64> {
        self.select.projection = Projection::Count;
        self.over_all_rows();
        let (shape, values, _) = self.into_shape()?;
        run(cursor, &shape, &values).await?;
        let row: Option<(u64,)> = cursor.fetch_one().await?;
        row.map(|row| row.0).ok_or_else(|| Error::new(ErrorKind::Internal, "a count gave no row"))
    }

    /// Forgets the order, which part of the rows is read, and that they are locked: what is computed of them is no row.
    fn over_all_rows(&mut self) {
        self.select.lock = None;
        self.select.order.clear();
        self.values.order.clear();
        (self.select.limit, self.select.offset) = (false, false);
        (self.values.limit, self.values.offset) = (None, None);
    }

    /// Gives the SQL that reads all rows on a kind of database, for a look at it. Values stay out: a parameter stands for each.
    ///
    /// ```
    /// # use oarlock_orm::{Model, Query};
    /// use oarlock_core::Dialect;
    ///
    /// # fn f<User: Model>() -> oarlock_core::Result<()> {
    /// println!("{}", User::query().limit(10).sql(&Dialect::POSTGRES)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What running it would tell before anything is sent.
    pub fn sql(&self, dialect: &Dialect) -> Result<String> {
        let (select, _) = self.without_relations().into_select()?;
        render::sql(&Shape::Select(select), dialect)
    }

    /// Gives the query again, without what it loads beside its own rows.
    pub(crate) fn without_relations(&self) -> Self {
        Self {
            select: self.select.clone(),
            values: self.values.clone(),
            with: Vec::new(),
            error: self.error.as_ref().map(again),
            deleted: self.deleted,
            model: PhantomData,
        }
    }

    /// Gives something else than the model: columns, expressions, whole models that are joined, or a tuple of these.
    pub fn select<S: Selection>(self, selection: S) -> SelectQuery<M, S> {
        SelectQuery::new(self, selection)
    }

    /// Reads the rows as they arrive; relations are not loaded.
    ///
    /// # Errors
    ///
    /// `Interface` for a query with relations, and as [`all`](Self::all).
    #[track_caller]
    pub fn stream<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<ModelStream<M>>> + Send {
        let site = Location::caller();
        async move {
            let (shape, values, with) = self.into_shape()?;
            if !with.is_empty() {
                return Err(Error::interface("a stream cannot load relations: they are loaded for many rows at once")
                    .with_hint("gather some rows, and load theirs by `Model::load`"));
            }
            let mut cursor = cursor(db, site).await?;
            run(&mut cursor, &shape, &values).await?;
            Ok(ModelStream::new(cursor))
        }
    }

    /// Makes changes to all rows for which the condition is true.
    pub fn update(self) -> UpdateMany<M> {
        UpdateMany::new(self)
    }

    /// Deletes all rows for which the condition is true, or marks them as deleted where the model has a `soft_delete`; tells how many
    /// there were.
    ///
    /// # Errors
    ///
    /// What the database says, and `Interface` for a query with joins or a limit.
    #[track_caller]
    pub fn delete<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<u64>> + Send {
        delete_where(db, self, false, Location::caller())
    }

    /// Deletes all rows for which the condition is true for good; tells how many there were.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    #[track_caller]
    pub fn delete_for_good<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<u64>> + Send {
        delete_where(db, self, true, Location::caller())
    }

    /// Gives the SQL that [`delete`](Self::delete) sends to a kind of database: see [`sql`](Self::sql).
    ///
    /// # Errors
    ///
    /// What deleting would tell before anything is sent.
    pub fn delete_sql(&self, dialect: &Dialect) -> Result<String> {
        let (shape, _) = delete_shape(self.without_relations(), false)?;
        render::sql(&shape, dialect)
    }

    /// Gives the shape, its values in its order, and the relations.
    pub(crate) fn into_shape(self) -> Result<(Shape, Vec<Value>, Relations<M>)> {
        let (query, error) = self.prepared();
        if let Some(error) = error {
            return Err(error);
        }
        let (select, values) = (query.select, query.values.in_order());
        Ok((Shape::Select(select), values, query.with))
    }

    /// Gives the shape, its values in its order, and the relations, of a query that is prepared.
    pub(crate) fn into_parts(self) -> (Box<Select>, Vec<Value>, Relations<M>) {
        (self.select, self.values.in_order(), self.with)
    }

    /// Gives the shape and its values in its order, without the relations.
    pub(crate) fn into_select(self) -> Result<(Box<Select>, Vec<Value>)> {
        let (query, error) = self.prepared();
        match error {
            Some(error) => Err(error),
            None => Ok((query.select, query.values.in_order())),
        }
    }

    /// Gives the query as it runs, and what is wrong with it.
    pub(crate) fn prepared(mut self) -> (Self, Option<Error>) {
        self.scope_deleted();
        let error = self.error.take();
        (self, error)
    }

    /// Leaves out the rows that are marked as deleted, as far as the query says.
    pub(crate) fn scope_deleted(&mut self) {
        let Some(column) = M::table().of_role(Role::DeletedAt) else { return };
        let null = match self.deleted {
            Deleted::Hidden => Unary::IsNull,
            Deleted::Only => Unary::IsNotNull,
            Deleted::Shown => return,
        };
        let op = Column::<M, ()>::new(column).op();
        self.narrow(vec![op, Op::Unary(null)], Vec::new());
        // Once is enough.
        self.deleted = Deleted::Shown;
    }

    /// Gives the condition with its values, for a statement that writes.
    pub(crate) fn into_filter(mut self) -> Result<(Vec<Op>, Vec<Value>)> {
        self.scope_deleted();
        let plain = self.select.joins.is_empty() && !self.select.limit && !self.select.offset;
        if !plain {
            return Err(Error::interface("a query with joins or a limit cannot be updated or deleted by")
                .with_hint("say which rows by a condition, such as `id` in a subquery"));
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok((self.select.filter, self.values.filter)),
        }
    }
}

/// Reads the rows of a shape, and those that are related to them.
async fn read_related<M: Model>(
    cursor: &mut Cursor,
    shape: &Shape,
    values: &[Value],
    with: &[Box<dyn Load<M>>],
) -> Result<Vec<M>> {
    let mut rows = read_models(cursor, shape, values).await?;
    for relation in with {
        relation.load(cursor, &mut rows).await?;
    }
    Ok(rows)
}

impl Values {
    /// Gives the values in the order of a shape's fields.
    fn in_order(self) -> Vec<Value> {
        let mut values = self.joins;
        if values.is_empty() {
            values = self.filter;
        } else {
            values.extend(self.filter);
        }
        values.extend(self.order);
        values.extend(self.limit.map(rows));
        values.extend(self.offset.map(rows));
        values
    }
}

impl<M: Model> Default for Query<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> fmt::Debug for Query<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("select", &self.select).finish_non_exhaustive()
    }
}

pub(crate) fn rows(count: u64) -> Value {
    Value::I64(i64::try_from(count).unwrap_or(i64::MAX))
}

#[cold]
pub(crate) fn not_found<M: Model>() -> Error {
    Error::new(ErrorKind::RowNotFound, format!("there is no such row of {}", M::DEF.name)).with_table(M::TABLE)
}
