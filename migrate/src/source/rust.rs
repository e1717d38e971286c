//! Migrations in Rust, for data that SQL alone cannot change.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use oarlock_core::{Result, Tx};

use super::RustStep;

/// A migration in Rust: an async function over the transaction in which its place in the history is written, too.
///
/// It is for data. On MySQL and MariaDB, statements such as CREATE TABLE commit what went before them: put those into a file of
/// SQL. The engine cannot see whether the code has changed, so its checksum is that of version and name.
///
/// # Examples
///
/// ```
/// use oarlock_core::{DbExt, Result, Tx};
/// use oarlock_migrate::{RustMigration, Source};
///
/// async fn slugs(tx: Tx) -> Result<()> {
///     let titles: Vec<(i64, String)> = tx.fetch_all("SELECT id, title FROM post", ()).await?;
///     for (id, title) in titles {
///         tx.execute("UPDATE post SET slug = ? WHERE id = ?", (title.to_lowercase().replace(' ', "-"), id)).await?;
///     }
///     Ok(())
/// }
///
/// let source = Source::new().rust(RustMigration::new(20261121093000, "slugs", slugs));
/// # assert_eq!(source.resolve(&oarlock_core::Dialect::SQLITE).unwrap().len(), 1);
/// ```
#[derive(Clone)]
pub struct RustMigration {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) up: RustStep,
    pub(super) down: Option<RustStep>,
}

impl RustMigration {
    /// Makes a migration that has no way down.
    #[must_use]
    pub fn new<F, Fut>(version: i64, name: impl Into<String>, up: F) -> Self
    where
        F: Fn(Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self { version, name: name.into(), up: step(up), down: None }
    }

    /// Sets the way down.
    #[must_use]
    pub fn down<F, Fut>(mut self, down: F) -> Self
    where
        F: Fn(Tx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.down = Some(step(down));
        self
    }
}

fn step<F, Fut>(work: F) -> RustStep
where
    F: Fn(Tx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Arc::new(move |tx| Box::pin(work(tx)))
}

impl fmt::Debug for RustMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustMigration")
            .field("version", &self.version)
            .field("name", &self.name)
            .field("down", &self.down.is_some())
            .finish_non_exhaustive()
    }
}
