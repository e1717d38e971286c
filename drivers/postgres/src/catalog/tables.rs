//! Tables in full.

use std::collections::BTreeMap;

use oarlock_core::Dialect;
use oarlock_core::schema::{Table, settle};
use tokio_postgres::Client;

use super::{Scope, columns, constraints, indexes, tables_in_scope};

const TABLES: &str = concat!(
    "SELECT c.oid, c.relname::text, c.relpersistence = 'u', pg_catalog.obj_description(c.oid, 'pg_class') \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ",
    tables_in_scope!(),
    " ORDER BY c.relname::text COLLATE \"C\""
);

/// The tables that are being read, by their number.
pub(super) type Found = BTreeMap<u32, Table>;

/// Reads all tables of a scope, sorted by name.
pub(super) async fn read(client: &Client, scope: Scope<'_>) -> Result<Vec<Table>, tokio_postgres::Error> {
    let mut found = Found::new();
    for row in scope.query(client, TABLES).await? {
        let mut table = Table::new(row.try_get::<_, &str>(1)?);
        table.schema = scope.schema.map(str::to_owned);
        table.options.unlogged = row.try_get(2)?;
        table.comment = row.try_get(3)?;
        found.insert(row.try_get(0)?, table);
    }
    if !found.is_empty() {
        columns::read(client, scope, &mut found).await?;
        constraints::read(client, scope, &mut found).await?;
        indexes::read(client, scope, &mut found).await?;
    }
    let mut tables: Vec<Table> = found.into_values().collect();
    for table in &mut tables {
        settle(table, &Dialect::POSTGRES);
    }
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(tables)
}
