//! Reads the catalog out of `information_schema`, in the words of the schema model.
//!
//! The servers differ in a few columns and in how they write defaults and expressions: MySQL writes text defaults without
//! quotes and expressions with escaped ones. Types, defaults and what MariaDB says by checks (`JSON`) are read by
//! the model itself.

mod column;
mod key;
mod record;

use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::schema::{Table, TableOptions, View, settle};
use oarlock_core::{Error, ErrorKind, Result, ValueRef};

use self::record::Record;
use crate::connection::MysqlConnection;

const SCHEMAS: &str = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA \
    WHERE SCHEMA_NAME NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')";

const TABLES: &str = "SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_COMMENT FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";

const VIEWS: &str = "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?";

const VIEW_COLUMNS: &str = "SELECT COLUMN_NAME FROM information_schema.COLUMNS \
    WHERE TABLE_SCHEMA = ? AND BINARY TABLE_NAME = ? ORDER BY ORDINAL_POSITION";

/// Where to look.
#[derive(Debug, Clone, Copy)]
struct Scope<'s> {
    schema: &'s str,
    /// One table only.
    table: Option<&'s str>,
}

/// Answers a question to the catalog.
pub(crate) async fn read(connection: &mut MysqlConnection, query: CatalogQuery<'_>) -> Result<CatalogReply> {
    connection.ready().await?;
    let given = match query {
        CatalogQuery::Schemas => {
            let mut names = texts(connection.ask(SCHEMAS, &[]).await?);
            names.sort();
            return Ok(CatalogReply::Names(names));
        }
        CatalogQuery::TableNames { schema }
        | CatalogQuery::Tables { schema }
        | CatalogQuery::Table { schema, .. }
        | CatalogQuery::Views { schema } => schema,
        _ => return Err(Error::not_supported("the MySQL driver does not know this question to the catalog")),
    };
    let schema = match given {
        Some(name) => name.to_owned(),
        None => current(connection).await?,
    };
    let mut scope = Scope { schema: &schema, table: None };
    Ok(match query {
        CatalogQuery::TableNames { .. } => {
            let mut names = texts(connection.ask(TABLES, &[ValueRef::Text(&schema)]).await?);
            names.sort();
            CatalogReply::Names(names)
        }
        CatalogQuery::Views { .. } => CatalogReply::Views(views(connection, scope, given).await?),
        CatalogQuery::Table { name, .. } => {
            scope.table = Some(name);
            let tables = tables(connection, scope, given).await?;
            if tables.is_empty() {
                let place = given.map(|schema| format!("{schema}.")).unwrap_or_default();
                return Err(
                    Error::new(ErrorKind::TableNotFound, format!("there is no table {place}{name}")).with_table(name)
                );
            }
            CatalogReply::Tables(tables)
        }
        _ => CatalogReply::Tables(tables(connection, scope, given).await?),
    })
}

async fn current(connection: &mut MysqlConnection) -> Result<String> {
    let database = connection.ask("SELECT DATABASE()", &[]).await?.pop().and_then(|mut row| row.take_text());
    database.ok_or_else(|| {
        Error::interface("no database is selected").with_hint("name one in the URL, or ask for a schema by name")
    })
}

