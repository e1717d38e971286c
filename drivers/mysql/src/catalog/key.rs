//! Keys, indexes and checks of tables.

use oarlock_core::Result;
use oarlock_core::schema::{
    Action, Check, ForeignKey, Index, IndexKey, IndexPart, PrimaryKey, QualifiedName, Table, Unique,
};

use super::record::Record;
use super::{Scope, expression, find, scoped};
use crate::connection::MysqlConnection;

const FOREIGN_KEYS: &str = "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
    k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE \
    FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r \
    ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME \
    WHERE k.TABLE_SCHEMA = ? AND k.REFERENCED_TABLE_NAME IS NOT NULL";

const MARIADB_CHECKS: &str = "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
    WHERE CONSTRAINT_SCHEMA = ?";

const MYSQL_CHECKS: &str = "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE \
    FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t \
    ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME \
    AND t.CONSTRAINT_TYPE = 'CHECK' WHERE c.CONSTRAINT_SCHEMA = ?";

/// The first MySQL whose indexes may hold expressions, and which therefore tells of them.
const EXPRESSIONS_SINCE: u32 = 80_013;

pub(super) async fn indexes(connection: &mut MysqlConnection, scope: Scope<'_>, tables: &mut [Table]) -> Result<()> {
    let server = connection.server;
    let expression_column = if server.mariadb || server.version < EXPRESSIONS_SINCE { "NULL" } else { "EXPRESSION" };
    let select = format!(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART, INDEX_TYPE, {expression_column} \
        FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ?"
    );
    let order = " ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
    let mut found: Vec<(String, Index)> = Vec::new();
    for mut row in scoped(connection, &select, "TABLE_NAME", order, scope).await? {
        let (table, name, unique) = (row.text(), row.text(), row.number() == Some(0));
        let (part, method) = part(&mut row, server.mariadb);
        match found.last_mut() {
            Some((last, index)) if *last == table && index.name.as_ref() == Some(&name) => index.parts.push(part),
            _ => {
                let mut index = Index::new([part]).named(name);
                index.unique = unique;
                index.method = method;
                found.push((table, index));
            }
        }
    }
    for (table, index) in found {
        if let Some(table) = find(tables, &table) {
            add(table, index);
        }
    }
    Ok(())
}

/// Reads a part of an index, and the index's kind.
fn part(row: &mut Record, mariadb: bool) -> (IndexPart, Option<String>) {
    let column = row.take_text();
    let falls = row.take_text().as_deref() == Some("D");
    let prefix = row.number();
    let method = row.text().to_ascii_lowercase();
    let mut part = match row.take_text() {
        Some(sql) => IndexPart::expression(expression(sql, mariadb)),
        None => IndexPart::column(column.unwrap_or_default()),
    };
    if falls {
        part = part.descending();
    }
    // A spatial index tells the size of its keys here.
    part.prefix = prefix.filter(|_| method != "spatial");
    (part, Some(method).filter(|method| method != "btree"))
}

/// Adds an index as what it is: the primary key, a unique constraint, or an index.
fn add(table: &mut Table, index: Index) {
    let plain = |part: &IndexPart| match &part.key {
        IndexKey::Column(name) if part.prefix.is_none() && *part == IndexPart::column(name.as_str()) => {
            Some(name.clone())
        }
        _ => None,
    };
    let columns: Option<Vec<String>> = index.parts.iter().map(plain).collect();
    match columns {
        Some(columns) if index.name.as_deref() == Some("PRIMARY") => table.primary_key = Some(PrimaryKey::new(columns)),
        Some(columns) if index.unique && index.method.is_none() => {
            let mut unique = Unique::new(columns);
            unique.name = index.name;
            table.uniques.push(unique);
        }
        _ => table.indexes.push(index),
    }
}

pub(super) async fn foreign_keys(
    connection: &mut MysqlConnection,
    scope: Scope<'_>,
    tables: &mut [Table],
) -> Result<()> {
    let order = " ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
    for mut row in scoped(connection, FOREIGN_KEYS, "k.TABLE_NAME", order, scope).await? {
        let Some(table) = find(tables, &row.text()) else { continue };
        let (name, column) = (row.text(), row.text());
        let schema = Some(row.text()).filter(|schema| schema != scope.schema);
        let references = QualifiedName { schema, name: row.text() };
        let target = row.text();
        match table.foreign_keys.last_mut() {
            Some(key) if key.name.as_ref() == Some(&name) => {
                key.columns.push(column);
                key.referenced_columns.push(target);
            }
            _ => {
                let (on_delete, on_update) = (action(&row.text()), action(&row.text()));
                let key = ForeignKey::new([column], references, [target]).named(name);
                table.foreign_keys.push(key.on_delete(on_delete).on_update(on_update));
            }
        }
    }
    Ok(())
}

fn action(rule: &str) -> Action {
    match rule {
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        "RESTRICT" => Action::Restrict,
        _ => Action::NoAction,
    }
}

pub(super) async fn checks(connection: &mut MysqlConnection, scope: Scope<'_>, tables: &mut [Table]) -> Result<()> {
    let server = connection.server;
    let (select, column) = match server {
        // Before 8.0.16, MySQL reads checks and forgets them.
        server if !server.mariadb && server.version < 80_016 => return Ok(()),
        server if server.mariadb => (MARIADB_CHECKS, "TABLE_NAME"),
        _ => (MYSQL_CHECKS, "t.TABLE_NAME"),
    };
    for mut row in scoped(connection, select, column, "", scope).await? {
        if let Some(table) = find(tables, &row.text()) {
            let name = row.text();
            table.checks.push(Check::new(expression(row.text(), server.mariadb)).named(name));
        }
    }
    for table in tables {
        table.checks.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(())
}
