//! What a query gives other than its model: columns, expressions, whole models, and tuples of them.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;

use oarlock_core::value::Value;
use oarlock_core::{Db, Dialect, Error, FromRow, FromValue, Result, RowRef};

use super::{Output, Projection, Query, Select, Source, cursor, places, read};
use crate::expr::{Argument, Column, ColumnOp, Expr, Op, again};
use crate::model::Model;
use crate::render::{self, Shape};

/// What each row of a query gives: a column, an expression, [`All`] columns of a model, or a tuple of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be selected",
    label = "expected columns, expressions, `Model::ALL`, or a tuple of these",
    note = "a relation is loaded by `with`, or joined by `join` and selected as `Model::ALL`"
)]
pub trait Selection {
    /// The Rust type that it is read into.
    type Row: Send;

    /// How many columns it takes.
    fn width() -> usize;

    /// Adds the programs of its columns.
    fn select(self, selected: &mut Selected);

    /// Reads it from a row in which its first column is at `first`.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the column.
    fn read(row: RowRef<'_>, first: usize) -> Result<Self::Row>;
}

/// The columns of a selection.
#[derive(Debug, Default)]
pub struct Selected {
    /// Whole tables, as long as nothing else is selected: a table is told in fewer words than its columns.
    tables: Vec<Source>,
    columns: Vec<Output>,
    values: Vec<Value>,
    error: Option<Error>,
}

impl Selected {
    fn add_table(&mut self, table: Source) {
        if self.columns.is_empty() {
            self.tables.push(table);
        } else {
            self.columns.extend(columns_of(table));
        }
    }

    /// Gives the columns, each with its program.
    fn columns(&mut self) -> &mut Vec<Output> {
        self.columns.extend(self.tables.drain(..).flat_map(columns_of));
        &mut self.columns
    }

    /// Gives what each row gives. Equal rows are told by what makes columns comparable, so each needs its own words then.
    fn into_projection(mut self, distinct: bool) -> Projection {
        if self.columns.is_empty() && !distinct {
            Projection::Tables(self.tables)
        } else {
            Projection::Values(std::mem::take(self.columns()))
        }
    }

