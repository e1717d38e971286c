//! The tables as a diagram of Mermaid's, which Markdown pages show.

use std::fmt::Write;

use oarlock::schema::Table;

use super::{Shown, is_unique, refers};

/// Writes the diagram.
pub(super) fn write(shown: &Shown) -> String {
    let mut text = "erDiagram\n".to_owned();
    for table in &shown.model.tables {
        let _ = writeln!(text, "    {} {{", entity(&table.name));
        for column in &table.columns {
            let marks: Vec<&str> = [
                (table.is_key(&column.name), "PK"),
                (refers(table, &column.name), "FK"),
                (is_unique(table, &column.name), "UK"),
            ]
            .into_iter()
            .filter_map(|(is, mark)| is.then_some(mark))
            .collect();
            let marks = if marks.is_empty() { String::new() } else { format!(" {}", marks.join(", ")) };
            let name = word(&column.name);
            // What a word of Mermaid's cannot say, a remark does.
            let remark =
                if name == column.name { String::new() } else { format!(" \"{}\"", column.name.replace('"', "'")) };
            let _ = writeln!(text, "        {} {name}{marks}{remark}", word(&shown.type_of(table, column)));
        }
        text.push_str("    }\n");
    }
    for table in &shown.model.tables {
        for key in &table.foreign_keys {
            let one = if nullable(table, &key.columns) { "|o" } else { "||" };
            let many = if alone(table, &key.columns) { "o|" } else { "o{" };
            let _ = writeln!(
                text,
                "    {} {one}--{many} {} : \"{}\"",
                entity(&key.references.name),
                entity(&table.name),
                key.columns.join(", ").replace('"', "'")
            );
        }
    }
    text
}

fn nullable(table: &Table, columns: &[String]) -> bool {
    columns.iter().any(|name| table.find_column(name).is_some_and(|column| column.nullable))
}

/// Tells whether no two rows have the same values there.
fn alone(table: &Table, columns: &[String]) -> bool {
    table.primary_key.as_ref().is_some_and(|key| key.columns == columns)
        || table.uniques.iter().any(|unique| unique.columns == columns)
}

fn entity(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "'"))
}

/// Writes what begins with a letter, and goes on with letters, digits, `_`, `-`, parentheses and brackets.
fn word(text: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '(' | ')' | '[' | ']');
    let word: String = text.chars().map(|c| if known(c) { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) { word } else { format!("x{word}") }
}
