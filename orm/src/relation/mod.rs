//! How models are related, and how related rows are loaded.
//!
//! A relation is a constant of the model that has its field. Its rows are loaded for all parents at once, by one query.

mod key;
mod load;
mod many;
mod slot;

use std::sync::Arc;

use oarlock_core::{BoxFuture, Cursor};

pub(crate) use key::Groups;
pub(crate) use load::{Prepared, among, narrowed, parts};
pub use many::{Joining, ManyRelation};
pub use slot::{BelongsTo, HasMany, HasOne, ManyToMany, NotLoaded, Slot};

use crate::expr::{ColumnOp, Expr, Op, SubqueryUse};
use crate::model::{ForeignKeyInfo, Model, TableInfo};
use crate::query::{Projection, Query};
use load::Related;

/// A relation of a model by one foreign key, as `derive(Model)` writes one for each field of it: `User::POSTS`.
pub struct Relation<P, S> {
    /// Whose foreign key it is.
    pub(crate) key_of: KeyOf,
    /// Which of the foreign keys.
    pub(crate) foreign_key: usize,
    pub(crate) slot: fn(&mut P) -> &mut S,
}

/// Whose foreign key makes a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    /// The parent refers to the rows that are loaded.
    Parent,
    /// The rows that are loaded refer to the parent.
    Child,
}

impl<P, S> Relation<P, S> {
    /// Names the relation by one of the foreign keys of a side. `derive(Model)` calls it.
    #[must_use]
    pub const fn new(key_of: KeyOf, foreign_key: usize, slot: fn(&mut P) -> &mut S) -> Self {
        Self { key_of, foreign_key, slot }
    }
}

impl<P: Model, S: Slot> Relation<P, S> {
    /// Makes a query of the related rows, to say which of them are loaded, and in which order. Its limit is one for each parent.
    pub fn query(self) -> RelationQuery<P, S> {
        RelationQuery { relation: self, query: Query::new() }
    }

    /// Is true of the rows that have a related one for which the condition is true.
    pub fn any(self, condition: impl crate::expr::Argument<bool>) -> Expr<bool> {
        let query = Query::<S::Model>::new().filter(condition);
        self.subquery(query, Projection::One, SubqueryUse::Exists)
    }

    /// Is true of the rows that have a related one.
    pub fn is_present(self) -> Expr<bool> {
        self.subquery(Query::new(), Projection::One, SubqueryUse::Exists)
    }

    /// Counts the related rows.
    pub fn count(self) -> Expr<i64> {
        self.subquery(Query::new(), Projection::Count, SubqueryUse::Scalar)
    }

    fn subquery<T>(self, query: Query<S::Model>, projection: Projection, usage: SubqueryUse) -> Expr<T> {
        let key = self.key();
        let mut query = query;
        query.scope_deleted();
        let (parent, child) = self.columns(key);
        for (parent, child) in parent.into_iter().zip(child) {
            let ops = vec![
                Op::Column(ColumnOp { table: S::Model::table(), alias: None, column: child }),
                Op::Outer(ColumnOp { table: P::table(), alias: None, column: parent }),
                Op::Binary(crate::expr::Binary::Eq),
            ];
            query.narrow(ops, Vec::new());
        }
        query.select.projection = projection;
        in_a_query(query, usage)
    }

    /// Gives the foreign key.
    pub(crate) fn key(&self) -> &'static ForeignKeyInfo {
        let table = match self.key_of {
            KeyOf::Parent => P::table(),
            KeyOf::Child => S::Model::table(),
        };
        &table.foreign_keys()[self.foreign_key]
    }

    /// Gives the columns of the parent and of the child that have to be equal.
    pub(crate) fn columns(&self, key: &ForeignKeyInfo) -> (Vec<usize>, Vec<usize>) {
        match self.key_of {
            KeyOf::Parent => (key.columns().to_vec(), key.referenced()),
            KeyOf::Child => (key.referenced(), key.columns().to_vec()),
        }
    }
}

impl<P, S> Relation<P, S> {
    /// Tells whether it is the same relation. Two fields by one foreign key have two.
    pub(crate) fn is(self, other: Self) -> bool {
        let same_key = (self.key_of, self.foreign_key) == (other.key_of, other.foreign_key);
        same_key && std::ptr::fn_addr_eq(self.slot, other.slot)
    }
}

impl<P, S> Clone for Relation<P, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, S> Copy for Relation<P, S> {}

/// A query of related rows: see [`Relation::query`].
#[must_use = "a relation's query does nothing until a query has it"]
pub struct RelationQuery<P, S: Slot> {
    relation: Relation<P, S>,
    query: Query<S::Model>,
}

/// What a query can load: a relation, or a query of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no relation of `{P}`",
    label = "expected a relation of `{P}`, or a query of one"
)]
pub trait IntoLoad<P> {
    /// Makes it what loads.
    fn into_load(self) -> Box<dyn Load<P>>;
}

/// Loads related rows for all parents at once.
pub trait Load<P>: Send + Sync {
    /// Loads the rows and puts them into the parents.
    fn load<'l>(&'l self, cursor: &'l mut Cursor, parents: &'l mut [P]) -> BoxFuture<'l, ()>;
}

#[diagnostic::do_not_recommend]
impl<P: Model, S: Slot + Send + Sync + 'static> IntoLoad<P> for Relation<P, S> {
    fn into_load(self) -> Box<dyn Load<P>> {
        self.query().into_load()
    }
}

#[diagnostic::do_not_recommend]
impl<P: Model, S: Slot + Send + Sync + 'static> IntoLoad<P> for RelationQuery<P, S> {
    fn into_load(self) -> Box<dyn Load<P>> {
        Box::new(Related::new(self.relation, self.query))
    }
}

macro_rules! like_a_query {
    (of $child:ty) => {
        crate::query::narrows! {
            filter: "Keeps the related rows for which the condition is true.";
            order_by: "Orders the related rows.";
            limit: "Loads so many related rows for each parent at the most.";
        }

        /// Loads the rows that are related to these, in one query more.
        pub fn with(mut self, relation: impl IntoLoad<$child>) -> Self {
            self.query = self.query.with(relation);
            self
        }

        /// Loads rows that are marked as deleted, too.
        pub fn with_deleted(mut self) -> Self {
            self.query = self.query.with_deleted();
            self
        }
    };
}
use like_a_query;

impl<P: Model, S: Slot> RelationQuery<P, S> {
    like_a_query!(of S::Model);
}

/// Gives the place of a table's columns.
pub(crate) fn column_op(table: &'static TableInfo, column: usize) -> Op {
    Op::Column(ColumnOp { table, alias: None, column })
}

/// Makes a query an expression of the query around it.
fn in_a_query<M: Model, T>(query: Query<M>, usage: SubqueryUse) -> Expr<T> {
    match query.into_select() {
        Ok((select, values)) => Expr::new(vec![Op::Subquery(usage, Arc::from(select))], values),
        Err(error) => Expr::failed(error),
    }
}
