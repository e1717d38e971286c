//! What a database holds, in the words of the schema model.
//!
//! SQLite's pragmas tell columns, keys and indexes; what they keep to themselves (checks, names of constraints, computed
//! columns, expressions of indexes) is read from the text of the `CREATE` statement, which SQLite keeps as it was written.

mod definition;
mod text;

use std::collections::HashMap;

use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::schema::{
    Action, Auto, Check, Column, Default, ForeignKey, Generated, GeneratedKind, Index, IndexPart, Layout, PrimaryKey,
    QualifiedName, Table, Type, Unique, View, settle,
};
use oarlock_core::{Dialect, Error, ErrorKind, Result};
use rusqlite::Connection;

use self::definition::{ColumnText, IndexText, TableText, ViewText};
use crate::error::from_rusqlite;

const DIALECT: Dialect = Dialect::SQLITE;

/// A question to the catalog, for another thread.
#[derive(Debug)]
pub(crate) enum Question {
    Schemas,
    TableNames(Place),
    Tables(Place),
    Table(Place, String),
    Views(Place),
}

/// The database that is asked: the main one, or an attached one by its name.
#[derive(Debug)]
pub(crate) struct Place {
    given: Option<String>,
}

impl Place {
    fn of(schema: Option<&str>) -> Self {
        Self { given: schema.map(str::to_owned) }
    }

    fn name(&self) -> &str {
        self.given.as_deref().unwrap_or("main")
    }

    fn quoted(&self) -> String {
        DIALECT.quote_identifier(self.name())
    }
}

impl Question {
    pub(crate) fn of(query: CatalogQuery<'_>) -> Result<Self> {
        Ok(match query {
            CatalogQuery::Schemas => Self::Schemas,
            CatalogQuery::TableNames { schema } => Self::TableNames(Place::of(schema)),
            CatalogQuery::Tables { schema } => Self::Tables(Place::of(schema)),
            CatalogQuery::Table { schema, name } => Self::Table(Place::of(schema), name.to_owned()),
            CatalogQuery::Views { schema } => Self::Views(Place::of(schema)),
            _ => return Err(Error::not_supported("sqlite's catalog has no answer to this question")),
        })
    }

    pub(crate) fn answer(&self, db: &Connection) -> Result<CatalogReply> {
        match self {
            Self::Schemas => schemas(db).map(CatalogReply::Names),
            Self::TableNames(place) => table_names(db, place).map(CatalogReply::Names),
            Self::Tables(place) => tables(db, place).map(CatalogReply::Tables),
            Self::Table(place, name) => {
                match layout(db, place, name) {
                    Ok(Some(layout)) => table(db, place, name, layout).map(|table| CatalogReply::Tables(vec![table])),
                    Ok(None) => Err(Error::new(ErrorKind::TableNotFound, format!("there is no table {name}"))
                        .with_table(name.as_str())),
                    Err(error) => Err(error),
                }
            }
            Self::Views(place) => views(db, place).map(CatalogReply::Views),
        }
        .map_err(|error| match error.kind() {
            ErrorKind::Syntax | ErrorKind::Database => error.context("the catalog cannot be read"),
            _ => error,
        })
    }
}

/// Runs a query of the catalog's own and reads every row.
fn read<T>(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let run = || -> rusqlite::Result<Vec<T>> {
        let mut statement = db.prepare(sql)?;
        statement.query_map(parameters, row)?.collect()
    };
    run().map_err(|error| from_rusqlite(error, None))
}

fn schemas(db: &Connection) -> Result<Vec<String>> {
    read(db, "SELECT name FROM pragma_database_list WHERE name <> 'temp' ORDER BY name", [], |row| row.get(0))
}

const TABLES: &str = "SELECT name, wr, strict FROM pragma_table_list \
                      WHERE schema = ?1 COLLATE NOCASE AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

fn table_names(db: &Connection, place: &Place) -> Result<Vec<String>> {
    read(db, TABLES, [place.name()], |row| row.get(0))
}

fn layout_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Layout> {
    Ok(match (row.get(1)?, row.get(2)?) {
        (false, false) => Layout::Rows,
        (true, false) => Layout::WithoutRowid,
        (false, true) => Layout::Strict,
        (true, true) => Layout::StrictWithoutRowid,
    })
}

