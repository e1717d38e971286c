//! Keys and checks, as they stand in CREATE TABLE and after ALTER TABLE … ADD.

use super::engine::{Engine, Place, list, qualified};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::canonical::{foreign_key_name, primary_key_name, unique_name};
use crate::schema::{Action, Check, Deferrable, ForeignKey, PrimaryKey, QualifiedName, Table, Unique, UniqueNulls};

pub(super) fn primary_key(table: &Table, key: &PrimaryKey, dialect: &Dialect) -> String {
    let name = primary_key_name(table, key);
    format!("CONSTRAINT {} PRIMARY KEY ({})", dialect.quote_identifier(&name), list(dialect, &key.columns))
}

pub(super) fn unique(table: &Table, unique: &Unique, dialect: &Dialect) -> Result<String> {
    let place = Place::table(Engine::of(dialect), table);
    let name = unique_name(table, unique);
    let nulls = nulls_clause(place, unique.nulls)?;
    if place.engine == Engine::Sqlite && unique.deferrable != Deferrable::No {
        return Err(place.unsupported(format_args!("deferrable unique constraint {name:?}"), "leave it not deferrable"));
    }
    Ok(format!(
        "CONSTRAINT {} UNIQUE{nulls} ({}){}",
        dialect.quote_identifier(&name),
        list(dialect, &unique.columns),
        deferrable(place, &name, unique.deferrable)?
    ))
}

/// `NULLS NOT DISTINCT`, where there is such a thing.
pub(super) fn nulls_clause(place: Place<'_>, nulls: UniqueNulls) -> Result<&'static str> {
    match nulls {
        UniqueNulls::Distinct => Ok(""),
        UniqueNulls::NotDistinct if place.engine == Engine::Postgres => Ok(" NULLS NOT DISTINCT"),
        UniqueNulls::NotDistinct => {
            Err(place.unsupported("NULLS NOT DISTINCT", "declare the columns NOT NULL, or index an expression"))
        }
    }
}

pub(super) fn check(name: &str, check: &Check, dialect: &Dialect) -> String {
    format!("CONSTRAINT {} CHECK ({})", dialect.quote_identifier(name), check.expression)
}

pub(super) fn foreign_key(table: &Table, key: &ForeignKey, dialect: &Dialect) -> Result<String> {
    let place = Place::table(Engine::of(dialect), table);
    let name = foreign_key_name(table, key);
    let schema = key.references.schema.clone().or_else(|| table.schema.clone());
    let target = if place.engine == Engine::Sqlite {
        if schema != table.schema {
            return Err(place.unsupported(format_args!("foreign key {name:?} into another database"), "leave it out"));
        }
        QualifiedName::new(key.references.name.as_str())
    } else {
        QualifiedName { schema, name: key.references.name.clone() }
    };
    let mut sql = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        dialect.quote_identifier(&name),
        list(dialect, &key.columns),
        qualified(dialect, &target),
        list(dialect, &key.referenced_columns)
    );
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        let words = match action {
            Action::NoAction => continue,
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault if place.engine.is_mysql() => {
                return Err(place.unsupported(
                    format_args!("ON {event} SET DEFAULT (foreign key {name:?})"),
                    "choose cascade, set null or restrict",
                ));
            }
            Action::SetDefault => "SET DEFAULT",
        };
        sql += &format!(" ON {event} {words}");
    }
    sql += deferrable(place, &name, key.deferrable)?;
    Ok(sql)
}

fn deferrable(place: Place<'_>, name: &str, deferrable: Deferrable) -> Result<&'static str> {
    match deferrable {
        Deferrable::No => Ok(""),
        _ if place.engine.is_mysql() => {
            Err(place.unsupported(format_args!("deferrable constraints ({name:?})"), "leave it not deferrable"))
        }
        Deferrable::InitiallyImmediate => Ok(" DEFERRABLE INITIALLY IMMEDIATE"),
        Deferrable::InitiallyDeferred => Ok(" DEFERRABLE INITIALLY DEFERRED"),
    }
}
