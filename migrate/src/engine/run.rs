//! Runs one step of a plan, message by message.

use std::time::{Duration, Instant};

use oarlock_core::dialect::Flavor;
use oarlock_core::{Conn, Db, DbExt, ErrorKind as Kind, Tx};

use super::Session;
use super::lock::locked;
use super::pooler::shared;
use crate::event::{Event, Observer};
use crate::history::Begun;
use crate::migration::Work;
use crate::records::Took;
use crate::script::Script;
use crate::series::SERIES;
use crate::step::{Action, Message, Step};
use crate::{Applied, Error, ErrorKind, Migration, Result};

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
    tx: Option<Tx>,
    /// How many statements the journal says are done, as far as this runner knows; `None` without a row in it.
    journaled: Option<usize>,
    /// The statement of which the journal says that it was begun.
    begun: Option<usize>,
}

impl Session {
    /// Runs a step; the last of a run has to be on the disk when this returns, and with it all before.
    pub(crate) async fn run(
        &mut self,
        step: &Step,
        is_last: bool,
        patience: Duration,
        observer: &Observer,
    ) -> Result<Ended> {
        self.prepare(step, is_last).await?;
        let ended = self.run_prepared(step, patience, observer).await?;
        if ended != Ended::Overtaken {
            self.has_waited();
        }
        Ok(ended)
    }

