//! What a run will do: a pure function of the source, the history and what is asked for.

use std::sync::Arc;
use std::time::Duration;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;

use crate::history::{Applied, History, Tables, UnderWay};
use crate::migration::{Direction, Id, Migration, Work};
use crate::script::{Place, Script, of_statements};
use crate::shape::{Proof, Shape, Unit, is_setting, shape, soils};
use crate::{Error, ErrorKind, Result, Version};

/// Which of the applied migrations to take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Back {
    /// As many as are given, from the latest.
    Steps(usize),
    /// All that are later than a version.
    To(Version),
    /// All.
    All,
}

/// What is allowed though the order, or the files, say otherwise: each by its version.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exceptions {
    pub(crate) out_of_order: Vec<Version>,
    pub(crate) edited: Vec<Version>,
    pub(crate) missing: Vec<Version>,
}

impl Exceptions {
    fn holds(list: &[Version], number: i64) -> bool {
        list.iter().any(|version| version.number() == number)
    }
}

/// What a run will do, step by step.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The statements that make the tables of the history, where they are missing.
    pub(crate) setup: Vec<String>,
    pub(crate) steps: Vec<Step>,
    tables: Tables,
}

/// One migration in one direction.
#[derive(Debug, Clone)]
pub struct Step {
    migration: Arc<Migration>,
    direction: Direction,
    shape: Shape,
    dialect: Dialect,
    /// What an interrupted run left.
    pub(crate) under_way: Option<UnderWay>,
    /// A repeatable migration takes the place of its earlier text.
    replaces: bool,
}

/// What is sent to the server, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Begin,
    Commit,
    /// A setting of the runner's, for the time limits.
    Setting(String),
    /// The statement with this index.
    Statement(usize),
    /// The async function.
    Rust,
    /// The migration enters the history.
    Applied,
    /// The migration leaves the history.
    Reverted,
    /// The journal: so many statements are done; with a proof, the next one begins.
    Mark {
        open: bool,
        done: usize,
        begins: bool,
    },
    /// The migration leaves the journal.
    Unmark,
}

/// A line of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// What it is for.
    pub purpose: Purpose,
    /// The SQL as the server gets it; a description in a comment for a migration in Rust.
    pub sql: String,
    /// Where it stands in a file.
    pub place: Option<Place>,
}

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// It begins a transaction.
    Begin,
    /// It commits the transaction.
    Commit,
    /// It sets a limit of time.
    Setting,
    /// It is a statement of the migration.
    Statement,
    /// It keeps the history or the journal.
    Record,
}

impl Plan {
    /// Gives the statements that make the tables of the history, where they are missing.
    pub fn setup(&self) -> &[String] {
        &self.setup
    }

    /// Gives the steps in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Gives the commands of a step, in the order in which the server gets them.
    ///
    /// What only asks (the lock, the history, the catalog) is not among them. For a step that was interrupted, it is not known yet
    /// whether the statement that was under way has taken effect: it is listed.
    pub fn commands(&self, step: &Step) -> Vec<Command> {
        step.actions(step.done()).iter().map(|action| step.command(action, &self.tables)).collect()
    }
}

impl Step {
    /// Gives the migration.
    pub fn migration(&self) -> &Migration {
        &self.migration
    }

    /// Gives the way it goes.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Gives how many statements an interrupted run has done already.
    pub fn done(&self) -> usize {
        self.under_way.as_ref().map_or(0, |under_way| under_way.done)
    }

    /// Tells whether an interrupted run is finished by this step.
    pub fn is_resumed(&self) -> bool {
        self.under_way.is_some()
    }

    /// Gives how many statements there are in all; 1 for a migration in Rust.
    pub fn statements(&self) -> usize {
        self.script().map_or(1, Script::len)
    }

    /// Tells whether all of it is one transaction.
    pub fn is_one_transaction(&self) -> bool {
        self.shape == Shape::Whole
    }

    pub(crate) fn shared(&self) -> Arc<Migration> {
        Arc::clone(&self.migration)
    }

    pub(crate) fn script(&self) -> Option<&Script> {
        match self.migration.work(self.direction) {
            Some(Work::Sql(script)) => Some(script),
            _ => None,
        }
    }

