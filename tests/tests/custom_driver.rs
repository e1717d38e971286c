//! The example of a driver of one's own passes the conformance suite.

use std::path::Path;

use oarlock::connection::{BoxFuture, DriverInfo};
use oarlock::{Capabilities, Connection, DbExt, DriverFactory, Error, ErrorKind, Pool, Result, Url};
use oarlock_conformance::{Place, Setup, required, suite};
use tempfile::TempDir;

#[path = "../../examples/custom_driver/tiny.rs"]
mod tiny;

struct Tiny;

impl Setup for Tiny {
    fn factory(&self) -> &'static dyn DriverFactory {
        &tiny::TinyFactory
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let connection = tiny::TinyConnection::open(Path::new(url.path())).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let directory = TempDir::with_prefix(name).map_err(io)?;
            let url = Url::parse("tiny:")?.with_path(directory.path().join("db").display().to_string());
            Ok(Some(Place::new(name, url).keep(directory)))
        })
    }

    fn close<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Vec<String>> {
        // The directory goes with the place.
        Box::pin(async { Ok(Vec::new()) })
    }

    fn required(&self, _: &DriverInfo) -> Capabilities {
        let mut required = required::SQLITE;
        // What this driver leaves out of what SQLite has.
        required.read_only_transactions = false;
        required.last_insert_id = false;
        required.spans = false;
        required.intervals = false;
        required.column_origin = false;
        required.cancel = false;
        required.catalog = false;
        required
    }
}

suite!(Tiny);

fn io(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, error.to_string()).with_source(error)
}

#[tokio::test]
async fn a_registered_driver_is_found_by_its_urls() -> Result<()> {
    oarlock::register(&tiny::TinyFactory);
    let directory = TempDir::new().map_err(io)?;
    let url = format!("tiny:{}", directory.path().join("db").display());
    let db = Pool::connect(&url).await?;
    db.script("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (42)").await?;
    assert_eq!(db.fetch_value::<i64>("SELECT a FROM t", ()).await?, 42);
    assert_eq!(oarlock::connect(&url).await?.info().name, "tiny");
    let error = oarlock::connect("tiny:x?colour=red").await.expect_err("there is no such option");
    assert_eq!(error.to_string(), "tiny has no option colour (it knows statement_cache)");
    assert_eq!(oarlock::connect("tiny:").await.expect_err("no file").kind(), ErrorKind::Configuration);
    Ok(())
}
