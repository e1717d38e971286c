//! The one who migrates: what a program or the CLI asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oarlock_core::{Db, DbExt, Dialect};

use crate::engine::{Ended, Session, refused};
use crate::event::{Event, Observer};
use crate::history::History;
use crate::plan::{Back, Basis, Exceptions, Plan, known};
use crate::shape::require_whole;
use crate::status::{self, Status};
use crate::{Direction, Error, ErrorKind, Migration, Result, Seeds, Source, Version};

/// How long another runner may have the lock, where nothing else is said.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_mins(1);

/// Applies migrations, takes them back, and tells how things stand.
///
/// It works on any [`Db`] that is no transaction: a pool, of which it takes one connection for the whole run, or a connection.
///
/// # Guarantees
///
/// - A migration and its entry in the history are one: both are there, or neither. Where a statement cannot be in a transaction, a
///   journal keeps what is done, and the next run goes on from there, however this one ended.
/// - One runner works at a time; the others wait, and then find nothing left to do.
/// - An edited, missing or late migration is an error unless it is allowed by its version.
///
/// # Cancellation
///
/// Dropping the future of a run is as good as killing the program: the next run goes on. On a connection that is not a pool's, the
/// lock remains until that connection ends.
///
/// # Examples
///
/// ```no_run
/// # async fn f(db: &dyn oarlock_core::Db) -> oarlock_migrate::Result<()> {
/// use oarlock_migrate::{Migrator, Source};
///
/// let report = Migrator::new(Source::directory("migrations")?).run(db).await?;
/// assert!(report.steps.len() < 1000);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Migrator {
    source: Source,
    exceptions: Exceptions,
    lock_timeout: Duration,
    observer: Observer,
    second: Option<Arc<dyn Db>>,
}

/// What a run has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The migrations that this runner applied or took back, in order.
    pub steps: Vec<Done>,
}

/// A migration that a run has applied or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// The migration, as `version_name`.
    pub title: String,
    /// Which way it went.
    pub direction: Direction,
    /// How long it took.
    pub duration: Duration,
}

/// What is asked of a run.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Up(Option<Version>),
    Down(Back),
}

/// A plan, and the history that it was made for.
struct Known {
    history: History,
    plan: Plan,
}

