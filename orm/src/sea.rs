//! Going further with sea-query: a query's statement changed by hand, and statements of sea-query's own.

use std::future::Future;
use std::panic::Location;

use oarlock_core::{Cursor, Db, FromRow, Result};
use sea_query::{DeleteStatement, QueryStatementWriter, SelectStatement, UpdateStatement};

use crate::model::Model;
use crate::query::{Query, cursor, fetch_models};
use crate::render;
use crate::write::UpdateMany;

/// What a program does to a statement of sea-query's.
type Change<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A query whose statement is changed by hand before it runs: see [`Query::sea`].
///
/// The statement is written each time that it runs. The change may use all of sea-query: it may add to the statement, or put another in its
/// place that has it inside. Values that it binds are those of sea-query without its optional types.
#[must_use = "a query does nothing until it is run"]
pub struct SeaQuery<M> {
    query: Query<M>,
    change: Change<SelectStatement>,
}

impl<M: Model> Query<M> {
    /// Changes the query's statement by hand, for what the builder has no word for.
    ///
    /// ```
    /// # use oarlock_orm::{self as orm, Column, Model};
    /// # use oarlock_core::{Db, Result};
    /// use orm::sea_query::{Expr, ExprTrait};
    ///
    /// # async fn f<User: Model>(db: &dyn Db) -> Result<Vec<User>> {
    /// User::query().sea(|statement| { statement.and_where(Expr::cust("length(email)").gt(20)); }).all(db).await
    /// # }
    /// ```
    pub fn sea(self, change: impl FnOnce(&mut SelectStatement) + Send + 'static) -> SeaQuery<M> {
        SeaQuery { query: self, change: Box::new(change) }
    }
}

impl<M: Model> SeaQuery<M> {
    /// Reads all rows as models, and loads their relations: the statement must give the model's columns first, in their order.
    ///
    /// # Errors
    ///
    /// An `Interface` error of the query itself, and what the database says.
    #[track_caller]
    pub fn all<D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Vec<M>>> + Send {
        let site = Location::caller();
        async move {
            let mut cursor = cursor(db, site).await?;
            let with = self.run(&mut cursor).await?;
            let mut rows = fetch_models(&mut cursor).await?;
            for relation in &with {
                relation.load(&mut cursor, &mut rows).await?;
            }
            Ok(rows)
        }
    }

    /// Reads all rows as anything that a row can be read into.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[track_caller]
    pub fn rows<T: FromRow + Send, D: Db + ?Sized>(self, db: &D) -> impl Future<Output = Result<Vec<T>>> + Send {
        let site = Location::caller();
        async move {
            let mut cursor = cursor(db, site).await?;
            self.run(&mut cursor).await?;
            cursor.fetch_all().await
        }
    }

    async fn run(self, cursor: &mut Cursor) -> Result<Vec<Box<dyn crate::relation::Load<M>>>> {
        let (query, error) = self.query.prepared();
        if let Some(error) = error {
            return Err(error);
        }
        let (select, values, with) = query.into_parts();
        let statement = render::changed_select(&select, cursor.info().dialect.flavor, self.change)?;
        cursor.execute(&statement.sql, statement.bind(&values)?).await?;
        Ok(with)
    }
}

impl<M: Model> UpdateMany<M> {
    /// Changes the statement by hand, and carries it out; tells how many rows there were.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    #[track_caller]
    pub fn sea<D: Db + ?Sized>(
        self,
        db: &D,
        change: impl FnOnce(&mut UpdateStatement) + Send,
    ) -> impl Future<Output = Result<u64>> + Send {
        let site = Location::caller();
        async move {
            let (update, values) = self.into_parts()?;
            let mut cursor = cursor(db, site).await?;
            let statement = render::changed_update(&update, cursor.info().dialect.flavor, change)?;
            cursor.execute(&statement.sql, statement.bind(&values)?).await?;
            Ok(cursor.finish().await?.rows_affected.unwrap_or(0))
        }
    }
}

impl<M: Model> Query<M> {
    /// Deletes the rows for good by a statement that is changed by hand; tells how many there were.
    ///
    /// # Errors
    ///
    /// As [`delete_for_good`](Self::delete_for_good).
    #[track_caller]
    pub fn delete_sea<D: Db + ?Sized>(
        self,
        db: &D,
        change: impl FnOnce(&mut DeleteStatement) + Send,
    ) -> impl Future<Output = Result<u64>> + Send {
        let site = Location::caller();
        async move {
            let (filter, values) = self.into_filter()?;
            let delete = render::Delete { table: M::table(), filter };
            let mut cursor = cursor(db, site).await?;
            let statement = render::changed_delete(&delete, cursor.info().dialect.flavor, change)?;
            cursor.execute(&statement.sql, statement.bind(&values)?).await?;
            Ok(cursor.finish().await?.rows_affected.unwrap_or(0))
        }
    }
}

/// Runs any statement of sea-query's, written for the database that it meets, and gives the cursor that stands before its first row.
///
/// # Errors
///
/// `NotSupported` for a value of one of sea-query's optional types, and what the database says.
#[track_caller]
pub fn run<D: Db + ?Sized>(
    db: &D,
    statement: &(impl QueryStatementWriter + Sync),
) -> impl Future<Output = Result<Cursor>> + Send {
    let site = Location::caller();
    async move {
        let mut cursor = cursor(db, site).await?;
        let statement = render::of_sea_query(statement, cursor.info().dialect.flavor)?;
        cursor.execute(&statement.sql, statement.bind(&[])?).await?;
        Ok(cursor)
    }
}
