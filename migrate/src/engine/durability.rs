//! Which commits wait for the disk.
//!
//! A run has to be on the disk when it ends. Until then, what a loss of power leaves only has to be a beginning of it, with each
//! migration whole, so that the next run goes on from there: and it is, where a migration and its entry in the history are one
//! transaction, and the log is written in the order of commits, as PostgreSQL's and SQLite's in WAL mode is. So only the last such migration of a
//! run waits for the disk, with all that came before it. One that does not fit into a transaction waits as well: its
//! journal has to be there before what it tells of.

use std::time::{Duration, Instant};

use oarlock_core::dialect::Flavor;
use oarlock_core::{DbExt, ErrorKind as Kind};

use super::Session;
use super::lock::locked;
use crate::step::Step;
use crate::{Error, Result};

/// How a session's commits are set.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// How they were set before the run; `None` as long as nobody has asked.
    found: Option<Found>,
    /// They do not wait now.
    relaxed: bool,
    /// Something was committed that nobody has waited for.
    owed: bool,
}

/// What was found in the session.
#[derive(Debug)]
enum Found {
    /// They did not wait, or not waiting is not safe.
    Keep,
    /// They waited as this setting says.
    Waits(String),
}

impl Waiting {
    pub(super) fn is_relaxed(&self) -> bool {
        self.relaxed
    }

    /// The session is as good as new.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { owed: self.owed || self.relaxed, ..Self::default() };
    }
}

impl Session {
    /// Sets the session for a step: whether its commits wait for the disk, and what is to be undone if it is dropped on its way.
    pub(super) async fn prepare(&mut self, step: &Step, is_last: bool) -> Result<()> {
        if step.soils() {
            self.expect_soil();
        }
        if is_last || step.soils() || !step.is_one_transaction() { self.tighten().await } else { self.relax().await }
    }

    /// Has commits not wait for the disk, where that is safe.
    async fn relax(&mut self) -> Result<()> {
        if self.waiting.relaxed {
            return Ok(());
        }
        if self.waiting.found.is_none() {
            self.waiting.found = Some(self.look().await?);
        }
        let Some(Found::Waits(_)) = self.waiting.found else { return Ok(()) };
        self.waiting.relaxed = true;
        self.note_change(true);
        let lowest = if self.dialect.flavor == Flavor::Postgres { "off" } else { "NORMAL" };
        self.set(lowest).await
    }

    /// Has commits wait for the disk again, as they did.
    async fn tighten(&mut self) -> Result<()> {
        let Some(Found::Waits(before)) = self.waiting.found.as_ref().filter(|_| self.waiting.relaxed) else {
            return Ok(());
        };
        self.set(before).await?;
        (self.waiting.relaxed, self.waiting.owed) = (false, true);
        self.note_change(false);
        Ok(())
    }

    /// Notes that there was a commit: one that waits for the disk does so for all before it.
    pub(super) fn has_waited(&mut self) {
        self.waiting.owed &= self.waiting.relaxed;
    }

    /// Waits for what was committed and not waited for: at the end of a run that did not come to its last migration.
    pub(crate) async fn harden(&mut self, patience: Duration) -> Result<()> {
        self.tighten().await?;
        let since = Instant::now();
        while self.waiting.owed {
            match self.conn.script(&self.tables.touch()).await {
                Ok(()) => self.waiting.owed = false,
                Err(error) => {
                    // What fails in that, the server rolls back by itself.
                    drop(self.conn.rollback().await);
                    let busy = error.kind() == Kind::LockTimeout && self.locks_by_writing();
                    if !busy {
                        return Err(Error::database("what was applied could not be waited for", error));
                    }
                    if since.elapsed() >= patience {
                        return Err(locked(patience, None).with_source(error));
                    }
                }
            }
        }
        Ok(())
    }

    /// Finds out how commits wait.
    async fn look(&self) -> Result<Found> {
        let found = match self.dialect.flavor {
            Flavor::Postgres => {
                let sql = "SELECT pg_catalog.current_setting('synchronous_commit')";
                let before: String = self.conn.fetch_value(sql, ()).await.map_err(unset)?;
                if before == "off" { Found::Keep } else { Found::Waits(before) }
            }
            Flavor::Sqlite => {
                let mode: String = self.conn.fetch_value("PRAGMA main.journal_mode", ()).await.map_err(unset)?;
                let before: i64 = self.conn.fetch_value("PRAGMA main.synchronous", ()).await.map_err(unset)?;
                // 1 is NORMAL.
                if mode == "wal" && before > 1 { Found::Waits(before.to_string()) } else { Found::Keep }
            }
            _ => Found::Keep,
        };
        Ok(found)
    }

    async fn set(&self, waits: &str) -> Result<()> {
        let sql = match self.dialect.flavor {
            Flavor::Postgres => format!("SET synchronous_commit = {waits}"),
            _ => format!("PRAGMA main.synchronous = {waits}"),
        };
        self.conn.script(&sql).await.map_err(unset)
    }
}

fn unset(error: oarlock_core::Error) -> Error {
    Error::database("whether commits wait for the disk could not be set", error)
}
