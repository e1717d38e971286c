//! A test's own database, and what a test can take of it.

use std::fmt;
use std::sync::Arc;

use oarlock_core::factory::{Connector, Purpose};
use oarlock_core::{Conn, Result, Url};

use super::query_log::QueryLog;
use super::target::Engine;
use crate::connect::connector;
use crate::{Pool, PoolOptions};

/// A test's own database. Cloning shares it.
#[derive(Clone)]
pub struct Database {
    engine: Engine,
    url: Arc<str>,
    shown: Arc<str>,
    connector: Arc<dyn Connector>,
    pool: Pool,
    log: QueryLog,
}

impl Database {
    pub(super) fn new(engine: Engine, url: &str) -> Result<Self> {
        let parsed = Url::parse(url)?;
        let log = QueryLog::off();
        let pool = Pool::new(log.connector(connector(&parsed, Purpose::Pool)?), PoolOptions::default());
        let connector = log.connector(connector(&parsed, Purpose::Single)?);
        Ok(Self { engine, url: url.into(), shown: parsed.to_string().into(), connector, pool, log })
    }

    /// Tells what it is on.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Gives the URL that leads to it, for code that connects by itself. It holds the server's password: keep it out of messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives the URL without its password.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Gives the test's pool, the same at every call.
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Opens a connection of its own, beside the pool.
    ///
    /// # Errors
    ///
    /// As [`connect`](crate::connect()).
    pub async fn connect(&self) -> Result<Conn> {
        self.connector.connect().await.map(Conn::new)
    }

    /// Gives the log of the statements that run on the test's pool and on [`connect`](Self::connect)ed connections from now on.
    pub fn query_log(&self) -> QueryLog {
        self.log.on();
        self.log.clone()
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("engine", &self.engine).field("url", &self.shown).finish_non_exhaustive()
    }
}

/// What a test can take as an argument: its [`Pool`], a [`Conn`] of its own, the [`QueryLog`] of both, the [`Database`] itself.
///
/// Implement it for your own: a client of the application under test, say.
#[diagnostic::on_unimplemented(
    message = "a test cannot take a `{Self}`",
    label = "not made from a test's database",
    note = "a test takes `oarlock::Pool`, `oarlock::Conn`, `oarlock::testing::Database`, `oarlock::testing::QueryLog`, or a type \
            for which you implement `oarlock::testing::FromDatabase`"
)]
pub trait FromDatabase: Sized {
    /// Makes it from the test's database.
    ///
    /// # Errors
    ///
    /// Its own; the test fails by it.
    fn from_database(database: &Database) -> impl Future<Output = Result<Self>>;
}

impl FromDatabase for Database {
    async fn from_database(database: &Database) -> Result<Self> {
        Ok(database.clone())
    }
}

impl FromDatabase for Pool {
    async fn from_database(database: &Database) -> Result<Self> {
        Ok(database.pool())
    }
}

impl FromDatabase for Conn {
    async fn from_database(database: &Database) -> Result<Self> {
        database.connect().await
    }
}

impl FromDatabase for QueryLog {
    async fn from_database(database: &Database) -> Result<Self> {
        Ok(database.query_log())
    }
}
