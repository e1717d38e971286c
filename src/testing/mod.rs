//! What tests of code that uses a database need.
//!
//! - [`#[oarlock::test]`](macro@crate::test) gives every test a database of its own, on one engine or on several; [`Case`] is the
//!   same without the macro.
//! - [`QueryLog`] and [`assert_queries!`](crate::assert_queries) tell which statements ran, and how many.
//! - [`Mock`] is a scripted driver: tests of what a database is asked, without one.
//!
//! # Where a test's database is
//!
//! | Asked for | Where |
//! |---|---|
//! | nothing | the server of `DATABASE_URL`; without it, SQLite |
//! | `url = "…"` | that server |
//! | `engines = [postgres]` | the server of `OARLOCK_TEST_POSTGRES_URL`, or of `DATABASE_URL` where that is a PostgreSQL |
//! | `engines = [mysql]` | the same with `OARLOCK_TEST_MYSQL_URL`: MySQL or MariaDB |
//! | `engines = [sqlite]` | a file |
//!
//! A URL's own database is only where the test's is made from: nothing in it is touched, nor is the file of a SQLite URL. A
//! test whose engine has no server says so and does nothing; with `CI=true` it fails.
//!
//! - **SQLite**: a file in the directory `oarlock-test` beside the test's executable, not synced to the disk. Setup and fixtures
//!   run once and are copied.
//! - **PostgreSQL**: a database made from a template, in which setup and fixtures ran once. The user needs `CREATEDB`.
//! - **MySQL and MariaDB**: a database in which setup and fixtures run each time. The user needs all rights on databases whose
//!   names begin with `oarlock_test_`.
//!
//! A template serves as long as the setup's executable and the fixtures' text are the same, for a week at most. Processes that
//! need one at the same time wait for each other.
//!
//! # What becomes of it
//!
//! The database of a test that passes is dropped. That of one that fails is kept, and its URL printed below the failure, until the
//! same test runs again or a day has passed. What a killed process left is dropped by the next one that runs such tests on the
//! server.

mod case;
#[cfg(feature = "orm")]
mod check_sql;
mod database;
mod outcome;
mod place;
mod query_log;
mod recipe;
mod recorded;
mod target;

pub use case::Case;
#[cfg(feature = "orm")]
pub use check_sql::{check_sql, check_sql_where};
pub use database::{Database, FromDatabase};
pub use oarlock_mock::{Expectation, Mock, MockConnection};
pub use outcome::TestResult;
pub use query_log::{QueryLog, QueryScope};
pub use target::Engine;
