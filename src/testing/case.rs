//! One test: where it runs, what its database holds, and what becomes of it.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use oarlock_core::Db;
use tokio::runtime::{Builder, Runtime};

use super::database::Database;
use super::outcome::TestResult;
use super::place::Place;
use super::recipe::Recipe;
use super::target::{Engine, Target};

/// How long the pool's sessions may take to end.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long tasks that a test left behind may hold up its end.
const LINGER: Duration = Duration::from_secs(5);

/// A test with a database of its own: what [`#[oarlock::test]`](macro@crate::test) writes.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use oarlock::testing::{Case, Database, Engine};
/// use oarlock::{DbExt, Result};
///
/// Case::new("city::counts")
///     .engine(Engine::Sqlite)
///     .fixture("city.sql", "CREATE TABLE city (name TEXT); INSERT INTO city VALUES ('Oslo')")
///     .run(async |database: Database| -> Result<()> {
///         let db = database.pool();
///         assert_eq!(db.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 1);
///         Ok(())
///     });
/// # }
/// ```
#[must_use = "a case does nothing until it is run"]
#[derive(Debug)]
pub struct Case {
    name: &'static str,
    engine: Option<Engine>,
    url: Option<String>,
    recipe: Recipe,
    threads: Threads,
    panics: bool,
}

/// On which threads the test's tasks run.
#[derive(Debug, Clone, Copy)]
enum Threads {
    One,
    Several(Option<usize>),
}

impl Case {
    /// Makes a case whose database is empty. The name tells it from other tests: a database that it left when it failed is dropped
    /// when it runs again.
    pub fn new(name: &'static str) -> Self {
        Self { name, engine: None, url: None, recipe: Recipe::default(), threads: Threads::One, panics: false }
    }

    /// Sets the engine; the [module](super) tells which server that is.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Sets the URL of the server; its scheme is the engine.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets what fills an empty database: an async function that takes a `&dyn Db`, such as the application's migrations.
    ///
    /// It runs once for many tests where the engine can copy a database, and must not depend on anything but its build.
    pub fn setup<S, R>(mut self, setup: S) -> Self
    where
        S: AsyncFn(&dyn Db) -> R + 'static,
        R: TestResult + 'static,
    {
        self.recipe.set_up(setup);
        self
    }

    /// Adds a script that runs after the setup and the fixtures before it. The name is for messages.
    pub fn fixture(mut self, name: &'static str, script: &'static str) -> Self {
        self.recipe.add_fixture(name, script);
        self
    }

    /// Runs the test's tasks on threads of their own, as many as there are processors or as given; by default they run on the
    /// test's thread.
    pub fn multi_thread(mut self, workers: Option<usize>) -> Self {
        self.threads = Threads::Several(workers);
        self
    }

    /// Expects the test to fail: the database is then dropped all the same. The panic goes on to the caller.
    pub fn should_panic(mut self) -> Self {
        self.panics = true;
        self
    }

    /// Makes the database, runs the test, and drops the database or keeps it.
    ///
    /// # Panics
    ///
    /// When the test fails: with its panic, or with the error that it gave. When no database can be had, and with `CI=true` when
    /// the engine has no server.
    pub fn run<R: TestResult>(self, test: impl AsyncFnOnce(Database) -> R) {
        let name = self.name;
        let target = match Target::find(self.engine, self.url.as_deref()) {
            Ok(Ok(target)) => target,
            Ok(Err(missing)) => return skip(name, &missing),
            Err(error) => panic!("no database for {name}: {error}"),
        };
        // The database is made and removed on a runtime of its own, so that nothing of the test's outlives its runtime.
        let keeper = start(&mut Builder::new_current_thread());
        let made = keeper.block_on(async {
            let place = Place::make(&target, name, &self.recipe).await?;
            Database::new(target.engine, place.url()).map(|database| (place, database))
        });
        let (place, database) = made.unwrap_or_else(|error| panic!("no database for {name}: {error}"));
        let ended = {
            let runtime = self.runtime();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    let failure = test(database.clone()).await.failure();
                    close(&database).await;
                    failure
                })
            }));
            runtime.shutdown_timeout(LINGER);
            ended
        };
        let shown = database.shown();
        match ended {
            Ok(None) => remove(&keeper, place),
            Ok(Some(failure)) if self.panics => {
                remove(&keeper, place);
                panic!("{failure}")
            }
            Ok(Some(failure)) => panic!("{failure}\n{}", keep(&keeper, place, shown)),
            Err(panic) if self.panics => {
                remove(&keeper, place);
                resume_unwind(panic)
            }
            Err(panic) => {
                tell(&keep(&keeper, place, shown));
                resume_unwind(panic)
            }
        }
    }

    fn runtime(&self) -> Runtime {
        match self.threads {
            Threads::One => start(&mut Builder::new_current_thread()),
            Threads::Several(None) => start(&mut Builder::new_multi_thread()),
            Threads::Several(Some(workers)) => start(Builder::new_multi_thread().worker_threads(workers)),
        }
    }
}

fn start(builder: &mut Builder) -> Runtime {
    builder.enable_all().build().unwrap_or_else(|error| panic!("the test's runtime does not start: {error}"))
}

/// Lets the pool's sessions end in good order: the server need not find out by itself.
async fn close(database: &Database) {
    // A session that the test still holds ends with its runtime.
    let _ = tokio::time::timeout(FAREWELL, database.pool().close()).await;
}

/// Drops the database. A test that passed does not fail for it: what is left is dropped by the next run.
fn remove(keeper: &Runtime, place: Place) {
    if let Err(error) = keeper.block_on(place.remove()) {
        tell(&format!("the test's database could not be dropped: {error}"));
    }
}

/// Keeps the database for whoever looks into the failure, and says where it is.
fn keep(keeper: &Runtime, place: Place, url: &str) -> String {
    match keeper.block_on(place.keep()) {
        Ok(()) => format!("the test's database is kept until the test runs again: {url}"),
        Err(error) => format!("the test's database could not be kept: {error}"),
    }
}

#[expect(clippy::print_stderr, reason = "the harness shows with a failure what its test printed so, and only so")]
fn tell(message: &str) {
    eprintln!("{message}");
}

/// Says that a test does not run, past the harness, which shows nothing of a test that passes.
fn skip(name: &str, missing: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} cannot run: {missing}");
    // Where nobody listens, nobody is to be told.
    let _ = writeln!(std::io::stderr(), "skipped: {name}: {missing}");
}
