//! An index of a table.

use serde::{Deserialize, Serialize};

use super::UniqueNulls;

/// An index of a table, beside those that its keys bring with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Index {
    /// The name; without one, `{table}_{columns}_idx`.
    pub name: Option<String>,
    /// What is indexed, in order.
    pub parts: Vec<IndexPart>,
    /// Whether it forbids two rows with the same key.
    pub unique: bool,
    /// Whether two NULLs are the same to a unique index.
    pub nulls: UniqueNulls,
    /// Which rows are indexed, in the engine's SQL; all of them without one. Not on MySQL.
    pub predicate: Option<String>,
    /// The kind of index, such as `gin` or `fulltext`; the engine's ordered tree without one.
    pub method: Option<String>,
    /// Columns that are stored with the index and not part of its key. PostgreSQL only.
    pub include: Vec<String>,
}

/// One part of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IndexPart {
    /// A column or an expression.
    pub key: IndexKey,
    /// Whether it rises or falls.
    pub order: Order,
    /// Where NULLs stand, if not where the engine puts them.
    pub nulls: Option<Nulls>,
    /// How many characters or bytes of the column are indexed; all without one. MySQL and MariaDB only.
    pub prefix: Option<u32>,
    /// The collation of the index, if not the column's.
    pub collation: Option<String>,
    /// PostgreSQL's operator class, if not the type's own.
    pub operator_class: Option<String>,
}

/// What a part of an index is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum IndexKey {
    /// A column, by its name.
    Column(String),
    /// An expression, in the engine's SQL.
    Expression(String),
}

/// Whether a part of an index rises or falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Order {
    /// It rises.
    Ascending,
    /// It falls.
    Descending,
}

/// Where NULLs stand in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

impl Index {
    /// Makes an index on columns and expressions.
    pub fn new(parts: impl IntoIterator<Item = impl Into<IndexPart>>) -> Self {
        Self {
            name: None,
            parts: parts.into_iter().map(Into::into).collect(),
            unique: false,
            nulls: UniqueNulls::Distinct,
            predicate: None,
            method: None,
            include: Vec::new(),
        }
    }

    /// Names the index.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Forbids two rows with the same key.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Takes two NULLs as the same.
    #[must_use]
    pub fn nulls_not_distinct(mut self) -> Self {
        self.nulls = UniqueNulls::NotDistinct;
        self
    }

    /// Indexes only the rows for which an expression is true.
    #[must_use]
    pub fn only_where(mut self, predicate: impl Into<String>) -> Self {
        self.predicate = Some(predicate.into());
        self
    }

    /// Sets the kind of index.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Stores columns with the index that are not part of its key.
    #[must_use]
    pub fn include(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.include = columns.into_iter().map(Into::into).collect();
        self
    }
}

impl IndexPart {
    /// Makes a part of a column.
    pub fn column(name: impl Into<String>) -> Self {
        Self::of(IndexKey::Column(name.into()))
    }

    /// Makes a part of an expression in the engine's SQL.
    pub fn expression(sql: impl Into<String>) -> Self {
        Self::of(IndexKey::Expression(sql.into()))
    }

    fn of(key: IndexKey) -> Self {
        Self { key, order: Order::Ascending, nulls: None, prefix: None, collation: None, operator_class: None }
    }

    /// Lets the part fall.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// Says where NULLs stand.
    #[must_use]
    pub fn nulls(mut self, nulls: Nulls) -> Self {
        self.nulls = Some(nulls);
        self
    }

    /// Indexes only the beginning of the column.
    #[must_use]
    pub fn prefix(mut self, length: u32) -> Self {
        self.prefix = Some(length);
        self
    }

    /// Sets the collation.
    #[must_use]
    pub fn collation(mut self, name: impl Into<String>) -> Self {
        self.collation = Some(name.into());
        self
    }

    /// Sets PostgreSQL's operator class.
    #[must_use]
    pub fn operator_class(mut self, name: impl Into<String>) -> Self {
        self.operator_class = Some(name.into());
        self
    }
}

impl From<&str> for IndexPart {
    fn from(column: &str) -> Self {
        Self::column(column)
    }
}

impl From<String> for IndexPart {
    fn from(column: String) -> Self {
        Self::column(column)
    }
}
