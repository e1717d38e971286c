//! Reading what a database holds: schemas, tables with all that belongs to them, views.

use crate::schema::{Table, View};

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
