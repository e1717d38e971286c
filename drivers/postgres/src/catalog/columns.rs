//! Columns: types, defaults, how they are computed or numbered.

use oarlock_core::Dialect;
use oarlock_core::schema::{Auto, Column, Default, EnumType, Generated, GeneratedKind, Type};
use tokio_postgres::{Client, Row};

use super::tables::Found;
use super::{Scope, tables_in_scope};

const COLUMNS: &str = concat!(
    "SELECT c.oid, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, \
        pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text, \
        EXISTS (SELECT FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S' \
            WHERE o.classid = 'pg_catalog.pg_class'::regclass AND o.refclassid = 'pg_catalog.pg_class'::regclass \
            AND o.refobjid = c.oid AND o.refobjsubid = a.attnum AND o.deptype = 'a'), \
        CASE WHEN a.attcollation <> t.typcollation THEN \
            (SELECT l.collname::text FROM pg_catalog.pg_collation l WHERE l.oid = a.attcollation) END, \
        pg_catalog.col_description(c.oid, a.attnum), \
        t.oid <> e.oid, e.typname::text, NULLIF(m.nspname, n.nspname)::text, \
        CASE WHEN e.typtype = 'e' THEN ARRAY(SELECT v.enumlabel::text FROM pg_catalog.pg_enum v \
            WHERE v.enumtypid = e.oid ORDER BY v.enumsortorder) END \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
     JOIN pg_catalog.pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END \
     JOIN pg_catalog.pg_namespace m ON m.oid = e.typnamespace \
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
     WHERE ",
    tables_in_scope!(),
    " ORDER BY c.oid, a.attnum"
);

/// Adds the columns to the tables.
pub(super) async fn read(client: &Client, scope: Scope<'_>, found: &mut Found) -> Result<(), tokio_postgres::Error> {
    for row in scope.query(client, COLUMNS).await? {
        if let Some(table) = found.get_mut(&row.try_get(0)?) {
            table.columns.push(column(&row)?);
        }
    }
    Ok(())
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    let native: String = row.try_get(2)?;
    let ty = column_type(row, &native)?;
    let mut column = Column::new(row.try_get::<_, &str>(1)?, ty);
    column.nullable = row.try_get(3)?;
    let expression: Option<String> = row.try_get(4)?;
    let (identity, generated): (&str, &str) = (row.try_get(5)?, row.try_get(6)?);
    let owns_sequence: bool = row.try_get(7)?;
    column.collation = row.try_get(8)?;
    column.comment = row.try_get(9)?;
    column.native_type = Some(native);
    column.auto = match identity {
        "a" => Some(Auto::Always),
        "d" => Some(Auto::ByDefault),
        // A sequence of the column's own that its default asks is what `serial` makes.
        _ if owns_sequence && expression.as_deref().is_some_and(|sql| sql.starts_with("nextval(")) => {
            Some(Auto::Serial)
        }
        _ => None,
    };
    match (expression, generated) {
        (Some(sql), "s") => column.generated = Some(Generated::new(sql, GeneratedKind::Stored)),
        (Some(sql), "v") => column.generated = Some(Generated::new(sql, GeneratedKind::Virtual)),
        (Some(sql), _) if column.auto.is_none() => {
            column.default = Default::from_native(&sql, &column.ty, &Dialect::POSTGRES);
        }
        _ => {}
    }
    Ok(column)
}

fn column_type(row: &Row, native: &str) -> Result<Type, tokio_postgres::Error> {
    let Some(words) = row.try_get::<_, Option<Vec<String>>>(13)? else {
        return Ok(Type::from_native(native, &Dialect::POSTGRES));
    };
    let mut named = EnumType::new(row.try_get::<_, &str>(11)?, words).native();
    named.schema = row.try_get(12)?;
    let ty = Type::Enum(named);
    Ok(if row.try_get(10)? { ty.array() } else { ty })
}
