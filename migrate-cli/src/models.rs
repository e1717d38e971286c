//! The models of a program, compared with their tables.

use oarlock::orm::model::TableInfo;
use oarlock::{Conn, DbExt, ErrorKind};

use crate::failure::Result;

/// The models of a program, as [`models!`](crate::models) lists them.
#[derive(Debug, Clone, Default)]
pub struct Models {
    tables: Vec<&'static TableInfo>,
}

impl Models {
    /// Takes the tables of models.
    #[must_use]
    pub fn new(tables: impl IntoIterator<Item = &'static TableInfo>) -> Self {
        Self { tables: tables.into_iter().collect() }
    }

    /// Counts them.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Tells what the database lacks of the models' tables and columns, a line for each.
    pub(crate) async fn lacking(&self, db: &Conn) -> Result<Vec<String>> {
        let mut lacking = Vec::new();
        for info in &self.tables {
            let (model, name) = (info.model(), info.name());
            let table = match db.table(info.schema(), name).await {
                Ok(table) => table,
                Err(error) if error.kind() == ErrorKind::TableNotFound => {
                    lacking.push(format!("{model}: there is no table {name}"));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let missing = info.columns().iter().filter(|column| table.find_column(&column.name).is_none());
            lacking.extend(missing.map(|column| format!("{model}: the table {name} has no column {}", column.name)));
        }
        Ok(lacking)
    }
}
