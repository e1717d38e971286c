//! `create`, `drop`, `wait`: the database as a whole.

use std::time::Duration;

use serde::Serialize;

use super::Context;
use crate::arguments::Drop;
use crate::confirm::confirm;
use crate::database::Change;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// What became of the database, for programs.
#[derive(Debug, Serialize)]
struct Document {
    database: String,
    changed: bool,
}

/// That the server is there, for programs.
#[derive(Debug, Serialize)]
struct Waited {
    database: String,
    exists: bool,
}

pub(super) async fn create(context: &Context) -> Result<Exit> {
    let database = context.database()?;
    let change = database.create().await?;
    let url = database.url();
    context.output.line(match change {
        Change::Made => format!("created {url}"),
        Change::None => format!("{url} is there already"),
    });
    context.output.document(&Document { database: url.to_string(), changed: change == Change::Made });
    Ok(Exit::Done)
}

pub(super) async fn drop(context: &Context, asked: &Drop) -> Result<Exit> {
    let database = context.database()?;
    let url = database.url();
    confirm(context, &format!("this drops {url} with all that is in it"))?;
    let change = database.drop(asked.force).await?;
    if change == Change::None && !asked.if_exists {
        return Err(Failure::new(Exit::Failed, format!("there is no database {url}"))
            .with_hint("with --if-exists that is no failure"));
    }
    context.output.line(match change {
        Change::Made => format!("dropped {url}"),
        Change::None => format!("there was no {url}"),
    });
    context.output.document(&Document { database: url.to_string(), changed: change == Change::Made });
    Ok(Exit::Done)
}

pub(super) async fn wait(context: &Context, limit: Duration) -> Result<Exit> {
    let database = context.database()?;
    let exists = database.wait(limit).await?;
    let url = database.url();
    context.output.line(if exists {
        format!("{url} is there")
    } else {
        format!("{url} could be reached, but there is no such database yet: `create` makes it")
    });
    context.output.document(&Waited { database: url.to_string(), exists });
    Ok(Exit::Done)
}