    fn add<T>(&mut self, expr: Expr<T>, name: Option<&'static str>) {
        match expr.into_parts() {
            Ok((ops, values)) => {
                self.columns().push(Output { ops, name });
                self.values.extend(values);
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }
}

/// Names the columns of a table.
fn columns_of(table: Source) -> impl Iterator<Item = Output> {
    (0..table.table.columns().len()).map(move |column| {
        let column = ColumnOp { table: table.table, alias: table.alias, column };
        Output { ops: vec![Op::Column(column)], name: None }
    })
}

#[diagnostic::do_not_recommend]
impl<T: FromValue + Send> Selection for Expr<T> {
    type Row = T;

    fn width() -> usize {
        1
    }

    fn select(self, selected: &mut Selected) {
        selected.add(self, None);
    }

    fn read(row: RowRef<'_>, first: usize) -> Result<T> {
        row.get(first)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, T: FromValue + Send> Selection for Column<M, T> {
    type Row = T;

    fn width() -> usize {
        1
    }

    fn select(self, selected: &mut Selected) {
        selected.add(self.expr(), None);
    }

    fn read(row: RowRef<'_>, first: usize) -> Result<T> {
        row.get(first)
    }
}

/// An expression with a name, by which a struct's field finds it: `Post::ID.count().named("posts")`.
#[derive(Debug, Clone)]
pub struct Named<T> {
    expr: Expr<T>,
    name: &'static str,
}

impl<T> Expr<T> {
    /// Gives it a name, by which a struct's field finds it: see [`SelectQuery::all_as`].
    pub fn named(self, name: &'static str) -> Named<T> {
        Named { expr: self, name }
    }
}

impl<M: Model, T> Column<M, T> {
    /// Gives it another name than the column's, by which a struct's field finds it: see [`SelectQuery::all_as`].
    pub fn named(self, name: &'static str) -> Named<T> {
        self.expr().named(name)
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromValue + Send> Selection for Named<T> {
    type Row = T;

    fn width() -> usize {
        1
    }

    fn select(self, selected: &mut Selected) {
        selected.add(self.expr, Some(self.name));
    }

    fn read(row: RowRef<'_>, first: usize) -> Result<T> {
        row.get(first)
    }
}

/// All columns of a model that takes part in a query, as the model itself: `User::ALL`.
pub struct All<M> {
    alias: Option<&'static str>,
    model: PhantomData<fn() -> M>,
}

impl<M> All<M> {
    /// Names the columns.
    #[must_use]
    pub const fn new() -> Self {
        Self { alias: None, model: PhantomData }
    }

    /// Names the columns of the table under another name.
    #[must_use]
    pub const fn of(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), model: PhantomData }
    }

    /// Makes it `None` where all columns are NULL, as a left join gives them for a row without a partner.
    #[must_use]
    pub const fn optional(self) -> Optional<M> {
        Optional(self)
    }
}

impl<M> Default for All<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for All<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for All<M> {}

#[diagnostic::do_not_recommend]
impl<M: Model> Selection for All<M> {
    type Row = M;

    fn width() -> usize {
        M::table().columns().len()
    }

    fn select(self, selected: &mut Selected) {
        selected.add_table(Source { table: M::table(), alias: self.alias });
    }

    fn read(row: RowRef<'_>, first: usize) -> Result<M> {
        M::read(places::<M>(first), row)
    }
}

/// A model that may be missing: see [`All::optional`].
pub struct Optional<M>(All<M>);

#[diagnostic::do_not_recommend]
impl<M: Model> Selection for Optional<M> {
    type Row = Option<M>;

    fn width() -> usize {
        All::<M>::width()
    }

    fn select(self, selected: &mut Selected) {
        self.0.select(selected);
    }

    fn read(row: RowRef<'_>, first: usize) -> Result<Option<M>> {
        let places = places::<M>(first);
        if oarlock_core::__private::is_null(places, &[], row)? { Ok(None) } else { M::read(places, row).map(Some) }
    }
}

macro_rules! tuples {
    ($(($($name:ident . $index:tt after [$($before:ident)*]),+))+) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($name: Selection),+> Selection for ($($name,)+) {
            type Row = ($($name::Row,)+);

            fn width() -> usize {
                0 $(+ $name::width())+
            }

            fn select(self, selected: &mut Selected) {
                $(self.$index.select(selected);)+
            }

            fn read(row: RowRef<'_>, first: usize) -> Result<Self::Row> {
                Ok(($($name::read(row, first $(+ $before::width())*)?,)+))
            }
        }
    )+};
}

tuples! {
    (A.0 after [])
    (A.0 after [], B.1 after [A])
    (A.0 after [], B.1 after [A], C.2 after [A B])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F], H.7 after [A B C D E F G])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F], H.7 after [A B C D E F G], I.8 after [A B C D E F G H])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F], H.7 after [A B C D E F G], I.8 after [A B C D E F G H], J.9 after [A B C D E F G H I])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F], H.7 after [A B C D E F G], I.8 after [A B C D E F G H], J.9 after [A B C D E F G H I], K.10 after [A B C D E F G H I J])
    (A.0 after [], B.1 after [A], C.2 after [A B], D.3 after [A B C], E.4 after [A B C D], F.5 after [A B C D E], G.6 after [A B C D E F], H.7 after [A B C D E F G], I.8 after [A B C D E F G H], J.9 after [A B C D E F G H I], K.10 after [A B C D E F G H I J], L.11 after [A B C D E F G H I J K])
}

/// A query that gives a selection: see [`Query::select`].
#[must_use = "a query does nothing until it is run"]
pub struct SelectQuery<M, S> {
    query: Query<M>,
    selected: Selected,
    group: Vec<Value>,
    having: Vec<Value>,
    selection: PhantomData<fn() -> S>,
}

impl<M: Model, S: Selection> SelectQuery<M, S> {
    pub(super) fn new(query: Query<M>, selection: S) -> Self {
        let mut selected = Selected::default();
        selection.select(&mut selected);
        Self { query, selected, group: Vec::new(), having: Vec::new(), selection: PhantomData }
    }

    narrows! {
        filter: "Keeps the rows for which the condition is true.";
        order_by: "Orders the rows, after every order before.";
        limit: "Reads so many rows at the most.";
    }

    /// Makes one row of all that are equal in a column, in an expression or in each of a tuple, and in every one before.
    pub fn group_by(mut self, by: impl Selection) -> Self {
        let mut selected = Selected::default();
        by.select(&mut selected);
        self.query.select.group.extend(selected.columns().drain(..).map(|output| output.ops));
        self.group.extend(selected.values);
        if let Some(error) = selected.error {
            self.query.fail(error);
        }
        self
    }

    /// Keeps the groups for which the condition is true, as well as every condition before.
    pub fn having(mut self, condition: impl Argument<bool>) -> Self {
        match condition.into_expr().into_parts() {
            Ok((ops, values)) => {
                let having = &mut self.query.select.having;
                let both = !having.is_empty();
                having.extend(ops);
                if both {
                    having.push(Op::Binary(crate::expr::Binary::And));
                }
                self.having.extend(values);
            }
            Err(error) => self.query.fail(error),
        }
        self
    }

