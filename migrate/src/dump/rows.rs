//! Rows as INSERTs. The database writes each value as a literal itself, so that none is changed on its way through a type of ours.

use oarlock_core::dialect::Flavor;
use oarlock_core::{DbExt, Row, ValueRef};

use super::write::Writer;
use crate::catalog::{Object, Rows};
use crate::{Error, ErrorKind, Result};

/// How many rows one statement has at the most.
const MOST: usize = 500;

/// How long one statement gets before another one is begun.
const LONGEST: usize = 256 * 1024;

/// The columns of the history that are not the same on two machines: the first has a default, the second gets a zero.
const OF_ONE_MACHINE: [&str; 2] = ["applied_at", "duration_ms"];

impl Writer<'_> {
    /// Writes an object's rows and counters, where they are wanted.
    pub(super) async fn rows_of(&mut self, object: &Object) -> Result<()> {
        let Some(rows) = object.rows.as_ref().filter(|_| self.dump.wants_rows(object)) else { return Ok(()) };
        self.reset_settings()?;
        let has_none = rows.into.is_empty() || rows.of_parts && self.dump.is_whole();
        if let Some(statement) = &rows.instead {
            self.statement(&format!("\n{statement};\n"))?;
        } else if !has_none && rows.columns.is_empty() {
            self.empty_rows(object, rows).await?;
        } else if !has_none {
            self.inserts(object, rows, MOST).await?;
        }
        for counter in &rows.counters {
            let statements: Vec<(String,)> =
                self.tx.fetch_all(counter, ()).await.map_err(|error| unread(object, error))?;
            for (statement,) in statements {
                self.statement(&format!("{statement};\n"))?;
            }
        }
        Ok(())
    }

    /// Writes what has been applied, a statement for each, which two branches can both add to.
    pub(super) async fn history(&mut self, object: &Object) -> Result<()> {
        let Some(rows) = &object.rows else { return Ok(()) };
        let mut kept = rows.clone();
        let bare = |column: &str| column.trim_matches(['"', '`']).to_owned();
        kept.columns.retain(|(column, _)| bare(column) != OF_ONE_MACHINE[0]);
        for (column, value) in &mut kept.columns {
            if bare(column) == OF_ONE_MACHINE[1] {
                "'0'".clone_into(value);
            }
        }
        self.inserts(object, &kept, 1).await
    }

    async fn inserts(&mut self, object: &Object, rows: &Rows, most: usize) -> Result<()> {
        let names: Vec<&str> = rows.columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<&str> = rows.columns.iter().map(|(_, value)| value.as_str()).collect();
        let sql = format!("SELECT {} FROM {} ORDER BY {}", values.join(", "), rows.from, rows.order.join(", "));
        let head = format!("INSERT INTO {} ({}) {}VALUES", rows.into, names.join(", "), rows.overriding);
        let unread = |error| unread(object, error);
        let tx = self.tx;
        let mut cursor = tx.query(&sql, ()).await.map_err(unread)?;
        let mut found = cursor.rows::<Row>().map_err(unread)?;
        // One row stands behind its head, several each on a line.
        let alone = most == 1;
        let mut is_first = true;
        let (lead, indent) = if alone { ("", " ") } else { ("\n", "\n    ") };
        let mut text = String::new();
        let mut count = 0;
        while let Some(row) = found.next().await.map_err(unread)? {
            if count == 0 {
                text.push_str(if alone && is_first { "\n" } else { lead });
                is_first = false;
                text.push_str(&head);
            } else {
                text.push(',');
            }
            text.push_str(indent);
            push(&mut text, object, &row, names.len())?;
            count += 1;
            self.dumped.rows += 1;
            if count >= most || text.len() > LONGEST {
                text.push_str(";\n");
                self.statement(&text)?;
                text.clear();
                count = 0;
            }
        }
        if count > 0 {
            text.push_str(";\n");
            self.statement(&text)?;
        }
        Ok(())
    }

    /// Writes the rows of a table that has no columns to write.
    async fn empty_rows(&mut self, object: &Object, rows: &Rows) -> Result<()> {
        let sql = format!("SELECT COUNT(*) FROM {}", rows.from);
        let count: i64 = self.tx.fetch_value(&sql, ()).await.map_err(|error| unread(object, error))?;
        let values = if self.dialect().flavor == Flavor::MySql { "() VALUES ()" } else { "DEFAULT VALUES" };
        for _ in 0..count {
            self.statement(&format!("INSERT INTO {} {values};\n", rows.into))?;
            self.dumped.rows += 1;
        }
        Ok(())
    }
}

/// Writes a row in parentheses.
fn push(text: &mut String, object: &Object, row: &Row, columns: usize) -> Result<()> {
    for column in 0..columns {
        text.push_str(if column == 0 { "(" } else { ", " });
        match row.value(column).map_err(|error| unread(object, error))? {
            ValueRef::Text(literal) => text.push_str(literal),
            // MySQL gives none for what is larger than it may send.
            _ => {
                return Err(Error::new(
                    ErrorKind::NotSupported,
                    format!("a value in the {} is too large for the server to write it as a literal", object.title()),
                )
                .with_hint("raise max_allowed_packet"));
            }
        }
    }
    text.push(')');
    Ok(())
}

fn unread(object: &Object, error: oarlock_core::Error) -> Error {
    Error::database(format!("the rows of the {} could not be read", object.title()), error)
}