    async fn run_prepared(&self, step: &Step, patience: Duration, observer: &Observer) -> Result<Ended> {
        let done = self.settle(step).await.map_err(|error| error.of(step.migration().title()))?;
        let migration = step.migration();
        let statements = step.statements();
        observer.tell(&Event::Started { migration, direction: step.direction(), statements, done });
        let since = Instant::now();
        let journaled = step.under_way.as_ref().map(|under_way| under_way.done);
        let mut running = Running { session: self, step, observer, tx: None, journaled, begun: None };
        for message in step.messages(step.actions(done)) {
            let sent = match &message {
                Message::Alone(action) => running.act(action, patience).await,
                Message::Text(actions) => running.send(actions, patience).await,
            };
            match sent.map_err(|error| error.of(migration.title())) {
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
        if !step.tells_duration() && !step.is_timed_later(duration) && duration.as_millis() > 0 {
            let timed = self.conn.script(&self.tables.time(migration, duration)).await;
            timed.map_err(|error| self.unentered(error).of(migration.title()))?;
        }
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

    /// Puts a migration into the history that has not been run, unless another has the lock.
    pub(crate) async fn insert(&self, db: &dyn Db, migration: &Migration, state: &str) -> Result<()> {
        let sql = self.tables.insert(migration, state, Took::Nothing);
        db.script(&sql).await.map_err(|error| self.unentered(error))
    }

    /// Takes what the history has out of it.
    pub(crate) async fn delete(&self, db: &dyn Db, applied: &Applied) -> Result<()> {
        db.script(&self.tables.delete_entry(applied)).await.map_err(|error| self.unentered(error))
    }

    /// Makes the error of the history's insert: it has no version where another has the lock.
    fn unentered(&self, error: oarlock_core::Error) -> Error {
        if self.dialect.flavor == Flavor::Postgres && error.kind() == Kind::NotNullViolation {
            return shared();
        }
        Error::database("the history could not be written", error)
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

    /// Does what takes more than a text; `false` where another runner was faster.
    async fn act(&mut self, action: &Action, patience: Duration) -> Result<bool> {
        match action {
            Action::Begin => {
                self.tx = Some(self.session.begin(patience).await?);
                // Else the first thing in the transaction is the history's entry, of which there can be one.
                return if self.step.enters_first() { Ok(true) } else { self.is_still_ours().await };
            }
            Action::Commit => {
                if let Some(tx) = self.tx.take() {
                    tx.commit().await.map_err(uncommitted)?;
                }
            }
            Action::Rust => self.rust().await?,
            other => return self.send(std::slice::from_ref(other), patience).await,
        }
        Ok(true)
    }

    /// Sends a text; `false` where another runner was faster.
    async fn send(&mut self, actions: &[Action], patience: Duration) -> Result<bool> {
        let statement =
            actions.iter().find_map(|action| if let Action::Statement(index) = action { Some(*index) } else { None });
        let mut text = String::new();
        let mut starts = Vec::with_capacity(actions.len());
        for action in actions {
            let begun = self.begun_by(action).await?;
            if !text.is_empty() {
                text.push_str(";\n");
            }
            starts.push(text.len());
            text.push_str(&self.step.text(action, &self.session.tables, begun.as_ref()));
        }
        if let (Some(index), Some(script)) = (statement, self.step.script()) {
            let sql = script.statement(index).unwrap_or_default();
            self.observer.tell(&Event::Statement { migration: self.step.migration(), index, sql });
        }
        let since = Instant::now();
        let error = loop {
            match self.db().script(&text).await {
                Ok(()) => break None,
                Err(error)
                    if is_busy(&error, actions) && self.session.locks_by_writing() && since.elapsed() < patience => {}
                Err(error) => break Some(error),
            }
        };
        let Some(error) = error else {
            self.follow(actions);
            return Ok(true);
        };
        let failed = match error.position() {
            _ if is_busy(&error, actions) => 0,
            Some(position) => starts.partition_point(|start| *start <= position).saturating_sub(1),
            // The server has not told: it is the one that may take long.
            None => actions.iter().position(|action| matches!(action, Action::Statement(_))).unwrap_or(0),
        };
        if actions[0] == Action::Begin {
            // What fails in that, the server rolls back by itself.
            drop(self.conn().rollback().await);
        } else if self.tx.is_none() {
            self.follow(&actions[..failed]);
        }
        self.failed(&actions[failed], starts[failed], error, patience).await
    }

    /// Looks at the catalog before a statement that commits by itself.
    async fn begun_by(&self, action: &Action) -> Result<Option<Begun>> {
        let (Action::Mark { done, begins: true, .. }, Some(script)) = (action, self.step.script()) else {
            return Ok(None);
        };
        if let Some(part) = &self.step.series {
            let scope = self.session.survey(&part.members).await?;
            return Ok(Some(Begun { statement: SERIES.to_owned(), scope, digest: SERIES.to_owned() }));
        }
        let scope = self.session.scope(script, *done).await?;
        let digest = self.session.digest(&scope).await?;
        Ok(Some(Begun { statement: self.step.one(*done), scope, digest }))
    }

    /// Notes what the journal says now.
    fn follow(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Mark { done, begins, .. } = action {
                self.journaled = Some(*done);
                self.begun = begins.then_some(*done);
            }
        }
    }

    /// Tells what it means that an action failed which stands where it does in its text.
    async fn failed(
        &mut self,
        action: &Action,
        start: usize,
        error: oarlock_core::Error,
        patience: Duration,
    ) -> Result<bool> {
        let written = "the journal of migrations could not be written";
        Err(match action {
            Action::Begin if error.kind() == Kind::LockTimeout && self.session.locks_by_writing() => {
                locked(patience, None).with_source(error)
            }
            Action::Begin => Error::database("the transaction could not be begun", error),
            Action::Commit => uncommitted(error),
            Action::Setting(_) => Error::database("the limit of time could not be set", error),
            Action::Applied(_) if error.kind() == Kind::UniqueViolation && self.step.enters_first() => {
                return Ok(false);
            }
            Action::Applied(_) | Action::Reverted => self.session.unentered(error),
            Action::Mark { .. } | Action::Unmark => Error::database(written, error),
            Action::Statement(index) => self.statement_failed(*index, start, error).await,
            Action::Rust => Error::database("the migration in Rust failed", error),
        })
    }

    /// Within the transaction that has SQLite's lock: is the migration still where the plan found it?
    async fn is_still_ours(&mut self) -> Result<bool> {
        if !self.session.locks_by_writing() {
            return Ok(true);
        }
        let unreadable = |error| Error::database("the history of migrations cannot be read", error);
        let migration = self.step.migration();
        let asked = self.session.tables.is_applied(migration);
        let applied: i64 = self.db().fetch_value(&asked, ()).await.map_err(unreadable)?;
        let under_way = self.session.tables.under_way(self.db()).await.map_err(unreadable)?;
        let wanted = self.step.direction() == crate::Direction::Down;
        Ok((applied > 0) == wanted && under_way.map(|under_way| under_way.done) == self.journaled)
    }

    async fn statement_failed(&mut self, index: usize, start: usize, error: oarlock_core::Error) -> Error {
        let Some(script) = self.step.script() else { return Error::database("the statement failed", error) };
        if let Some(part) = self.step.series.as_ref().filter(|_| !error.is_connection_lost()) {
            // The server says that it did nothing, and all before it is in the history.
            drop(self.db().script(&self.session.tables.close_series(part.version())).await);
        } else if self.begun == Some(index)
            && self.session.dialect.flavor == Flavor::MySql
            && !error.is_connection_lost()
        {
            // The server says that it did nothing, so nobody need look at the catalog. Where even this cannot be written, it is
            // looked at.
            let unbegun = Action::Mark { open: false, done: index, begins: false };
            drop(self.db().script(&self.step.text(&unbegun, &self.session.tables, None)).await);
        }
        let hint = match (self.step.is_one_transaction(), index) {
            (true, _) | (_, 0) => "nothing of the migration remains: mend the statement, and run again",
            _ => "what was committed before it stays, and does not run again: mend the statement, and run again",
        };
        refused_at(script, index, error.position().map(|position| position.saturating_sub(start)), error)
            .with_hint(hint)
    }

    async fn rust(&mut self) -> Result<()> {
        let (Some(Work::Rust(work)), Some(tx)) = (self.step.migration().work(self.step.direction()), &self.tx) else {
            return Ok(());
        };
        let done = work(tx.clone()).await;
        done.map_err(|error| Error::new(ErrorKind::Statement, "the migration in Rust failed").with_source(error))
    }

    /// Rolls back what is open; what fails in that, the server rolls back by itself.
    async fn undo(&mut self) {
        if let Some(tx) = self.tx.take() {
            drop(tx.rollback().await);
        }
    }
}

/// Tells whether a transaction could not begin, because another writes.
fn is_busy(error: &oarlock_core::Error, actions: &[Action]) -> bool {
    actions[0] == Action::Begin && error.kind() == Kind::LockTimeout && error.position().unwrap_or(0) == 0
}

/// Makes the error of a statement that the server refused, with the place that it tells.
pub(crate) fn refused(script: &Script, index: usize, error: oarlock_core::Error) -> Error {
    refused_at(script, index, error.position(), error)
}

fn refused_at(script: &Script, index: usize, position: Option<usize>, error: oarlock_core::Error) -> Error {
    let length = script.statement(index).map_or(0, str::len);
    let place = script.place_within(index, position.unwrap_or(0).min(length));
    Error::new(ErrorKind::Statement, format!("statement {} failed", index + 1)).at(place).with_source(error)
}

fn uncommitted(error: oarlock_core::Error) -> Error {
    Error::database("the transaction could not be committed", error)
}
