//! One connection, one cursor, every database: SQLite, PostgreSQL, MySQL and MariaDB behind one contract.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example() -> oarlock::Result<()> {
//! use oarlock::{DbExt, FromRow};
//!
//! #[derive(FromRow)]
//! struct City {
//!     name: String,
//!     population: i64,
//! }
//!
//! let db = oarlock::connect("sqlite::memory:").await?;
//! db.script("CREATE TABLE city (name TEXT NOT NULL, population BIGINT NOT NULL)").await?;
//! db.execute_many(
//!     "INSERT INTO city VALUES (?, ?)",
//!     [("Bergen", 291_940_i64), ("Oslo", 717_710), ("Tromsø", 78_745)],
//! )
//! .await?;
//! let large: Vec<City> =
//!     db.fetch_all("SELECT name, population FROM city WHERE population > ? ORDER BY name", (100_000,)).await?;
//! assert_eq!(large.len(), 2);
//! assert_eq!(large[1].name, "Oslo");
//! # Ok(())
//! # }
//! # #[cfg(feature = "sqlite")]
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(example())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! - [`connect`] opens a [`Conn`], [`Pool::connect`] a [`Pool`]; both, and a [`Tx`], are a [`Db`].
//! - [`DbExt`] has what one does with a `Db`: execute, fetch, transactions, the catalog.
//! - [`Cursor`] reads rows as they arrive, in PEP 249's vocabulary, and is a `Stream`.
//! - [`Error::kind`] tells what went wrong, the same on every database.
//!
//! # Features
//!
//! | Feature | What it brings |
//! |---|---|
//! | `sqlite` (default) | SQLite, compiled in |
//! | `postgres` | PostgreSQL |
//! | `mysql` | MySQL and MariaDB |
//! | `orm` (default) | models, typed queries, relations: see [`orm`] |
//! | `migrate` | migrations, from a directory or compiled in: see [`migrate`] |
//! | `store` | the record store, in pure Rust: see [`store`] |
//! | `tls` (default) | encrypted connections to PostgreSQL, MySQL and MariaDB, where these are built in |
//! | `blocking` | the same names for programs without `async` |
//! | `testing` | a database for each test, query counts, a scripted driver: see [`testing`](mod@testing) |
//! | `with-chrono-0_4`, `with-uuid-1` (both default), `with-rust_decimal-1`, `with-jiff-0_2`, `with-time-0_3` | other crates' types as parameters and columns |

mod connect;
pub mod pool;

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "testing")]
pub mod testing;

pub use connect::{connect, connect_to};
pub use oarlock_core::factory::{Connector, DriverFactory, Purpose, register};
pub use oarlock_core::*;
#[cfg(feature = "migrate")]
pub use oarlock_macros::embed_migrations;
#[cfg(feature = "testing")]
pub use oarlock_macros::test;
pub use oarlock_macros::{FromRow, FromValue, Params, ToValue};
#[cfg(feature = "orm")]
pub use oarlock_macros::{Model, sql};
#[cfg(feature = "migrate")]
pub use oarlock_migrate as migrate;
#[cfg(feature = "orm")]
pub use oarlock_orm::{self as orm, BelongsTo, HasMany, HasOne, ManyToMany, Model, Query};
pub use pool::{Pool, PoolOptions};

#[cfg(feature = "mysql")]
pub use oarlock_mysql as mysql;
#[cfg(feature = "postgres")]
pub use oarlock_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use oarlock_sqlite as sqlite;
#[cfg(feature = "store")]
pub use oarlock_store as store;

/// What the derive macros' code names. Not for users: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use oarlock_core::__private::*;
    #[cfg(feature = "orm")]
    pub use oarlock_orm::__private::*;

    #[cfg(feature = "testing")]
    pub use crate::testing;
}