impl Migrator {
    /// Makes a migrator for the migrations of a source.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            source,
            exceptions: Exceptions::default(),
            lock_timeout: LOCK_TIMEOUT,
            observer: Observer::NOBODY,
            second: None,
        }
    }

    /// Sets how long another runner may have the lock; a minute by default.
    #[must_use]
    pub fn lock_timeout(mut self, limit: Duration) -> Self {
        self.lock_timeout = limit;
        self
    }

    /// Allows a migration to be applied after later ones.
    #[must_use]
    pub fn allow_out_of_order(mut self, version: Version) -> Self {
        self.exceptions.out_of_order.push(version);
        self
    }

    /// Allows an applied migration to read otherwise now. It is not run again.
    #[must_use]
    pub fn allow_edited(mut self, version: Version) -> Self {
        self.exceptions.edited.push(version);
        self
    }

    /// Allows an applied migration to be missing from the source.
    #[must_use]
    pub fn allow_missing(mut self, version: Version) -> Self {
        self.exceptions.missing.push(version);
        self
    }

    /// Has everything that happens in a run told, at once and on the task that runs it.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observer);
        self
    }

    /// Gives a second way to the same database, by which a pooler is found out that shares sessions between transactions, where
    /// something stands between the server and us. A pool is asked for a second connection by itself; a single connection has none.
    #[must_use]
    pub fn second(mut self, db: impl Db + 'static) -> Self {
        self.second = Some(Arc::new(db));
        self
    }

    /// Gives the source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Applies all that is pending: what an application calls at its start.
    ///
    /// # Errors
    ///
    /// As [`up`](Self::up).
    pub async fn run(&self, db: &dyn Db) -> Result<Report> {
        self.up(db, None).await
    }

    /// Applies what is pending, up to a version; without one, the repeatable migrations that have changed, too.
    ///
    /// It finishes what an interrupted run has left. Where nothing is pending it asks for no lock and writes nothing. What is applied is
    /// on the disk when this returns, with an error as well, unless the connection was lost; until then a server that loses its power
    /// loses the last migrations, whole. A run that is dropped on its way is an interrupted one, and the connection's session is made anew before its next use.
    ///
    /// # Errors
    ///
    /// `Source` for what is wrong with the files; `Edited`, `Missing`, `OutOfOrder`, `Interrupted`, `UnknownVersion`; `Unsafe` for a
    /// statement that cannot be finished after an interruption; `Statement` with its place where the server refuses one, after
    /// which the migrations before it remain applied; `Locked`, `Pooler`, `Database`.
    pub async fn up(&self, db: &dyn Db, to: Option<Version>) -> Result<Report> {
        self.go(db, Goal::Up(to)).await
    }

    /// Takes applied migrations back, the latest first.
    ///
    /// # Errors
    ///
    /// As [`up`](Self::up), and `Irreversible` for one that has no way down: nothing has been done then.
    pub async fn down(&self, db: &dyn Db, back: Back) -> Result<Report> {
        self.go(db, Goal::Down(back)).await
    }

    /// Takes the latest migration back and applies all that is pending then.
    ///
    /// # Errors
    ///
    /// As [`down`](Self::down) and [`up`](Self::up).
    pub async fn redo(&self, db: &dyn Db) -> Result<Report> {
        let mut report = self.down(db, Back::Steps(1)).await?;
        report.steps.extend(self.up(db, None).await?.steps);
        Ok(report)
    }

    /// Takes all migrations back and applies them again. What was in the tables is lost.
    ///
    /// # Errors
    ///
    /// As [`down`](Self::down) and [`up`](Self::up).
    pub async fn reset(&self, db: &dyn Db) -> Result<Report> {
        let mut report = self.down(db, Back::All).await?;
        report.steps.extend(self.up(db, None).await?.steps);
        Ok(report)
    }

    /// Plans what [`up`](Self::up) would do. It writes nothing, and a role that may only read can ask.
    ///
    /// # Errors
    ///
    /// As [`up`](Self::up), but for what only running it shows.
    pub async fn plan_up(&self, db: &dyn Db, to: Option<Version>) -> Result<Plan> {
        self.plan(&Session::open(db).await?, Goal::Up(to)).await
    }

    /// Plans what [`down`](Self::down) would do. It writes nothing.
    ///
    /// # Errors
    ///
    /// As [`plan_up`](Self::plan_up).
    pub async fn plan_down(&self, db: &dyn Db, back: Back) -> Result<Plan> {
        self.plan(&Session::open(db).await?, Goal::Down(back)).await
    }

    /// Tells how each migration stands. It writes nothing, and a role that may only read can ask.
    ///
    /// # Errors
    ///
    /// `Source` for what is wrong with the files, `Database`. What is amiss with a migration is no error but its state.
    pub async fn status(&self, db: &dyn Db) -> Result<Status> {
        let session = Session::open(db).await?;
        let migrations = self.resolve(session.dialect())?;
        Ok(status::status(&migrations, &session.history().await?))
    }

    /// Checks that the files say what was applied, and that nothing pending comes before it. It writes nothing.
    ///
    /// # Errors
    ///
    /// The first of what is amiss, as [`up`](Self::up) would give it.
    pub async fn verify(&self, db: &dyn Db) -> Result<()> {
        self.plan(&Session::open(db).await?, Goal::Up(None)).await.map(drop)
    }

    /// Takes the files as they are now for what was applied: the checksums of the edited, the names of the renamed, and none of those
    /// that are missing. It
    /// runs no migration. What it changed is given, as `version_name`.
    ///
    /// # Errors
    ///
    /// `Source`, `Locked`, `Database`.
    pub async fn repair(&self, db: &dyn Db) -> Result<Vec<String>> {
        let mut session = Session::open(db).await?;
        let migrations = self.resolve(session.dialect())?;
        session.lock(self.lock_timeout, &self.observer).await?;
        let repaired = self.repaired(&session, &migrations).await;
        session.unlock().await;
        repaired
    }

    async fn repaired(&self, session: &Session, migrations: &[Arc<Migration>]) -> Result<Vec<String>> {
        let history = session.locked_history().await?;
        let tx = session.begin(self.lock_timeout).await?;
        let mut changed = Vec::new();
        for applied in history.applied.iter().filter(|applied| applied.version > 0) {
            match migrations.iter().find(|migration| applied.is(migration)) {
                None => session.delete(&tx, applied).await?,
                Some(migration) if *migration.checksum() != *applied.checksum || applied.is_renamed(migration) => {
                    let written = tx.script(&session.tables.rewrite(migration)).await;
                    written.map_err(|error| Error::database("the history could not be written", error))?;
                }
                Some(_) => continue,
            }
            changed.push(applied.title.clone());
        }
        tx.commit().await.map_err(|error| Error::database("the history could not be written", error))?;
        Ok(changed)
    }

    /// Enters all migrations up to a version into the history without running them, for a database that was made otherwise. Which,
    /// is given.
    ///
    /// # Errors
    ///
    /// `Conflict` where the history is not empty, `UnknownVersion`, `Source`, `Locked`, `Database`.
    pub async fn baseline(&self, db: &dyn Db, version: Version) -> Result<Vec<String>> {
        let mut session = Session::open(db).await?;
        let migrations = self.resolve(session.dialect())?;
        known(&migrations, version)?;
        session.lock(self.lock_timeout, &self.observer).await?;
        let entered = self.baselined(&session, &migrations, version).await;
        session.unlock().await;
        entered
    }

    async fn baselined(
        &self,
        session: &Session,
        migrations: &[Arc<Migration>],
        version: Version,
    ) -> Result<Vec<String>> {
        let history = session.locked_history().await?;
        if let Some(applied) = history.applied.first() {
            return Err(Error::new(ErrorKind::Conflict, format!("the history is not empty: it has {}", applied.title))
                .with_hint("a baseline is for a database without a history; `mark` enters a single migration"));
        }
        self.set_up(session, &history).await?;
        let covered = migrations.iter().filter(|migration| migration.version().is_some_and(|known| known <= version));
        self.enter(session, covered, "baseline").await
    }

    /// Runs seeds, each in a transaction of its own; gives their files. It keeps no history of them.
    ///
    /// # Errors
    ///
    /// `Source` for what is wrong with the files, `Unsafe` for a statement that does not fit into a transaction, `Statement` with its
    /// place where the server refuses one: the files before it have run then.
    pub async fn seed(&self, db: &dyn Db, seeds: &Seeds) -> Result<Vec<String>> {
        let session = Session::open(db).await?;
        let scripts = seeds.resolve(session.dialect())?;
        for script in &scripts {
            require_whole(script, session.dialect(), "a seed", "a seed is data: put the statement into a migration")?;
        }
        let mut ran = Vec::new();
        for script in scripts {
            let tx = session.begin(self.lock_timeout).await?;
            for (index, sql) in script.texts().enumerate() {
                tx.script(sql).await.map_err(|error| refused(&script, index, error))?;
            }
            let committed = tx.commit().await;
            committed.map_err(|error| Error::database(format!("{} could not be committed", script.file()), error))?;
            ran.push(script.file().to_owned());
        }
        Ok(ran)
    }

    /// Enters one migration into the history without running it, or takes it out without taking it back; gives whether that changed
    /// anything.
    ///
    /// # Errors
    ///
    /// `UnknownVersion`, `Source`, `Locked`, `Database`.
    pub async fn mark(&self, db: &dyn Db, version: Version, direction: Direction) -> Result<Vec<String>> {
        let mut session = Session::open(db).await?;
        let migrations = self.resolve(session.dialect())?;
        known(&migrations, version)?;
        session.lock(self.lock_timeout, &self.observer).await?;
        let marked = self.marked(&session, &migrations, version, direction).await;
        session.unlock().await;
        marked
    }

    async fn marked(
        &self,
        session: &Session,
        migrations: &[Arc<Migration>],
        version: Version,
        direction: Direction,
    ) -> Result<Vec<String>> {
        let history = session.locked_history().await?;
        self.set_up(session, &history).await?;
        let migration = migrations.iter().filter(|migration| migration.version() == Some(version));
        match direction {
            Direction::Up => {
                let migration = migration.filter(|migration| history.find(migration).is_none());
                self.enter(session, migration, "marked").await
            }
            Direction::Down => {
                let mut taken = Vec::new();
                for migration in migration {
                    if let Some(applied) = history.find(migration) {
                        session.delete(session.conn(), applied).await?;
                        taken.push(migration.title().to_owned());
                    }
                }
                Ok(taken)
            }
        }
    }

    /// Enters migrations into the history, and out of the journal.
    async fn enter<'m>(
        &self,
        session: &Session,
        migrations: impl Iterator<Item = &'m Arc<Migration>>,
        state: &str,
    ) -> Result<Vec<String>> {
        let unwritten = |error| Error::database("the history could not be written", error);
        let tx = session.begin(self.lock_timeout).await?;
        let mut entered = Vec::new();
        for migration in migrations {
            session.insert(&tx, migration, state).await?;
            tx.script(&session.tables.close(migration)).await.map_err(unwritten)?;
            entered.push(migration.title().to_owned());
        }
        tx.commit().await.map_err(unwritten)?;
        Ok(entered)
    }

    async fn plan(&self, session: &Session, goal: Goal) -> Result<Plan> {
        let migrations = self.resolve(session.dialect())?;
        let history = session.history().await?;
        self.plan_of(session, &migrations, &history, goal)
    }

    fn resolve(&self, dialect: &Dialect) -> Result<Vec<Arc<Migration>>> {
        Ok(self.source.resolve(dialect)?.into_iter().map(Arc::new).collect())
    }

    fn plan_of(&self, session: &Session, migrations: &[Arc<Migration>], history: &History, goal: Goal) -> Result<Plan> {
        let exceptions = &self.exceptions;
        let basis = Basis { migrations, history, exceptions, tables: &session.tables, dialect: session.dialect() };
        match goal {
            Goal::Up(to) => basis.up(to),
            Goal::Down(back) => basis.down(back),
        }
    }

    async fn go(&self, db: &dyn Db, goal: Goal) -> Result<Report> {
        let mut session = Session::open(db).await?;
        let migrations = self.resolve(session.dialect())?;
        let history = session.history().await?;
        let plan = self.plan_of(&session, &migrations, &history, goal)?;
        if plan.is_empty() {
            return Ok(Report::default());
        }
        session.refuse_pooler(Some(self.second.as_deref().unwrap_or(db))).await?;
        let mut report = Report::default();
        let went = self.work(&mut session, &migrations, goal, Known { history, plan }, &mut report).await;
        let on_disk = session.harden(self.lock_timeout).await;
        session.unlock().await;
        went.and(on_disk).map(|()| report)
    }

    /// Runs steps until none is left. What a goal means is settled once: taking back two migrations is not begun anew after the
    /// first.
    async fn work(
        &self,
        session: &mut Session,
        migrations: &[Arc<Migration>],
        mut goal: Goal,
        known: Known,
        report: &mut Report,
    ) -> Result<()> {
        let mut known = Some(known);
        loop {
            session.lock(self.lock_timeout, &self.observer).await?;
            let history = session.locked_history().await?;
            let plan = match known.take() {
                Some(known) if known.history == history => known.plan,
                _ => self.plan_of(session, migrations, &history, goal)?,
            };
            if !plan.is_empty() {
                self.set_up(session, &history).await?;
            }
            let mut left = plan.steps().len();
            let mut timed = Vec::new();
            for step in plan.steps() {
                let ran = session.run(step, left == 1, self.lock_timeout, &self.observer).await;
                if ran.is_err() {
                    // The migration's error is the one to tell; a session that cannot be reset is of no more use anyway.
                    drop(session.time(&mut timed).await);
                    if step.soils() {
                        drop(session.renew().await);
                    }
                }
                match ran? {
                    Ended::Overtaken => break,
                    Ended::Done(duration) => {
                        left -= 1;
                        let migration = step.shared();
                        let title = migration.title().to_owned();
                        report.steps.push(Done { title, direction: step.direction(), duration });
                        if step.is_timed_later(duration) {
                            timed.push((migration.id().number(), duration));
                        }
                        if let (Goal::Down(Back::Steps(steps)), Direction::Down) = (&mut goal, step.direction()) {
                            *steps -= 1;
                        }
                        if step.soils() {
                            session.time(&mut timed).await?;
                            session.renew().await?;
                            break;
                        }
                    }
                }
            }
            session.time(&mut timed).await?;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// Makes the tables of the history where they are missing.
    async fn set_up(&self, session: &Session, history: &History) -> Result<()> {
        if history.exists {
            return Ok(());
        }
        let made = session.conn().script(&session.tables.create().join(";\n")).await;
        made.map_err(|error| Error::database("the tables of the history could not be made", error))
    }
}

impl fmt::Debug for Migrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrator")
            .field("source", &self.source)
            .field("exceptions", &self.exceptions)
            .field("lock_timeout", &self.lock_timeout)
            .finish_non_exhaustive()
    }
}
