//! One runner at a time: a lock of the very session that runs the statements, so that it ends with the session.
//!
//! It is asked for again and again and never waited for within a statement of PostgreSQL's: one that waits has a snapshot, for
//! which CREATE INDEX CONCURRENTLY would wait in turn. On SQLite each transaction has the file's own lock, and looks again
//! what is left to do.

use std::time::{Duration, Instant};

use oarlock_core::DbExt;
use oarlock_core::dialect::Flavor;

use super::Session;
use crate::event::{Event, Observer};
use crate::{Error, ErrorKind, Result};

/// How long to wait between two questions, at first and at the most.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(250)];

/// The server's process, the user, the application, the host.
type Who = (i32, Option<String>, Option<String>, Option<String>);

impl Session {
    /// Takes the lock, within a limit of time.
    pub(crate) async fn lock(&mut self, limit: Duration, observer: &Observer) -> Result<()> {
        if self.locks_by_writing() || self.locked {
            return Ok(());
        }
        let since = Instant::now();
        let [mut pause, longest] = PAUSES;
        let mut told: Option<Option<String>> = None;
        // It may be ours before we hear of it.
        self.note_change(true);
        while !self.try_lock(told.is_some()).await? {
            let holder = self.holder().await;
            if since.elapsed() >= limit {
                self.note_change(false);
                return Err(locked(limit, holder));
            }
            if told.as_ref() != Some(&holder) {
                observer.tell(&Event::Waiting { holder: holder.as_deref() });
                told = Some(holder);
            }
            if self.dialect.flavor == Flavor::Postgres {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
        }
        self.locked = true;
        Ok(())
    }

    /// Gives the lock back. A session that is lost has lost it, too.
    pub(crate) async fn unlock(&mut self) {
        if !std::mem::take(&mut self.locked) {
            return;
        }
        let unlocked = match self.dialect.flavor {
            Flavor::MySql => self.conn.execute("DO RELEASE_LOCK(?)", (self.lock_name(),)).await,
            _ => self.conn.execute("SELECT pg_catalog.pg_advisory_unlock(CAST(? AS int8))", (self.key,)).await,
        };
        match unlocked {
            Ok(_) => self.note_change(false),
            Err(error) => {
                tracing::debug!(target: "oarlock::migrate", %error, "the lock could not be given back, and ends with the session");
            }
        }
    }

    /// Asks once. On MySQL, who has asked before waits for up to a second at the server, which wakes it at once.
    async fn try_lock(&self, again: bool) -> Result<bool> {
        let asked = match self.dialect.flavor {
            Flavor::MySql => {
                let sql = "SELECT GET_LOCK(?, ?)";
                let seconds = i64::from(again);
                self.conn.fetch_value(sql, (self.lock_name(), seconds)).await.map(|got: Option<i64>| got == Some(1))
            }
            _ => self.conn.fetch_value("SELECT pg_catalog.pg_try_advisory_lock(CAST(? AS int8))", (self.key,)).await,
        };
        asked.map_err(|error| Error::database("the lock could not be asked for", error))
    }

    /// Tells who has the lock, as far as the server says so.
    async fn holder(&self) -> Option<String> {
        if self.dialect.flavor == Flavor::MySql {
            let id: Option<i64> = self.conn.fetch_value("SELECT IS_USED_LOCK(?)", (self.lock_name(),)).await.ok()?;
            let sql = "SELECT USER, HOST FROM information_schema.PROCESSLIST WHERE ID = ?";
            let who: Option<(String, String)> = self.conn.fetch_one(sql, (id?,)).await.ok().flatten();
            return Some(match who {
                Some((user, host)) => format!("connection {} of {user} at {host}", id?),
                None => format!("connection {}", id?),
            });
        }
        let sql = "SELECT a.pid, CAST(a.usename AS text), a.application_name, host(a.client_addr) \
            FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
            WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted \
            AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
            AND CAST(l.classid AS int8) = ? AND CAST(l.objid AS int8) = ?";
        let halves = ((self.key >> 32) & 0xFFFF_FFFF, self.key & 0xFFFF_FFFF);
        let (pid, user, application, host): Who = self.conn.fetch_one(sql, halves).await.ok().flatten()?;
        let mut told = format!("process {pid} of the server");
        for (lead, part) in [("of user", user), ("from", host), ("application", application)] {
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                told = format!("{told}, {lead} {part}");
            }
        }
        Some(told)
    }

    /// Gives the name of the lock on MySQL, where locks are the server's and not a database's.
    fn lock_name(&self) -> String {
        format!("oarlock_migrations:{:016x}", self.key)
    }
}

pub(super) fn locked(limit: Duration, holder: Option<String>) -> Error {
    let holder = holder.map(|holder| format!(": {holder}")).unwrap_or_default();
    let had = if limit.is_zero() { "has the lock".to_owned() } else { format!("had the lock for {limit:?}") };
    Error::new(ErrorKind::Locked, format!("another runner {had}{holder}"))
        .with_hint("wait until it has ended, give it more time, or end that session if nobody works in it")
}