    /// Tells whether the session may be otherwise after it.
    pub(crate) fn soils(&self) -> bool {
        self.script().is_none_or(|script| {
            script.directives().lock_timeout.is_some() || (0..script.len()).any(|index| soils(script, index))
        })
    }

    /// Gives the checksum of the first statements.
    pub(crate) fn prefix(&self, done: usize) -> String {
        let texts = self.script().into_iter().flat_map(Script::texts).take(done);
        of_statements(texts, self.dialect.flavor)
    }

    /// Gives the checksum of one statement.
    pub(crate) fn one(&self, index: usize) -> String {
        let texts = self.script().into_iter().flat_map(Script::texts).skip(index).take(1);
        of_statements(texts, self.dialect.flavor)
    }

    /// Lists what is sent to the server where so many statements are done already.
    pub(crate) fn actions(&self, done: usize) -> Vec<Action> {
        let mut actions = Actions { list: Vec::new(), open: self.under_way.is_none() };
        let Some(script) = self.script() else {
            actions.list.extend([Action::Begin, Action::Rust]);
            self.end(&mut actions);
            return actions.list;
        };
        let limit = script.directives().lock_timeout;
        match &self.shape {
            Shape::Whole => {
                actions.list.push(Action::Begin);
                let setting = limit.and_then(|limit| lock_timeout(self.dialect.flavor, limit, true));
                actions.list.extend(setting.map(Action::Setting));
                actions.list.extend((done..script.len()).map(Action::Statement));
                self.end(&mut actions);
            }
            Shape::Journaled(units) => {
                let setting = limit.and_then(|limit| lock_timeout(self.dialect.flavor, limit, false));
                actions.list.extend(setting.map(Action::Setting));
                let settings = (0..done).filter(|index| is_setting(script.verb(*index)));
                actions.list.extend(settings.map(Action::Statement));
                self.units(units, done, &mut actions);
            }
        }
        actions.list
    }

    fn units(&self, units: &[Unit], done: usize, actions: &mut Actions) {
        let mut open = false;
        for (position, unit) in units.iter().enumerate() {
            let last = position + 1 == units.len();
            match unit {
                Unit::Atomic { done: after, .. } if *after <= done => {}
                Unit::Alone { index, .. } | Unit::Session { index } if *index < done => {}
                Unit::Session { index } => actions.list.push(Action::Statement(*index)),
                Unit::Alone { index, proof } => {
                    if *proof == Proof::Catalog {
                        actions.mark(*index, true);
                    }
                    actions.list.push(Action::Statement(*index));
                }
                Unit::Atomic { statements, done: after } => {
                    actions.list.push(Action::Begin);
                    let rest = statements.clone().filter(|index| *index >= done);
                    actions.list.extend(rest.map(Action::Statement));
                    if last {
                        open = true;
                    } else {
                        actions.mark(*after, false);
                        actions.list.push(Action::Commit);
                    }
                }
            }
        }
        if !open {
            actions.list.push(Action::Begin);
        }
        self.end(actions);
    }

    /// Ends the open transaction with the history.
    fn end(&self, actions: &mut Actions) {
        match self.direction {
            Direction::Up => {
                actions.list.extend(self.replaces.then_some(Action::Reverted));
                actions.list.push(Action::Applied);
            }
            Direction::Down => actions.list.push(Action::Reverted),
        }
        actions.list.extend((!actions.open).then_some(Action::Unmark));
        actions.list.push(Action::Commit);
    }

    fn command(&self, action: &Action, tables: &Tables) -> Command {
        let flavor = self.dialect.flavor;
        let record = |sql: String| (Purpose::Record, tables.native(&sql));
        let (purpose, sql) = match action {
            Action::Begin => (Purpose::Begin, begin(flavor).to_owned()),
            Action::Commit => (Purpose::Commit, "COMMIT".to_owned()),
            Action::Setting(sql) => (Purpose::Setting, sql.clone()),
            Action::Statement(index) => {
                let sql = self.script().and_then(|script| script.statement(*index)).unwrap_or_default();
                (Purpose::Statement, sql.to_owned())
            }
            Action::Rust => (Purpose::Statement, format!("-- {}", self.migration.file())),
            Action::Applied => record(tables.insert()),
            Action::Reverted => record(tables.delete()),
            Action::Mark { open: true, .. } => record(tables.open()),
            Action::Mark { .. } => record(tables.mark()),
            Action::Unmark => record(tables.close()),
        };
        let place = match (action, self.script()) {
            (Action::Statement(index), Some(script)) => Some(script.place(*index)),
            _ => None,
        };
        Command { purpose, sql, place }
    }
}

