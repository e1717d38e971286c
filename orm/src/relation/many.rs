//! Relations through a third table.

use oarlock_core::{BoxFuture, Cursor, Result, Row, RowRef};

use super::key::Groups;
use super::load::{Prepared, cell, narrowed, parts};
use super::slot::ManyToMany;
use super::{IntoLoad, Load, column_op, like_a_query};
use crate::expr::{Binary, Expr, Op, Unary};
use crate::model::{ForeignKeyInfo, Model, Role, TableInfo};
use crate::query::{Join, JoinKind, Projection, Query, Source, places, run};

/// What is kept of the rows that join two tables: the model of theirs, or nothing, `()`.
pub trait Joining: Sized + Send + Sync + 'static {
    /// Reads the row.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(columns: &[usize], row: RowRef<'_>) -> Result<Self>;

    /// Gives what is kept without the row being read, where that is nothing.
    #[doc(hidden)]
    fn unread() -> Option<Self> {
        None
    }
}

impl Joining for () {
    fn unread() -> Option<Self> {
        Some(())
    }

    fn read(_: &[usize], _: RowRef<'_>) -> Result<Self> {
        Ok(())
    }
}

impl<M: Model> Joining for M {
    fn read(columns: &[usize], row: RowRef<'_>) -> Result<Self> {
        M::read(columns, row)
    }
}

/// A relation of a model through a third table, as `derive(Model)` writes one for each field of it: `Post::TAGS`.
pub struct ManyRelation<P, C, J> {
    /// The table that joins.
    through: fn() -> &'static TableInfo,
    /// Which of its foreign keys refers to the parent.
    to_parent: usize,
    /// Which of its foreign keys refers to the row that is loaded.
    to_child: usize,
    pub(crate) slot: fn(&mut P) -> &mut ManyToMany<C, J>,
}

impl<P, C, J> ManyRelation<P, C, J> {
    /// Names the relation by two foreign keys of the table that joins. `derive(Model)` calls it.
    #[must_use]
    pub const fn new(
        through: fn() -> &'static TableInfo,
        to_parent: usize,
        to_child: usize,
        slot: fn(&mut P) -> &mut ManyToMany<C, J>,
    ) -> Self {
        Self { through, to_parent, to_child, slot }
    }
}

impl<P, C, J> ManyRelation<P, C, J> {
    /// Gives the table that joins, and its foreign keys to the parent and to the rows that are loaded.
    pub(crate) fn keys(&self) -> (&'static TableInfo, &'static ForeignKeyInfo, &'static ForeignKeyInfo) {
        let through = (self.through)();
        (through, &through.foreign_keys()[self.to_parent], &through.foreign_keys()[self.to_child])
    }

    /// Tells whether it is the same relation. Two fields through one table have two.
    pub(crate) fn is(self, other: Self) -> bool {
        let same_keys = (self.to_parent, self.to_child) == (other.to_parent, other.to_child);
        // The field's type says the models; which table joins them, the function that gives it.
        same_keys && std::ptr::fn_addr_eq(self.through, other.through) && std::ptr::fn_addr_eq(self.slot, other.slot)
    }
}

impl<P: Model, C: Model, J: Joining> ManyRelation<P, C, J> {
    /// Makes a query of the related rows, to say which of them are loaded, and in which order. Its limit is one for each parent. A
    /// filter and an order may name the columns of the joining table, too.
    pub fn query(self) -> ManyQuery<P, C, J> {
        ManyQuery { relation: self, query: Query::new() }
    }

    /// Makes the join of the table that joins with that of the rows that are loaded. A joining row that is marked as deleted joins nothing.
    fn join(&self) -> Join {
        let through = (self.through)();
        let key = &through.foreign_keys()[self.to_child];
        let mut on = Vec::new();
        for (index, (from, to)) in key.columns().iter().zip(key.referenced()).enumerate() {
            on.extend([column_op(through, *from), column_op(C::table(), to), Op::Binary(Binary::Eq)]);
            if index > 0 {
                on.push(Op::Binary(Binary::And));
            }
        }
        if let Some(deleted) = through.of_role(Role::DeletedAt) {
            on.extend([column_op(through, deleted), Op::Unary(Unary::IsNull), Op::Binary(Binary::And)]);
        }
        Join { kind: JoinKind::Inner, source: Source { table: through, alias: None }, on }
    }
}

impl<P, C, J> Clone for ManyRelation<P, C, J> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, C, J> Copy for ManyRelation<P, C, J> {}

/// A query of rows that are related through a third table: see [`ManyRelation::query`].
#[must_use = "a relation's query does nothing until a query has it"]
pub struct ManyQuery<P, C, J> {
    relation: ManyRelation<P, C, J>,
    query: Query<C>,
}

