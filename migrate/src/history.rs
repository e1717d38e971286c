//! What a database knows of its migrations: the history of those that were applied, and the journal of one that is under way.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oarlock_core::dialect::Flavor;
use oarlock_core::{Db, DbExt, Dialect, ErrorKind as Kind};

use crate::migration::{Direction, Id};
use crate::series::{self, SERIES};
use crate::{Error, Migration, Result};

/// A migration in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The version; 0 for a repeatable migration.
    pub version: i64,
    /// The name.
    pub name: String,
    /// What it was called when it was applied: `0007_users`, `R__views`.
    pub title: String,
    /// `sql`, `rust` or `repeatable`.
    pub kind: String,
    /// How it came to be there: `applied`, or `baseline` and `marked` for one that has not been run.
    pub state: String,
    /// The checksum of what was applied.
    pub checksum: String,
    /// When.
    pub applied_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
}

impl Applied {
    /// Tells whether it is this migration.
    pub(crate) fn is(&self, migration: &Migration) -> bool {
        is(self.version, &self.name, migration)
    }

    /// Tells whether its file has another name now.
    pub(crate) fn is_renamed(&self, migration: &Migration) -> bool {
        *self.title != *migration.title()
    }
}

/// A migration that is under way, or was when its runner was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnderWay {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) direction: Direction,
    /// How many statements are done.
    pub(crate) done: usize,
    /// The checksum of those.
    pub(crate) prefix: String,
    /// The statement after those, where it was begun.
    pub(crate) begun: Option<Begun>,
}

/// A statement that was begun outside of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    /// Its checksum.
    pub(crate) statement: String,
    /// What the digest is over: the names in the statement, each on a line.
    pub(crate) scope: String,
    /// The digest of what the catalog said of that before.
    pub(crate) digest: String,
}

impl UnderWay {
    pub(crate) fn is(&self, migration: &Migration) -> bool {
        is(self.version, &self.name, migration)
    }

    /// Tells whether it is the line of a series.
    fn is_series(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| begun.statement == SERIES)
    }

    pub(crate) fn title(&self) -> String {
        if self.version == 0 { format!("R__{}", self.name) } else { format!("{}_{}", self.version, self.name) }
    }
}

fn is(version: i64, name: &str, migration: &Migration) -> bool {
    match migration.id() {
        Id::Version(known) => version == known.number(),
        Id::Repeatable(known) => version == 0 && *name == **known,
    }
}

/// What a database knows of its migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) applied: Vec<Applied>,
    pub(crate) under_way: Option<UnderWay>,
    /// The version by which the journal has the series that is under way: its line is not that of the one migration.
    pub(crate) series: Option<i64>,
    /// Whether there are tables for it.
    pub(crate) exists: bool,
}

impl History {
    pub(crate) fn find(&self, migration: &Migration) -> Option<&Applied> {
        self.applied.iter().find(|applied| applied.is(migration))
    }

    /// Gives the latest version that was applied; 0 where none was.
    pub(crate) fn latest(&self) -> i64 {
        self.applied.iter().map(|applied| applied.version).max().unwrap_or(0)
    }
}

/// The two tables, and the statements that write and read them.
///
/// All name the schema, so that no `USE` and no `search_path` of a migration leads elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub(crate) dialect: Dialect,
    pub(crate) history: String,
    pub(crate) journal: String,
    /// What the runner's lock is known by on PostgreSQL.
    lock: i64,
}

/// The name of the history's table.
pub(crate) const TABLE: &str = "oarlock_migrations";

/// The name of the journal's table.
pub(crate) const JOURNAL: &str = "oarlock_migrations_journal";

/// Version, name, title, kind, state, checksum, when in milliseconds, how long in milliseconds.
type Row = (i64, String, String, String, String, String, i64, i64);

/// Version, name, direction, done, prefix, statement, scope, digest.
type JournalRow = (i64, String, String, i64, String, Option<String>, Option<String>, Option<String>);

impl Tables {
    /// Names the tables in a schema.
    pub(crate) fn new(dialect: &Dialect, schema: &str, lock: i64) -> Self {
        let name = |table: &str| format!("{}.{}", dialect.quote_identifier(schema), dialect.quote_identifier(table));
        Self { dialect: *dialect, history: name(TABLE), journal: name(JOURNAL), lock }
    }

