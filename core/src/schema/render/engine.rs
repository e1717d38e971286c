//! What the renderer knows of an engine beyond its flavor, and the words of its errors.

use std::fmt;

use crate::dialect::{Dialect, Flavor};
use crate::error::Error;
use crate::schema::{QualifiedName, Table};

/// The engines whose DDL differs. A dialect of MySQL's flavor that is not called `mariadb` is taken as MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::schema) enum Engine {
    Postgres,
    MySql,
    MariaDb,
    Sqlite,
}

impl Engine {
    pub(in crate::schema) fn of(dialect: &Dialect) -> Self {
        match dialect.flavor {
            Flavor::Postgres => Self::Postgres,
            Flavor::MySql if dialect.name == Dialect::MARIADB.name => Self::MariaDb,
            Flavor::MySql => Self::MySql,
            Flavor::Sqlite => Self::Sqlite,
        }
    }

    pub(in crate::schema) fn is_mysql(self) -> bool {
        matches!(self, Self::MySql | Self::MariaDb)
    }

    /// The collation under which text compares by code point and trailing blanks count.
    pub(in crate::schema) fn text_collation(self) -> Option<&'static str> {
        match self {
            Self::MySql => Some("utf8mb4_0900_bin"),
            Self::MariaDb => Some("utf8mb4_nopad_bin"),
            Self::Postgres | Self::Sqlite => None,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
            Self::Sqlite => "SQLite",
        })
    }
}

/// Where in the model something stands, for the words of an error.
#[derive(Debug, Clone, Copy)]
pub(in crate::schema) struct Place<'a> {
    pub(in crate::schema) engine: Engine,
    pub(in crate::schema) table: &'a Table,
    pub(in crate::schema) column: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(in crate::schema) fn table(engine: Engine, table: &'a Table) -> Self {
        Self { engine, table, column: None }
    }

    pub(in crate::schema) fn column(engine: Engine, table: &'a Table, column: &'a str) -> Self {
        Self { engine, table, column: Some(column) }
    }

    /// The engine cannot do it; `what` is the thing, `fix` what to do instead.
    pub(in crate::schema) fn unsupported(self, what: impl fmt::Display, fix: &str) -> Error {
        self.attach(Error::not_supported(format!("{self}: {} has no {what}; {fix}", self.engine)))
    }

    /// The model contradicts itself.
    pub(in crate::schema) fn wrong(self, what: impl fmt::Display) -> Error {
        self.attach(Error::interface(format!("{self}: {what}")))
    }

    fn attach(self, error: Error) -> Error {
        let error = error.with_table(self.table.name.as_str());
        match self.column {
            Some(column) => error.with_column(column),
            None => error,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {:?}", self.table.qualified_name().to_string())?;
        match self.column {
            Some(column) => write!(f, ", column {column:?}"),
            None => Ok(()),
        }
    }
}

/// Writes a name with its schema, quoted.
pub(super) fn qualified(dialect: &Dialect, name: &QualifiedName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", dialect.quote_identifier(schema), dialect.quote_identifier(&name.name)),
        None => dialect.quote_identifier(&name.name),
    }
}

/// Writes names, quoted, with commas between.
pub(in crate::schema) fn list<'a>(dialect: &Dialect, names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| dialect.quote_identifier(name)).collect::<Vec<_>>().join(", ")
}
