//! Rows that are made together with those that they are related to.
//!
//! The rows of a relation are made for all parents at once: a graph takes as many statements as it has relations, and not rows.

use std::any::Any;

use oarlock_core::value::{Bound, Value};
use oarlock_core::{BoxFuture, Cursor, Error, ErrorKind, Result, Row};

use super::Assignments;
use super::create::Create;
use super::link::{insert_joining, joining_row};
use super::many::insert_parts;
use crate::model::{Model, TableInfo};
use crate::query::{Select, run};
use crate::relation::{Groups, Joining, KeyOf, ManyRelation, ManyToMany, Relation, Slot, among, parts};
use crate::render::Shape;

/// A relation by which a row is made together with others: see [`Create::with`].
pub trait CreateBy<P> {
    /// The model that is related.
    type Model: Model;

    /// Makes it what makes the rows.
    fn into_related(self, rows: Vec<Create<Self::Model>>) -> Box<dyn CreateRelated<P>>;
}

/// Makes the rows that others are made together with, of one relation.
pub trait CreateRelated<P>: Any + Send + Sync {
    /// Says at which place among the parents the one stands whose rows these are.
    #[doc(hidden)]
    fn place(&mut self, place: usize);

    /// Takes the rows of another parent over, if they are of the same relation.
    #[doc(hidden)]
    fn join(&mut self, other: &mut dyn CreateRelated<P>) -> bool;

    /// Makes the rows that parents refer to, before these.
    #[doc(hidden)]
    fn before<'c>(&'c mut self, cursor: &'c mut Cursor, parents: &'c mut [Create<P>]) -> BoxFuture<'c, ()>;

    /// Makes the rows that refer to parents, after these, and puts what was made into their fields.
    #[doc(hidden)]
    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, parents: &'c mut [P]) -> BoxFuture<'c, ()>;
}

impl<M: Model> Create<M> {
    /// Makes rows of a relation together with the row, all in one transaction, and gives the row with the relation loaded: those that
    /// refer to it, the one that it refers to, or those that a third table joins with it.
    ///
    /// The foreign keys are filled in. Rows may have rows of their own. Those of one relation travel in as few statements as can be, whatever
    /// the number of rows that they belong to. Rules and hooks are asked when it is a row's turn; what breaks one undoes all.
    pub fn with<R: CreateBy<M>>(mut self, relation: R, rows: impl IntoIterator<Item: Into<Create<R::Model>>>) -> Self {
        self.related.push(relation.into_related(rows.into_iter().map(Into::into).collect()));
        self
    }
}

/// Makes rows and those that belong to them, on a cursor whose connection is in a transaction.
pub(super) fn insert_graph<M: Model>(cursor: &mut Cursor, mut rows: Vec<Create<M>>) -> BoxFuture<'_, Vec<M>> {
    Box::pin(async move {
        let mut relations: Vec<Box<dyn CreateRelated<M>>> = Vec::new();
        for (place, row) in rows.iter_mut().enumerate() {
            for mut related in std::mem::take(&mut row.related) {
                related.place(place);
                if !relations.iter_mut().any(|known| known.join(&mut *related)) {
                    relations.push(related);
                }
            }
        }
        for relation in &mut relations {
            relation.before(cursor, &mut rows).await?;
        }
        let given = rows.into_iter().map(Create::complete).collect::<Result<Vec<_>>>()?;
        let mut made = insert_parts(cursor, given).await?;
        for relation in &mut relations {
            relation.after(cursor, &mut made).await?;
        }
        Ok(made)
    })
}

/// Gives what makes the rows of another parent, if it is of this type and of the same relation.
fn of_kind<P: 'static, T: CreateRelated<P>>(
    other: &mut dyn CreateRelated<P>,
    same: impl FnOnce(&T) -> bool,
) -> Option<&mut T> {
    (other as &mut dyn Any).downcast_mut::<T>().filter(|other| same(other))
}

/// The rows that belong to some parents.
struct Children<C> {
    /// The place of each parent, and how many of the rows are its own.
    parents: Vec<(usize, usize)>,
    rows: Vec<Create<C>>,
}

impl<C: Model> Children<C> {
    /// Takes the rows of one parent, which is the first until something else is said.
    fn new(rows: Vec<Create<C>>) -> Self {
        Self { parents: vec![(0, rows.len())], rows }
    }

    fn place(&mut self, place: usize) {
        for parent in &mut self.parents {
            parent.0 = place;
        }
    }

    /// Takes the rows of the same parent over, or of one behind it.
    fn join(&mut self, other: &mut Self) {
        for (place, count) in other.parents.drain(..) {
            match self.parents.last_mut() {
                Some(last) if last.0 == place => last.1 += count,
                _ => self.parents.push((place, count)),
            }
        }
        self.rows.append(&mut other.rows);
    }

    /// Gives each row with the place of its parent.
    fn with_places(&mut self) -> impl Iterator<Item = (usize, &mut Create<C>)> {
        let places = self.parents.iter().flat_map(|(place, count)| std::iter::repeat_n(*place, *count));
        places.zip(&mut self.rows)
    }

    /// Makes the rows, and gives them for the place of each parent.
    async fn make(&mut self, cursor: &mut Cursor) -> Result<Vec<(usize, Vec<C>)>> {
        let mut made = insert_graph(cursor, std::mem::take(&mut self.rows)).await?.into_iter();
        Ok(self.parents.iter().map(|(place, count)| (*place, made.by_ref().take(*count).collect())).collect())
    }
}

