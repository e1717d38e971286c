//! What a run will do: a pure function of the source, the history and what is asked for.

use std::sync::Arc;

use oarlock_core::Dialect;

use crate::history::{History, Tables};
use crate::migration::{Direction, Id, Migration};
use crate::series;
use crate::step::{Command, Step};
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
            let reverted = plan.steps.iter().any(|step| step.migration().id() == migration.id());
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
            let step = Step::new(migration, Direction::Up, self.dialect, None, applied)?;
            plan.steps.push(step);
        }
        series::arrange(&mut plan.steps);
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
        let interrupted = plan.steps.first().map(Step::migration);
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
                missing(&found.map_or_else(|| number.to_string(), |found| found.title.clone()))
            })?;
            let step = Step::new(migration, Direction::Down, self.dialect, None, None)?;
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
                None => return Err(missing(&applied.title)),
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
                Some(migration)
                    if applied.is_renamed(migration)
                        && !Exceptions::holds(&self.exceptions.edited, applied.version) =>
                {
                    return Err(Error::new(
                        ErrorKind::Edited,
                        format!("{} was applied as {}: it was renamed since", migration.file(), applied.title),
                    )
                    .of(migration.title())
                    .with_hint("give it its name back; or, if the new one is to stay, `repair` takes it"));
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
        let latest = latest.map(|applied| &*applied.title).unwrap_or_default();
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
        let replaces = self.history.find(migration);
        let step = Step::new(migration, under_way.direction, self.dialect, Some(under_way.clone()), replaces)?;
        if step.prefix(under_way.done) != under_way.prefix {
            return Err(changed("the statements that ran already are not those of the file now"));
        }
        plan.steps.push(step);
        Ok(())
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
