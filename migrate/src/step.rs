//! One migration of a plan: what is sent to the server for it, in its order.

use std::sync::Arc;
use std::time::Duration;

use oarlock_core::Dialect;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::split;

use crate::history::{Begun, Tables, UnderWay};
use crate::migration::{Direction, Id, Migration, Work};
use crate::records::{Line, Next, Took};
use crate::script::{Place, Script, of_statements};
use crate::series::{Member, Part, SERIES, made_table};
use crate::shape::{Proof, Shape, Unit, is_setting, shape, soils};
use crate::{Applied, Result};

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
    replaces: Option<Applied>,
    /// Its place in a series, for which the journal has one line.
    pub(crate) series: Option<Part>,
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
    Applied(Took),
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

/// What is sent to the server at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// It takes more than a text.
    Alone(Action),
    /// A text, with one of the migration's statements at the most. It holds all of a transaction, or no end of one.
    Text(Vec<Action>),
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
        replaces: Option<&Applied>,
    ) -> Result<Self> {
        let shape = match migration.require(direction)? {
            Work::Sql(script) => shape(script, dialect).map_err(|error| error.of(migration.title()))?,
            Work::Rust(_) => Shape::Whole,
        };
        let (migration, replaces) = (Arc::clone(migration), replaces.cloned());
        Ok(Self { migration, direction, shape, dialect: *dialect, under_way, replaces, series: None })
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

    /// Tells whether the migration enters the history before it does anything else: the history then has its lock where there is no
    /// other. How long it took is written after its transaction.
    pub(crate) fn enters_first(&self) -> bool {
        self.direction == Direction::Up && self.shape == Shape::Whole && self.dialect.flavor == Flavor::Sqlite
    }

    /// Gives it as one of a series, where it can be one.
    pub(crate) fn member(&self) -> Option<Member> {
        let is_new = self.direction == Direction::Up && self.under_way.is_none() && self.replaces.is_none();
        let script = self.script().filter(|_| is_new && self.dialect.flavor == Flavor::MySql)?;
        let Id::Version(version) = self.migration.id() else { return None };
        let table = made_table(script, &self.dialect)?;
        // It has no other statement.
        let (name, statement) = (self.migration.name().to_owned(), script.checksum().to_owned());
        Some(Member { version: version.number(), name, statement, table })
    }

    /// Tells whether the history's entry says how long the migration took: where its transaction, or the journal, says when it began.
    /// That of a series is written at the end of the run.
    pub(crate) fn tells_duration(&self) -> bool {
        self.series.is_some()
            || self.direction == Direction::Down
            || self.shape != Shape::Whole
            || self.dialect.flavor == Flavor::Postgres
    }

    /// Tells whether the time that the migration took is written together with others', at the end of the run: a transaction for each would
    /// take longer than most migrations.
    pub(crate) fn is_timed_later(&self, took: Duration) -> bool {
        const LONG: Duration = Duration::from_secs(1);
        self.series.is_some()
            || (!self.tells_duration() && took < LONG && matches!(self.migration().id(), Id::Version(_)))
    }

    /// Lists what is sent to the server where so many statements are done already.
    pub(crate) fn actions(&self, done: usize) -> Vec<Action> {
        if let Some(part) = &self.series {
            return in_series(part);
        }
        let mut actions = Actions { list: Vec::new(), open: self.under_way.is_none() };
        let Shape::Journaled(units) = &self.shape else {
            self.transaction(done, &mut actions);
            return actions.list;
        };
        let Some(script) = self.script() else { return actions.list };
        let setting =
            script.directives().lock_timeout.and_then(|limit| lock_timeout(self.dialect.flavor, limit, false));
        actions.list.extend(setting.map(Action::Setting));
        let settings = (0..done).filter(|index| is_setting(script.verb(*index)));
        actions.list.extend(settings.map(Action::Statement));
        self.units(units, done, &mut actions);
        actions.list
    }

    /// All of the migration in one transaction.
    fn transaction(&self, done: usize, actions: &mut Actions) {
        actions.list.push(Action::Begin);
        if self.enters_first() {
            actions.list.extend(self.replaces.as_ref().map(|_| Action::Reverted));
            actions.list.push(Action::Applied(Took::Nothing));
        }
        match self.script() {
            None => actions.list.push(Action::Rust),
            Some(script) => {
                let limit = script.directives().lock_timeout;
                let setting = limit.and_then(|limit| lock_timeout(self.dialect.flavor, limit, true));
                actions.list.extend(setting.map(Action::Setting));
                actions.list.extend((done..script.len()).map(Action::Statement));
            }
        }
        if self.enters_first() {
            actions.list.extend((!actions.open).then_some(Action::Unmark));
            actions.list.push(Action::Commit);
        } else {
            self.end(actions, Took::SinceBegin);
        }
    }

    /// Lists what is sent to the server at once, of actions in their order.
    ///
    /// A transaction with one statement of the migration's, or none, is one message. In a longer one each statement is a message, so
    /// that it is told when it begins, with the records before and after it.
    pub(crate) fn messages(&self, actions: Vec<Action>) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut rest = actions.into_iter().peekable();
        while let Some(action) = rest.next() {
            if action != Action::Begin {
                if action == Action::Rust {
                    messages.push(Message::Alone(action));
                    continue;
                }
                let mut text = vec![action];
                while let Some(next) = rest.next_if(|next| text.last().is_some_and(|last| self.goes_before(last, next)))
                {
                    text.push(next);
                }
                messages.push(Message::Text(text));
                continue;
            }
            let mut within: Vec<Action> = Vec::new();
            for action in rest.by_ref() {
                if action == Action::Commit {
                    break;
                }
                within.push(action);
            }
            messages.extend(self.transaction_messages(within));
        }
        messages
    }

    /// Tells whether a statement that commits by itself goes with the journal's line for it, or the history's entry with it.
    fn goes_before(&self, action: &Action, next: &Action) -> bool {
        matches!((action, next), (Action::Mark { .. }, Action::Statement(index)) | (Action::Statement(index), Action::Applied(_))
            if self.dialect.flavor == Flavor::MySql && self.is_plain(*index))
    }

    fn transaction_messages(&self, within: Vec<Action>) -> Vec<Message> {
        let is_statement = |action: &Action| matches!(action, Action::Statement(_) | Action::Rust);
        let guarded = self.enters_first() || self.dialect.flavor != Flavor::Sqlite;
        let plain = within.iter().all(|action| match action {
            Action::Rust => false,
            Action::Statement(index) => self.is_plain(*index),
            _ => true,
        });
        if guarded && plain && within.iter().filter(|action| is_statement(action)).count() <= 1 {
            let around = [Action::Begin].into_iter().chain(within).chain([Action::Commit]);
            return vec![Message::Text(around.collect())];
        }
        let mut messages = vec![Message::Alone(Action::Begin)];
        let mut text: Vec<Action> = Vec::new();
        for action in within {
            let joins = match &action {
                Action::Rust => false,
                Action::Statement(index) => self.is_plain(*index) && !text.iter().any(is_statement),
                _ => text.iter().all(|before| match before {
                    Action::Statement(index) => self.is_plain(*index),
                    _ => true,
                }),
            };
            if !joins && !text.is_empty() {
                messages.push(Message::Text(std::mem::take(&mut text)));
            }
            if action == Action::Rust {
                messages.push(Message::Alone(action));
            } else {
                text.push(action);
            }
        }
        if !text.is_empty() {
            messages.push(Message::Text(text));
        }
        messages.push(Message::Alone(Action::Commit));
        messages
    }

    /// Tells whether others can stand in a text with a statement: behind a delimiter of its own, MySQL's may have semicolons.
    fn is_plain(&self, index: usize) -> bool {
        let sql = self.script().and_then(|script| script.statement(index)).unwrap_or_default();
        self.dialect.flavor != Flavor::MySql || (!sql.ends_with(';') && split(sql, &self.dialect).count() == 1)
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
        self.end(actions, Took::SinceJournal);
    }

    /// Ends the open transaction with the history.
    fn end(&self, actions: &mut Actions, took: Took) {
        match self.direction {
            Direction::Up => {
                actions.list.extend(self.replaces.as_ref().map(|_| Action::Reverted));
                actions.list.push(Action::Applied(took));
            }
            Direction::Down => actions.list.push(Action::Reverted),
        }
        actions.list.extend((!actions.open).then_some(Action::Unmark));
        actions.list.push(Action::Commit);
    }

    /// Writes an action as the server gets it. What the catalog says of the statement that begins is known when it does.
    pub(crate) fn text(&self, action: &Action, tables: &Tables, begun: Option<&Begun>) -> String {
        let migration = &*self.migration;
        match action {
            Action::Begin => begin(self.dialect.flavor).to_owned(),
            Action::Commit => "COMMIT".to_owned(),
            Action::Setting(sql) => sql.clone(),
            Action::Statement(index) => {
                self.script().and_then(|script| script.statement(*index)).unwrap_or_default().to_owned()
            }
            Action::Rust => format!("-- {}", migration.file()),
            Action::Applied(took) => tables.insert(migration, "applied", *took),
            Action::Reverted => match &self.replaces {
                Some(replaced) => tables.delete_entry(replaced),
                None => tables.delete(migration),
            },
            Action::Mark { open, done, begins } => {
                let statement = if self.series.is_some() { SERIES.to_owned() } else { self.one(*done) };
                let next = match begun {
                    Some(begun) => Next::Begun(begun),
                    None if *begins => Next::Planned { statement: &statement },
                    None => Next::Idle,
                };
                let line = Line { done: *done, prefix: &self.prefix(*done), next, direction: self.direction };
                if *open { tables.open(migration, line) } else { tables.mark(migration, line) }
            }
            Action::Unmark => match &self.series {
                Some(part) => tables.close_series(part.version()),
                None => tables.close(migration),
            },
        }
    }

    pub(crate) fn command(&self, action: &Action, tables: &Tables) -> Command {
        let purpose = match action {
            Action::Begin => Purpose::Begin,
            Action::Commit => Purpose::Commit,
            Action::Setting(_) => Purpose::Setting,
            Action::Statement(_) | Action::Rust => Purpose::Statement,
            Action::Applied(_) | Action::Reverted | Action::Mark { .. } | Action::Unmark => Purpose::Record,
        };
        let sql = self.text(action, tables, None);
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

/// Lists what is sent for one of a series: its statement, and the history's entry. The journal has its line before the first, and has
/// it no more when the last is in the history.
fn in_series(part: &Part) -> Vec<Action> {
    let mut actions = Vec::with_capacity(5);
    if part.is_first() {
        actions.push(Action::Mark { open: true, done: 0, begins: true });
    }
    actions.push(Action::Statement(0));
    if part.is_last() {
        actions.extend([Action::Begin, Action::Applied(Took::Nothing), Action::Unmark, Action::Commit]);
    } else {
        actions.push(Action::Applied(Took::Nothing));
    }
    actions
}

/// Gives the statement by which the drivers begin a transaction that writes.
pub(crate) fn begin(flavor: Flavor) -> &'static str {
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
