//! What a struct says about its table: the trait that `derive(Model)` implements, and the data that it writes.

mod definition;
mod embed;
mod stored;
mod table;

use std::future::Future;
use std::panic::Location;

use oarlock_core::value::{Bound, Value};
use oarlock_core::{Db, FromRow, Result, RowRef};

pub use definition::{
    ColumnDef, DefaultDef, FieldDef, FieldKind, ForeignKeyDef, ModelDef, Role, foreign_key, foreign_keys,
};
pub use embed::{Embed, Embedded};
#[doc(hidden)]
pub use stored::{Document, Stored};
pub use table::{ColumnInfo, ForeignKeyInfo, TableInfo};

use crate::expr::Expr;
use crate::query::{Query, cursor, find_many, not_found};
use crate::relation::IntoLoad;
use crate::write::{Create, Draft, Execute, delete_rows, equal, insert_many, insert_unread};

/// A struct that is a row of a table.
///
/// It is derived, and so are a constant for each column and relation (`User::EMAIL`, `User::POSTS`), and the functions `create`, `update` and
/// `upsert`, whose setters are named as the fields.
///
/// # Cancellation
///
/// Dropping the future of any of these is as safe as dropping that of a statement. A function that runs several statements runs those
/// that write in a transaction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "not a model",
    note = "a struct becomes one by `#[derive(Model)]`, with `#[model(primary_key)]` on its key"
)]
pub trait Model: FromRow + Send + Sync + 'static {
    /// The type of the primary key: that of its field, or a tuple where it has several.
    type Key: Send + Sync + 'static;

    /// The table's name.
    const TABLE: &'static str;

    /// What the model says about its table.
    const DEF: ModelDef;

    /// Gives the table.
    fn table() -> &'static TableInfo;

    /// Gives a copy of the primary key.
    fn key(&self) -> Self::Key;

    /// Takes a primary key apart, in the order of its columns.
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    fn key_values(key: &Self::Key) -> Result<Vec<Value>>;

    /// Gives the value of a column, counted as in [`TableInfo::columns`].
    ///
    /// # Errors
    ///
    /// The value's own that cannot be bound.
    ///
    /// # Panics
    ///
    /// When there is no such column.
    fn value(&self, column: usize) -> Result<Bound<'_>>;

    /// Reads a row whose columns stand at the given places, in the order of [`TableInfo::columns`].
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(columns: &[usize], row: RowRef<'_>) -> Result<Self>;

    /// Calls the program's hook of new rows: `#[model(hooks)]` has it call [`Hooks`](crate::Hooks).
    ///
    /// # Errors
    ///
    /// What the hook says.
    #[doc(hidden)]
    fn before_create(draft: &mut Draft<'_, Self>) -> Result<()> {
        let _ = draft;
        Ok(())
    }

    /// Calls the program's hook of changed rows.
    ///
    /// # Errors
    ///
    /// What the hook says.
    #[doc(hidden)]
    fn before_update(draft: &mut Draft<'_, Self>) -> Result<()> {
        let _ = draft;
        Ok(())
    }

    /// Calls the program's hook of rows that are deleted.
    ///
    /// # Errors
    ///
    /// What the hook says.
    #[doc(hidden)]
    fn before_delete(&self) -> Result<()> {
        Ok(())
    }

    /// Makes a query over the table.
    fn query() -> Query<Self> {
        Query::new()
    }

    /// Reads the row of a key, `None` where there is none.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn find<D: Db + ?Sized>(db: &D, key: impl Into<Self::Key>) -> impl Future<Output = Result<Option<Self>>> + Send {
        let (site, key) = (Location::caller(), Self::key_values(&key.into()));
        async move {
            let mut rows = by_key::<Self>(key?).all_at(db, site).await?;
            Ok(rows.pop())
        }
    }

    /// Reads the row of a key. None is a `RowNotFound` error.
    ///
    /// # Errors
    ///
    /// `RowNotFound`, and what the database says.
    #[track_caller]
    fn require<D: Db + ?Sized>(db: &D, key: impl Into<Self::Key>) -> impl Future<Output = Result<Self>> + Send {
        let row = Self::find(db, key);
        async move { row.await?.ok_or_else(not_found::<Self>) }
    }

    /// Reads the rows of keys, in the order of the keys: one statement for thousands of them. A key that has no row is left out, and one
    /// that is given twice has its row once, in the first place.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn find_many<D: Db + ?Sized>(
        db: &D,
        keys: impl IntoIterator<Item: Into<Self::Key>>,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send {
        let site = Location::caller();
        let keys: Result<Vec<_>> = keys.into_iter().map(|key| Self::key_values(&key.into())).collect();
        async move { find_many(db, keys?, site).await }
    }

    /// Makes the row, and gives it as it is stored. A key that the database numbers is left to it where it is nought.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn insert<D: Db + ?Sized>(&self, db: &D) -> impl Future<Output = Result<Self>> + Send {
        let (site, create) = (Location::caller(), Create::of(self));
        async move { create?.execute(db, site).await }
    }

    /// Makes rows, all or none, and gives them as they are stored, in the order in which they were given.
    ///
    /// They travel in as few statements as can be.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn create_many<D: Db + ?Sized>(
        db: &D,
        rows: impl IntoIterator<Item: Into<Create<Self>>>,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send {
        let site = Location::caller();
        let rows: Vec<Create<Self>> = rows.into_iter().map(Into::into).collect();
        async move { insert_many(db, rows, site).await }
    }

    /// Makes rows, all or none, and tells how many: [`create_many`](Self::create_many) for a program that does not look at them. They are not
    /// read back, which is most of the work; only rows that are made together with others are, for their keys.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn insert_all<D: Db + ?Sized>(
        db: &D,
        rows: impl IntoIterator<Item: Into<Create<Self>>>,
    ) -> impl Future<Output = Result<u64>> + Send {
        let site = Location::caller();
        let rows: Vec<Create<Self>> = rows.into_iter().map(Into::into).collect();
        async move { insert_unread(db, rows, site).await }
    }

    /// Deletes the row, or marks it as deleted where the model has a `soft_delete`.
    ///
    /// # Errors
    ///
    /// `RowNotFound` where it is gone, [`StaleRow`](oarlock_core::ErrorKind::StaleRow) where the model has a `version` and the row was
    /// changed since it was read, and what the database says.
    #[track_caller]
    fn delete<D: Db + ?Sized>(&self, db: &D) -> impl Future<Output = Result<()>> + Send {
        delete_rows(db, self, false, Location::caller())
    }

    /// Deletes the row for good, whether it is marked as deleted or not.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    #[track_caller]
    fn delete_for_good<D: Db + ?Sized>(&self, db: &D) -> impl Future<Output = Result<()>> + Send {
        delete_rows(db, self, true, Location::caller())
    }

    /// Loads the rows of a relation for rows that are there already, in one query for all of them.
    ///
    /// # Errors
    ///
    /// What the database says.
    #[track_caller]
    fn load<D: Db + ?Sized>(
        db: &D,
        rows: &mut [Self],
        relation: impl IntoLoad<Self>,
    ) -> impl Future<Output = Result<()>> + Send {
        let (site, relation) = (Location::caller(), relation.into_load());
        async move {
            if rows.is_empty() {
                return Ok(());
            }
            relation.load(&mut cursor(db, site).await?, rows).await
        }
    }
}

/// Makes the query of a row's key.
fn by_key<M: Model>(values: Vec<Value>) -> Query<M> {
    Query::new().filter(Expr::<bool>::new(equal(M::table(), M::table().key()), values))
}
