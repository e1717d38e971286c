//! Rows of the catalog, read from left to right.

use oarlock_core::connection::Query;
use oarlock_core::params::Parameters;
use oarlock_core::{Result, Value, ValueRef};

use crate::connection::MysqlConnection;

/// A row whose cells are taken one after the other.
pub(super) struct Record(std::vec::IntoIter<Value>);

impl Record {
    /// Takes a text; NULL is an empty one.
    pub(super) fn text(&mut self) -> String {
        self.take_text().unwrap_or_default()
    }

    /// Takes a text, or none for NULL.
    pub(super) fn take_text(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Some(text),
            // Some versions of MySQL declare parts of information_schema as bytes.
            Some(Value::Bytes(bytes)) => String::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Takes a number, or none for NULL.
    pub(super) fn number(&mut self) -> Option<u32> {
        match self.0.next() {
            Some(Value::I64(number)) => u32::try_from(number).ok(),
            Some(Value::U64(number)) => u32::try_from(number).ok(),
            _ => None,
        }
    }

    /// Gives the text that is taken next.
    pub(super) fn peek_text(&self) -> Option<&str> {
        match self.0.as_slice().first() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl MysqlConnection {
    /// Asks the server by a query of the driver's own.
    pub(super) async fn ask(&mut self, sql: &str, values: &[ValueRef<'_>]) -> Result<Vec<Record>> {
        self.start_statement(Query::new(sql).params(Parameters::positional(values))).await?;
        Ok(self.rest().await?.into_iter().map(|row| Record(row.into_iter())).collect())
    }
}
