//! `verify`, `repair`, `baseline`, `mark`: the history, apart from running migrations.

use oarlock_migrate::{Direction, Version};
use serde::Serialize;

use super::{Context, count};
use crate::arguments::Allowed;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// The entries of the history that were written or taken out, for programs.
#[derive(Debug, Serialize)]
struct Document {
    changed: Vec<String>,
}

/// What was looked at and is as it should be, for programs.
#[derive(Debug, Serialize)]
struct Verified {
    migrations: usize,
    pending: usize,
    models: usize,
}

pub(super) async fn verify(context: &Context, allowed: &Allowed) -> Result<Exit> {
    let migrator = context.migrator(allowed)?;
    let conn = context.database()?.look().await?;
    migrator.verify(conn).await?;
    let status = migrator.status(conn).await?;
    let lacking = context.models.lacking(conn).await?;
    if !lacking.is_empty() {
        return Err(Failure::new(
            Exit::History,
            format!("the database lacks what models have:\n{}", lacking.join("\n")),
        )
        .with_hint("`up` applies what is pending; else a migration is missing"));
    }
    let (migrations, pending, models) = (status.entries.len(), status.pending(), context.models.len());
    context.output.line(format_args!("{}, {pending} pending: files and history agree", count(migrations, "migration")));
    if models > 0 {
        context.output.line(format_args!("{}: all tables and columns are there", count(models, "model")));
    }
    context.output.document(&Verified { migrations, pending, models });
    Ok(Exit::Done)
}

pub(super) async fn repair(context: &Context) -> Result<Exit> {
    let migrator = context.migrator(&Allowed::default())?;
    let conn = context.database()?.connect().await?;
    let changed = migrator.repair(conn).await?;
    Ok(told(context, "repaired", changed, "nothing is to be repaired"))
}

pub(super) async fn baseline(context: &Context, version: Version) -> Result<Exit> {
    let migrator = context.migrator(&Allowed::default())?;
    let conn = context.database()?.connect().await?;
    let changed = migrator.baseline(conn, version).await?;
    Ok(told(context, "entered", changed, "there is nothing to enter"))
}

pub(super) async fn mark(context: &Context, version: Version, pending: bool) -> Result<Exit> {
    let migrator = context.migrator(&Allowed::default())?;
    let conn = context.database()?.connect().await?;
    let (direction, done, nothing) = if pending {
        (Direction::Down, "taken out", "it is not in the history")
    } else {
        (Direction::Up, "entered", "it is in the history already")
    };
    let changed = migrator.mark(conn, version, direction).await?;
    Ok(told(context, done, changed, nothing))
}

fn told(context: &Context, done: &str, changed: Vec<String>, nothing: &str) -> Exit {
    for title in &changed {
        context.output.line(format_args!("{done}: {title}"));
    }
    if changed.is_empty() {
        context.output.line(nothing);
    }
    context.output.document(&Document { changed });
    Exit::Done
}
