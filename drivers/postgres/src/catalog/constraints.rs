//! Keys and checks.

use oarlock_core::schema::{Action, Check, Deferrable, ForeignKey, PrimaryKey, QualifiedName, Unique};
use tokio_postgres::{Client, Row};

use super::tables::Found;
use super::{Scope, tables_in_scope};

const CONSTRAINTS: &str = concat!(
    "SELECT c.oid, k.conname::text, k.contype::text, k.condeferrable, k.condeferred, \
        ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS w (number, place) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = w.number ORDER BY w.place), \
        NULLIF(m.nspname, n.nspname)::text, r.relname::text, \
        ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS w (number, place) \
            JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = w.number ORDER BY w.place), \
        k.confdeltype::text, k.confupdtype::text, pg_catalog.pg_get_expr(k.conbin, k.conrelid), \
        COALESCE((SELECT (pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool \
            FROM pg_catalog.pg_index i WHERE i.indexrelid = k.conindid), false) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f', 'c') \
     LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace \
     WHERE ",
    tables_in_scope!(),
    " ORDER BY c.oid, k.conname::text COLLATE \"C\""
);

/// Adds the keys and checks to the tables.
pub(super) async fn read(client: &Client, scope: Scope<'_>, found: &mut Found) -> Result<(), tokio_postgres::Error> {
    for row in scope.query(client, CONSTRAINTS).await? {
        let Some(table) = found.get_mut(&row.try_get(0)?) else {
            continue;
        };
        let name: String = row.try_get(1)?;
        let columns: Vec<String> = row.try_get(5)?;
        match row.try_get(2)? {
            "p" => table.primary_key = Some(PrimaryKey::new(columns).named(name)),
            "u" => {
                let unique = Unique::new(columns).named(name).deferrable(deferrable(&row)?);
                table.uniques.push(if row.try_get(12)? { unique.nulls_not_distinct() } else { unique });
            }
            "f" => table.foreign_keys.push(foreign_key(&row, columns)?.named(name)),
            _ => table.checks.push(Check::new(row.try_get::<_, &str>(11)?).named(name)),
        }
    }
    Ok(())
}

fn foreign_key(row: &Row, columns: Vec<String>) -> Result<ForeignKey, tokio_postgres::Error> {
    let references = QualifiedName { schema: row.try_get(6)?, name: row.try_get(7)? };
    let key = ForeignKey::new(columns, references, row.try_get::<_, Vec<String>>(8)?);
    Ok(key.on_delete(action(row.try_get(9)?)).on_update(action(row.try_get(10)?)).deferrable(deferrable(row)?))
}

fn action(code: &str) -> Action {
    match code {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

fn deferrable(row: &Row) -> Result<Deferrable, tokio_postgres::Error> {
    Ok(match (row.try_get(3)?, row.try_get(4)?) {
        (true, true) => Deferrable::InitiallyDeferred,
        (true, false) => Deferrable::InitiallyImmediate,
        (false, _) => Deferrable::No,
    })
}
