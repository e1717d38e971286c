//! A session: SQLite's connection with all that belongs to it. It is in one place at a time, with whoever runs the
//! statement: the front of the connection or a worker thread.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::cache::StatementCache;
use oarlock_core::{Dialect, Error, ErrorKind, Result, TxState};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, Authorization};
use rusqlite::{Connection, OpenFlags};

use crate::decimal;
use crate::error::{from_rusqlite, is_busy};
use crate::guard::Guard;
use crate::options::{Mode, SqliteOptions, Trust};
use crate::program::Tables;
use crate::statement::Prepared;
use crate::writers::Turn;

/// Where a session's database is.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    File(PathBuf),
    /// In memory, for one connection.
    Private,
    /// In memory, by a name that the connections of a pool share.
    Shared(String),
}

impl Target {
    fn open(&self, mode: Mode) -> rusqlite::Result<Connection> {
        let access = match mode {
            Mode::Immutable | Mode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Mode::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Mode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        match self {
            Self::File(path) if mode == Mode::Immutable => {
                let uri = format!("file:{}?immutable=1", percent_encoded(&path.to_string_lossy()));
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
            }
            Self::File(path) => Connection::open_with_flags(path, flags),
            Self::Private => Connection::open_in_memory_with_flags(flags),
            Self::Shared(name) => Connection::open_with_flags(
                format!("file:/{name}?vfs=memdb"),
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_URI,
            ),
        }
    }

    /// Gives the name by which people know the database.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Private | Self::Shared(_) => ":memory:".to_owned(),
        }
    }

    /// Opens the connection that keeps a shared database in memory alive.
    pub(crate) fn keep(&self) -> Result<Connection> {
        self.open(Mode::Create).map_err(|error| from_rusqlite(error, None))
    }
}

/// Writes a path as SQLite reads it in a URI.
fn percent_encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

/// SQLite's connection with all that belongs to it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Session {
    // Before the turn: closing rolls back, and only then may the next one write.
    pub(crate) db: Connection,
    pub(crate) turn: Option<Turn>,
    pub(crate) statements: StatementCache<Arc<Prepared>>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) options: Arc<SqliteOptions>,
    target: Target,
    /// Counts what may change how statements are routed; what was prepared before is looked at again.
    pub(crate) epoch: u64,
    /// Root pages that matter, as of the epoch.
    pub(crate) tables: Option<Tables>,
    /// How many operations the last statement took.
    pub(crate) operations: u32,
    /// The open transaction was begun by [`begin`](Self::begin), and not by a savepoint.
    pub(crate) begun: bool,
    /// The open transaction has written.
    pub(crate) wrote: bool,
    /// The open transaction has changed the schema.
    altered: bool,
    /// The open transaction must not write.
    pub(crate) read_only: bool,
    /// The session is not as it was opened: settings, temporary tables, attached databases.
    pub(crate) dirty: bool,
    /// Temporary tables may be among what a session has from its beginning.
    pub(crate) keeps_temporary: bool,
    /// SQLite waits for locks by itself.
    pub(crate) lent: bool,
    /// Someone had SQLite's connection in hand since the last statement: the callbacks may be gone.
    pub(crate) touched: bool,
    /// Someone ever had: functions may not be SQLite's own.
    pub(crate) shared: bool,
    /// Checks of foreign keys may be put off until the transaction ends.
    pub(crate) defers: bool,
}

impl Session {
    /// Opens a database. It may read and write the file: not on an async thread.
    pub(crate) fn open(target: &Target, options: &Arc<SqliteOptions>) -> Result<Self> {
        let guard = Arc::new(Guard::new(options.busy_timeout));
        let db = connect(target, options, &guard)?;
        Ok(Self {
            db,
            turn: None,
            statements: StatementCache::new(options.statement_cache),
            guard,
            options: Arc::clone(options),
            target: target.clone(),
            epoch: 0,
            tables: None,
            operations: 0,
            begun: false,
            wrote: false,
            altered: false,
            read_only: false,
            dirty: false,
            keeps_temporary: false,
            lent: false,
            touched: false,
            shared: options.shadows(),
            defers: false,
        })
    }

    /// Has SQLite look at the whole file.
    pub(crate) fn check(&self) -> Result<()> {
        let checked = self.db.query_row("PRAGMA main.quick_check(1)", [], |row| row.get::<_, String>(0));
        match checked.map_err(|error| from_rusqlite(error, None).context("the database file could not be checked"))? {
            word if word == "ok" => Ok(()),
            fault => Err(Error::new(ErrorKind::Io, format!("the database file is damaged: {}", fault.trim()))),
        }
    }

