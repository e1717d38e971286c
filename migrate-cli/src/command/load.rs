//! `load`: a database from SQL.

use std::io::{self, Read};
use std::path::Path;

use oarlock_migrate::Load;
use serde::Serialize;

use super::{Context, count};
use crate::arguments;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::progress::Progress;

/// What was loaded, for programs.
#[derive(Debug, Serialize)]
struct Document<'d> {
    file: &'d str,
    statements: usize,
}

pub(super) async fn run(context: &Context, asked: &arguments::Load) -> Result<Exit> {
    let (file, text) = read(asked.file.as_deref())?;
    let progress = Progress::new(context.output, context.verbose);
    let observer = progress.clone();
    let mut load = Load::new().on_event(move |event| observer.observe(event));
    if asked.force {
        load = load.into_any();
    }
    if let Some(limit) = context.lock_timeout {
        load = load.lock_timeout(limit);
    }
    let database = context.database()?;
    let load = load.second(database.second());
    let conn = database.connect().await?;
    let loaded = progress.during(load.run(conn, &file, &text)).await?;
    context.output.line(format_args!("loaded {file}: {}", count(loaded.statements, "statement")));
    context.output.document(&Document { file: &file, statements: loaded.statements });
    Ok(Exit::Done)
}

/// Reads the file; gives what messages call it, too.
fn read(file: Option<&Path>) -> Result<(String, String)> {
    let mut bytes = Vec::new();
    let (name, read) = match file.filter(|file| *file != Path::new("-")) {
        Some(file) => (file.display().to_string(), std::fs::read(file).map(|found| bytes = found)),
        None => ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(drop)),
    };
    read.map_err(|error| Failure::new(Exit::Files, format!("{name} could not be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Exit::Files, format!("{name} is not UTF-8: byte {at} is part of no character"))
            .with_hint("save the file as UTF-8")
    })?;
    Ok((name, text))
}
