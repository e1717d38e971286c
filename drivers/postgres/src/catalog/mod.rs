//! The catalog: what a database holds, read from `pg_catalog` and put in the words of the contract's schema model.
//!
//! Each kind of object takes one query for all tables that are asked for. Extensions' own objects and the partitions of a
//! table are left out: they are made and dropped with what they belong to.

mod columns;
mod constraints;
mod indexes;
mod tables;

use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::schema::View;
use oarlock_core::{Error, ErrorKind, Result};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// What is asked of the catalog: a schema, the session's own where none is named, and in it one table or all.
#[derive(Debug, Clone, Copy)]
struct Scope<'q> {
    schema: Option<&'q str>,
    table: Option<&'q str>,
}

impl Scope<'_> {
    /// Runs a query whose `$1` is the schema and whose `$2` is the table.
    async fn query(self, client: &Client, sql: &str) -> Result<Vec<Row>, tokio_postgres::Error> {
        let params: [&(dyn ToSql + Sync); 2] = [&self.schema, &self.table];
        client.query(sql, &params).await
    }
}

/// The tables of a scope, for the `WHERE` of a query over `pg_class c` and `pg_namespace n`.
macro_rules! tables_in_scope {
    () => {
        "n.nspname = COALESCE($1::text, pg_catalog.current_schema()::text) \
         AND ($2::text IS NULL OR c.relname = $2::text) \
         AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
             WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"
    };
}
use tables_in_scope;

const SCHEMAS: &str = "SELECT nspname::text FROM pg_catalog.pg_namespace \
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' ORDER BY nspname::text COLLATE \"C\"";

const TABLE_NAMES: &str = concat!(
    "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ",
    tables_in_scope!(),
    " ORDER BY c.relname::text COLLATE \"C\""
);

const VIEWS: &str = "SELECT c.relname::text, pg_catalog.pg_get_viewdef(c.oid), c.relkind = 'm', \
        pg_catalog.obj_description(c.oid, 'pg_class'), \
        ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = COALESCE($1::text, pg_catalog.current_schema()::text) AND ($2::text IS NULL OR c.relname = $2::text) \
        AND c.relkind IN ('v', 'm') \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
            WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') \
    ORDER BY c.relname::text COLLATE \"C\"";

/// Answers a question; the inner result is the driver's own word.
pub(crate) async fn read(
    client: &Client,
    query: CatalogQuery<'_>,
) -> Result<Result<CatalogReply>, tokio_postgres::Error> {
    Ok(Ok(match query {
        CatalogQuery::Schemas => CatalogReply::Names(names(&client.query(SCHEMAS, &[]).await?)?),
        CatalogQuery::TableNames { schema } => {
            CatalogReply::Names(names(&Scope { schema, table: None }.query(client, TABLE_NAMES).await?)?)
        }
        CatalogQuery::Tables { schema } => {
            CatalogReply::Tables(tables::read(client, Scope { schema, table: None }).await?)
        }
        CatalogQuery::Table { schema, name } => {
            let tables = tables::read(client, Scope { schema, table: Some(name) }).await?;
            if tables.is_empty() {
                return Ok(Err(no_table(schema, name)));
            }
            CatalogReply::Tables(tables)
        }
        CatalogQuery::Views { schema } => CatalogReply::Views(views(client, schema).await?),
        _ => {
            return Ok(Err(Error::not_supported("the driver does not know this question to the catalog")));
        }
    }))
}

fn names(rows: &[Row]) -> Result<Vec<String>, tokio_postgres::Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn views(client: &Client, schema: Option<&str>) -> Result<Vec<View>, tokio_postgres::Error> {
    let rows = Scope { schema, table: None }.query(client, VIEWS).await?;
    let read = |row: &Row| {
        let definition: &str = row.try_get(1)?;
        let mut view = View::new(row.try_get::<_, &str>(0)?, definition.trim().trim_end_matches(';'));
        view.schema = schema.map(str::to_owned);
        view.materialized = row.try_get(2)?;
        view.comment = row.try_get(3)?;
        view.columns = row.try_get(4)?;
        Ok(view)
    };
    rows.iter().map(read).collect()
}

fn no_table(schema: Option<&str>, name: &str) -> Error {
    let message = match schema {
        Some(schema) => format!("there is no table {name} in the schema {schema}"),
        None => format!("there is no table {name} in the session's schema"),
    };
    Error::new(ErrorKind::TableNotFound, message).with_table(name)
}