    /// Gives the condition on PostgreSQL under which the session has the lock.
    pub(crate) fn locked(&self) -> String {
        let [high, low] = [self.lock >> 32, self.lock].map(|half| half & 0xFFFF_FFFF);
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() \
             AND classid = {high} AND objid = {low} AND objsubid = 1 AND granted)"
        )
    }

    /// Gives the condition on PostgreSQL under which nobody but the session has the lock until its transaction ends, whatever has
    /// become of the lock that it took: the transaction takes it as well. To ask `pg_locks` instead takes as long as a small
    /// migration.
    pub(crate) fn lock_is_ours(&self) -> String {
        format!("pg_catalog.pg_try_advisory_xact_lock({})", self.lock)
    }

    pub(crate) fn create(&self) -> [String; 2] {
        let (text, title, long, stamp, end) = match self.dialect.flavor {
            Flavor::MySql => (
                "varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)",
                " ENGINE = InnoDB",
            ),
            Flavor::Postgres => {
                ("varchar(200)", "varchar(255)", "text", "timestamptz NOT NULL DEFAULT clock_timestamp()", "")
            }
            _ => (
                "text",
                "text",
                "text",
                "text NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))",
                // One tree to write to, and not another one for the key.
                " WITHOUT ROWID",
            ),
        };
        let took = self.since_begin().map(|took| format!(" DEFAULT {took}")).unwrap_or_default();
        [
            format!(
                "CREATE TABLE IF NOT EXISTS {} (version bigint NOT NULL, name {text} NOT NULL, title {title} NOT NULL, \
                 kind varchar(20) NOT NULL, state varchar(20) NOT NULL, checksum varchar(64) NOT NULL, applied_at {stamp}, duration_ms bigint NOT NULL{took}, \
                 PRIMARY KEY (version, name)){end}",
                self.history
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (version bigint NOT NULL, name {text} NOT NULL, direction varchar(4) NOT NULL, \
                 done bigint NOT NULL, prefix varchar(64) NOT NULL, statement varchar(64), scope {long}, digest varchar(64), \
                 begun_at {stamp}, PRIMARY KEY (version, name)){end}",
                self.journal
            ),
        ]
    }

    /// Reads what there is. It writes nothing, and tables that are missing are empty.
    pub(crate) async fn read(&self, db: &dyn Db) -> Result<History> {
        let at = match self.dialect.flavor {
            Flavor::MySql => "CAST(UNIX_TIMESTAMP(applied_at) * 1000 AS SIGNED)",
            Flavor::Postgres => "CAST(extract(epoch FROM applied_at) * 1000 AS int8)",
            _ => "CAST(round((julianday(applied_at) - 2440587.5) * 86400000) AS integer)",
        };
        let sql = format!(
            "SELECT version, name, title, kind, state, checksum, {at}, duration_ms FROM {} ORDER BY version, name",
            self.history
        );
        let rows: Vec<Row> = match db.fetch_all(&sql, ()).await {
            Ok(rows) => rows,
            Err(error) if error.kind() == Kind::TableNotFound => return Ok(History::default()),
            Err(error) => return Err(Error::database("the history of migrations cannot be read", error)),
        };
        let applied: Vec<Applied> = rows.into_iter().map(Applied::read).collect();
        match self.under_way(db).await {
            Ok(Some(line)) if line.is_series() => {
                let under_way = series::interrupted(&line, &applied);
                Ok(History { applied, under_way, series: Some(line.version), exists: true })
            }
            Ok(under_way) => Ok(History { applied, under_way, series: None, exists: true }),
            // A runner was interrupted between the two tables.
            Err(error) if error.kind() == Kind::TableNotFound => Ok(History { applied, ..History::default() }),
            Err(error) => Err(Error::database("the journal of migrations cannot be read", error)),
        }
    }

    /// Reads the line of the journal: that of a series as it stands.
    pub(crate) async fn under_way(&self, db: &dyn Db) -> oarlock_core::Result<Option<UnderWay>> {
        let sql = format!(
            "SELECT version, name, direction, done, prefix, statement, scope, digest FROM {} ORDER BY begun_at",
            self.journal
        );
        let row: Option<JournalRow> = db.fetch_one(&sql, ()).await?;
        Ok(row.map(|(version, name, direction, done, prefix, statement, scope, digest)| UnderWay {
            version,
            name,
            direction: if direction == "down" { Direction::Down } else { Direction::Up },
            done: usize::try_from(done).unwrap_or(0),
            prefix,
            begun: statement.zip(digest).map(|(statement, digest)| Begun {
                statement,
                scope: scope.unwrap_or_default(),
                digest,
            }),
        }))
    }
}

impl Applied {
    fn read((version, name, title, kind, state, checksum, at, took): Row) -> Self {
        let millis = |number: i64| Duration::from_millis(u64::try_from(number).unwrap_or(0));
        Self {
            version,
            name,
            title,
            kind,
            state,
            checksum,
            applied_at: UNIX_EPOCH + millis(at),
            duration: millis(took),
        }
    }
}
