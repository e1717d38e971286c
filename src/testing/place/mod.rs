//! How each engine makes a database for a test, and what it does with it afterwards.
//!
//! A database's name tells the test, and an id of its own. Who makes it first takes the lock of that id, and holds it as long as it
//! lives; so a database whose lock is free was left behind by a killed process, or is kept on purpose, which is marked in it.

mod mysql;
mod postgres;
mod sqlite;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use oarlock_core::{Error, ErrorKind, Result};

use super::recipe::{self, Recipe};
use super::target::{Engine, Target};

/// What every test's database is called first.
const PREFIX: &str = "oarlock_test_";

/// What every template is called first.
const TEMPLATE: &str = "oarlock_template_";

/// For how long the database of a failed test is kept.
const KEPT: Duration = Duration::from_hours(24);

/// For how long a template is used: one that no test asks for any more is then dropped.
const TEMPLATE_LIFE: Duration = Duration::from_hours(24 * 7);

/// A test's database, with whatever holds its lock.
pub(super) struct Place {
    url: String,
    kind: Kind,
}

enum Kind {
    Sqlite(sqlite::Directory),
    Postgres(postgres::Server),
    MySql(mysql::Server),
}

impl Place {
    /// Makes the database of a test, after what killed processes and the test's last failure left is gone.
    pub(super) async fn make(target: &Target, test: &str, recipe: &Recipe) -> Result<Self> {
        let name = Name::new(test);
        let url = &target.url;
        let (url, kind) = match target.engine {
            Engine::Sqlite => {
                let directory = sqlite::Directory::make(url, &name, recipe).await?;
                (directory.url()?, Kind::Sqlite(directory))
            }
            Engine::Postgres => {
                (with_database(url, &name), Kind::Postgres(postgres::Server::make(url, &name, recipe).await?))
            }
            Engine::MySql => (with_database(url, &name), Kind::MySql(mysql::Server::make(url, &name, recipe).await?)),
        };
        Ok(Self { url, kind })
    }

    /// Gives the URL that leads to the database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Drops the database.
    pub(super) async fn remove(self) -> Result<()> {
        match self.kind {
            Kind::Sqlite(directory) => directory.remove(),
            Kind::Postgres(server) => server.remove().await,
            Kind::MySql(server) => server.remove().await,
        }
    }

    /// Marks the database as kept.
    pub(super) async fn keep(self) -> Result<()> {
        match self.kind {
            Kind::Sqlite(directory) => directory.keep(),
            Kind::Postgres(server) => server.keep().await,
            Kind::MySql(server) => server.keep().await,
        }
    }
}

/// The name of a test's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    /// Which test.
    test: u32,
    /// Which of its databases.
    id: u64,
}

impl Name {
    fn new(test: &str) -> Self {
        // The standard library's hashers start from random keys.
        Self { test: recipe::hash(test), id: RandomState::new().build_hasher().finish() }
    }

    /// Reads a name; one that is not ours is `None`.
    fn parse(database: &str) -> Option<Self> {
        let (test, id) = database.strip_prefix(PREFIX)?.split_once('_')?;
        let name = Self { test: u32::from_str_radix(test, 16).ok()?, id: u64::from_str_radix(id, 16).ok()? };
        (name.to_string() == database).then_some(name)
    }

    /// Tells whether a database of which the lock is free is to be dropped: it was left, or kept for long enough.
    fn is_stale(&self, of: Self, kept: Option<Duration>) -> bool {
        kept.is_none_or(|age| self.test == of.test || age > KEPT)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:08x}_{:016x}", self.test, self.id)
    }
}

/// Adds to an error what a test needs of its server.
fn needs(error: Error, right: &str) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => error.with_hint(format!("the tests' user needs {right}")),
        _ => error,
    }
}

/// Puts another database into a server's URL, whose password a parsed URL would not give back as text.
fn with_database(url: &str, name: &Name) -> String {
    let (place, options) = url.split_once('?').map_or((url, None), |(place, options)| (place, Some(options)));
    let host = place.find("//").map_or(0, |slashes| slashes + 2);
    let end = place[host..].find('/').map_or(place.len(), |slash| host + slash);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", &place[..end])
}
