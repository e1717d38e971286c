//! A recorded connection keeps every rule that its driver keeps.

use oarlock::connection::BoxFuture;
use oarlock::factory::{DriverFactory, Purpose};
use oarlock::testing::QueryLog;
use oarlock::{Capabilities, Connection, Url};
use oarlock_conformance::{Place, Setup, required, suite};
use tempfile::TempDir;

struct Recorded;

impl Setup for Recorded {
    fn factory(&self) -> &'static dyn DriverFactory {
        &oarlock::sqlite::FACTORY
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move {
            let log = QueryLog::new();
            log.connector(self.factory().connector(url, Purpose::Single)?).connect().await
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let directory = TempDir::with_prefix(name)
                .map_err(|error| oarlock::Error::new(oarlock::ErrorKind::Io, error.to_string()))?;
            let url = Url::parse("sqlite:")?.with_path(directory.path().join("db").display().to_string());
            Ok(Some(Place::new(name, url).keep(directory)))
        })
    }

    fn close<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn required(&self, _: &oarlock::connection::DriverInfo) -> Capabilities {
        required::SQLITE
    }
}

suite!(Recorded);
