//! Rows that are made together with those that they are related to.

use oarlock_core::value::Bound;
use oarlock_core::{BoxFuture, Cursor, Error, Result};

use super::Assignments;
use super::create::Create;
use super::link::{Links, link_on};
use super::many::insert_parts;
use crate::model::Model;
use crate::relation::{IntoLoad, Joining, KeyOf, ManyRelation, Relation, Slot};

/// A relation by which a row is made together with others: see [`Create::with`].
pub trait CreateBy<P> {
    /// The model that is related.
    type Model: Model;

    /// Makes it what makes the rows.
    fn into_related(self, rows: Vec<Create<Self::Model>>) -> Box<dyn CreateRelated<P>>;
}

/// Makes the rows that one is made together with.
pub trait CreateRelated<P>: Send + Sync {
    /// Makes the row that the row refers to, before it.
    #[doc(hidden)]
    fn before<'c>(&'c mut self, cursor: &'c mut Cursor, row: &'c mut Create<P>) -> BoxFuture<'c, ()>;

    /// Makes the rows that refer to the row, after it, and puts what was made into its field.
    #[doc(hidden)]
    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, row: &'c mut P) -> BoxFuture<'c, ()>;
}

impl<M: Model> Create<M> {
    /// Makes rows of a relation together with the row, all in one transaction, and gives the row with the relation loaded: those that
    /// refer to it, the one that it refers to, or those that a third table joins with it.
    ///
    /// The foreign keys are filled in. Rows may have rows of their own. Each relation of each row is a statement, or as many as it needs.
    /// Rules and hooks are asked when it is a row's turn; what breaks one undoes all.
    pub fn with<R: CreateBy<M>>(mut self, relation: R, rows: impl IntoIterator<Item: Into<Create<R::Model>>>) -> Self {
        self.related.push(relation.into_related(rows.into_iter().map(Into::into).collect()));
        self
    }
}

/// Makes rows and those that belong to them, on a cursor whose connection is in a transaction.
pub(super) fn insert_graph<M: Model>(cursor: &mut Cursor, rows: Vec<Create<M>>) -> BoxFuture<'_, Vec<M>> {
    Box::pin(async move {
        let (mut given, mut related) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for mut row in rows {
            let mut own = std::mem::take(&mut row.related);
            for relation in &mut own {
                relation.before(cursor, &mut row).await?;
            }
            related.push(own);
            given.push(row.complete()?);
        }
        let mut made = insert_parts(cursor, given).await?;
        for (row, mut own) in made.iter_mut().zip(related) {
            for relation in &mut own {
                relation.after(cursor, row).await?;
            }
        }
        Ok(made)
    })
}

/// The rows of a relation by one foreign key.
struct ByKey<P, S: Slot> {
    relation: Relation<P, S>,
    rows: Vec<Create<S::Model>>,
    made: Vec<S::Model>,
}

impl<P: Model, S: Slot + Send + Sync + 'static> CreateBy<P> for Relation<P, S> {
    type Model = S::Model;

    fn into_related(self, rows: Vec<Create<S::Model>>) -> Box<dyn CreateRelated<P>> {
        Box::new(ByKey { relation: self, rows, made: Vec::new() })
    }
}

impl<P: Model, S: Slot + Send + Sync> CreateRelated<P> for ByKey<P, S> {
    fn before<'c>(&'c mut self, cursor: &'c mut Cursor, row: &'c mut Create<P>) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            if self.rows.len() > 1 && !S::MANY {
                return Err(too_many::<P, S>());
            }
            if self.relation.key_of == KeyOf::Parent {
                self.made = insert_graph(cursor, std::mem::take(&mut self.rows)).await?;
                let (own, there) = self.relation.columns(self.relation.key());
                if let Some(made) = self.made.first() {
                    refer(&mut row.assignments, &own, made, &there)?;
                }
            }
            Ok(())
        })
    }

    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, row: &'c mut P) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            if self.relation.key_of == KeyOf::Child {
                let (there, own) = self.relation.columns(self.relation.key());
                let mut rows = std::mem::take(&mut self.rows);
                for child in &mut rows {
                    refer(&mut child.assignments, &own, row, &there)?;
                }
                self.made = insert_graph(cursor, rows).await?;
            }
            *(self.relation.slot)(row) = S::of(std::mem::take(&mut self.made));
            Ok(())
        })
    }
}

/// Has columns refer to a row that is there.
fn refer<M: Model>(assignments: &mut Assignments, columns: &[usize], row: &M, there: &[usize]) -> Result<()> {
    for (column, other) in columns.iter().zip(there) {
        assignments.assign_value(*column, row.value(*other).and_then(Bound::into_value)?);
    }
    Ok(())
}

#[cold]
fn too_many<P: Model, S: Slot>() -> Error {
    Error::interface(format!("a row of {} is related to one row of {} at the most", P::DEF.name, S::Model::DEF.name))
}

/// The rows of a relation through a third table.
struct ByMany<P, C, J> {
    relation: ManyRelation<P, C, J>,
    rows: Vec<Create<C>>,
}

impl<P: Model, C: Model, J: Joining> CreateBy<P> for ManyRelation<P, C, J> {
    type Model = C;

    fn into_related(self, rows: Vec<Create<C>>) -> Box<dyn CreateRelated<P>> {
        Box::new(ByMany { relation: self, rows })
    }
}

impl<P: Model, C: Model, J: Joining> CreateRelated<P> for ByMany<P, C, J> {
    fn before<'c>(&'c mut self, _: &'c mut Cursor, _: &'c mut Create<P>) -> BoxFuture<'c, ()> {
        Box::pin(async { Ok(()) })
    }

    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, row: &'c mut P) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            let made = insert_graph(cursor, std::mem::take(&mut self.rows)).await?;
            link_on(cursor, &Links::new(self.relation, row, &made)?).await?;
            // The joining rows are read as they are stored.
            self.relation.into_load().load(cursor, std::slice::from_mut(row)).await
        })
    }
}
