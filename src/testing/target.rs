//! Where a test runs: which engine, and which server.

use std::env;
use std::fmt;

use oarlock_core::{Error, ErrorKind, Result, Url};

/// What a test's database is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Engine {
    /// Gives the engine that a URL's scheme means.
    fn of(url: &Url) -> Result<Self> {
        match url.scheme() {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            "mysql" | "mariadb" => Ok(Self::MySql),
            other => Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "tests get databases of their own on SQLite, PostgreSQL, MySQL and MariaDB, not by {other} URLs"
                ),
            )),
        }
    }

    /// Gives the variable that names the engine's server; SQLite has none.
    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("OARLOCK_TEST_POSTGRES_URL"),
            Self::MySql => Some("OARLOCK_TEST_MYSQL_URL"),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL or MariaDB",
        })
    }
}

/// The engine of a test and the URL that leads to its server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) engine: Engine,
    pub(super) url: String,
}

impl Target {
    /// Finds where to run; the inner error tells which server is missing.
    pub(super) fn find(engine: Option<Engine>, url: Option<&str>) -> Result<std::result::Result<Self, String>> {
        Self::choose(engine, url, |name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn choose(
        engine: Option<Engine>,
        url: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<std::result::Result<Self, String>> {
        let default = || variable("DATABASE_URL");
        let sqlite = || Self { engine: Engine::Sqlite, url: "sqlite:".to_owned() };
        let read = |url: &str| Ok(Self { engine: Engine::of(&Url::parse(url)?)?, url: url.to_owned() });
        if let Some(url) = url {
            return read(url).map(Ok);
        }
        let Some(engine) = engine else {
            return default().map_or_else(|| Ok(sqlite()), |url| read(&url)).map(Ok);
        };
        let Some(own) = engine.variable() else { return Ok(Ok(sqlite())) };
        if let Some(url) = variable(own) {
            let target = read(&url)?;
            return if target.engine == engine {
                Ok(Ok(target))
            } else {
                Err(Error::new(ErrorKind::Configuration, format!("{own} is not a URL of {engine}")))
            };
        }
        match default().map(|url| read(&url)).transpose()? {
            Some(target) if target.engine == engine => Ok(Ok(target)),
            _ => Ok(Err(format!("no {engine}: set {own}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(engine: Option<Engine>, url: Option<&str>, set: &[(&str, &str)]) -> std::result::Result<Target, String> {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Target::choose(engine, url, variable).unwrap_or_else(|error| Err(error.to_string()))
    }

    fn on(engine: Engine, url: &str) -> Target {
        Target { engine, url: url.to_owned() }
    }

    #[test]
    fn the_url_comes_before_the_engines_variable_and_that_before_the_common_one() {
        let set = [("DATABASE_URL", "postgres://a/b"), ("OARLOCK_TEST_POSTGRES_URL", "postgres://c/d")];
        assert_eq!(choose(None, Some("mysql://e/f"), &set), Ok(on(Engine::MySql, "mysql://e/f")));
        assert_eq!(choose(None, None, &set), Ok(on(Engine::Postgres, "postgres://a/b")));
        assert_eq!(choose(Some(Engine::Postgres), None, &set), Ok(on(Engine::Postgres, "postgres://c/d")));
        assert_eq!(choose(Some(Engine::Postgres), None, &set[..1]), Ok(on(Engine::Postgres, "postgres://a/b")));
    }

    #[test]
    fn sqlite_needs_no_server() {
        assert_eq!(choose(None, None, &[]), Ok(on(Engine::Sqlite, "sqlite:")));
        let set = [("DATABASE_URL", "postgres://a/b")];
        assert_eq!(choose(Some(Engine::Sqlite), None, &set), Ok(on(Engine::Sqlite, "sqlite:")));
    }

    #[test]
    fn a_missing_server_names_its_variable() {
        let missing = Err("no MySQL or MariaDB: set OARLOCK_TEST_MYSQL_URL".to_owned());
        assert_eq!(choose(Some(Engine::MySql), None, &[("DATABASE_URL", "postgres://a/b")]), missing);
        assert_eq!(choose(Some(Engine::MySql), None, &[]), missing);
        let wrong = Err("OARLOCK_TEST_MYSQL_URL is not a URL of MySQL or MariaDB".to_owned());
        assert_eq!(choose(Some(Engine::MySql), None, &[("OARLOCK_TEST_MYSQL_URL", "sqlite:x")]), wrong);
    }
}
