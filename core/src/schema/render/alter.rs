//! Changes of a table that one statement makes on most engines.
//!
//! What SQLite can only do by building the table anew is `NotSupported` here, with the words for it: rebuilding keeps
//! rows, triggers and views, and is a migration's business.

use super::column::{column_definition, has_value, is_constant};
use super::constraint;
use super::engine::{Engine, Place, qualified};
use super::table::column_comment;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::canonical::{checks, enum_check, foreign_key_name, primary_key_name, unique_name};
use crate::schema::{Check, Column, ForeignKey, GeneratedKind, PrimaryKey, QualifiedName, Table, Unique};

const REBUILD: &str = "build the table anew and copy the rows";

/// Writes the statements that add a column at the end of a table.
///
/// # Errors
///
/// As [`create_table`](super::create_table); on SQLite also for what it cannot add: a stored generated column, a
/// numbered one, NOT NULL without a constant default.
pub fn add_column(table: &Table, column: &Column, dialect: &Dialect) -> Result<Vec<String>> {
    let engine = Engine::of(dialect);
    if engine == Engine::Sqlite {
        let place = Place::column(engine, table, &column.name);
        let stored = column.generated.as_ref().is_some_and(|it| it.kind == GeneratedKind::Stored);
        let default = column.default.as_ref();
        let without_value = !column.nullable && column.generated.is_none() && !has_value(default);
        if stored || column.auto.is_some() || without_value || !is_constant(default) {
            return Err(place.unsupported(
                "way to add a column that is stored and generated, numbered, or NOT NULL without a constant default",
                REBUILD,
            ));
        }
    }
    let name = qualified(dialect, &table.qualified_name());
    let mut sql = format!("ALTER TABLE {name} ADD COLUMN {}", column_definition(table, column, dialect)?);
    if let Some((name, check)) = enum_check(table, column, dialect)? {
        let check = constraint::check(&name, &check, dialect);
        // SQLite takes it as part of the column, MariaDB as part of the table only.
        sql += &if engine == Engine::Sqlite { format!(" {check}") } else { format!(", ADD {check}") };
    }
    let mut statements = vec![sql];
    statements.extend(column_comment(table, column, dialect)?);
    Ok(statements)
}

/// Writes the removal of a column. SQLite refuses it while a key, an index, a check or a view needs the column.
pub fn drop_column(table: &Table, column: &str, dialect: &Dialect) -> String {
    let name = qualified(dialect, &table.qualified_name());
    format!("ALTER TABLE {name} DROP COLUMN {}", dialect.quote_identifier(column))
}

/// Writes the renaming of a column.
pub fn rename_column(table: &Table, from: &str, to: &str, dialect: &Dialect) -> String {
    let name = qualified(dialect, &table.qualified_name());
    format!("ALTER TABLE {name} RENAME COLUMN {} TO {}", dialect.quote_identifier(from), dialect.quote_identifier(to))
}

/// Writes the renaming of a table within its schema. The names of its keys and indexes stay as they are.
pub fn rename_table(from: impl Into<QualifiedName>, to: &str, dialect: &Dialect) -> String {
    let from = from.into();
    // MySQL takes an unqualified new name as one in the session's database.
    let to = if Engine::of(dialect).is_mysql() {
        qualified(dialect, &QualifiedName { schema: from.schema.clone(), name: to.to_owned() })
    } else {
        dialect.quote_identifier(to)
    };
    format!("ALTER TABLE {} RENAME TO {to}", qualified(dialect, &from))
}

/// Writes the addition of a primary key.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn add_primary_key(table: &Table, key: &PrimaryKey, dialect: &Dialect) -> Result<String> {
    add(table, &constraint::primary_key(table, key, dialect), dialect)
}

/// Writes the removal of a primary key.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn drop_primary_key(table: &Table, key: &PrimaryKey, dialect: &Dialect) -> Result<String> {
    drop(table, "PRIMARY KEY", &primary_key_name(table, key), dialect)
}

/// Writes the addition of a unique constraint.
///
/// # Errors
///
/// `NotSupported` on SQLite, and where [`create_table`](super::create_table) says so.
pub fn add_unique(table: &Table, unique: &Unique, dialect: &Dialect) -> Result<String> {
    add(table, &constraint::unique(table, unique, dialect)?, dialect)
}

/// Writes the removal of a unique constraint.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn drop_unique(table: &Table, unique: &Unique, dialect: &Dialect) -> Result<String> {
    let name = unique_name(table, unique);
    let mysql = format!("INDEX {}", dialect.quote_identifier(&name));
    drop(table, &mysql, &name, dialect)
}

/// Writes the addition of a foreign key.
///
/// # Errors
///
/// `NotSupported` on SQLite, and where [`create_table`](super::create_table) says so.
pub fn add_foreign_key(table: &Table, key: &ForeignKey, dialect: &Dialect) -> Result<String> {
    add(table, &constraint::foreign_key(table, key, dialect)?, dialect)
}

/// Writes the removal of a foreign key.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn drop_foreign_key(table: &Table, key: &ForeignKey, dialect: &Dialect) -> Result<String> {
    let name = foreign_key_name(table, key);
    let mysql = format!("FOREIGN KEY {}", dialect.quote_identifier(&name));
    drop(table, &mysql, &name, dialect)
}

/// Writes the addition of a check constraint; without a name it takes the one after those of the table.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn add_check(table: &Table, check: &Check, dialect: &Dialect) -> Result<String> {
    add(table, &constraint::check(&check_name(table, check, dialect)?, check, dialect), dialect)
}

/// Writes the removal of a check constraint.
///
/// # Errors
///
/// `NotSupported` on SQLite.
pub fn drop_check(table: &Table, check: &Check, dialect: &Dialect) -> Result<String> {
    drop(table, "", &check_name(table, check, dialect)?, dialect)
}

fn check_name(table: &Table, check: &Check, dialect: &Dialect) -> Result<String> {
    if let Some(name) = &check.name {
        return Ok(name.clone());
    }
    let mut with = table.clone();
    if !with.checks.contains(check) {
        with.checks.push(check.clone());
    }
    let all = checks(&with, dialect)?;
    Ok(all.into_iter().find(|(_, it)| it.expression == check.expression).map_or_else(String::new, |(name, _)| name))
}

fn add(table: &Table, definition: &str, dialect: &Dialect) -> Result<String> {
    changeable(table, dialect)?;
    Ok(format!("ALTER TABLE {} ADD {definition}", qualified(dialect, &table.qualified_name())))
}

/// `mysql` is what MySQL and MariaDB call the constraint in a DROP; without it, it is one like any other.
fn drop(table: &Table, mysql: &str, name: &str, dialect: &Dialect) -> Result<String> {
    changeable(table, dialect)?;
    let special = if Engine::of(dialect).is_mysql() { mysql } else { "" };
    let table = qualified(dialect, &table.qualified_name());
    Ok(if special.is_empty() {
        format!("ALTER TABLE {table} DROP CONSTRAINT {}", dialect.quote_identifier(name))
    } else {
        format!("ALTER TABLE {table} DROP {special}")
    })
}

fn changeable(table: &Table, dialect: &Dialect) -> Result<()> {
    match Engine::of(dialect) {
        Engine::Sqlite => {
            let place = Place::table(Engine::Sqlite, table);
            Err(place.unsupported("way to change the constraints of a table", REBUILD))
        }
        _ => Ok(()),
    }
}
