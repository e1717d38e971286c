//! A scripted driver of oarlock: tests of code above the contract, without a database.
//!
//! A [`Mock`] holds what will be asked and what to answer, in order. Its [`conn`](Mock::conn) is a connection like any other:
//! code that takes `&dyn Db` or `&impl Db` cannot tell. A statement that was not expected is an error that tells what was, and
//! [`verify`](Mock::verify) fails the test that asked too little, too much or otherwise.
//!
//! # Examples
//!
//! ```
//! use oarlock_core::{Db, DbExt, Error, ErrorKind, Result};
//! use oarlock_mock::Mock;
//!
//! // The code under test.
//! async fn rename(db: &dyn Db, id: i64, name: &str) -> Result<u64> {
//!     let tx = db.begin().await?;
//!     let known: Option<(String,)> = tx.fetch_one("SELECT name FROM city WHERE id = ?", (id,)).await?;
//!     if known.is_none() {
//!         return Err(Error::new(ErrorKind::RowNotFound, "no such city"));
//!     }
//!     let outcome = tx.execute("UPDATE city SET name = ? WHERE id = ?", (name, id)).await?;
//!     tx.commit().await?;
//!     Ok(outcome.rows_affected.unwrap_or_default())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let mock = Mock::new();
//! mock.expect("SELECT name FROM city WHERE id = ?").with((7,)).returns(["name"], [("Christiania",)]);
//! mock.expect("UPDATE city SET name = ? WHERE id = ?").with(("Oslo", 7)).affects(1);
//!
//! assert_eq!(rename(&mock.conn(), 7, "Oslo").await?, 1);
//! assert_eq!(mock.ran().last().map(String::as_str), Some("COMMIT"));
//! mock.verify();
//! # Ok(())
//! # }
//! ```
//!
//! # What it does by itself
//!
//! `BEGIN`, `COMMIT`, `ROLLBACK` and savepoints succeed and are recorded; the transaction state follows them. Where the next
//! expectation is of one of them, it is used: `mock.expect("COMMIT").fails(error)`. A ping, a reset and a close succeed.
//! Parameters are counted and named as by every driver, by the rules of the [dialect](Mock::with_dialect).

mod batch;
mod connection;
mod expectation;
mod mock;
mod script;

pub use connection::MockConnection;
pub use expectation::Expectation;
pub use mock::Mock;
