//! A database's own type, for what the contract's values do not cover and for the description of columns.

use std::sync::Arc;

/// A type as one database knows it. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NativeType {
    id: u32,
    name: Arc<str>,
}

impl NativeType {
    /// Makes a type from the database's number for it (PostgreSQL's OID, MySQL's type byte, 0 where there is none) and
    /// its name there.
    #[must_use]
    pub fn new(id: u32, name: impl Into<Arc<str>>) -> Self {
        Self { id, name: name.into() }
    }

    /// Gives the database's number for the type, 0 where it has none.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Gives the database's name for the type (`int4`, `BIGINT UNSIGNED`, SQLite's declared type).
    pub fn name(&self) -> &str {
        &self.name
    }
}
