//! `schema`: the tables, as text, as documents, as diagrams; and the names of all else.

mod mermaid;
mod svg;
mod text;

use oarlock::Dialect;
use oarlock::schema::{Column, EnumType, Schema as Model, Sequence, Table, Unmodelled, View, render};
use oarlock_migrate::Catalog;
use serde::Serialize;

use super::Context;
use crate::arguments::{Format, Schema};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// All of it, for programs: in the words of `oarlock::schema`.
#[derive(Debug, Serialize)]
struct Document<'s> {
    tables: &'s [Table],
    views: &'s [View],
    enums: &'s [EnumType],
    sequences: &'s [Sequence],
    others: &'s [Unmodelled],
}

/// What is shown.
#[derive(Debug)]
struct Shown {
    model: Model,
    dialect: Dialect,
}

pub(super) async fn show(context: &Context, asked: &Schema) -> Result<Exit> {
    let conn = context.database()?.look().await?;
    let mut model = Catalog::read(conn).await?.schema(conn).await?;
    for name in &asked.tables {
        if model.find_table(name).is_none() {
            let known: Vec<&str> = model.tables.iter().map(|table| table.name.as_str()).collect();
            return Err(Failure::new(Exit::Usage, format!("there is no table {name}"))
                .with_hint(format!("there are: {}", known.join(", "))));
        }
    }
    if !asked.tables.is_empty() {
        let mut only = Model::new();
        only.tables = model.tables.into_iter().filter(|table| asked.tables.contains(&table.name)).collect();
        model = only;
    }
    let Model { tables, views, enums, sequences, unmodelled: others, .. } = &model;
    context.output.document(&Document { tables, views, enums, sequences, others });
    let shown = Shown { model, dialect: conn.info().dialect };
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