fn layout(db: &Connection, place: &Place, name: &str) -> Result<Option<Layout>> {
    let found = read(db, TABLES, [place.name()], |row| Ok((row.get::<_, String>(0)?, layout_of(row)?)))?;
    Ok(found.into_iter().find(|(known, _)| known == name).map(|(_, layout)| layout))
}

fn tables(db: &Connection, place: &Place) -> Result<Vec<Table>> {
    let names = read(db, TABLES, [place.name()], |row| Ok((row.get::<_, String>(0)?, layout_of(row)?)))?;
    names.into_iter().map(|(name, layout)| table(db, place, &name, layout)).collect()
}

/// Gives the text of a `CREATE` statement; SQLite keeps none for the indexes that constraints bring with them.
fn created(db: &Connection, place: &Place, kind: &str, name: &str) -> Result<String> {
    let sql = format!("SELECT sql FROM {}.sqlite_schema WHERE type = ?1 AND name = ?2", place.quoted());
    let found = read(db, &sql, [kind, name], |row| row.get::<_, Option<String>>(0))?;
    Ok(found.into_iter().next().flatten().unwrap_or_default())
}

fn table(db: &Connection, place: &Place, name: &str, layout: Layout) -> Result<Table> {
    let sql = created(db, place, "table", name)?;
    let text = TableText::read(&sql);
    let mut table = Table::new(name);
    table.schema.clone_from(&place.given);
    table.options.layout = layout;

    let mut key = Vec::new();
    for found in columns(db, place, name)? {
        if found.key > 0 {
            key.push((found.key, found.name.clone()));
        }
        let written = text.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&found.name));
        table.columns.push(found.into_column(written));
    }
    key.sort();
    if !key.is_empty() {
        let mut primary = PrimaryKey::new(key.into_iter().map(|(_, column)| column));
        primary.name.clone_from(&text.primary_key);
        table.primary_key = Some(primary);
    }
    table.checks = text
        .checks
        .iter()
        .map(|check| {
            let mut made = Check::new(&check.expression);
            made.name.clone_from(&check.name);
            made
        })
        .collect();
    table.foreign_keys = foreign_keys(db, place, name, &text)?;
    (table.uniques, table.indexes) = indexes(db, place, &table, &text)?;
    settle(&mut table, &DIALECT);
    Ok(table)
}

/// A column as `table_xinfo` tells it.
struct ColumnFound {
    name: String,
    declared: String,
    not_null: bool,
    default: Option<String>,
    /// Its place in the primary key, counted from 1; 0 if it is not in it.
    key: i64,
    /// 2 for a column that is computed when read, 3 for one computed when written.
    hidden: i64,
}