impl<P: Model, C: Model, J: Joining> ManyQuery<P, C, J> {
    like_a_query!(of C);
}

#[diagnostic::do_not_recommend]
impl<P: Model, C: Model, J: Joining> IntoLoad<P> for ManyRelation<P, C, J> {
    fn into_load(self) -> Box<dyn Load<P>> {
        self.query().into_load()
    }
}

#[diagnostic::do_not_recommend]
impl<P: Model, C: Model, J: Joining> IntoLoad<P> for ManyQuery<P, C, J> {
    fn into_load(mut self) -> Box<dyn Load<P>> {
        let join = self.relation.join();
        let tables = vec![Source { table: C::table(), alias: None }, join.source];
        self.query.select.joins.push(join);
        self.query.select.projection = Projection::Tables(tables);
        Box::new(RelatedByMany { relation: self.relation, query: Prepared::new(self.query) })
    }
}

/// Loads the rows of a relation through a third table.
struct RelatedByMany<P, C, J> {
    relation: ManyRelation<P, C, J>,
    query: Prepared<C>,
}

impl<P: Model, C: Model, J: Joining> RelatedByMany<P, C, J> {
    async fn load_all(&self, cursor: &mut Cursor, parents: &mut [P]) -> Result<()> {
        self.query.check()?;
        let through = (self.relation.through)();
        let key = &through.foreign_keys()[self.relation.to_parent];
        let referenced = key.referenced();
        let mut groups = Groups::default();
        let mut owners: Vec<Option<usize>> = Vec::with_capacity(parents.len());
        for parent in parents.iter() {
            owners.push(groups.enter(&referenced, |column| parent.value(column))?);
        }

        let (mut children, mut joins, mut group_of) = (Vec::new(), Vec::new(), Vec::new());
        let width = C::table().columns().len();
        let child_places = places::<C>(0);
        let join_places: Vec<usize> = (width..width + through.columns().len()).collect();
        let key_places: Vec<usize> = key.columns().iter().map(|column| width + column).collect();
        for part in parts(cursor, groups.len(), key.columns().len()) {
            let (shape, values) = narrowed(&self.query, through, key.columns(), &groups, part);
            run(cursor, &shape, &values).await?;
            for row in cursor.fetch_all::<Row>().await? {
                let Some(group) = groups.find(&key_places, |column| cell(&row, column))? else { continue };
                group_of.push(group);
                children.push(C::read(child_places, row.as_ref())?);
                joins.push(J::read(&join_places, row.as_ref())?);
            }
        }
        for relation in &self.query.with {
            relation.load(cursor, &mut children).await?;
        }

        let mut grouped: Vec<(Vec<C>, Vec<J>)> = Vec::new();
        grouped.resize_with(groups.len(), Default::default);
        for ((child, join), group) in children.into_iter().zip(joins).zip(group_of) {
            grouped[group].0.push(child);
            grouped[group].1.push(join);
        }
        let shared: Vec<ManyToMany<C, J>> =
            grouped.into_iter().map(|(rows, joins)| ManyToMany::of_pairs(rows, joins)).collect();
        let none = ManyToMany::of_pairs(Vec::new(), Vec::new());
        for (parent, owner) in parents.iter_mut().zip(owners) {
            *(self.relation.slot)(parent) = owner.map_or_else(|| none.clone(), |group| shared[group].clone());
        }
        Ok(())
    }
}

impl<P: Model, C: Model, J: Joining> Load<P> for RelatedByMany<P, C, J> {
    fn load<'l>(&'l self, cursor: &'l mut Cursor, parents: &'l mut [P]) -> BoxFuture<'l, ()> {
        Box::pin(async move { if parents.is_empty() { Ok(()) } else { self.load_all(cursor, parents).await } })
    }
}

/// What a relation through a third table says about a row.
impl<P: Model, C: Model, J: Joining> ManyRelation<P, C, J> {
    /// Is true of the rows that have a related one for which the condition is true. The condition may name the columns of the
    /// joining table, too.
    pub fn any(self, condition: impl crate::expr::Argument<bool>) -> Expr<bool> {
        let mut query = Query::<C>::new().filter(condition);
        query.scope_deleted();
        query.select.joins.push(self.join());
        let through = (self.through)();
        let key = &through.foreign_keys()[self.to_parent];
        for (from, to) in key.columns().iter().zip(key.referenced()) {
            let parent = crate::expr::ColumnOp { table: P::table(), alias: None, column: to };
            query.narrow(vec![column_op(through, *from), Op::Outer(parent), Op::Binary(Binary::Eq)], Vec::new());
        }
        query.select.projection = Projection::One;
        super::in_a_query(query, crate::expr::SubqueryUse::Exists)
    }
}