    /// Leaves out so many rows at the beginning.
    pub fn offset(mut self, rows: u64) -> Self {
        self.query = self.query.offset(rows);
        self
    }

    /// Counts equal rows once.
    pub fn distinct(mut self) -> Self {
        self.query = self.query.distinct();
        self
    }

    /// Reads all rows.
    ///
    /// # Errors
    ///
    /// An `Interface` error of the query itself, and what the database says.
    #[track_caller]
    pub fn all<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Vec<S::Row>>> + Send {
        self.all_at(db, Location::caller())
    }

    /// Reads all rows, for a call at a place in the program.
    pub(super) fn all_at<D: Db + ?Sized>(
        self,
        db: &D,
        site: &'static Location<'static>,
    ) -> impl Future<Output = Result<Vec<S::Row>>> + Send {
        let shape = self.into_shape();
        async move {
            let (select, values) = shape?;
            let mut cursor = cursor(db, site).await?;
            let rows = read::<Read<S>>(&mut cursor, &Shape::Select(select), &values).await?;
            Ok(rows.into_iter().map(|row| row.0).collect())
        }
    }

    /// Reads all rows as a struct that derives `FromRow`, whose fields find columns by their names, and expressions by
    /// [`named`](Expr::named).
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all), and `ColumnNotFound` for a field that nothing is selected for.
    #[track_caller]
    pub fn all_as<T: FromRow + Send, D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Vec<T>>> + Send {
        let site = Location::caller();
        let shape = self.into_shape();
        async move {
            let (select, values) = shape?;
            let mut cursor = cursor(db, site).await?;
            read(&mut cursor, &Shape::Select(select), &values).await
        }
    }

    /// Reads the first row, `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn first<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Option<S::Row>>> + Send {
        let query = self.query.at_most_one();
        let rows = Self { query, ..self }.all(db);
        async move { Ok(rows.await?.pop()) }
    }

    /// Gives the SQL that reads all rows on a kind of database: see [`Query::sql`].
    ///
    /// # Errors
    ///
    /// What running it would tell before anything is sent.
    pub fn sql(&self, dialect: &Dialect) -> Result<String> {
        let selected = Selected {
            tables: self.selected.tables.clone(),
            columns: self.selected.columns.clone(),
            values: self.selected.values.clone(),
            error: self.selected.error.as_ref().map(again),
        };
        let (group, having) = (self.group.clone(), self.having.clone());
        let query = self.query.without_relations();
        let (select, _) = Self { query, selected, group, having, selection: PhantomData }.into_shape()?;
        render::sql(&Shape::Select(select), dialect)
    }

    /// Gives the shape and its values in its order.
    fn into_shape(self) -> Result<(Box<Select>, Vec<Value>)> {
        let (mut query, error) = self.query.prepared();
        let mut selected = self.selected;
        if let Some(error) = error.or(selected.error.take()) {
            return Err(error);
        }
        let mut values = std::mem::take(&mut selected.values);
        query.select.projection = selected.into_projection(query.select.distinct);
        values.extend(query.values.joins);
        values.extend(query.values.filter);
        values.extend(self.group);
        values.extend(self.having);
        values.extend(query.values.order);
        values.extend(query.values.limit.map(super::rows));
        values.extend(query.values.offset.map(super::rows));
        Ok((query.select, values))
    }
}

impl<M: Model, T: FromValue + Send> SelectQuery<M, Expr<T>> {
    /// Makes it an expression of the query around it: its one value.
    pub fn scalar(self) -> Expr<T> {
        self.inside(crate::expr::SubqueryUse::Scalar)
    }
}

impl<M: Model, S: Selection> SelectQuery<M, S> {
    pub(crate) fn inside<T>(self, usage: crate::expr::SubqueryUse) -> Expr<T> {
        match self.into_shape() {
            Ok((select, values)) => Expr::new(vec![Op::Subquery(usage, std::sync::Arc::from(select))], values),
            Err(error) => Expr::failed(error),
        }
    }
}

/// A row that is read as a selection.
struct Read<S: Selection>(S::Row);

impl<S: Selection> FromRow for Read<S> {
    type Plan = ();

    fn plan(_: &[oarlock_core::Column]) -> Result<()> {
        Ok(())
    }

    fn from_row((): &(), row: RowRef<'_>) -> Result<Self> {
        S::read(row, 0).map(Self)
    }
}
