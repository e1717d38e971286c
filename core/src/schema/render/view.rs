//! Views, enums and sequences.

use super::engine::{Engine, list, qualified};
use super::literal::text;
use super::validate;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{EnumType, QualifiedName, Sequence, View};

/// Writes CREATE VIEW, and its comment on PostgreSQL.
///
/// # Errors
///
/// `NotSupported` for a materialized view anywhere but on PostgreSQL, and for a name that is too long; `Interface` for one that
/// is empty or has a NUL.
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
    validate::object(engine, "view", &view.name)?;
    view.columns.iter().try_for_each(|column| validate::object(engine, "view's column", column))?;
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
/// `NotSupported` anywhere but on PostgreSQL: elsewhere an enum has no name of its own; for the name, as [`create_view`].
pub fn create_enum(enumeration: &EnumType, dialect: &Dialect) -> Result<String> {
    let engine = named_enums(enumeration, dialect)?;
    validate::object(engine, "enum", &enumeration.name)?;
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
/// `NotSupported` on MySQL and SQLite; for the name, as [`create_view`].
pub fn create_sequence(sequence: &Sequence, dialect: &Dialect) -> Result<String> {
    let name = sequence_name(sequence, dialect)?;
    validate::object(Engine::of(dialect), "sequence", &sequence.name)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn names_that_a_server_would_cut_or_refuse_are_refused() {
        let dialect = Dialect::POSTGRES;
        for (name, kind) in [
            ("x".repeat(64), ErrorKind::NotSupported),
            (String::new(), ErrorKind::Interface),
            ("a\0".to_owned(), ErrorKind::Interface),
        ] {
            let kinds = [
                create_view(&View::new(name.as_str(), "SELECT 1"), &dialect).map(drop),
                create_view(&View::new("v", "SELECT 1").columns([name.as_str()]), &dialect).map(drop),
                create_enum(&EnumType::new(name.as_str(), ["a"]), &dialect).map(drop),
                create_sequence(&Sequence::new(name.as_str()), &dialect).map(drop),
            ]
            .map(|result| result.map_err(|error| error.kind()));
            assert_eq!(kinds, [Err(kind); 4], "{name:?}");
        }
    }
}
