//! PostgreSQL: a database copied from a template, in which the recipe ran once.
//!
//! Locks are advisory ones of a session that lasts as long as the test. They are kept by database, and seen by all in `pg_locks`.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oarlock_core::{Conn, DbExt, Error, ErrorKind, Result, Url};

use super::super::recipe::{Key, Recipe};
use super::{Name, PREFIX, TEMPLATE, TEMPLATE_LIFE, needs, with_database};
use crate::connect;

/// A test's database on a PostgreSQL server.
pub(super) struct Server {
    /// A session of the URL's own database, which holds the lock.
    admin: Conn,
    name: Name,
}

impl Server {
    pub(super) async fn make(url: &str, name: &Name, recipe: &Recipe) -> Result<Self> {
        let server = Self { admin: connect(url).await?, name: *name };
        sweep(&server.admin, *name).await?;
        lock(&server.admin, name.id).await?;
        match recipe.key(Url::parse(url)?.user())? {
            None => create(&server.admin, name, None).await?,
            Some(key) => server.copy(url, key, recipe).await?,
        }
        Ok(server)
    }

    /// Makes the database of the recipe's template, and the template where there is none.
    async fn copy(&self, url: &str, key: Key, recipe: &Recipe) -> Result<()> {
        let template = Template { name: template(key), key };
        // A process with another build of the test may drop the template before it is copied.
        for _ in 0..5 {
            match create(&self.admin, &self.name, Some(&template.name)).await {
                Err(error) if error.kind() == ErrorKind::ObjectNotFound => template.build(url, recipe).await?,
                created => return created,
            }
        }
        Err(Error::new(ErrorKind::ObjectNotFound, format!("others drop the template {} all the time", template.name))
            .with_hint("two builds of the same tests are running: let them run one after the other"))
    }

    /// Drops the database, with what sessions are left on it.
    pub(super) async fn remove(self) -> Result<()> {
        self.admin.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name), ()).await?;
        self.admin.close().await
    }

    /// Marks the database as kept.
    pub(super) async fn keep(self) -> Result<()> {
        remark(&self.admin, &self.name).await?;
        self.admin.close().await
    }
}

/// A database that others are copied from.
struct Template {
    name: String,
    key: Key,
}

impl Template {
    /// Makes the template under another name and then renames it: one that can be seen is complete.
    async fn build(&self, url: &str, recipe: &Recipe) -> Result<()> {
        let admin = connect(url).await?;
        lock(&admin, self.key.version).await?;
        let names: Vec<(String,)> = admin
            .fetch_all("SELECT CAST(datname AS text) FROM pg_database WHERE starts_with(datname, ?)", (TEMPLATE,))
            .await?;
        if names.iter().any(|(known,)| *known == self.name) {
            return admin.close().await;
        }
        let versions = format!("{TEMPLATE}{:08x}_", self.key.origin);
        for (old,) in names.iter().filter(|(known,)| known.starts_with(&versions)) {
            drop_unused(&admin, old).await;
        }
        let draft = Name::new(&self.name);
        lock(&admin, draft.id).await?;
        create(&admin, &draft, None).await?;
        let made = match fill(&with_database(url, &draft), recipe).await {
            Ok(()) => self.publish(&admin, &draft).await,
            Err(error) => Err(error),
        };
        if made.is_err() {
            admin.execute(&format!("DROP DATABASE {draft} WITH (FORCE)"), ()).await?;
        }
        admin.close().await?;
        match made {
            // Locks do not reach into the maintenance database of another user of the server.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    async fn publish(&self, admin: &Conn, draft: &Name) -> Result<()> {
        remark(admin, draft).await?;
        // Nobody connects to it any more, so that it can be copied at any time.
        admin.execute(&format!("ALTER DATABASE {draft} WITH ALLOW_CONNECTIONS false"), ()).await?;
        admin.execute(&format!("ALTER DATABASE {draft} RENAME TO {}", self.name), ()).await.map(drop)
    }
}

fn template(key: Key) -> String {
    format!("{TEMPLATE}{:08x}_{:016x}", key.origin, key.version)
}

async fn create(admin: &Conn, name: &Name, template: Option<&str>) -> Result<()> {
    let template = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
    let created = admin.execute(&format!("CREATE DATABASE {name}{template}"), ()).await;
    created.map(drop).map_err(|error| needs(error, "CREATEDB"))
}

/// Waits for a lock of the session. It ends with the session.
async fn lock(admin: &Conn, id: u64) -> Result<()> {
    admin.execute("SELECT pg_advisory_lock(?)", (id.cast_signed(),)).await.map(drop)
}

/// Runs the recipe in a database.
async fn fill(url: &str, recipe: &Recipe) -> Result<()> {
    let db = connect(url).await?;
    recipe.apply(&db).await?;
    db.close().await
}

/// Writes the time into a database's comment: since when it is kept.
async fn remark(admin: &Conn, name: &Name) -> Result<()> {
    admin.execute(&format!("COMMENT ON DATABASE {name} IS 'kept since {}'", now()), ()).await.map(drop)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads for how long a database has been kept from its comment.
fn age(comment: Option<&str>) -> Option<Duration> {
    let since: u64 = comment?.strip_prefix("kept since ")?.parse().ok()?;
    Some(Duration::from_secs(now().saturating_sub(since)))
}

/// Drops what nobody needs any more: see [`Name::is_stale`].
///
/// Who makes a database has its lock first, and marks it before the lock is free: so databases are looked at first, then locks,
/// then marks.
async fn sweep(admin: &Conn, me: Name) -> Result<()> {
    let found: Vec<(i64, String)> = admin
        .fetch_all(
            "SELECT CAST(oid AS int8), CAST(datname AS text) FROM pg_database \
             WHERE starts_with(datname, ?) OR starts_with(datname, ?)",
            (PREFIX, TEMPLATE),
        )
        .await?;
    if found.is_empty() {
        return Ok(());
    }
    let locks: Vec<(i64, i64)> = admin
        .fetch_all(
            "SELECT CAST(classid AS int8), CAST(objid AS int8) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1",
            (),
        )
        .await?;
    let locked: HashSet<u64> = locks.into_iter().map(|(high, low)| (high << 32 | low).cast_unsigned()).collect();
    for (oid, database) in found {
        let name = Name::parse(&database);
        if name.is_some_and(|name| locked.contains(&name.id)) {
            continue;
        }
        let comment: Option<String> =
            admin.fetch_value("SELECT shobj_description(CAST(? AS oid), 'pg_database')", (oid,)).await?;
        let age = age(comment.as_deref());
        let stale = match name {
            Some(name) => name.is_stale(me, age),
            None => age.is_some_and(|age| age > TEMPLATE_LIFE),
        };
        if stale {
            drop_unused(admin, &database).await;
        }
    }
    Ok(())
}

/// Drops a database that nobody is connected to. Where another process is about it, or somebody looks into it, it is left.
async fn drop_unused(admin: &Conn, database: &str) {
    let _ = admin.execute(&format!("DROP DATABASE IF EXISTS {database}"), ()).await;
}
