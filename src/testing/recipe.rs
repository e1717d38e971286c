//! What a test wants to find in its database: the setup that ran, and the fixtures.

use std::any::type_name;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::UNIX_EPOCH;

use oarlock_core::{Db, DbExt, Error, ErrorKind, Result};

use super::outcome::TestResult;

/// A future that stays on its thread, and gives a failure in words.
type Ending<'a> = Pin<Box<dyn Future<Output = Option<String>> + 'a>>;

/// A setup whose type is forgotten.
trait Run {
    fn run<'a>(&'a self, db: &'a dyn Db) -> Ending<'a>;
}

struct Async<S>(S);

impl<S, R> Run for Async<S>
where
    S: AsyncFn(&dyn Db) -> R,
    R: TestResult,
{
    fn run<'a>(&'a self, db: &'a dyn Db) -> Ending<'a> {
        Box::pin(async move { (self.0)(db).await.failure() })
    }
}

/// A setup and its name, by which its template is known.
struct Setup {
    name: &'static str,
    run: Box<dyn Run>,
}

/// A script and its name.
#[derive(Debug, Clone)]
struct Fixture {
    name: &'static str,
    text: &'static str,
}

/// What is done to an empty database before the test gets it.
#[derive(Default)]
pub(super) struct Recipe {
    setup: Option<Setup>,
    fixtures: Vec<Fixture>,
}

/// What a template is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The same for all versions of one recipe: a new version replaces the old.
    pub(super) origin: u32,
    /// Another one for each version.
    pub(super) version: u64,
}

impl Recipe {
    pub(super) fn set_up<S, R>(&mut self, setup: S)
    where
        S: AsyncFn(&dyn Db) -> R + 'static,
        R: TestResult + 'static,
    {
        self.setup = Some(Setup { name: type_name::<S>(), run: Box::new(Async(setup)) });
    }

    pub(super) fn add_fixture(&mut self, name: &'static str, text: &'static str) {
        self.fixtures.push(Fixture { name, text });
    }

    /// Tells whether the database is to be empty.
    pub(super) fn is_empty(&self) -> bool {
        self.setup.is_none() && self.fixtures.is_empty()
    }

    /// Gives the key of the template for a user of the server; `None` for a database that is to be empty.
    ///
    /// What a setup does stands in the executable, so that a new build is a new version. Fixtures are compared by their text.
    pub(super) fn key(&self, user: Option<&str>) -> Result<Option<Key>> {
        if self.is_empty() {
            return Ok(None);
        }
        let executable = executable()?;
        let (mut origin, mut version) = (DefaultHasher::new(), DefaultHasher::new());
        match &self.setup {
            Some(setup) => {
                (&executable, setup.name).hash(&mut origin);
                build(&executable)?.hash(&mut version);
            }
            None => executable.parent().hash(&mut origin),
        }
        for Fixture { name, text } in &self.fixtures {
            name.hash(&mut origin);
            text.hash(&mut version);
        }
        user.hash(&mut origin);
        Ok(Some(Key { origin: short(origin.finish()), version: version.finish() }))
    }

    /// Runs the setup and then the fixtures in their order.
    pub(super) async fn apply(&self, db: &dyn Db) -> Result<()> {
        if let Some(setup) = &self.setup
            && let Some(failure) = setup.run.run(db).await
        {
            return Err(Error::new(ErrorKind::Database, format!("the setup {} failed: {failure}", setup.name)));
        }
        for fixture in &self.fixtures {
            let ran = db.script(fixture.text).await;
            ran.map_err(|error| error.context(format_args!("fixture {}", fixture.name)))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fixtures.iter().map(|fixture| fixture.name).collect();
        f.debug_struct("Recipe")
            .field("setup", &self.setup.as_ref().map(|setup| setup.name))
            .field("fixtures", &names)
            .finish()
    }
}

/// Gives the file of the running test.
pub(super) fn executable() -> Result<PathBuf> {
    std::env::current_exe().map_err(io(Path::new("the test's executable"), "found"))
}

/// Gives what tells one build of an executable from the next.
fn build(executable: &Path) -> Result<(PathBuf, u64, u128)> {
    let looked = executable.metadata().and_then(|data| Ok((data.len(), data.modified()?)));
    let (length, changed) = looked.map_err(io(executable, "looked at"))?;
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Ok((executable.to_owned(), length, changed))
}

/// Makes the error of what could not be done with a file.
pub(super) fn io(path: &Path, done: &str) -> impl Fn(std::io::Error) -> Error {
    move |error| {
        Error::new(ErrorKind::Io, format!("{} could not be {done}: {error}", path.display())).with_source(error)
    }
}

/// Gives the short hash of a text.
pub(super) fn hash(text: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    short(hasher.finish())
}

fn short(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