    pub(crate) fn tx_state(&self) -> TxState {
        if self.db.is_autocommit() { TxState::Auto } else { TxState::Open }
    }

    /// Tells whether the database is in memory and nobody else's.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.target, Target::Private)
    }

    /// Tells whether a path leads to the session's own file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        match (&self.target, path.canonicalize()) {
            (Target::File(own), Ok(path)) => own.canonicalize().is_ok_and(|own| own == path),
            _ => false,
        }
    }

    /// Tells whether another session's database is the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.target, &other.target) {
            (_, Target::File(path)) => self.is_file(path),
            (Target::Shared(own), Target::Shared(name)) => own == name,
            _ => false,
        }
    }

    /// Brings the callbacks back after someone had the connection in hand.
    pub(crate) fn rearm(&mut self) -> Result<()> {
        self.restore_waiting().map_err(|error| from_rusqlite(error, None))?;
        if std::mem::take(&mut self.touched) {
            self.guard.install(&mut self.db).map_err(|error| from_rusqlite(error, None))?;
            self.dirty = true;
            self.changed();
        }
        Ok(())
    }

    /// Has all statements looked at again before they run the next time.
    pub(crate) fn changed(&mut self) {
        self.epoch += 1;
        self.tables = None;
        self.altered = !self.db.is_autocommit();
    }

    /// Follows what a statement did to the transaction.
    pub(crate) fn settle(&mut self) {
        if self.db.is_autocommit() {
            self.begun = false;
            self.wrote = false;
            self.read_only = false;
            self.turn = None;
            if self.altered {
                // A schema that comes back by a rollback is as new as one that changes.
                self.changed();
            }
        }
    }

    /// Begins a transaction; one that may write takes the lock for it now, as taking it later may fail.
    pub(crate) fn begin(&mut self, read_only: bool) -> Result<()> {
        self.control(if read_only { "BEGIN DEFERRED" } else { "BEGIN IMMEDIATE" })?;
        self.read_only = read_only;
        self.begun = true;
        Ok(())
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        let result = self.control("COMMIT");
        self.settle();
        result
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.db.is_autocommit() && !self.dirty && !self.touched
    }

    pub(crate) fn close(self) -> Result<()> {
        self.guard.clear();
        // An interrupt holds until the next statement, and would keep the last connection from clearing the log away.
        drop(self.control("SELECT 1"));
        let Self { db, turn, .. } = self;
        let result = db.close().map_err(|(_, error)| from_rusqlite(error, None));
        drop(turn);
        result
    }

    /// Rolls back, if a transaction is open.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        let result = if self.db.is_autocommit() { Ok(()) } else { self.control("ROLLBACK") };
        self.settle();
        result
    }

    /// Runs a statement of the driver's own that gives no rows.
    pub(crate) fn control(&self, sql: &str) -> Result<()> {
        let mut statement = self.db.prepare_cached(sql).map_err(|error| from_rusqlite(error, None))?;
        statement.raw_execute().map(drop).map_err(|error| from_rusqlite(error, None))
    }

    /// Makes the session as good as new.
    ///
    /// One that only ran statements is. Another one is opened anew, which undoes every setting there is; only a private
    /// database in memory would be lost with that, and is cleaned up piece by piece.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.rollback()?;
        self.rearm()?;
        if !self.dirty {
            return Ok(());
        }
        drop(self.statements.drain());
        self.db.flush_prepared_statement_cache();
        self.changed();
        self.guard.set_busy_timeout(self.options.busy_timeout);
        match self.target {
            Target::Private => self.clean().map_err(|error| from_rusqlite(error, None))?,
            Target::File(_) | Target::Shared(_) => {
                self.db = connect(&self.target, &self.options, &self.guard)?;
                self.shared = self.options.shadows();
                self.defers = false;
            }
        }
        self.dirty = false;
        Ok(())
    }

    fn clean(&mut self) -> rusqlite::Result<()> {
        let names = |sql: &str| -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let quote = |name: &str| oarlock_core::Dialect::SQLITE.quote_identifier(name);
        let temporary = names("SELECT type, name FROM sqlite_temp_schema WHERE type IN ('table', 'view')")?;
        let attached = names("SELECT name, name FROM pragma_database_list WHERE name NOT IN ('main', 'temp')")?;
        for (kind, name) in temporary {
            self.db.execute_batch(&format!("DROP {kind} IF EXISTS temp.{}", quote(&name)))?;
        }
        for (name, _) in attached {
            self.db.execute_batch(&format!("DETACH {}", quote(&name)))?;
        }
        self.db.execute_batch(
            "PRAGMA query_only = off; PRAGMA read_uncommitted = off; PRAGMA recursive_triggers = off; \
             PRAGMA ignore_check_constraints = off; PRAGMA case_sensitive_like = off; PRAGMA defer_foreign_keys = off",
        )?;
        configure(&self.db, &self.options)
    }

    /// Lets SQLite wait for locks by itself, for a `PRAGMA busy_timeout`, which would take our callback out and knows
    /// nothing of it.
    pub(crate) fn lend_waiting(&mut self) -> rusqlite::Result<()> {
        self.lent = true;
        self.db.busy_timeout(self.guard.busy_timeout())
    }

    /// Takes the waiting back, for as long as SQLite would now wait.
    pub(crate) fn restore_waiting(&mut self) -> rusqlite::Result<()> {
        if std::mem::take(&mut self.lent) {
            let millis: u32 = self.db.query_row("PRAGMA busy_timeout", [], |row| row.get(0))?;
            self.guard.set_busy_timeout(Duration::from_millis(millis.into()));
            self.guard.install(&mut self.db)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("target", &self.target).finish_non_exhaustive()
    }
}

