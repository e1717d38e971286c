//! `dump`: the database as SQL.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use oarlock::Conn;
use oarlock_migrate::{Dump, Dumped};
use serde::Serialize;

use super::{Context, count};
use crate::arguments;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// What was written, for programs.
#[derive(Debug, Serialize)]
struct Document<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The text itself, where no file was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'d str>,
    objects: usize,
    rows: u64,
}

pub(super) async fn write(context: &Context, asked: &arguments::Dump) -> Result<Exit> {
    let mut dump = asked.data.iter().fold(Dump::new(), |dump, table| match table.as_str() {
        "" => dump.all_rows(),
        table => dump.rows_of(table),
    });
    if asked.no_history {
        dump = dump.without_history();
    }
    let database = context.database()?;
    if !database.may_exist() {
        // An empty text in the place of a schema that somebody has written down would be a loss.
        return Err(Failure::new(Exit::Connection, format!("there is no database {}", database.url()))
            .with_hint("`create` makes it"));
    }
    let conn = database.look().await?;
    match asked.file.as_deref().filter(|file| *file != Path::new("-")) {
        Some(file) => {
            let dumped = to_file(&dump, conn, file).await?;
            let Dumped { objects, rows, .. } = dumped;
            let shown = file.display().to_string();
            context.output.line(format_args!("wrote {shown}: {}, {}", count(objects, "object"), rows_told(rows)));
            context.output.document(&Document { file: Some(shown), sql: None, objects, rows });
        }
        None if context.output.is_json() => {
            let mut text = Vec::new();
            let Dumped { objects, rows, .. } = dump.write(conn, &mut text).await?;
            let sql = String::from_utf8_lossy(&text);
            context.output.document(&Document { file: None, sql: Some(&sql), objects, rows });
        }
        None => {
            let mut out = BufWriter::new(io::stdout());
            match dump.write(conn, &mut out).await {
                Err(error) if is_gone(&error) => {}
                written => drop(written?),
            }
        }
    }
    Ok(Exit::Done)
}

/// Tells whether whoever read the text has gone away, which is no failure: `oarlock dump | head`.
fn is_gone(error: &oarlock_migrate::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}

fn rows_told(rows: u64) -> String {
    format!("{rows} row{}", if rows == 1 { "" } else { "s" })
}

/// Writes a file beside the one that is meant, and puts it in its place when all is in it.
async fn to_file(dump: &Dump, conn: &Conn, file: &Path) -> Result<Dumped> {
    let unwritten =
        |error: io::Error| Failure::new(Exit::Failed, format!("{} could not be written: {error}", file.display()));
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut out = BufWriter::new(fs::File::create(&beside).map_err(unwritten)?);
    let dumped = dump.write(conn, &mut out).await;
    let placed = out.flush().and_then(|()| out.get_ref().sync_all());
    drop(out);
    let placed = match &dumped {
        Ok(_) => placed.and_then(|()| fs::rename(&beside, file)),
        Err(_) => Ok(()),
    };
    if dumped.is_err() || placed.is_err() {
        drop(fs::remove_file(&beside));
    }
    placed.map_err(unwritten)?;
    Ok(dumped?)
}
