//! What many tests have in common: a table of numbers, and errors that are expected.

use oarlock::{Db, DbExt, Error, ErrorKind, Result};

/// Requires an error of a kind, and gives it.
///
/// # Panics
///
/// When it is another, or none.
#[track_caller]
pub fn refused<T>(result: Result<T>, kind: ErrorKind) -> Error {
    match result {
        Ok(_) => panic!("expected a {kind} error, but it was accepted"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

/// Creates the table `item` with one column.
///
/// # Errors
///
/// As the server tells.
pub async fn create_item(db: &dyn Db) -> Result<()> {
    db.execute("CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY)", ()).await.map(drop)
}

/// Inserts a row into `item`.
///
/// # Errors
///
/// As the server tells.
pub async fn insert(db: &dyn Db, id: i64) -> Result<()> {
    db.execute("INSERT INTO item (id) VALUES (?)", (id,)).await.map(drop)
}

/// Gives the rows of `item`, sorted.
///
/// # Errors
///
/// As the server tells.
pub async fn ids(db: &dyn Db) -> Result<Vec<i64>> {
    Ok(db.fetch_all::<(i64,)>("SELECT id FROM item ORDER BY id", ()).await?.into_iter().map(|row| row.0).collect())
}