/// The rows of a relation by one foreign key.
struct ByKey<P, S: Slot> {
    relation: Relation<P, S>,
    children: Children<S::Model>,
    made: Vec<(usize, Vec<S::Model>)>,
}

impl<P: Model, S: Slot + Send + Sync + 'static> CreateBy<P> for Relation<P, S> {
    type Model = S::Model;

    fn into_related(self, rows: Vec<Create<S::Model>>) -> Box<dyn CreateRelated<P>> {
        Box::new(ByKey { relation: self, children: Children::new(rows), made: Vec::new() })
    }
}

impl<P: Model, S: Slot + Send + Sync + 'static> CreateRelated<P> for ByKey<P, S> {
    fn place(&mut self, place: usize) {
        self.children.place(place);
    }

    fn join(&mut self, other: &mut dyn CreateRelated<P>) -> bool {
        let same = of_kind(other, |other: &Self| other.relation.is(self.relation));
        same.map(|other| self.children.join(&mut other.children)).is_some()
    }

    fn before<'c>(&'c mut self, cursor: &'c mut Cursor, parents: &'c mut [Create<P>]) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            if !S::MANY && self.children.parents.iter().any(|(_, count)| *count > 1) {
                return Err(too_many::<P, S>());
            }
            if self.relation.key_of == KeyOf::Parent {
                self.made = self.children.make(cursor).await?;
                let (own, there) = self.relation.columns(self.relation.key());
                for (place, made) in &self.made {
                    for row in made {
                        refer(&mut parents[*place].assignments, &own, row, &there)?;
                    }
                }
            }
            Ok(())
        })
    }

    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, parents: &'c mut [P]) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            if self.relation.key_of == KeyOf::Child {
                let (there, own) = self.relation.columns(self.relation.key());
                for (place, row) in self.children.with_places() {
                    refer(&mut row.assignments, &own, &parents[place], &there)?;
                }
                self.made = self.children.make(cursor).await?;
            }
            for (place, made) in std::mem::take(&mut self.made) {
                *(self.relation.slot)(&mut parents[place]) = S::of(made);
            }
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
    children: Children<C>,
}

impl<P: Model, C: Model, J: Joining> CreateBy<P> for ManyRelation<P, C, J> {
    type Model = C;

    fn into_related(self, rows: Vec<Create<C>>) -> Box<dyn CreateRelated<P>> {
        Box::new(ByMany { relation: self, children: Children::new(rows) })
    }
}

impl<P: Model, C: Model, J: Joining> CreateRelated<P> for ByMany<P, C, J> {
    fn place(&mut self, place: usize) {
        self.children.place(place);
    }

    fn join(&mut self, other: &mut dyn CreateRelated<P>) -> bool {
        let same = of_kind(other, |other: &Self| other.relation.is(self.relation));
        same.map(|other| self.children.join(&mut other.children)).is_some()
    }

    fn before<'c>(&'c mut self, _: &'c mut Cursor, _: &'c mut [Create<P>]) -> BoxFuture<'c, ()> {
        Box::pin(async { Ok(()) })
    }

    fn after<'c>(&'c mut self, cursor: &'c mut Cursor, parents: &'c mut [P]) -> BoxFuture<'c, ()> {
        Box::pin(async move {
            let made = self.children.make(cursor).await?;
            let (through, to_parent, to_child) = self.relation.keys();
            let columns = [to_parent.columns(), to_child.columns()].concat();
            let (own, other) = (to_parent.referenced(), to_child.referenced());
            let mut keys = Groups::default();
            for (place, children) in &made {
                let parent = &parents[*place];
                for child in children {
                    keys.enter(&places_of(&columns), |place| match place.checked_sub(own.len()) {
                        None => parent.value(own[place]),
                        Some(place) => child.value(other[place]),
                    })?;
                }
            }
            let rows = keys.keys(columns.len()).map(|key| joining_row(through, &columns, key));
            insert_joining(cursor, through, rows.collect::<Result<_>>()?).await?;
            let mut joins = read_joining(cursor, through, &columns, &mut keys).await?.into_iter();
            for (place, children) in made {
                let joins = joins.by_ref().take(children.len()).collect();
                *(self.relation.slot)(&mut parents[place]) = ManyToMany::of_pairs(children, joins);
            }
            Ok(())
        })
    }
}

/// Reads rows that join as they are stored, in the order of their keys.
async fn read_joining<J: Joining>(
    cursor: &mut Cursor,
    table: &'static TableInfo,
    columns: &[usize],
    keys: &mut Groups,
) -> Result<Vec<J>> {
    let mut found: Vec<Option<J>> = Vec::new();
    found.resize_with(keys.len(), J::unread);
    if found.iter().all(Option::is_some) {
        return Ok(found.into_iter().flatten().collect());
    }
    let places = places_of(table.columns());
    for part in parts(cursor, keys.len(), columns.len()) {
        let mut select = Select::from(table);
        select.filter = among(table, columns, part.len());
        let values: Vec<Value> = keys.lists(columns.len(), &part).collect();
        run(cursor, &Shape::Select(Box::new(select)), &values).await?;
        for row in cursor.fetch_all::<Row>().await? {
            if let Some(place) = keys.find(columns, |column| row.value(column).map(Bound::Borrowed))? {
                found[place] = Some(J::read(&places, row.as_ref())?);
            }
        }
    }
    found.into_iter().collect::<Option<_>>().ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("a row of {} was made, and did not come back", table.model()))
    })
}

fn places_of<T>(columns: &[T]) -> Vec<usize> {
    (0..columns.len()).collect()
}
