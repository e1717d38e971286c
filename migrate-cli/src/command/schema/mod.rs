//! `schema`: the tables, as text, as documents, as diagrams.

mod mermaid;
mod svg;
mod text;

use oarlock::schema::{Column, Table, View, render};
use oarlock::{DbExt, Dialect};
use serde::Serialize;

use super::Context;
use crate::arguments::{Format, Schema};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// The tables of the engine's own, which are nobody's schema.
const OWN: [&str; 2] = ["oarlock_migrations", "oarlock_migrations_journal"];

/// Tables and views, for programs: in the words of `oarlock::schema`.
#[derive(Debug, Serialize)]
struct Document<'s> {
    tables: &'s [Table],
    views: &'s [View],
}

/// What is shown.
#[derive(Debug)]
struct Shown {
    tables: Vec<Table>,
    views: Vec<View>,
    dialect: Dialect,
}

pub(super) async fn show(context: &Context, asked: &Schema) -> Result<Exit> {
    let conn = context.database()?.look().await?;
    let mut tables = conn.tables(None).await?;
    let mut views = conn.views(None).await?;
    tables.retain(|table| !OWN.contains(&table.name.as_str()));
    for name in &asked.tables {
        if !tables.iter().any(|table| table.name == *name) {
            let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
            return Err(Failure::new(Exit::Usage, format!("there is no table {name}"))
                .with_hint(format!("there are: {}", known.join(", "))));
        }
    }
    if !asked.tables.is_empty() {
        tables.retain(|table| asked.tables.contains(&table.name));
        views.clear();
    }
    let shown = Shown { tables, views, dialect: conn.info().dialect };
    context.output.document(&Document { tables: &shown.tables, views: &shown.views });
    if !context.output.is_json() {
        Output::text(&match asked.format {
            Format::Text => text::write(&shown),
            Format::Mermaid => mermaid::write(&shown),
            Format::Svg => svg::write(&shown),
        });
    }
    Ok(Exit::Done)
}

impl Shown {
    /// Gives a column's type in the database's own words.
    fn type_of(&self, table: &Table, column: &Column) -> String {
        if let Some(native) = &column.native_type {
            return native.clone();
        }
        render::column_type(table, column, &self.dialect).unwrap_or_else(|_| "?".to_owned())
    }
}

/// Tells whether the values of a column are those of another table's key.
fn refers(table: &Table, column: &str) -> bool {
    table.foreign_keys.iter().any(|key| key.columns.iter().any(|name| name == column))
}

/// Tells whether the values of a column alone are unique, apart from the primary key.
fn is_unique(table: &Table, column: &str) -> bool {
    let alone = |columns: &[String]| columns.len() == 1 && columns[0] == column;
    table.uniques.iter().any(|unique| alone(&unique.columns))
}
