//! A database for one test, on each engine.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oarlock::{DbExt, Result};
use oarlock_conformance::{Verdict, require_server};
use tempfile::TempDir;

/// How long a test may take: more is a hang.
pub const LIMIT: Duration = Duration::from_mins(2);

/// What the tests run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// The server of `OARLOCK_TEST_POSTGRES_URL`.
    Postgres,
    /// The server of `OARLOCK_TEST_MYSQL_URL`, MySQL or MariaDB.
    MySql,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    fn server(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("OARLOCK_TEST_POSTGRES_URL"),
            Self::MySql => Some("OARLOCK_TEST_MYSQL_URL"),
        }
    }
}

/// A test's own database, empty at first. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where it is.
    pub engine: Engine,
    /// The URL that leads to it.
    pub url: String,
    place: Arc<Place>,
}

#[derive(Debug)]
enum Place {
    File { _directory: TempDir },
    Server { url: String, name: String },
}

impl Database {
    /// Makes a database; `None` where no server is there, which has been reported then.
    ///
    /// # Errors
    ///
    /// As the server tells.
    pub async fn make(engine: Engine) -> Result<Option<Self>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oarlock_e2e_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let Some(server) = engine.server() else {
            let directory = TempDir::with_prefix(name)
                .map_err(|error| oarlock::Error::new(oarlock::ErrorKind::Io, error.to_string()))?;
            let url = format!("sqlite:{}", directory.path().join("test.db").display());
            return Ok(Some(Self { engine, url, place: Arc::new(Place::File { _directory: directory }) }));
        };
        let Some(server) = require_server(server) else { return Ok(None) };
        let admin = oarlock::connect(&server).await?;
        admin.execute(&format!("CREATE DATABASE {name}"), ()).await?;
        admin.close().await?;
        let url = with_database(&server, &name);
        Ok(Some(Self { engine, url, place: Arc::new(Place::Server { url: server, name }) }))
    }

    /// Removes the database, and with it what is still connected.
    ///
    /// # Errors
    ///
    /// As the server tells.
    pub async fn remove(self) -> Result<()> {
        match &*self.place {
            // The directory goes with the last of the clones.
            Place::File { .. } => Ok(()),
            Place::Server { url, name } => {
                let admin = oarlock::connect(url).await?;
                let force = if self.engine == Engine::Postgres { "WITH (FORCE)" } else { "" };
                admin.execute(&format!("DROP DATABASE {name} {force}"), ()).await?;
                admin.close().await
            }
        }
    }

    /// Gives the same URL with another option.
    #[must_use]
    pub fn url_with(&self, option: &str) -> String {
        format!("{}{}{option}", self.url, if self.url.contains('?') { '&' } else { '?' })
    }
}

/// Puts another database into a server's URL, whose password a parsed URL would not give back as text.
fn with_database(url: &str, name: &str) -> String {
    let (place, options) = url.split_once('?').map_or((url, None), |(place, options)| (place, Some(options)));
    let host = place.find("//").map_or(0, |slashes| slashes + 2);
    let end = place[host..].find('/').map_or(place.len(), |slash| host + slash);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &place[..end])
}

/// Runs a test on one engine, in a database of its own, under a limit of time.
///
/// # Panics
///
/// When the test fails.
pub fn run<F>(engine: Engine, test: fn(Database) -> F)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    run_within(LIMIT, engine, test);
}

/// Runs a test as [`run`] does, under a limit of its own.
///
/// # Panics
///
/// When the test fails.
pub fn run_within<F>(limit: Duration, engine: Engine, test: fn(Database) -> F)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let made = Database::make(engine).await.unwrap_or_else(|error| panic!("no database on {engine:?}: {error:?}"));
        let Some(database) = made else { return };
        let mut task = tokio::spawn(test(database.clone()));
        let ended = tokio::time::timeout(limit, &mut task).await;
        task.abort();
        let removed = database.remove().await;
        match ended {
            Err(elapsed) => panic!("the test did not end within {limit:?}: {elapsed}"),
            Ok(Err(failure)) => resume_unwind(failure.into_panic()),
            Ok(Ok(Err(failure))) => panic!("{failure:?}"),
            Ok(Ok(Ok(()))) => removed.unwrap_or_else(|error| panic!("the database could not be removed: {error:?}")),
        }
    });
}

/// Makes a test on every engine of each function named, which takes a [`Database`] and gives a [`Verdict`]; or whatever the function takes
/// that is named before them, `by crate::run;`, and takes the engine and each of them.
#[macro_export]
macro_rules! on_every_engine {
    (by $run:path; $($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn on_sqlite() {
                $run($crate::Engine::Sqlite, super::$test);
            }

            #[test]
            fn on_postgres() {
                $run($crate::Engine::Postgres, super::$test);
            }

            #[test]
            fn on_mysql() {
                $run($crate::Engine::MySql, super::$test);
            }
        }
    )+};
    ($($test:ident),+ $(,)?) => {
        $crate::on_every_engine! { by $crate::run; $($test),+ }
    };
}

/// Makes a test on each of the engines named: `test on Postgres MySql;`, under a limit of their own after `within limit;`.
#[macro_export]
macro_rules! on_engines {
    (within $limit:expr; $($test:ident on $($engine:ident)+;)+) => {$(
        mod $test {
            $(
                #[test]
                #[allow(non_snake_case, reason = "the engine is named as the type names it")]
                fn $engine() {
                    $crate::run_within($limit, $crate::Engine::$engine, super::$test);
                }
            )+
        }
    )+};
    ($($test:ident on $($engine:ident)+;)+) => {
        $crate::on_engines! { within $crate::LIMIT; $($test on $($engine)+;)+ }
    };
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn only_the_database_is_replaced() {
        for (url, wanted) in [
            ("postgres://a:b%2F@h:1/old?x=/y", "postgres://a:b%2F@h:1/new?x=/y"),
            ("mysql://root@h", "mysql://root@h/new"),
            ("mysql://root@h:3306/", "mysql://root@h:3306/new"),
        ] {
            assert_eq!(with_database(url, "new"), wanted);
        }
    }
}
