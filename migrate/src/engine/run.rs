//! Runs one step of a plan, action by action.

use std::time::{Duration, Instant};

use oarlock_core::dialect::Flavor;
use oarlock_core::{Conn, Db, DbExt, ErrorKind as Kind, Tx};

use super::Session;
use super::lock::locked;
use super::pooler::shared;
use crate::event::{Event, Observer};
use crate::migration::Work;
use crate::script::Script;
use crate::step::{Action, Step};
use crate::{Error, ErrorKind, Migration, Result};

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The migration is in the history, or out of it.
    Done(Duration),
    /// Another runner was faster: what is left to do has to be looked at anew. Only where the lock is each transaction's own.
    Overtaken,
}

/// A step while it runs.
struct Running<'r> {
    session: &'r Session,
    step: &'r Step,
    observer: &'r Observer,
    since: Instant,
    tx: Option<Tx>,
    /// How many statements the journal says are done, as far as this runner knows; `None` without a row in it.
    journaled: Option<usize>,
    /// The statement of which the journal says that it was begun.
    begun: Option<usize>,
}

impl Session {
    /// Runs a step.
    pub(crate) async fn run(&self, step: &Step, patience: Duration, observer: &Observer) -> Result<Ended> {
        let done = self.settle(step).await.map_err(|error| error.of(step.migration().title()))?;
        let migration = step.migration();
        let statements = step.statements();
        observer.tell(&Event::Started { migration, direction: step.direction(), statements, done });
        let since = Instant::now();
        let journaled = step.under_way.as_ref().map(|under_way| under_way.done);
        let mut running = Running { session: self, step, observer, since, tx: None, journaled, begun: None };
        for action in step.actions(done) {
            let acted = running.act(&action, patience).await;
            match acted.map_err(|error| error.of(migration.title())) {
                Ok(true) => {}
                Ok(false) => {
                    running.undo().await;
                    return Ok(Ended::Overtaken);
                }
                Err(error) => {
                    running.undo().await;
                    return Err(error);
                }
            }
        }
        let duration = since.elapsed();
        observer.tell(&Event::Finished { migration, direction: step.direction(), duration });
        Ok(Ended::Done(duration))
    }

    /// Finds how many statements of an interrupted run are done.
    async fn settle(&self, step: &Step) -> Result<usize> {
        let Some(under_way) = &step.under_way else { return Ok(0) };
        let Some(begun) = &under_way.begun else { return Ok(under_way.done) };
        self.clear(&begun.scope).await?;
        if self.digest(&begun.scope).await? == begun.digest {
            return Ok(under_way.done);
        }
        if step.one(under_way.done) != begun.statement {
            return Err(Error::new(
                ErrorKind::Interrupted,
                format!("statement {} has run, and the file says otherwise now", under_way.done + 1),
            )
            .with_hint("put it back as it was, and write what is to follow after it"));
        }
        Ok(under_way.done + 1)
    }

    /// Begins a transaction that writes. On SQLite another writer may be in the way for a while.
    pub(crate) async fn begin(&self, patience: Duration) -> Result<Tx> {
        let since = Instant::now();
        loop {
            match self.conn.begin().await {
                Ok(tx) => return Ok(tx),
                Err(error) if error.kind() == Kind::LockTimeout && self.locks_by_writing() => {
                    if since.elapsed() >= patience {
                        return Err(locked(patience, None).with_source(error));
                    }
                }
                Err(error) => return Err(Error::database("the transaction could not be begun", error)),
            }
        }
    }

    /// Puts a migration into the history, unless the lock is lost.
    pub(crate) async fn insert(&self, db: &dyn Db, migration: &Migration, state: &str, took: Duration) -> Result<()> {
        let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        let values = (migration.id().number(), migration.name(), migration.kind(), state, migration.checksum(), millis);
        let inserted = db.execute(&self.tables.insert(), values).await;
        let inserted = inserted.map_err(|error| Error::database("the history could not be written", error))?;
        if self.dialect.flavor == Flavor::Postgres && inserted.rows_affected == Some(0) {
            return Err(shared());
        }
        Ok(())
    }

    /// Takes a migration out of the history.
    pub(crate) async fn delete(&self, db: &dyn Db, version: i64, name: &str) -> Result<()> {
        let deleted = db.execute(&self.tables.delete(), (version, name)).await;
        deleted.map(drop).map_err(|error| Error::database("the history could not be written", error))
    }
}