/// The actions of a step as they are collected.
struct Actions {
    list: Vec<Action>,
    /// The journal has no row yet.
    open: bool,
}

impl Actions {
    fn mark(&mut self, done: usize, begins: bool) {
        self.list.push(Action::Mark { open: self.open, done, begins });
        self.open = false;
    }
}

/// Gives the statement by which the drivers begin a transaction that writes.
fn begin(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::MySql => "START TRANSACTION",
        Flavor::Postgres => "BEGIN",
        _ => "BEGIN IMMEDIATE",
    }
}

/// Writes how long a statement may wait for a lock, for the transaction or for the session.
///
/// SQLite has none within a transaction: it has its one lock from the beginning.
fn lock_timeout(flavor: Flavor, limit: Duration, local: bool) -> Option<String> {
    match flavor {
        Flavor::Postgres => {
            Some(format!("SET {}lock_timeout = {}", if local { "LOCAL " } else { "" }, limit.as_millis().max(1)))
        }
        Flavor::MySql => {
            let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
            Some(format!("SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}"))
        }
        _ => None,
    }
}

/// What plans are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'b> {
    pub(crate) migrations: &'b [Arc<Migration>],
    pub(crate) history: &'b History,
    pub(crate) exceptions: &'b Exceptions,
    pub(crate) tables: &'b Tables,
    pub(crate) dialect: &'b Dialect,
}

