//! `up`, `down`, `redo`, `reset`: what runs migrations.

use oarlock_migrate::{Back, Migrator, Report};
use serde::Serialize;

use super::{Context, Moved, count};
use crate::arguments::{Allowed, Down, Up};
use crate::confirm::confirm;
use crate::database::Database;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::Progress;

/// What a run has done, for programs.
#[derive(Debug, Serialize)]
struct Document {
    steps: Vec<Moved>,
}

/// A run that is prepared.
struct Run<'c> {
    context: &'c Context,
    database: &'c Database,
    migrator: Migrator,
    progress: Progress,
}

pub(super) async fn up(context: &Context, asked: &Up) -> Result<Exit> {
    let run = Run::prepare(context, &asked.allowed)?;
    let conn = run.database.connect().await?;
    if run.progress.counts() {
        run.progress.expect(run.migrator.plan_up(conn, asked.to).await?.steps().len());
    }
    let went = run.progress.during(run.migrator.up(conn, asked.to)).await;
    run.end(went, "nothing is pending")
}

pub(super) async fn down(context: &Context, asked: &Down) -> Result<Exit> {
    let run = Run::prepare(context, &asked.allowed)?;
    let back = asked.back.goal();
    let conn = run.database.connect().await?;
    if !run.allow(&run.migrator.plan_down(conn, back).await?.into())? {
        return run.end(Ok(Report::default()), "nothing is there to take back");
    }
    let went = run.progress.during(run.migrator.down(conn, back)).await;
    run.end(went, "nothing is there to take back")
}

pub(super) async fn redo(context: &Context, allowed: &Allowed) -> Result<Exit> {
    let run = Run::prepare(context, allowed)?;
    let conn = run.database.connect().await?;
    run.allow(&run.migrator.plan_down(conn, Back::Steps(1)).await?.into())?;
    let went = run.progress.during(run.migrator.redo(conn)).await;
    run.end(went, "nothing is there to do again")
}

pub(super) async fn reset(context: &Context, allowed: &Allowed) -> Result<Exit> {
    let run = Run::prepare(context, allowed)?;
    let conn = run.database.connect().await?;
    run.allow(&run.migrator.plan_down(conn, Back::All).await?.into())?;
    let went = run.progress.during(run.migrator.reset(conn)).await;
    run.end(went, "there are no migrations")
}

/// What a way back would take, by title.
struct Loss(Vec<String>);

impl From<oarlock_migrate::Plan> for Loss {
    fn from(plan: oarlock_migrate::Plan) -> Self {
        let back = plan.steps().iter().filter(|step| step.direction() == oarlock_migrate::Direction::Down);
        Self(back.map(|step| step.migration().title().to_owned()).collect())
    }
}

impl<'c> Run<'c> {
    fn prepare(context: &'c Context, allowed: &Allowed) -> Result<Self> {
        let database = context.database()?;
        let progress = Progress::new(context.output, context.verbose);
        let observer = progress.clone();
        let migrator =
            context.migrator(allowed)?.second(database.second()).on_event(move |event| observer.observe(event));
        Ok(Self { context, database, migrator, progress })
    }

    /// Asks before migrations are taken back; `false` where there are none.
    fn allow(&self, loss: &Loss) -> Result<bool> {
        const NAMED: usize = 5;
        let Loss(titles) = loss;
        if titles.is_empty() {
            return Ok(false);
        }
        let mut named = titles.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if titles.len() > NAMED {
            named = format!("{named} and {} more", titles.len() - NAMED);
        }
        let what = count(titles.len(), "migration");
        let url = self.database.url();
        confirm(self.context, &format!("this takes back {what} in {url}, and what is in their tables: {named}"))?;
        self.progress.expect(titles.len());
        Ok(true)
    }

    /// Tells what came of it.
    fn end(self, went: oarlock_migrate::Result<Report>, nothing: &str) -> Result<Exit> {
        let output = self.context.output;
        let moved = self.progress.moved();
        match went {
            Ok(report) => {
                if report.steps.is_empty() {
                    output.line(nothing);
                }
                output.document(&Document { steps: moved });
                Ok(Exit::Done)
            }
            Err(error) => Err(Failure::from(error).after(moved)),
        }
    }
}
