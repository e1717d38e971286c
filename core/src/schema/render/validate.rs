//! What must be true of a table before it is written: a broken model is told by its own names, not by a server's error.

use std::collections::HashSet;

use super::engine::{Engine, Place};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::canonical::{checks, foreign_key_name, index_name, primary_key_name, unique_name};
use crate::schema::{EnumStorage, Index, IndexKey, Layout, Type};

/// Checks names, references to columns, and what the engine asks of keys.
pub(super) fn table(place: Place<'_>, dialect: &Dialect) -> Result<()> {
    let table = place.table;
    name(place, &table.name)?;
    if table.columns.is_empty() && place.engine != Engine::Postgres {
        return Err(place.unsupported("tables without columns", "give it one"));
    }
    if !matches!(table.options.layout, Layout::Rows | Layout::WithoutRowid) && place.engine == Engine::Sqlite {
        return Err(place.unsupported(
            "declared types in a STRICT table, which oarlock reads types from",
            "leave it out: each column is guarded by a check",
        ));
    }
    let mut seen = HashSet::new();
    for column in &table.columns {
        let place = Place::column(place.engine, table, &column.name);
        let folded = if place.engine == Engine::Postgres { column.name.clone() } else { column.name.to_lowercase() };
        if !seen.insert(folded) {
            return Err(place.wrong("another column has this name"));
        }
        numbered(place)?;
    }
    if let Some(key) = &table.primary_key {
        name(place, &primary_key_name(table, key))?;
        columns(place, "primary key", &key.columns)?;
        keys(place, &key.columns)?;
    }
    for unique in &table.uniques {
        let shown = unique_name(table, unique);
        name(place, &shown)?;
        columns(place, &format!("unique constraint {shown:?}"), &unique.columns)?;
        keys(place, &unique.columns)?;
    }
    for key in &table.foreign_keys {
        let shown = foreign_key_name(table, key);
        name(place, &shown)?;
        columns(place, &format!("foreign key {shown:?}"), &key.columns)?;
        keys(place, &key.columns)?;
        if key.columns.len() != key.referenced_columns.len() {
            let (here, there) = (key.columns.len(), key.referenced_columns.len());
            return Err(place.wrong(format_args!("foreign key {shown:?} has {here} columns and refers to {there}")));
        }
    }
    for (shown, _) in checks(table, dialect)? {
        name(place, &shown)?;
    }
    table.indexes.iter().try_for_each(|it| index(place, it))
}

/// Checks an index: its name and the columns it is made of.
pub(super) fn index(place: Place<'_>, index: &Index) -> Result<()> {
    let shown = index_name(place.table, index);
    name(place, &shown)?;
    let names = index.parts.iter().filter_map(|part| match &part.key {
        IndexKey::Column(name) => Some(name),
        IndexKey::Expression(_) => None,
    });
    if index.parts.is_empty() {
        return Err(place.wrong(format_args!("index {shown:?} has no parts")));
    }
    exist(place, &format!("index {shown:?}"), names.chain(&index.include))
}

/// Checks that MySQL can index the whole of a column.
pub(super) fn key_column(place: Place<'_>, column: &str) -> Result<()> {
    let ty = place.table.find_column(column).map(|column| &column.ty);
    if !place.engine.is_mysql() || !matches!(ty, Some(Type::Text | Type::Bytes | Type::Json)) {
        return Ok(());
    }
    let place = Place { column: Some(column), ..place };
    Err(place.unsupported(
        "key or index on text, bytes or json without a length",
        "declare the column as varchar(n) or varbinary(n), or give the part of the index a prefix",
    ))
}

fn keys(place: Place<'_>, names: &[String]) -> Result<()> {
    names.iter().try_for_each(|name| key_column(place, name))
}

fn columns(place: Place<'_>, owner: &str, names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Err(place.wrong(format_args!("the {owner} has no columns")));
    }
    exist(place, owner, names)
}

fn exist<'n>(place: Place<'_>, owner: &str, names: impl IntoIterator<Item = &'n String>) -> Result<()> {
    for name in names {
        if place.table.find_column(name).is_none() {
            return Err(place.wrong(format_args!("the {owner} names the column {name:?}, which the table has not")));
        }
    }
    Ok(())
}

fn numbered(place: Place<'_>) -> Result<()> {
    let table = place.table;
    let Some(column) = place.column.and_then(|name| table.find_column(name)) else {
        return Ok(());
    };
    if let Type::Enum(enumeration) = &column.ty
        && enumeration.values.is_empty()
        && (enumeration.storage == EnumStorage::Text || place.engine != Engine::Postgres)
    {
        return Err(place.wrong(format_args!("the enum {:?} has no values", enumeration.name)));
    }
    if column.auto.is_none() || !place.engine.is_mysql() {
        return Ok(());
    }
    let keys = table.primary_key.iter().map(|key| &key.columns).chain(table.uniques.iter().map(|key| &key.columns));
    if keys.into_iter().any(|columns| columns.first() == Some(&column.name)) {
        return Ok(());
    }
    Err(place.unsupported(
        "AUTO_INCREMENT on a column that begins no key",
        "make it the first column of the primary key or of a unique constraint",
    ))
}

/// Checks what is written as it stands, because MySQL takes no quotes there: an engine, a character set, a collation.
pub(super) fn word<'w>(place: Place<'_>, what: &str, word: &'w str) -> Result<&'w str> {
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(word);
    }
    Err(place.wrong(format_args!("the {what} {word:?} is not made of letters, digits and underscores")))
}

/// Checks a name in a table.
pub(super) fn name(place: Place<'_>, name: &str) -> Result<()> {
    match flaw(place.engine, name) {
        None => Ok(()),
        Some(Flaw::Unusable) => Err(place.wrong(format_args!("the name {name:?} is empty or has a NUL character"))),
        Some(Flaw::TooLong { what, remedy }) => Err(place.unsupported(what, &remedy)),
    }
}

/// Checks the name of what stands beside tables: a view, an enum, a sequence.
pub(super) fn object(engine: Engine, what: &str, name: &str) -> Result<()> {
    match flaw(engine, name) {
        None => Ok(()),
        Some(Flaw::Unusable) => {
            Err(Error::interface(format!("the {what}'s name {name:?} is empty or has a NUL character")))
        }
        Some(Flaw::TooLong { what: long, remedy }) => {
            Err(Error::not_supported(format!("{what} {name:?}: {engine} has no {long}; {remedy}")))
        }
    }
}

/// What keeps an engine from holding a name.
enum Flaw {
    Unusable,
    TooLong { what: String, remedy: String },
}

/// Finds what is wrong with a name. PostgreSQL would cut a long one in silence.
fn flaw(engine: Engine, name: &str) -> Option<Flaw> {
    let (length, limit, unit) = match engine {
        Engine::Postgres => (name.len(), 63, "bytes"),
        Engine::MySql | Engine::MariaDb => (name.chars().count(), 64, "characters"),
        Engine::Sqlite => (name.len(), usize::MAX, "bytes"),
    };
    if name.is_empty() || name.contains('\0') {
        return Some(Flaw::Unusable);
    }
    (length > limit).then(|| Flaw::TooLong {
        what: format!("names as long as {name:?} ({length} {unit})"),
        remedy: format!("choose one of {limit} {unit} at most"),
    })
}
