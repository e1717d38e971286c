//! A table: columns, keys, checks, indexes.

use serde::{Deserialize, Serialize};

use super::{Check, Column, ForeignKey, Index, PrimaryKey, QualifiedName, Unique};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// The schema; the connection's own without one. On MySQL a database, on SQLite an attached one.
    pub schema: Option<String>,
    /// The name, in the case it is stored in.
    pub name: String,
    /// The columns, in their order.
    pub columns: Vec<Column>,
    /// The primary key.
    pub primary_key: Option<PrimaryKey>,
    /// The unique constraints.
    pub uniques: Vec<Unique>,
    /// The foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// The check constraints. The guards that the renderer puts on columns of SQLite are not among them.
    pub checks: Vec<Check>,
    /// The indexes that are not there for a key.
    pub indexes: Vec<Index>,
    /// What the table is for. SQLite keeps no comments.
    pub comment: Option<String>,
    /// What only some engines have.
    pub options: TableOptions,
    /// The name that the table had before, for a migration that renames it.
    pub renamed_from: Option<String>,
}

/// What only some engines have to say about a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableOptions {
    /// MySQL's storage engine; `InnoDB` without one.
    pub engine: Option<String>,
    /// MySQL's character set; `utf8mb4` without one.
    pub charset: Option<String>,
    /// MySQL's collation; the one that compares by code point without one.
    pub collation: Option<String>,
    /// How SQLite keeps the rows.
    pub layout: Layout,
    /// Whether PostgreSQL leaves the table out of its write-ahead log.
    pub unlogged: bool,
}

/// How SQLite keeps the rows of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Layout {
    /// By row number, typed by affinity: the usual way, and the only one that keeps declared types.
    #[default]
    Rows,
    /// By primary key: `WITHOUT ROWID`.
    WithoutRowid,
    /// By row number, typed strictly: `STRICT`. Reported by a catalog; the renderer refuses it, as SQLite then takes no
    /// declared type but its own five.
    Strict,
    /// `STRICT, WITHOUT ROWID`, refused as well.
    StrictWithoutRowid,
}

impl Table {
    /// Makes a table without columns.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            options: TableOptions::default(),
            renamed_from: None,
        }
    }

    /// Gives the name with its schema.
    pub fn qualified_name(&self) -> QualifiedName {
        QualifiedName { schema: self.schema.clone(), name: self.name.clone() }
    }

    /// Finds a column by its name.
    pub fn find_column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Tells whether a column is part of the primary key.
    pub fn is_key(&self, column: &str) -> bool {
        self.primary_key.as_ref().is_some_and(|key| key.columns.iter().any(|name| name == column))
    }

    /// Puts the table into a schema.
    #[must_use]
    pub fn in_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Sets the columns of the primary key.
    #[must_use]
    pub fn primary_key(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.primary_key = Some(PrimaryKey::new(columns));
        self
    }

    /// Adds a unique constraint on columns.
    #[must_use]
    pub fn unique(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.uniques.push(Unique::new(columns));
        self
    }

    /// Adds a foreign key.
    #[must_use]
    pub fn foreign_key(mut self, key: ForeignKey) -> Self {
        self.foreign_keys.push(key);
        self
    }

    /// Adds a check constraint.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Adds an index.
    #[must_use]
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }

    /// Says what the table is for.
    #[must_use]
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    /// Sets what only some engines have.
    #[must_use]
    pub fn options(mut self, options: TableOptions) -> Self {
        self.options = options;
        self
    }

    /// Says which name the table had before.
    #[must_use]
    pub fn renamed_from(mut self, name: impl Into<String>) -> Self {
        self.renamed_from = Some(name.into());
        self
    }
}

impl TableOptions {
    /// Makes options that say nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets MySQL's storage engine.
    #[must_use]
    pub fn engine(mut self, name: impl Into<String>) -> Self {
        self.engine = Some(name.into());
        self
    }

    /// Sets MySQL's character set.
    #[must_use]
    pub fn charset(mut self, name: impl Into<String>) -> Self {
        self.charset = Some(name.into());
        self
    }

    /// Sets MySQL's collation.
    #[must_use]
    pub fn collation(mut self, name: impl Into<String>) -> Self {
        self.collation = Some(name.into());
        self
    }

    /// Sets how SQLite keeps the rows.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Leaves the table out of PostgreSQL's write-ahead log.
    #[must_use]
    pub fn unlogged(mut self) -> Self {
        self.unlogged = true;
        self
    }
}