impl Running<'_> {
    /// Where statements run now.
    fn db(&self) -> &dyn Db {
        match &self.tx {
            Some(tx) => tx,
            None => self.conn(),
        }
    }

    fn conn(&self) -> &Conn {
        &self.session.conn
    }

    /// Does one action; `false` where another runner was faster.
    async fn act(&mut self, action: &Action, patience: Duration) -> Result<bool> {
        match action {
            Action::Begin => {
                self.tx = Some(self.session.begin(patience).await?);
                return self.is_still_ours().await;
            }
            Action::Commit => {
                if let Some(tx) = self.tx.take() {
                    let committed = tx.commit().await;
                    committed.map_err(|error| Error::database("the transaction could not be committed", error))?;
                }
            }
            Action::Setting(sql) => {
                let set = self.db().script(sql).await;
                set.map_err(|error| Error::database("the limit of time could not be set", error))?;
            }
            Action::Statement(index) => self.statement(*index).await?,
            Action::Rust => self.rust().await?,
            Action::Applied => {
                self.session.insert(self.db(), self.step.migration(), "applied", self.since.elapsed()).await?;
            }
            Action::Reverted => {
                let migration = self.step.migration();
                self.session.delete(self.db(), migration.id().number(), migration.name()).await?;
            }
            Action::Mark { open, done, begins } => self.mark(*open, *done, *begins).await?,
            Action::Unmark => {
                let migration = self.step.migration();
                let sql = self.session.tables.close();
                self.db().execute(&sql, (migration.id().number(), migration.name())).await.map_err(unwritten)?;
            }
        }
        Ok(true)
    }

    /// Within the transaction that has SQLite's lock: is the migration still where the plan found it?
    async fn is_still_ours(&mut self) -> Result<bool> {
        if !self.session.locks_by_writing() {
            return Ok(true);
        }
        let unreadable = |error| Error::database("the history of migrations cannot be read", error);
        let migration = self.step.migration();
        let key = (migration.id().number(), migration.name(), migration.checksum());
        let applied: i64 = self.db().fetch_value(&self.session.tables.is_applied(), key).await.map_err(unreadable)?;
        let under_way = self.session.tables.under_way(self.db()).await.map_err(unreadable)?;
        let wanted = self.step.direction() == crate::Direction::Down;
        Ok((applied > 0) == wanted && under_way.map(|under_way| under_way.done) == self.journaled)
    }

    async fn statement(&mut self, index: usize) -> Result<()> {
        let Some(script) = self.step.script() else { return Ok(()) };
        let sql = script.statement(index).unwrap_or_default();
        self.observer.tell(&Event::Statement { migration: self.step.migration(), index, sql });
        let Err(error) = self.db().script(sql).await else { return Ok(()) };
        if self.begun == Some(index) && self.session.dialect.flavor == Flavor::MySql && !error.is_connection_lost() {
            // The server says that it did nothing, so nobody need look at the catalog. Where even this cannot be written, it is
            // looked at.
            drop(self.mark(false, index, false).await);
        }
        let hint = match (self.step.is_one_transaction(), index) {
            (true, _) | (_, 0) => "nothing of the migration remains: mend the statement, and run again",
            _ => "what was committed before it stays, and does not run again: mend the statement, and run again",
        };
        Err(refused(script, index, error).with_hint(hint))
    }

    async fn rust(&mut self) -> Result<()> {
        let (Some(Work::Rust(work)), Some(tx)) = (self.step.migration().work(self.step.direction()), &self.tx) else {
            return Ok(());
        };
        let done = work(tx.clone()).await;
        done.map_err(|error| Error::new(ErrorKind::Statement, "the migration in Rust failed").with_source(error))
    }

    async fn mark(&mut self, open: bool, done: usize, begins: bool) -> Result<()> {
        let session = self.session;
        let (statement, scope, digest) = match self.step.script() {
            Some(script) if begins => {
                let scope = session.scope(script, done).await?;
                let digest = session.digest(&scope).await?;
                (Some(self.step.one(done)), Some(scope), Some(digest))
            }
            _ => (None, None, None),
        };
        let sql = if open { session.tables.open() } else { session.tables.mark() };
        let migration = self.step.migration();
        let counted = i64::try_from(done).unwrap_or(i64::MAX);
        let values = (
            counted,
            self.step.prefix(done),
            statement,
            scope,
            digest,
            self.step.direction().as_str(),
            migration.id().number(),
            migration.name(),
        );
        self.db().execute(&sql, values).await.map_err(unwritten)?;
        self.journaled = Some(done);
        self.begun = begins.then_some(done);
        Ok(())
    }

    /// Rolls back what is open; what fails in that, the server rolls back by itself.
    async fn undo(&mut self) {
        if let Some(tx) = self.tx.take() {
            drop(tx.rollback().await);
        }
    }
}

/// Makes the error of a statement that the server refused, with the place that it tells.
pub(crate) fn refused(script: &Script, index: usize, error: oarlock_core::Error) -> Error {
    let length = script.statement(index).map_or(0, str::len);
    let place = script.place_within(index, error.position().unwrap_or(0).min(length));
    Error::new(ErrorKind::Statement, format!("statement {} failed", index + 1)).at(place).with_source(error)
}

fn unwritten(error: oarlock_core::Error) -> Error {
    Error::database("the journal of migrations could not be written", error)
}
