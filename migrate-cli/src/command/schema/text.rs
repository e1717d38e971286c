//! The tables as text.

use std::fmt::Write;

use oarlock::schema::{Action, Column, Default, ForeignKey, Index, IndexKey, Literal, Order, Table};

use super::{Shown, is_unique};

/// Writes each table with its columns, keys and indexes.
pub(super) fn write(shown: &Shown) -> String {
    let mut text = String::new();
    for table in &shown.model.tables {
        if !text.is_empty() {
            text.push('\n');
        }
        write_table(&mut text, shown, table);
    }
    for view in &shown.model.views {
        let kind = if view.materialized { "materialized view" } else { "view" };
        let _ = writeln!(text, "\n{} ({kind})", view.name);
    }
    for known in &shown.model.enums {
        let values: Vec<String> = known.values.iter().map(|value| format!("'{}'", one_line(value))).collect();
        let _ = writeln!(text, "\n{} (enum)  {}", known.name, values.join(", "));
    }
    for known in &shown.model.sequences {
        let _ = writeln!(text, "\n{} (sequence)", known.name);
    }
    for other in &shown.model.unmodelled {
        let _ = writeln!(text, "\n{} ({})", one_line(&other.name.name), other.kind);
    }
    if text.is_empty() { "there are no tables\n".to_owned() } else { text }
}

fn write_table(text: &mut String, shown: &Shown, table: &Table) {
    let comment = table.comment.as_deref().map(|comment| format!("  -- {}", one_line(comment))).unwrap_or_default();
    let _ = writeln!(text, "{}{comment}", table.name);
    let types: Vec<String> = table.columns.iter().map(|column| shown.type_of(table, column)).collect();
    let name_width = table.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
    let type_width = types.iter().map(|ty| ty.chars().count()).max().unwrap_or(0);
    for (column, ty) in table.columns.iter().zip(&types) {
        let line = format!("  {:name_width$}  {ty:type_width$}  {}", column.name, marks(table, column));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if let Some(key) = table.primary_key.as_ref().filter(|key| key.columns.len() > 1) {
        let _ = writeln!(text, "  primary key ({})", key.columns.join(", "));
    }
    for unique in table.uniques.iter().filter(|unique| unique.columns.len() > 1) {
        let _ = writeln!(text, "  unique ({})", unique.columns.join(", "));
    }
    for key in table.foreign_keys.iter().filter(|key| key.columns.len() > 1) {
        let _ = writeln!(text, "  ({}) {}", key.columns.join(", "), reference(key));
    }
    for check in &table.checks {
        let _ = writeln!(text, "  check {}", one_line(&check.expression));
    }
    for index in &table.indexes {
        let _ = writeln!(text, "  {}", describe(index));
    }
}

fn marks(table: &Table, column: &Column) -> String {
    let mut marks = Vec::new();
    if !column.nullable {
        marks.push("not null".to_owned());
    }
    if table.primary_key.as_ref().is_some_and(|key| key.columns.len() == 1 && key.columns[0] == column.name) {
        marks.push("primary key".to_owned());
    }
    if column.auto.is_some() {
        marks.push("numbered".to_owned());
    }
    if is_unique(table, &column.name) {
        marks.push("unique".to_owned());
    }
    if let Some(default) = &column.default {
        marks.push(format!("default {}", value(default)));
    }
    if let Some(generated) = &column.generated {
        marks.push(format!("as ({})", one_line(&generated.expression)));
    }
    let alone = |key: &&ForeignKey| key.columns.len() == 1 && key.columns[0] == column.name;
    marks.extend(table.foreign_keys.iter().filter(alone).map(reference));
    if let Some(comment) = &column.comment {
        marks.push(format!("-- {}", one_line(comment)));
    }
    marks.join("  ")
}

fn reference(key: &ForeignKey) -> String {
    let deleted = match key.on_delete {
        Action::Cascade => ", deleted with it",
        Action::SetNull => ", null without it",
        Action::SetDefault => ", its default without it",
        _ => "",
    };
    format!("→ {}({}){deleted}", key.references.name, key.referenced_columns.join(", "))
}

fn value(default: &Default) -> String {
    match default {
        Default::Literal(Literal::Null) => "null".to_owned(),
        Default::Literal(Literal::Bool(value)) => value.to_string(),
        Default::Literal(Literal::Int(value)) => value.to_string(),
        Default::Literal(Literal::Number(digits)) => digits.clone(),
        Default::Literal(Literal::Text(text)) => format!("'{}'", one_line(text)),
        Default::Literal(Literal::Bytes(bytes)) => format!("{} bytes", bytes.len()),
        Default::Now => "now".to_owned(),
        Default::Uuid => "a new uuid".to_owned(),
        Default::Expression(sql) => one_line(sql),
        _ => "?".to_owned(),
    }
}

fn describe(index: &Index) -> String {
    let parts: Vec<String> = index
        .parts
        .iter()
        .map(|part| {
            let key = match &part.key {
                IndexKey::Column(name) => name.clone(),
                IndexKey::Expression(sql) => one_line(sql),
                _ => "?".to_owned(),
            };
            if part.order == Order::Descending { format!("{key} desc") } else { key }
        })
        .collect();
    let kind = if index.unique { "unique index" } else { "index" };
    let name = index.name.as_deref().unwrap_or_default();
    let predicate = index.predicate.as_deref().map(|sql| format!(" where {}", one_line(sql))).unwrap_or_default();
    format!("{kind} {name} ({}){predicate}", parts.join(", "))
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
