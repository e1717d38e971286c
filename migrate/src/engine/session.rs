//! The one connection on which all of a run happens: its lock, the history, the migrations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use oarlock_core::dialect::Flavor;
use oarlock_core::lease::Hold;
use oarlock_core::{Conn, Connection, Db, DbExt, Dialect, Lease, TxState};
use sha2::{Digest, Sha256};

use super::durability::Waiting;
use crate::history::{History, TABLE, Tables};
use crate::{Error, ErrorKind, Result};

/// A connection that is kept for a run.
pub(crate) struct Session {
    pub(crate) conn: Conn,
    pub(crate) dialect: Dialect,
    /// The schema of the history: PostgreSQL's, or MySQL's database.
    pub(crate) schema: String,
    pub(crate) tables: Tables,
    /// What the lock is known by on this server.
    pub(super) key: i64,
    pub(super) locked: bool,
    /// A migration has set something.
    soiled: bool,
    /// Which commits wait for the disk.
    pub(super) waiting: Waiting,
    /// Any of this is so, or may be by now: whoever uses the connection next must not find it.
    changed: Arc<AtomicBool>,
}

/// A lease as the owner of its connection. A run may be dropped on its way.
struct Leased {
    lease: Lease,
    changed: Arc<AtomicBool>,
}

impl Hold for Leased {
    fn connection(&mut self) -> &mut dyn Connection {
        self.lease.connection()
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if self.changed.load(Ordering::Relaxed) {
            self.lease.reset_later();
        }
    }
}

impl Session {
    /// Takes a connection of a database for itself.
    pub(crate) async fn open(db: &dyn Db) -> Result<Self> {
        let within = || {
            Error::new(ErrorKind::NotSupported, "migrations cannot run within a transaction")
                .with_hint("give the pool or the connection, and begin nothing on it")
        };
        if db.is_transaction() {
            return Err(within());
        }
        let mut lease = db.lease().await.map_err(|error| Error::database("there is no connection", error))?;
        if lease.is_guarded() || lease.connection().tx_state() != TxState::Auto {
            return Err(within());
        }
        let changed = Arc::new(AtomicBool::new(false));
        let conn = Conn::on(Box::new(Leased { lease, changed: Arc::clone(&changed) }));
        // What is slow here is so by nature.
        conn.set_slow_statement(None);
        let dialect = conn.info().dialect;
        let schema = schema(&conn, &dialect).await?;
        let digest = Sha256::digest(format!("{TABLE}:{schema}"));
        let key = digest.iter().take(8).fold(0_u64, |key, byte| key << 8 | u64::from(*byte)).cast_signed();
        let tables = Tables::new(&dialect, &schema, key);
        Ok(Self {
            conn,
            dialect,
            schema,
            tables,
            key,
            locked: false,
            soiled: false,
            waiting: Waiting::default(),
            changed,
        })
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    pub(crate) async fn history(&self) -> Result<History> {
        self.tables.read(&self.conn).await
    }

    /// Reads the history for one who has the lock. Where a series was interrupted, the journal tells of the one migration then that may
    /// have run.
    pub(crate) async fn locked_history(&self) -> Result<History> {
        let mut history = self.history().await?;
        if let Some(series) = history.series.take() {
            let parted = self.conn.script(&self.tables.part(series, history.under_way.as_ref())).await;
            if let Err(error) = parted {
                drop(self.conn.rollback().await);
                return Err(Error::database("the journal of migrations could not be written", error));
            }
        }
        Ok(history)
    }

    /// Writes how long migrations took, all that took a millisecond or more.
    pub(crate) async fn time(&self, took: &mut Vec<(i64, Duration)>) -> Result<()> {
        took.retain(|(_, took)| took.as_millis() > 0);
        if took.is_empty() {
            return Ok(());
        }
        for some in std::mem::take(took).chunks(500) {
            let timed = self.conn.script(&self.tables.times(some)).await;
            timed.map_err(|error| Error::database("the history could not be written", error))?;
        }
        Ok(())
    }

    /// Tells whether the lock of the runner is that of each write transaction.
    pub(crate) fn locks_by_writing(&self) -> bool {
        !matches!(self.dialect.flavor, Flavor::Postgres | Flavor::MySql)
    }

    /// Expects that a migration leaves the session otherwise than it was, until it is made anew.
    pub(crate) fn expect_soil(&mut self) {
        self.soiled = true;
        self.note_change(true);
    }

    /// Notes whether the session is otherwise than it was, or may soon be.
    pub(super) fn note_change(&self, soon: bool) {
        self.changed.store(soon || self.locked || self.soiled || self.waiting.is_relaxed(), Ordering::Relaxed);
    }

    /// Makes the session as good as new, so that no migration sees what another one has set. The lock is gone then.
    pub(crate) async fn renew(&mut self) -> Result<()> {
        self.locked = false;
        let reset = async {
            let mut lease = self.conn.lease().await?;
            lease.connection().reset().await
        };
        reset.await.map_err(|error| Error::database("the session could not be reset after a migration", error))?;
        self.soiled = false;
        self.waiting.begin_anew();
        self.note_change(false);
        Ok(())
    }
}

/// Finds the schema in which the history is.
async fn schema(conn: &Conn, dialect: &Dialect) -> Result<String> {
    let (sql, missing, hint) = match dialect.flavor {
        Flavor::Postgres => (
            "SELECT CAST(current_schema() AS text)",
            "no schema of the search_path exists",
            "create it, or set the search_path",
        ),
        Flavor::MySql => ("SELECT DATABASE()", "no database is selected", "name one in the URL"),
        Flavor::Sqlite => return Ok("main".to_owned()),
        _ => {
            return Err(Error::new(ErrorKind::NotSupported, format!("there are no migrations on {}", dialect.name)));
        }
    };
    let schema: Option<String> = conn
        .fetch_value(sql, ())
        .await
        .map_err(|error| Error::database("the schema of the history could not be found", error))?;
    schema.ok_or_else(|| Error::new(ErrorKind::NotSupported, missing).with_hint(hint))
}
