//! What stands in a schema beside tables: views, sequences, and what the model does not know.

use serde::{Deserialize, Serialize};

use super::QualifiedName;

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct View {
    /// The schema; the connection's own without one.
    pub schema: Option<String>,
    /// The name, in the case it is stored in.
    pub name: String,
    /// The query, in the engine's SQL, without `CREATE VIEW … AS`.
    pub definition: String,
    /// The names of its columns; the query's own when empty.
    pub columns: Vec<String>,
    /// Whether the rows are kept: PostgreSQL's `MATERIALIZED`.
    pub materialized: bool,
    /// What the view is for. PostgreSQL only.
    pub comment: Option<String>,
}

/// A sequence that stands for itself, not the one behind a numbered column. PostgreSQL and MariaDB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sequence {
    /// The schema; the connection's own without one.
    pub schema: Option<String>,
    /// The name, in the case it is stored in.
    pub name: String,
    /// The first number.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The least number, if not the engine's.
    pub min: Option<i64>,
    /// The greatest number, if not the engine's.
    pub max: Option<i64>,
    /// Whether it begins again at its end.
    pub cycle: bool,
}

/// An object that the catalog found and this model has no words for: a trigger, a function, a partition.
///
/// It is listed so that a tool can refuse it; nothing renders it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unmodelled {
    /// What it is, in SQL's words in lower case, such as `trigger`.
    pub kind: String,
    /// Its name.
    pub name: QualifiedName,
    /// Its SQL, where the engine keeps it.
    pub definition: Option<String>,
}

impl View {
    /// Makes a view.
    pub fn new(name: impl Into<String>, definition: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
            definition: definition.into(),
            columns: Vec::new(),
            materialized: false,
            comment: None,
        }
    }

    /// Gives the name with its schema.
    pub fn qualified_name(&self) -> QualifiedName {
        QualifiedName { schema: self.schema.clone(), name: self.name.clone() }
    }

    /// Puts the view into a schema.
    #[must_use]
    pub fn in_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Names the columns.
    #[must_use]
    pub fn columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = names.into_iter().map(Into::into).collect();
        self
    }

    /// Keeps the rows.
    #[must_use]
    pub fn materialized(mut self) -> Self {
        self.materialized = true;
        self
    }

    /// Says what the view is for.
    #[must_use]
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }
}

impl Sequence {
    /// Makes a sequence from 1 by 1.
    pub fn new(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into(), start: 1, increment: 1, min: None, max: None, cycle: false }
    }

    /// Gives the name with its schema.
    pub fn qualified_name(&self) -> QualifiedName {
        QualifiedName { schema: self.schema.clone(), name: self.name.clone() }
    }
}

impl Unmodelled {
    /// Makes a mark of an object.
    pub fn new(kind: impl Into<String>, name: impl Into<QualifiedName>) -> Self {
        Self { kind: kind.into(), name: name.into(), definition: None }
    }

    /// Adds its SQL.
    #[must_use]
    pub fn definition(mut self, sql: impl Into<String>) -> Self {
        self.definition = Some(sql.into());
        self
    }
}
