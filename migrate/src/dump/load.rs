//! Makes a database anew from a dump, or from another file of plain SQL.

use std::sync::Arc;
use std::time::Duration;

use oarlock_core::dialect::Flavor;
use oarlock_core::{Db, DbExt, Tx};

use crate::catalog::{Catalog, Object, listed};
use crate::engine::{Session, refused};
use crate::event::{Event, Observer};
use crate::migrator::LOCK_TIMEOUT;
use crate::script::{Script, Sections, Text};
use crate::shape::require_whole;
use crate::{Error, ErrorKind, Result};

/// Loads a file of SQL into an empty database: what [`Dump`](crate::Dump) has written, or what another tool has, as long as it is SQL alone.
///
/// On PostgreSQL and SQLite it is one transaction. On MySQL and MariaDB each definition commits by itself, so what ran before a failure stays.
///
/// # Examples
///
/// ```no_run
/// # async fn f(db: &dyn oarlock_core::Db) -> Result<(), Box<dyn std::error::Error>> {
/// use oarlock_migrate::Load;
///
/// let text = std::fs::read_to_string("schema.sql")?;
/// let loaded = Load::new().run(db, "schema.sql", &text).await?;
/// println!("{} statements", loaded.statements);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Load {
    force: bool,
    lock_timeout: Duration,
    observer: Observer,
    second: Option<Arc<dyn Db>>,
}

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// How many statements ran.
    pub statements: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}

impl Load {
    /// Makes a load into an empty database.
    #[must_use]
    pub fn new() -> Self {
        Self { force: false, lock_timeout: LOCK_TIMEOUT, observer: Observer::NOBODY, second: None }
    }

    /// Loads into a database that has something in it, too. Nothing of that is removed: what is there twice is the server's to refuse.
    #[must_use]
    pub fn into_any(mut self) -> Self {
        self.force = true;
        self
    }

    /// Sets how long a runner of migrations may have the lock; a minute by default.
    #[must_use]
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit;
        self
    }

    /// Tells what happens: [`Event::Loading`] before each statement, [`Event::Waiting`].
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observer);
        self
    }

    /// Gives another way to the same database, as for [`Migrator::second`](crate::Migrator::second).
    #[must_use]
    pub fn second(mut self, db: impl Db + 'static) -> Self {
        self.second = Some(Arc::new(db));
        self
    }

    /// Runs the statements of a text, which is called `file` in errors. The text is in memory as a whole.
    ///
    /// # Errors
    ///
    /// `NotEmpty` where the database has something in it, with its names; `Source` for a text that is not understood, `Unsafe` for a statement
    /// that does not fit into the transaction, `Statement` with its place where the server refuses one; `Locked`, `Pooler`, `Database`.
    pub async fn run(&self, db: &dyn Db, file: &str, text: &str) -> Result<Loaded> {
        let mut session = Session::open(db).await?;
        let text = Text::new(file, text);
        let Sections { up: (range, directives), marker, .. } = Sections::read(&text, session.dialect())?;
        if let Some(marker) = marker {
            return Err(Error::new(ErrorKind::Source, "a dump has no directions").at(text.place(marker)));
        }
        let script = Script::read(&text, range, directives, session.dialect())?;
        let commits = session.dialect().flavor == Flavor::MySql;
        if !commits {
            require_whole(&script, session.dialect(), "a dump", "leave it out: the whole file is one transaction")?;
        }
        session.refuse_pooler(Some(self.second.as_deref().unwrap_or(db))).await?;
        session.lock(self.lock_timeout, &self.observer).await?;
        let ran = if commits { self.one_by_one(&session, &script).await } else { self.whole(&session, &script).await };
        session.unlock().await;
        // It may have set anything, and foreign keys are off on SQLite.
        let renewed = session.renew().await;
        ran?;
        renewed?;
        Ok(Loaded { statements: script.len() })
    }

    /// Runs all in one transaction.
    async fn whole(&self, session: &Session, script: &Script) -> Result<()> {
        let sqlite = session.locks_by_writing();
        if sqlite {
            // Rows may come before those that they refer to. Within a transaction this cannot be set.
            let set = session.conn.script("PRAGMA foreign_keys = OFF").await;
            set.map_err(|error| Error::database("foreign keys could not be put off", error))?;
        } else if !self.force {
            require_empty_now(session).await?;
        }
        let tx = session.begin(self.lock_timeout).await?;
        let ran = async {
            if sqlite && !self.force {
                require_empty(&tx, session).await?;
            }
            for index in 0..script.len() {
                let hint = "nothing of the file has been loaded";
                self.statement(&tx, script, index).await.map_err(|error| error.with_hint(hint))?;
            }
            Ok(())
        };
        match ran.await {
            Ok(()) => {
                tx.commit().await.map_err(|error| Error::database("what was loaded could not be committed", error))
            }
            Err(error) => {
                drop(tx.rollback().await);
                Err(error)
            }
        }
    }

    /// Runs statement by statement, rows that follow each other in one transaction.
    async fn one_by_one(&self, session: &Session, script: &Script) -> Result<()> {
        if !self.force {
            require_empty_now(session).await?;
        }
        let mut rows: Option<Tx> = None;
        for index in 0..script.len() {
            if script.verb(index).changes_rows() {
                if rows.is_none() {
                    rows = Some(session.begin(self.lock_timeout).await?);
                }
            } else {
                commit(rows.take()).await?;
            }
            let ran = match &rows {
                Some(tx) => self.statement(tx, script, index).await,
                None => self.statement(&session.conn, script, index).await,
            };
            let hint = if index == 0 {
                "nothing of the file has been loaded"
            } else {
                "what ran before it stays: `drop` and `create` the database before you load again"
            };
            ran.map_err(|error| error.with_hint(hint))?;
        }
        commit(rows).await
    }

    async fn statement(&self, db: &dyn Db, script: &Script, index: usize) -> Result<()> {
        let sql = script.statement(index).unwrap_or_default();
        self.observer.tell(&Event::Loading { file: script.file(), index, statements: script.len(), sql });
        db.script(sql).await.map_err(|error| refused(script, index, error))
    }
}

async fn commit(rows: Option<Tx>) -> Result<()> {
    let Some(tx) = rows else { return Ok(()) };
    tx.commit().await.map_err(|error| Error::database("rows could not be committed", error))
}

/// Refuses a database with something in it, in a transaction that is for this alone.
async fn require_empty_now(session: &Session) -> Result<()> {
    let snapshot = session.snapshot().await?;
    let empty = require_empty(&snapshot.tx, session).await;
    session.leave(snapshot).await?;
    empty
}

/// Refuses a database with something in it.
async fn require_empty(tx: &Tx, session: &Session) -> Result<()> {
    let catalog = Catalog::within(tx, session).await?;
    let mut found: Vec<&Object> = catalog.objects().iter().filter(|object| object.is_content()).collect();
    found.sort_by_key(|object| object.is_history());
    let mut named: Vec<String> = found.into_iter().map(Object::title).collect();
    named.extend_from_slice(catalog.unknown());
    if named.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotEmpty, format!("the database is not empty: it has {}", listed(&named))))
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { force, lock_timeout, .. } = self;
        f.debug_struct("Load").field("force", force).field("lock_timeout", lock_timeout).finish_non_exhaustive()
    }
}