async fn tables(connection: &mut MysqlConnection, scope: Scope<'_>, given: Option<&str>) -> Result<Vec<Table>> {
    let dialect = connection.info.dialect;
    let mut tables = Vec::new();
    for mut row in scoped(connection, TABLES, "TABLE_NAME", "", scope).await? {
        let mut table = Table::new(row.text());
        table.schema = given.map(str::to_owned);
        table.options = options(row.take_text(), row.take_text());
        table.comment = row.take_text().filter(|comment| !comment.is_empty());
        tables.push(table);
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    column::read(connection, scope, &mut tables).await?;
    key::indexes(connection, scope, &mut tables).await?;
    key::foreign_keys(connection, scope, &mut tables).await?;
    key::checks(connection, scope, &mut tables).await?;
    for table in &mut tables {
        settle(table, &dialect);
    }
    Ok(tables)
}

fn options(engine: Option<String>, collation: Option<String>) -> TableOptions {
    let mut options = TableOptions::new();
    options.engine = engine;
    options.charset = collation.as_deref().and_then(|name| name.split('_').next()).map(str::to_owned);
    options.collation = collation;
    options
}

async fn views(connection: &mut MysqlConnection, scope: Scope<'_>, given: Option<&str>) -> Result<Vec<View>> {
    let mut views = Vec::new();
    for mut row in connection.ask(VIEWS, &[ValueRef::Text(scope.schema)]).await? {
        let mut view = View::new(row.text(), row.text());
        view.columns =
            texts(connection.ask(VIEW_COLUMNS, &[ValueRef::Text(scope.schema), ValueRef::Text(&view.name)]).await?);
        view.schema = given.map(str::to_owned);
        views.push(view);
    }
    views.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(views)
}

/// Asks for the rows of a scope. The first column is the table's name, which `information_schema` compares without regard
/// to case where the tables themselves do not.
async fn scoped(
    connection: &mut MysqlConnection,
    select: &str,
    table_column: &str,
    order: &str,
    scope: Scope<'_>,
) -> Result<Vec<Record>> {
    let Some(table) = scope.table else {
        return connection.ask(&format!("{select}{order}"), &[ValueRef::Text(scope.schema)]).await;
    };
    let sql = format!("{select} AND {table_column} = ?{order}");
    let mut rows = connection.ask(&sql, &[ValueRef::Text(scope.schema), ValueRef::Text(table)]).await?;
    rows.retain(|row| row.peek_text() == Some(table));
    Ok(rows)
}

/// Finds a table among those that were read.
fn find<'t>(tables: &'t mut [Table], name: &str) -> Option<&'t mut Table> {
    let position = tables.binary_search_by(|table| table.name.as_str().cmp(name)).ok()?;
    tables.get_mut(position)
}

fn texts(rows: Vec<Record>) -> Vec<String> {
    rows.into_iter().map(|mut row| row.text()).collect()
}

/// Undoes what MySQL's catalog does to an expression: it escapes the whole of it, and takes each byte of its UTF-8 for a
/// character of Latin-1 (seen with 9.7). `_utf8mb4\'it\\\'s\'` is `_utf8mb4'it\'s'`.
fn expression(text: String, mariadb: bool) -> String {
    if mariadb {
        return text;
    }
    let text = mended(text);
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match characters.next() {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('0') => '\0',
            Some('Z') => '\u{1a}',
            Some(escaped) => escaped,
            None => '\\',
        });
    }
    out
}

/// Joins bytes of UTF-8 that stand as characters of their own; other text is left as it is.
fn mended(text: String) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(character).ok()).collect();
    match bytes.map(String::from_utf8) {
        Some(Ok(mended)) => mended,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn an_expression_gets_its_letters_back() {
        for (found, read) in [
            ("(`\u{c3}\u{bc}` <> 1)", "(`\u{fc}` <> 1)"),
            ("'\u{e5}\u{ad}\u{97}'", "'\u{5b57}'"),
            ("'\u{5b57}'", "'\u{5b57}'"),
            ("'\u{e9}'", "'\u{e9}'"),
        ] {
            assert_eq!(expression(found.to_owned(), false), read);
        }
    }

    #[test]
    fn an_expression_loses_one_layer_of_escapes() {
        let text = r"(`b` in (_utf8mb4\'S\',_utf8mb4\'back\\\\slash\',_utf8mb4\'it\\\'s\',0x62))";
        let read = r"(`b` in (_utf8mb4'S',_utf8mb4'back\\slash',_utf8mb4'it\'s',0x62))";
        assert_eq!(expression(text.to_owned(), false), read);
        assert_eq!(expression(text.to_owned(), true), text, "MariaDB writes it as it is");
    }
}