impl Basis<'_> {
    /// Plans the way up: to a version, or all of it and the repeatable migrations.
    pub(crate) fn up(&self, to: Option<Version>) -> Result<Plan> {
        if let Some(to) = to {
            known(self.migrations, to)?;
        }
        self.check()?;
        let mut plan = self.empty();
        self.finish(&mut plan)?;
        let latest = self.history.latest();
        for migration in self.migrations {
            if self
                .history
                .under_way
                .as_ref()
                .is_some_and(|under_way| under_way.direction == Direction::Up && under_way.is(migration))
            {
                continue;
            }
            let reverted = plan.steps.iter().any(|step| step.migration.id() == migration.id());
            let applied = self.history.find(migration).filter(|_| !reverted);
            match migration.id() {
                Id::Version(version) => {
                    if applied.is_some() || to.is_some_and(|to| *version > to) {
                        continue;
                    }
                    if version.number() < latest && !reverted {
                        self.in_order(migration, *version)?;
                    }
                }
                Id::Repeatable(_) => {
                    if to.is_some() || applied.is_some_and(|applied| *applied.checksum == *migration.checksum) {
                        continue;
                    }
                }
            }
            let step = self.step(migration, Direction::Up, None, applied.is_some())?;
            plan.steps.push(step);
        }
        Ok(plan)
    }

    /// Plans the way back.
    pub(crate) fn down(&self, back: Back) -> Result<Plan> {
        if let Back::To(version) = back
            && version.number() != self.history.latest()
        {
            known(self.migrations, version)?;
        }
        self.check()?;
        let mut plan = self.empty();
        self.finish(&mut plan)?;
        let interrupted: Option<&Arc<Migration>> = plan.steps.first().map(|step| &step.migration);
        let mut applied: Vec<i64> =
            self.history.applied.iter().map(|applied| applied.version).filter(|v| *v > 0).collect();
        match (interrupted, &self.history.under_way) {
            (Some(migration), Some(under_way)) if under_way.direction == Direction::Up => {
                applied.push(migration.id().number());
            }
            (Some(migration), Some(_)) => applied.retain(|version| *version != migration.id().number()),
            _ => {}
        }
        applied.sort_unstable_by(|a, b| b.cmp(a));
        match back {
            Back::Steps(count) => applied.truncate(count),
            Back::To(version) => applied.retain(|number| *number > version.number()),
            Back::All => {}
        }
        for number in applied {
            let migration = self.migrations.iter().find(|migration| migration.id().number() == number);
            let migration = migration.ok_or_else(|| {
                let found = self.history.applied.iter().find(|applied| applied.version == number);
                missing(&found.map_or_else(|| number.to_string(), Applied::title))
            })?;
            let step = self.step(migration, Direction::Down, None, false)?;
            plan.steps.push(step);
        }
        Ok(plan)
    }

    /// Checks that the files say what was applied.
    pub(crate) fn check(&self) -> Result<()> {
        for applied in self.history.applied.iter().filter(|applied| applied.version > 0) {
            let migration = self.migrations.iter().find(|migration| applied.is(migration));
            match migration {
                None if Exceptions::holds(&self.exceptions.missing, applied.version) => {}
                None => return Err(missing(&applied.title())),
                Some(migration)
                    if *migration.checksum != *applied.checksum
                        && !Exceptions::holds(&self.exceptions.edited, applied.version) =>
                {
                    return Err(Error::new(
                        ErrorKind::Edited,
                        format!("{} is not what was applied: it was edited since", migration.file()),
                    )
                    .of(migration.title())
                    .with_hint(
                        "put the file back and write a new migration; or, if what the database holds is right, \
                         `repair` takes the file as it is now",
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn in_order(&self, migration: &Migration, version: Version) -> Result<()> {
        if Exceptions::holds(&self.exceptions.out_of_order, version.number()) {
            return Ok(());
        }
        let latest = self.history.applied.iter().max_by_key(|applied| applied.version);
        let latest = latest.map(Applied::title).unwrap_or_default();
        Err(Error::new(ErrorKind::OutOfOrder, format!("it comes before {latest}, which has been applied"))
            .of(migration.title())
            .with_hint(format!("give it a version later than that, or allow it by name: out of order {version}")))
    }

    fn empty(&self) -> Plan {
        let setup = if self.history.exists { Vec::new() } else { self.tables.create().into() };
        Plan { setup, steps: Vec::new(), tables: self.tables.clone() }
    }

    /// What was interrupted is brought to its end first, whatever is asked for.
    fn finish(&self, plan: &mut Plan) -> Result<()> {
        let Some(under_way) = &self.history.under_way else { return Ok(()) };
        let changed = |message: &str| {
            Error::new(ErrorKind::Interrupted, message.to_owned()).of(under_way.title()).with_hint(
                "it was interrupted half-way: put the statements that ran back as they were, and edit only those after them",
            )
        };
        let migration = self.migrations.iter().find(|migration| under_way.is(migration));
        let migration = migration.ok_or_else(|| changed("its file is gone"))?;
        let replaces = self.history.find(migration).is_some();
        let step = self.step(migration, under_way.direction, Some(under_way.clone()), replaces)?;
        if step.prefix(under_way.done) != under_way.prefix {
            return Err(changed("the statements that ran already are not those of the file now"));
        }
        plan.steps.push(step);
        Ok(())
    }

    fn step(
        &self,
        migration: &Arc<Migration>,
        direction: Direction,
        under_way: Option<UnderWay>,
        replaces: bool,
    ) -> Result<Step> {
        let shape = match migration.require(direction)? {
            Work::Sql(script) => shape(script, self.dialect).map_err(|error| error.of(migration.title()))?,
            Work::Rust(_) => Shape::Whole,
        };
        Ok(Step { migration: Arc::clone(migration), direction, shape, dialect: *self.dialect, under_way, replaces })
    }
}

/// Refuses a version that no migration has.
pub(crate) fn known(migrations: &[Arc<Migration>], version: Version) -> Result<()> {
    if migrations.iter().any(|migration| migration.version() == Some(version)) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::UnknownVersion, format!("there is no migration {version}"))
        .with_hint("`status` lists them"))
}

fn missing(title: &str) -> Error {
    Error::new(ErrorKind::Missing, "it has been applied, and its file is not there").of(title).with_hint(
        "put the file back; or, if it is gone for good, `repair` takes it out of the history, or allow it by name",
    )
}

#[cfg(test)]
mod tests;
