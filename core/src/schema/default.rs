//! What a column holds when an insert does not say.

use serde::{Deserialize, Serialize};

/// What a column holds when an insert does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Default {
    /// A constant, written in the column's type.
    Literal(Literal),
    /// The present date, time or instant, in UTC, in the column's type.
    Now,
    /// A new UUID: version 4 on PostgreSQL and SQLite; on MySQL and MariaDB what the server's `UUID()` gives, version 1.
    Uuid,
    /// SQL of one engine, as it stands.
    Expression(String),
}

/// A constant of a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Literal {
    /// NULL; for a column without NOT NULL the same as no default at all.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number, in decimal digits, a sign, a point and an exponent at most.
    Number(String),
    /// Text, and whatever else is written as text: dates, UUIDs, JSON, the word of an enum.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Default {
    /// Makes a default of SQL as it stands.
    pub fn expression(sql: impl Into<String>) -> Self {
        Self::Expression(sql.into())
    }

    /// Makes a default of a number that is not an `i64`, given in decimal digits.
    pub fn number(digits: impl Into<String>) -> Self {
        Self::Literal(Literal::Number(digits.into()))
    }
}

impl<T: Into<Literal>> From<T> for Default {
    fn from(value: T) -> Self {
        Self::Literal(value.into())
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Literal {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u64> for Literal {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Number(value.to_string()), Self::Int)
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Literal {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Literal {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
