//! Statements of the program, prepared by a real database.

use std::fmt::Write;

use oarlock_core::{Db, DbExt, Error, ErrorKind, Result};
use oarlock_orm::sql::{Statement, statements};

/// Has a database prepare every statement that [`sql!`](crate::sql!) made in this program, so that a misspelt column is found in a test and
/// not by a user. None of them runs.
///
/// It takes the statements of the whole program: of the crate under test, and of what it links. Where some are for another database, say
/// which are meant by [`check_sql_where`].
///
/// ```no_run
/// #[oarlock::test(setup = crate::schema)]
/// async fn statements_fit_the_schema(db: oarlock::Pool) -> oarlock::Result<()> {
///     oarlock::testing::check_sql(&db).await
/// }
/// # async fn schema(_: &dyn oarlock::Db) -> oarlock::Result<()> { Ok(()) }
/// ```
///
/// # Errors
///
/// A `Syntax` error that lists the place and the database's word on each statement that it refuses, and what keeps it from being asked.
pub async fn check_sql<D: Db + ?Sized>(db: &D) -> Result<()> {
    check_sql_where(db, |_| true).await
}

/// Has a database prepare the statements that are chosen: see [`check_sql`].
///
/// # Errors
///
/// As [`check_sql`], and `Interface` where none is chosen.
pub async fn check_sql_where<D: Db + ?Sized>(db: &D, chosen: impl Fn(&Statement) -> bool + Send) -> Result<()> {
    let flavor = db.lease().await?.info().dialect.flavor;
    let mut refused = String::new();
    let (mut asked, mut count) = (0, 0);
    for statement in statements() {
        if !chosen(statement) {
            continue;
        }
        asked += 1;
        match db.describe(&statement.text_for(flavor)).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionLost => return Err(error),
            Err(error) => {
                count += 1;
                // Writing to a string does not fail.
                let _ = write!(refused, "\n{}:{}: {error}", statement.file(), statement.line());
            }
        }
    }
    match (asked, count) {
        (0, _) => Err(Error::interface("there are no statements to check").with_hint("they are made by `sql!`")),
        (_, 0) => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Syntax,
            format!("{count} of {asked} statements do not fit the database:{refused}"),
        )),
    }
}
