//! MySQL and MariaDB: an empty database in which the recipe runs each time; neither can copy a database.
//!
//! Locks are named ones (`GET_LOCK`) of a session that lasts as long as the test.

use std::time::Duration;

use oarlock_core::{Conn, DbExt, Result};

use super::super::recipe::Recipe;
use super::{Name, PREFIX, needs, with_database};
use crate::connect;

/// The table that marks a database as kept.
const MARK: &str = "oarlock_kept";

/// A test's database on a MySQL or MariaDB server.
pub(super) struct Server {
    /// A session of the URL's own database, which holds the lock.
    admin: Conn,
    name: Name,
}

impl Server {
    pub(super) async fn make(url: &str, name: &Name, recipe: &Recipe) -> Result<Self> {
        let server = Self { admin: connect(url).await?, name: *name };
        // A session of a test that left it hanging must not hold up the next.
        server.admin.execute("SET SESSION lock_wait_timeout = 10", ()).await?;
        server.sweep().await?;
        server.admin.execute("SELECT GET_LOCK(?, 10)", (name.to_string(),)).await?;
        let created = server.admin.execute(&format!("CREATE DATABASE {name}"), ()).await;
        created.map_err(|error| needs(error, "all rights on databases named oarlock_test_…"))?;
        match fill(&with_database(url, name), recipe).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.remove().await?;
                Err(error)
            }
        }
    }

    /// Drops the database, after what sessions are left on it.
    pub(super) async fn remove(self) -> Result<()> {
        let left: Vec<(u64,)> = self
            .admin
            .fetch_all("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ?", (self.name.to_string(),))
            .await?;
        for (session,) in left {
            // One that has ended by itself meanwhile is an error.
            let _ = self.admin.execute(&format!("KILL {session}"), ()).await;
        }
        self.admin.execute(&format!("DROP DATABASE IF EXISTS {}", self.name), ()).await?;
        self.admin.close().await
    }

    /// Marks the database as kept.
    pub(super) async fn keep(self) -> Result<()> {
        self.admin.execute(&format!("CREATE TABLE {}.{MARK} (note CHAR(1))", self.name), ()).await?;
        self.admin.close().await
    }

    /// Drops what nobody needs any more: see [`Name::is_stale`].
    async fn sweep(&self) -> Result<()> {
        let left: Vec<(String,)> = self
            .admin
            .fetch_all(
                "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA \
                 WHERE LEFT(SCHEMA_NAME, ?) = ? AND IS_FREE_LOCK(SCHEMA_NAME) = 1",
                (PREFIX.len(), PREFIX),
            )
            .await?;
        for (database,) in left {
            let Some(name) = Name::parse(&database) else { continue };
            let age: Option<(u64,)> = self
                .admin
                .fetch_one(
                    "SELECT CAST(GREATEST(TIMESTAMPDIFF(SECOND, CREATE_TIME, NOW()), 0) AS UNSIGNED) \
                     FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
                    (database.as_str(), MARK),
                )
                .await?;
            if name.is_stale(self.name, age.map(|(seconds,)| Duration::from_secs(seconds))) {
                // Another process may be about it.
                let _ = self.admin.execute(&format!("DROP DATABASE IF EXISTS {database}"), ()).await;
            }
        }
        Ok(())
    }
}

/// Runs the recipe in a database.
async fn fill(url: &str, recipe: &Recipe) -> Result<()> {
    if recipe.is_empty() {
        return Ok(());
    }
    let db = connect(url).await?;
    recipe.apply(&db).await?;
    db.close().await
}
