//! Indexes, beside those that keys bring with them.

use oarlock_core::schema::{Index, IndexPart, Nulls};
use tokio_postgres::{Client, Row};

use super::tables::Found;
use super::{Scope, tables_in_scope};

/// One row for each part of an index, and for each column that is stored with it.
const INDEXES: &str = concat!(
    "SELECT c.oid, x.relname::text, i.indisunique, pg_catalog.pg_get_expr(i.indpred, i.indrelid), \
        NULLIF(am.amname, 'btree')::text, \
        COALESCE((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false), \
        w.place, w.place > i.indnkeyatts, a.attname::text, pg_catalog.pg_get_indexdef(i.indexrelid, w.place, false), \
        COALESCE(i.indoption[w.place - 1], 0)::int2, \
        CASE WHEN i.indcollation[w.place - 1] NOT IN (0, COALESCE(a.attcollation, b.attcollation)) THEN \
            (SELECT l.collname::text FROM pg_catalog.pg_collation l WHERE l.oid = i.indcollation[w.place - 1]) END, \
        (SELECT o.opcname::text FROM pg_catalog.pg_opclass o \
            WHERE o.oid = i.indclass[w.place - 1] AND NOT o.opcdefault) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisvalid \
     JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = x.relam \
     CROSS JOIN LATERAL pg_catalog.generate_series(1, i.indnatts) AS w (place) \
     LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[w.place - 1] AND a.attnum > 0 \
     JOIN pg_catalog.pg_attribute b ON b.attrelid = i.indexrelid AND b.attnum = w.place \
     WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k \
            WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND ",
    tables_in_scope!(),
    " ORDER BY c.oid, x.relname::text COLLATE \"C\", w.place"
);

/// The bits of `indoption`.
const DESCENDING: i16 = 1;
const NULLS_FIRST: i16 = 2;

/// Adds the indexes to the tables.
pub(super) async fn read(client: &Client, scope: Scope<'_>, found: &mut Found) -> Result<(), tokio_postgres::Error> {
    for row in scope.query(client, INDEXES).await? {
        let Some(table) = found.get_mut(&row.try_get(0)?) else {
            continue;
        };
        if row.try_get::<_, i32>(6)? == 1 {
            table.indexes.push(index(&row)?);
        }
        let Some(index) = table.indexes.last_mut() else {
            continue;
        };
        if row.try_get(7)? {
            index.include.extend(row.try_get::<_, Option<String>>(8)?);
        } else {
            index.parts.push(part(&row)?);
        }
    }
    Ok(())
}

fn index(row: &Row) -> Result<Index, tokio_postgres::Error> {
    let mut index = Index::new(Vec::<IndexPart>::new()).named(row.try_get::<_, &str>(1)?);
    index.unique = row.try_get(2)?;
    index.predicate = row.try_get(3)?;
    index.method = row.try_get(4)?;
    Ok(if row.try_get(5)? { index.nulls_not_distinct() } else { index })
}

fn part(row: &Row) -> Result<IndexPart, tokio_postgres::Error> {
    let mut part = match row.try_get::<_, Option<&str>>(8)? {
        Some(column) => IndexPart::column(column),
        None => IndexPart::expression(row.try_get::<_, &str>(9)?),
    };
    let options: i16 = row.try_get(10)?;
    let descending = options & DESCENDING != 0;
    if descending {
        part = part.descending();
    }
    // NULLs count as larger than all values, so a falling index begins with them by itself.
    part.nulls = match options & NULLS_FIRST != 0 {
        true if !descending => Some(Nulls::First),
        false if descending => Some(Nulls::Last),
        _ => None,
    };
    part.collation = row.try_get(11)?;
    part.operator_class = row.try_get(12)?;
    Ok(part)
}