fn connect(target: &Target, options: &SqliteOptions, guard: &Arc<Guard>) -> Result<Connection> {
    let mut db = target.open(options.mode).map_err(|error| cannot_open(target, options.mode, error))?;
    prepare(&mut db, target, options, guard).map_err(|error| from_rusqlite(error, None))?;
    Ok(db)
}

fn prepare(db: &mut Connection, target: &Target, options: &SqliteOptions, guard: &Arc<Guard>) -> rusqlite::Result<()> {
    // Control statements stand beside the caller's.
    db.set_prepared_statement_cache_capacity(options.statement_cache + 16);
    guard.install(db)?;
    configure(db, options)?;
    if options.trusted == Trust::Nothing {
        // VACUUM attaches a file without a name, which is gone with it.
        db.authorizer(Some(|asked: rusqlite::hooks::AuthContext<'_>| match asked.action {
            AuthAction::Attach { filename } if !filename.is_empty() => Authorization::Deny,
            // A name that is no literal is not told.
            AuthAction::Unknown { code: rusqlite::ffi::SQLITE_ATTACH, .. } => Authorization::Deny,
            _ => Authorization::Allow,
        }))?;
    }
    db.create_collation(Dialect::SQLITE_DECIMALS, decimal::compare)?;
    options.functions.iter().try_for_each(|function| function.install(db))?;
    options.collations.iter().try_for_each(|collation| collation.install(db))?;
    if let (Target::File(_), Some(mode)) = (target, options.journal_mode.as_sql())
        && !matches!(options.mode, Mode::Immutable | Mode::ReadOnly)
    {
        let sql = format!("PRAGMA journal_mode = {mode}");
        let set: String = patiently(options.busy_timeout, || db.query_row(&sql, [], |row| row.get(0)))?;
        tracing::debug!(mode = set, "opened a sqlite file");
    }
    Ok(())
}

/// Tries again what SQLite refuses at once, without asking the busy handler, while another connection is about to change the
/// file's journal mode too.
fn patiently<T>(timeout: Duration, mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let start = Instant::now();
    loop {
        match work() {
            Err(error) if is_busy(&error) && start.elapsed() < timeout => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

fn configure(db: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    // A string in double quotes is a mistyped column.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // A statement keeps its plan: with the statistics of ANALYZE it would be prepared anew for each value that is bound.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, options.trusted == Trust::Schema)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, options.trusted != Trust::Schema)?;
    if options.trusted == Trust::Nothing {
        db.execute_batch("PRAGMA cell_size_check = on; PRAGMA mmap_size = 0")?;
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, options.foreign_keys)?;
    db.execute_batch(&format!("PRAGMA synchronous = {}", options.synchronous.as_sql()))
}

/// SQLite says "unable to open database file" whatever the reason.
fn cannot_open(target: &Target, mode: Mode, error: rusqlite::Error) -> Error {
    let Target::File(path) = target else { return from_rusqlite(error, None) };
    let missing = match mode {
        Mode::Immutable | Mode::ReadOnly | Mode::ReadWrite => !path.exists(),
        Mode::Create => path.parent().is_some_and(|parent| parent != Path::new("") && !parent.exists()),
    };
    let shown = path.display();
    match (missing, mode) {
        (true, Mode::Create) => {
            Error::new(ErrorKind::ObjectNotFound, format!("the directory of the database file {shown} does not exist"))
        }
        (true, _) => Error::new(ErrorKind::ObjectNotFound, format!("the database file {shown} does not exist"))
            .with_hint("open it with mode=rwc to have it made"),
        (false, _) => from_rusqlite(error, None).context(format_args!("the database file {shown} cannot be opened")),
    }
}
