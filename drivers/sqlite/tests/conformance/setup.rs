//! How the shared conformance suite gets at SQLite: a file of its own for each test.

use std::path::Path;

use oarlock_conformance::{Call, Place, Setup, Slow, required, until};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::{Capabilities, Conn, Connection, Error, ErrorKind, Result, Url};
use oarlock_sqlite::{Backup, FACTORY, SqliteConnector, SqliteExt, SqliteOptions};
use tempfile::TempDir;

/// What the driver has beyond the contract.
const OWN: &[Call] = &[Call {
    name: "a backup into another database",
    rows: &[0],
    make: |conn, _| {
        Box::pin(async move {
            let other = SqliteConnector::new(SqliteOptions::parse(&Url::parse("sqlite::memory:")?)?, Purpose::Single);
            let other = Conn::new(Box::new(other.open().await?));
            conn.backup_into(&other, Backup::new().pages(1)).await
        })
    },
}];

pub(crate) struct Sqlite;

impl Setup for Sqlite {
    fn factory(&self) -> &'static dyn DriverFactory {
        &FACTORY
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let connection = SqliteConnector::new(SqliteOptions::parse(url)?, Purpose::Single).open().await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let directory = TempDir::with_prefix(name).map_err(io)?;
            let url = Url::parse("sqlite:")?.with_path(file(&directory));
            Ok(Some(Place::new(name, url).keep(directory)))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            // The last connection takes the write-ahead log away; a lost one leaves it, or the journal.
            let only_the_file = async || Ok(names(place)? == ["db"] && open_files(place)?.is_empty());
            if until(only_the_file).await? {
                return Ok(Vec::new());
            }
            let mut left: Vec<String> = names(place)?.into_iter().filter(|name| name != "db").collect();
            left.extend(open_files(place)?.into_iter().map(|name| format!("an open {name}")));
            Ok(left)
        })
    }

    /// On which every statement goes to a worker.
    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async { Ok(Slow::new(url.clone().with_option("inline", "off"))) })
    }

    fn own_calls(&self) -> Vec<Call> {
        OWN.to_vec()
    }

    fn may_die(&self, call: &str) -> bool {
        call == "close"
    }

    fn required(&self, _: &DriverInfo) -> Capabilities {
        required::SQLITE
    }
}

fn file(directory: &TempDir) -> String {
    directory.path().join("db").display().to_string()
}

fn directory(place: &Place) -> &Path {
    Path::new(place.url.path()).parent().expect("the file is in a directory")
}

fn io(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, error.to_string()).with_source(error)
}

fn names(place: &Place) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(directory(place)).map_err(io)?;
    entries.map(|entry| Ok(entry.map_err(io)?.file_name().display().to_string())).collect()
}

/// Lists the files of the directory that this process holds open, where the system tells.
fn open_files(place: &Place) -> Result<Vec<String>> {
    let Ok(handles) = std::fs::read_dir("/proc/self/fd") else { return Ok(Vec::new()) };
    let directory = directory(place).canonicalize().map_err(io)?;
    let targets = handles.filter_map(|handle| std::fs::read_link(handle.ok()?.path()).ok());
    Ok(targets.filter(|target| target.starts_with(&directory)).map(|target| target.display().to_string()).collect())
}
