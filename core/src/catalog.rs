//! Reading what a database holds: schemas, tables with all that belongs to them, views.

use crate::schema::{Table, View};
use crate::{Error, ErrorKind, Result};

/// A question to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogQuery<'q> {
    /// The names of the schemas that are not the server's own.
    Schemas,
    /// The names of the tables of a schema, or of the session's current one.
    TableNames {
        /// The schema; `None` is the session's current one.
        schema: Option<&'q str>,
    },
    /// All tables of a schema in full.
    Tables {
        /// The schema; `None` is the session's current one.
        schema: Option<&'q str>,
    },
    /// One table in full: columns, keys, checks, indexes.
    Table {
        /// The schema; `None` is the session's current one.
        schema: Option<&'q str>,
        /// The table's name, exactly as it is stored.
        name: &'q str,
    },
    /// All views of a schema.
    Views {
        /// The schema; `None` is the session's current one.
        schema: Option<&'q str>,
    },
}

/// The catalog's answer, of the kind that was asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CatalogReply {
    /// Names of schemas or tables, sorted.
    Names(Vec<String>),
    /// Tables, sorted by name.
    Tables(Vec<Table>),
    /// Views, sorted by name.
    Views(Vec<View>),
}

impl CatalogReply {
    /// Gives the names.
    ///
    /// # Errors
    ///
    /// `Internal` when the driver answered another question.
    pub fn into_names(self) -> Result<Vec<String>> {
        match self {
            Self::Names(names) => Ok(names),
            _ => Err(beside_the_question()),
        }
    }

    /// Gives the tables.
    ///
    /// # Errors
    ///
    /// `Internal` when the driver answered another question.
    pub fn into_tables(self) -> Result<Vec<Table>> {
        match self {
            Self::Tables(tables) => Ok(tables),
            _ => Err(beside_the_question()),
        }
    }

    /// Gives the views.
    ///
    /// # Errors
    ///
    /// `Internal` when the driver answered another question.
    pub fn into_views(self) -> Result<Vec<View>> {
        match self {
            Self::Views(views) => Ok(views),
            _ => Err(beside_the_question()),
        }
    }
}

fn beside_the_question() -> Error {
    Error::new(ErrorKind::Internal, "the driver's catalog answered another question than was asked")
}
