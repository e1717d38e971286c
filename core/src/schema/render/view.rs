//! Views, enums and sequences.

use super::engine::{Engine, list, qualified};
use super::literal::text;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{EnumType, QualifiedName, Sequence, View};

/// Writes CREATE VIEW, and its comment on PostgreSQL.
///
/// # Errors
///
/// `NotSupported` for a materialized view anywhere but on PostgreSQL.
pub fn create_view(view: &View, dialect: &Dialect) -> Result<Vec<String>> {
    let engine = Engine::of(dialect);
    let name = view.qualified_name();
    let materialized = match (view.materialized, engine) {
        (false, _) => "",
        (true, Engine::Postgres) => "MATERIALIZED ",
        (true, _) => {
            return Err(Error::not_supported(format!(
                "view {:?}: {engine} has no materialized views; make it a plain view or a table",
                name.to_string()
            )));
        }
    };
    let shown = qualified(dialect, &name);
    let columns = if view.columns.is_empty() { String::new() } else { format!(" ({})", list(dialect, &view.columns)) };
    let mut statements = vec![format!("CREATE {materialized}VIEW {shown}{columns} AS {}", view.definition)];
    if let Some(comment) = view.comment.as_ref().filter(|_| engine == Engine::Postgres) {
        statements.push(format!("COMMENT ON {materialized}VIEW {shown} IS {}", text(engine, comment)?));
    }
    Ok(statements)
}

/// Writes DROP VIEW.
pub fn drop_view(view: &View, dialect: &Dialect) -> String {
    let materialized = if view.materialized { "MATERIALIZED " } else { "" };
    format!("DROP {materialized}VIEW {}", qualified(dialect, &view.qualified_name()))
}

/// Writes CREATE TYPE … AS ENUM.
///
/// # Errors
///
/// `NotSupported` anywhere but on PostgreSQL: elsewhere an enum has no name of its own.
pub fn create_enum(enumeration: &EnumType, dialect: &Dialect) -> Result<String> {
    let engine = named_enums(enumeration, dialect)?;
    let words = enumeration.values.iter().map(|value| text(engine, value)).collect::<Result<Vec<_>>>()?;
    Ok(format!("CREATE TYPE {} AS ENUM ({})", qualified(dialect, &enum_name(enumeration)), words.join(", ")))
}

/// Writes DROP TYPE.
///
/// # Errors
///
/// `NotSupported` anywhere but on PostgreSQL.
pub fn drop_enum(enumeration: &EnumType, dialect: &Dialect) -> Result<String> {
    named_enums(enumeration, dialect)?;
    Ok(format!("DROP TYPE {}", qualified(dialect, &enum_name(enumeration))))
}

pub(super) fn enum_name(enumeration: &EnumType) -> QualifiedName {
    QualifiedName { schema: enumeration.schema.clone(), name: enumeration.name.clone() }
}

fn named_enums(enumeration: &EnumType, dialect: &Dialect) -> Result<Engine> {
    match Engine::of(dialect) {
        Engine::Postgres => Ok(Engine::Postgres),
        engine => Err(Error::not_supported(format!(
            "enum {:?}: {engine} has no enums with a name of their own; they are part of the column",
            enumeration.name
        ))),
    }
}

/// Writes CREATE SEQUENCE.
///
/// # Errors
///
/// `NotSupported` on MySQL and SQLite.
pub fn create_sequence(sequence: &Sequence, dialect: &Dialect) -> Result<String> {
    let name = sequence_name(sequence, dialect)?;
    let mut sql = format!("CREATE SEQUENCE {name} INCREMENT BY {}", sequence.increment);
    if let Some(min) = sequence.min {
        sql += &format!(" MINVALUE {min}");
    }
    if let Some(max) = sequence.max {
        sql += &format!(" MAXVALUE {max}");
    }
    sql += &format!(" START WITH {}", sequence.start);
    if sequence.cycle {
        sql += " CYCLE";
    }
    Ok(sql)
}

/// Writes DROP SEQUENCE.
///
/// # Errors
///
/// `NotSupported` on MySQL and SQLite.
pub fn drop_sequence(sequence: &Sequence, dialect: &Dialect) -> Result<String> {
    Ok(format!("DROP SEQUENCE {}", sequence_name(sequence, dialect)?))
}

fn sequence_name(sequence: &Sequence, dialect: &Dialect) -> Result<String> {
    let name = sequence.qualified_name();
    match Engine::of(dialect) {
        Engine::Postgres | Engine::MariaDb => Ok(qualified(dialect, &name)),
        engine @ (Engine::MySql | Engine::Sqlite) => Err(Error::not_supported(format!(
            "sequence {:?}: {engine} has no sequences; number a column instead",
            name.to_string()
        ))),
    }
}