fn columns(db: &Connection, place: &Place, table: &str) -> Result<Vec<ColumnFound>> {
    let sql = "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, ?2) ORDER BY cid";
    read(db, sql, [table, place.name()], |row| {
        Ok(ColumnFound {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })
}

impl ColumnFound {
    fn into_column(self, text: Option<&ColumnText>) -> Column {
        // A computed column's type comes with the words that SQLite took for a part of it.
        let declared = match self.hidden {
            0 => self.declared.as_str(),
            _ => self.declared.trim_end_matches("GENERATED ALWAYS").trim_end(),
        };
        let ty = Type::from_native(declared, &DIALECT);
        let mut column = Column::new(self.name, ty).native_type(declared);
        column.nullable = !self.not_null;
        column.default = self.default.and_then(|default| Default::from_native(&default, &column.ty, &DIALECT));
        let Some(text) = text else { return column };
        column.collation.clone_from(&text.collation);
        column.auto = text.autoincrement.then_some(Auto::Monotonic);
        column.generated = text.generated.as_ref().map(|expression| {
            Generated::new(expression, if self.hidden == 3 { GeneratedKind::Stored } else { GeneratedKind::Virtual })
        });
        column
    }
}

fn foreign_keys(db: &Connection, place: &Place, table: &str, text: &TableText) -> Result<Vec<ForeignKey>> {
    struct Found {
        id: i64,
        table: String,
        from: String,
        to: Option<String>,
        on_update: Action,
        on_delete: Action,
    }
    let sql = "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1, ?2) \
               ORDER BY id DESC, seq";
    // SQLite counts the keys from the last one that was written.
    let found = read(db, sql, [table, place.name()], |row| {
        Ok(Found {
            id: row.get(0)?,
            table: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            on_update: action(&row.get::<_, String>(4)?),
            on_delete: action(&row.get::<_, String>(5)?),
        })
    })?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for part in found {
        if keys.last().is_none_or(|(id, _)| *id != part.id) {
            let none: [&str; 0] = [];
            let key = ForeignKey::new(none, QualifiedName::new(part.table), none)
                .on_update(part.on_update)
                .on_delete(part.on_delete);
            keys.push((part.id, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(part.from);
            key.referenced_columns.extend(part.to);
        }
    }
    let mut keys: Vec<ForeignKey> = keys.into_iter().map(|(_, key)| key).collect();
    for (key, written) in keys.iter_mut().zip(&text.foreign_keys) {
        key.name.clone_from(&written.name);
        key.deferrable = written.deferrable;
    }
    for key in &mut keys {
        if key.referenced_columns.is_empty() {
            key.referenced_columns = primary_key(db, place, &key.references.name)?;
        }
    }
    Ok(keys)
}

/// Gives the columns that a reference without columns means.
fn primary_key(db: &Connection, place: &Place, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0 ORDER BY pk";
    read(db, sql, [table, place.name()], |row| row.get(0))
}

fn action(words: &str) -> Action {
    match words {
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        "RESTRICT" => Action::Restrict,
        _ => Action::NoAction,
    }
}

fn indexes(db: &Connection, place: &Place, table: &Table, text: &TableText) -> Result<(Vec<Unique>, Vec<Index>)> {
    let sql = "SELECT name, \"unique\", origin FROM pragma_index_list(?1, ?2) ORDER BY seq DESC";
    let found: Vec<(String, bool, String)> =
        read(db, sql, [table.name.as_str(), place.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (mut uniques, mut indexes) = (Vec::new(), Vec::new());
    for (name, unique, origin) in found {
        match origin.as_str() {
            "u" => {
                let columns = index_columns(db, place, &name)?;
                let mut made = Unique::new(columns.into_iter().filter_map(|part| part.column));
                let named = text.uniques.iter().find(|written| same(&written.columns, &made.columns));
                made.name = named.and_then(|written| written.name.clone());
                uniques.push(made);
            }
            "c" => indexes.push(index(db, place, table, &name, unique)?),
            _ => {}
        }
    }
    indexes.sort_by(|one: &Index, other| one.name.cmp(&other.name));
    Ok((uniques, indexes))
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// A part of an index as `index_xinfo` tells it.
struct PartFound {
    /// The column, unless it is an expression.
    column: Option<String>,
    descending: bool,
    collation: String,
}

fn index_columns(db: &Connection, place: &Place, name: &str) -> Result<Vec<PartFound>> {
    let sql = "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?1, ?2) WHERE key = 1 ORDER BY seqno";
    read(db, sql, [name, place.name()], |row| {
        Ok(PartFound { column: row.get(0)?, descending: row.get(1)?, collation: row.get(2)? })
    })
}

fn index(db: &Connection, place: &Place, table: &Table, name: &str, unique: bool) -> Result<Index> {
    let sql = created(db, place, "index", name)?;
    let text = IndexText::read(&sql);
    let collations: HashMap<&str, &str> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.collation.as_deref().unwrap_or("BINARY")))
        .collect();
    let parts = index_columns(db, place, name)?.into_iter().enumerate().map(|(at, found)| {
        let usual = found.column.as_deref().and_then(|column| collations.get(column)).copied().unwrap_or("BINARY");
        let collation = (!found.collation.eq_ignore_ascii_case(usual)).then_some(found.collation);
        let mut part = match found.column {
            Some(column) => IndexPart::column(column),
            None => IndexPart::expression(text.parts.get(at).cloned().unwrap_or_default()),
        };
        if found.descending {
            part = part.descending();
        }
        part.collation = collation;
        part
    });
    let mut index = Index::new(parts).named(name);
    index.unique = unique;
    index.predicate = text.predicate;
    Ok(index)
}

fn views(db: &Connection, place: &Place) -> Result<Vec<View>> {
    let sql = format!("SELECT name, sql FROM {}.sqlite_schema WHERE type = 'view' ORDER BY name", place.quoted());
    let found: Vec<(String, String)> = read(db, &sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let view = |(name, sql): (String, String)| {
        let text = ViewText::read(&sql);
        let mut view = View::new(name, text.query).columns(text.columns);
        view.schema.clone_from(&place.given);
        view
    };
    Ok(found.into_iter().map(view).collect())
}
