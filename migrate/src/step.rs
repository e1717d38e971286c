//! One migration of a plan: what is sent to the server for it, in its order.

use std::sync::Arc;
use std::time::Duration;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;

use crate::Result;
use crate::history::{Tables, UnderWay};
use crate::migration::{Direction, Migration, Work};
use crate::script::{Place, Script, of_statements};
use crate::shape::{Proof, Shape, Unit, is_setting, shape, soils};

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

impl Step {
    pub(crate) fn new(
        migration: &Arc<Migration>,
        direction: Direction,
        dialect: &Dialect,
        under_way: Option<UnderWay>,
        replaces: bool,
    ) -> Result<Self> {
        let shape = match migration.require(direction)? {
            Work::Sql(script) => shape(script, dialect).map_err(|error| error.of(migration.title()))?,
            Work::Rust(_) => Shape::Whole,
        };
        Ok(Self { migration: Arc::clone(migration), direction, shape, dialect: *dialect, under_way, replaces })
    }

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

    pub(crate) fn command(&self, action: &Action, tables: &Tables) -> Command {
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
