//! Keys and checks of a table.

use serde::{Deserialize, Serialize};

use super::QualifiedName;

/// The primary key of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrimaryKey {
    /// The name of the constraint; without one, `{table}_pkey`. MySQL calls every primary key `PRIMARY`.
    pub name: Option<String>,
    /// The columns, in the order of the key.
    pub columns: Vec<String>,
}

/// A unique constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unique {
    /// The name of the constraint; without one, `{table}_{columns}_key`.
    pub name: Option<String>,
    /// The columns, in the order of the key.
    pub columns: Vec<String>,
    /// Whether two NULLs may stand beside each other.
    pub nulls: UniqueNulls,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// Whether two NULLs are the same to a unique constraint or index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UniqueNulls {
    /// No: any number of NULLs may be stored. The rule of every engine.
    Distinct,
    /// Yes: one NULL at most. PostgreSQL 15 and later.
    NotDistinct,
}

/// When a constraint is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Deferrable {
    /// With the statement, always.
    No,
    /// With the statement, unless the transaction defers it.
    InitiallyImmediate,
    /// At commit, unless the transaction says otherwise.
    InitiallyDeferred,
}

/// A check constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// The name of the constraint; without one, `{table}_check`, `{table}_check1` and so on.
    pub name: Option<String>,
    /// What must not be false, in the engine's SQL.
    pub expression: String,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The name of the constraint; without one, `{table}_{columns}_fkey`.
    pub name: Option<String>,
    /// The columns of this table.
    pub columns: Vec<String>,
    /// The table they refer to; without a schema, one in the schema of this table.
    pub references: QualifiedName,
    /// The columns there, one for each of `columns`.
    pub referenced_columns: Vec<String>,
    /// What happens here when the row there is deleted.
    pub on_delete: Action,
    /// What happens here when the key there is changed.
    pub on_update: Action,
    /// When it is checked.
    pub deferrable: Deferrable,
}

/// What a foreign key does when the row it refers to goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Refuse, when the constraint is checked.
    NoAction,
    /// Refuse at once. On MySQL and MariaDB the same as [`Action::NoAction`].
    Restrict,
    /// Delete or change the referring row as well.
    Cascade,
    /// Set the referring columns to NULL.
    SetNull,
    /// Set the referring columns to their defaults. MySQL and MariaDB have it not.
    SetDefault,
}

impl PrimaryKey {
    /// Makes a primary key.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { name: None, columns: columns.into_iter().map(Into::into).collect() }
    }

    /// Names the constraint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl Unique {
    /// Makes a unique constraint.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: None,
            columns: columns.into_iter().map(Into::into).collect(),
            nulls: UniqueNulls::Distinct,
            deferrable: Deferrable::No,
        }
    }

    /// Names the constraint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Takes two NULLs as the same.
    #[must_use]
    pub fn nulls_not_distinct(mut self) -> Self {
        self.nulls = UniqueNulls::NotDistinct;
        self
    }

    /// Sets when it is checked.
    #[must_use]
    pub fn deferrable(mut self, deferrable: Deferrable) -> Self {
        self.deferrable = deferrable;
        self
    }
}

impl Check {
    /// Makes a check constraint.
    pub fn new(expression: impl Into<String>) -> Self {
        Self { name: None, expression: expression.into() }
    }

    /// Names the constraint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl ForeignKey {
    /// Makes a foreign key without actions.
    pub fn new(
        columns: impl IntoIterator<Item = impl Into<String>>,
        references: impl Into<QualifiedName>,
        referenced_columns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: None,
            columns: columns.into_iter().map(Into::into).collect(),
            references: references.into(),
            referenced_columns: referenced_columns.into_iter().map(Into::into).collect(),
            on_delete: Action::NoAction,
            on_update: Action::NoAction,
            deferrable: Deferrable::No,
        }
    }

    /// Names the constraint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets what happens when the row referred to is deleted.
    #[must_use]
    pub fn on_delete(mut self, action: Action) -> Self {
        self.on_delete = action;
        self
    }

    /// Sets what happens when the key referred to is changed.
    #[must_use]
    pub fn on_update(mut self, action: Action) -> Self {
        self.on_update = action;
        self
    }

    /// Sets when it is checked.
    #[must_use]
    pub fn deferrable(mut self, deferrable: Deferrable) -> Self {
        self.deferrable = deferrable;
        self
    }
}
