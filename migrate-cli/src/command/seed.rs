//! `seed`: files that fill the database for development.

use std::path::Path;

use oarlock_migrate::{Migrator, Seeds, Source};
use serde::Serialize;

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// The files that ran, for programs.
#[derive(Debug, Serialize)]
struct Document {
    files: Vec<String>,
}

pub(super) async fn run(context: &Context, directory: &Path) -> Result<Exit> {
    if !directory.exists() {
        return Err(Failure::new(Exit::Files, format!("there is no directory {}", directory.display()))
            .with_hint("`seed` runs the files of SQL in the directory seeds, or in the one that is given"));
    }
    let seeds = Seeds::directory(directory)?;
    let migrator = context.with_options(Migrator::new(Source::new()));
    let conn = context.database()?.connect().await?;
    let files = migrator.seed(conn, &seeds).await?;
    for file in &files {
        context.output.line(format_args!("ran {file}"));
    }
    if files.is_empty() {
        context.output.line(format_args!("{} has no files for this database", directory.display()));
    }
    context.output.document(&Document { files });
    Ok(Exit::Done)
}
