//! Tables: their columns, keys and checks, what they inherit, and their partitions.

use std::collections::BTreeMap;

use oarlock_core::Row;
use oarlock_core::schema::QualifiedName;

use super::super::unreadable;
use super::sequences::Sequence;
use super::{Key, Reader, name, options, own, qualified};
use crate::Result;

/// All tables and sequences, from which statements can be put together in more than one way.
#[derive(Debug)]
pub(super) struct Relations {
    pub(super) tables: BTreeMap<i64, Table>,
    /// The columns of views and types, for the comments on them: number, column, and what comments call it.
    pub(super) others: Vec<(i64, i32, String)>,
    pub(super) sequences: Vec<Sequence>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: QualifiedName,
    pub(super) shown: String,
    pub(super) partitioned: bool,
    pub(super) unlogged: bool,
    pub(super) method: Option<String>,
    pub(super) partition_key: Option<String>,
    pub(super) bound: Option<String>,
    pub(super) parents: Vec<i64>,
    pub(super) options: Vec<String>,
    /// The words for row security: `ENABLE`, `FORCE`.
    pub(super) security: Vec<&'static str>,
    pub(super) replica: String,
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<Constraint>,
}

#[derive(Debug)]
pub(super) struct Column {
    pub(super) number: i32,
    pub(super) name: String,
    pub(super) quoted: String,
    pub(super) ty: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    pub(super) default_number: Option<i64>,
    pub(super) identity: String,
    pub(super) generated: String,
    pub(super) collation: Option<String>,
    pub(super) storage: Option<String>,
    pub(super) compression: Option<String>,
    pub(super) target: Option<i32>,
    pub(super) options: Option<String>,
    pub(super) local: bool,
}

#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) number: i64,
    pub(super) name: String,
    pub(super) quoted: String,
    pub(super) kind: String,
    pub(super) definition: String,
    pub(super) index: Option<String>,
    pub(super) parent: i64,
    pub(super) local: bool,
    pub(super) valid: bool,
    pub(super) index_options: Option<String>,
    pub(super) parent_index: Option<String>,
    /// What the table gets by the constraint's index.
    pub(super) marks: Vec<String>,
    pub(super) key: Vec<String>,
}

impl Relations {
    pub(super) async fn read(reader: &Reader<'_>, sequences: Vec<Sequence>) -> Result<Self> {
        let mut relations = Self { tables: BTreeMap::new(), others: Vec::new(), sequences };
        relations.read_tables(reader).await?;
        relations.read_columns(reader).await?;
        relations.read_constraints(reader).await?;
        Ok(relations)
    }

    async fn read_tables(&mut self, reader: &Reader<'_>) -> Result<()> {
        let sql = format!(
            "SELECT c.oid::int8, {}, c.relkind::text = 'p', c.relpersistence::text = 'u', NULLIF(m.amname, 'heap')::text, \
                 pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), \
                 ARRAY(SELECT i.inhparent::int8 FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno), \
                 {}, {}, c.relrowsecurity, c.relforcerowsecurity, c.relreplident::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam \
             LEFT JOIN pg_class t ON t.oid = c.reltoastrelid \
             WHERE c.relkind IN ('r', 'p') AND {} ORDER BY n.nspname, c.relname",
            name("n.nspname", "c.relname"),
            options("c.reloptions", ""),
            options("t.reloptions", "toast."),
            own("n.nspname", "pg_class", "c.oid")
        );
        for row in reader.rows::<Row>(&sql).await? {
            let (number, table) = Table::read(&row).map_err(unreadable)?;
            self.tables.insert(number, table);
        }
        Ok(())
    }

    async fn read_columns(&mut self, reader: &Reader<'_>) -> Result<()> {
        let sql = format!(
            "SELECT c.oid::int8, a.attnum::int4, a.attname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), \
                 a.attnotnull, pg_get_expr(d.adbin, d.adrelid), d.oid::int8, a.attidentity::text, a.attgenerated::text, \
                 CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END, \
                 CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' \
                     WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END, \
                 CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END, \
                 NULLIF(a.attstattarget::int4, -1), {}, a.attislocal, c.relkind::text, {} \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c') AND {} ORDER BY c.oid, a.attnum",
            options("a.attoptions", ""),
            super::shown("n.nspname", "c.relname"),
            own("n.nspname", "pg_class", "c.oid")
        );
        for row in reader.rows::<Row>(&sql).await? {
            let read = || {
                let column = Column::read(&row)?;
                Ok((row.get::<i64>(0)?, row.get::<String>(17)?, column))
            };
            let (number, shown, column) = read().map_err(unreadable)?;
            match self.tables.get_mut(&number) {
                Some(table) => table.columns.push(column),
                None => self.others.push((number, column.number, format!("COLUMN {shown}.{}", column.quoted))),
            }
        }
        Ok(())
    }

    async fn read_constraints(&mut self, reader: &Reader<'_>) -> Result<()> {
        let index = super::shown("m.nspname", "x.relname");
        let parent = super::shown("q.nspname", "y.relname");
        let sql = format!(
            "SELECT k.conrelid::int8, k.oid::int8, k.conname::text, quote_ident(k.conname), k.contype::text, pg_get_constraintdef(k.oid), \
                 CASE WHEN k.contype IN ('p', 'u', 'x') THEN {index} END, k.conparentid::int8, k.conislocal, k.convalidated, {}, \
                 CASE WHEN k.contype IN ('p', 'u', 'x') AND y.oid IS NOT NULL THEN {parent} END, \
                 COALESCE(i.indisclustered, false), COALESCE(i.indisreplident, false), \
                 ARRAY(SELECT quote_ident(a.attname) || CASE WHEN a.attcollation <> 0 THEN ' COLLATE \"C\"' ELSE '' END \
                     FROM unnest(k.conkey) WITH ORDINALITY AS w (number, place) \
                     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = w.number ORDER BY w.place) \
             FROM pg_constraint k LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x') \
             LEFT JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_namespace m ON m.oid = x.relnamespace \
             LEFT JOIN pg_inherits h ON h.inhrelid = x.oid LEFT JOIN pg_class y ON y.oid = h.inhparent \
             LEFT JOIN pg_namespace q ON q.oid = y.relnamespace \
             WHERE k.conrelid <> 0 AND k.contype IN ('p', 'u', 'x', 'c', 'f') \
             ORDER BY k.conrelid, strpos('puxcf', k.contype::text), k.conname::text COLLATE \"C\"",
            options("x.reloptions", "")
        );
        for row in reader.rows::<Row>(&sql).await? {
            let number: i64 = row.get(0).map_err(unreadable)?;
            if let Some(table) = self.tables.get_mut(&number) {
                table.constraints.push(Constraint::read(&row).map_err(unreadable)?);
            }
        }
        Ok(())
    }

    /// Tells whether something is a default or a check, which can be made when its table is there.
    pub(super) fn can_stand_apart(&self, (class, number): &Key) -> bool {
        self.tables.values().any(|table| match class.as_str() {
            "pg_attrdef" => {
                let mut columns = table.columns.iter();
                columns.any(|column| column.default_number == Some(*number) && column.generated.is_empty())
            }
            "pg_constraint" => {
                let mut constraints = table.constraints.iter();
                constraints.any(|constraint| constraint.number == *number && constraint.kind == "c" && constraint.local)
            }
            _ => false,
        })
    }
}

impl Table {
    fn read(row: &Row) -> oarlock_core::Result<(i64, Self)> {
        let options = [row.get::<Option<String>>(10)?, row.get::<Option<String>>(11)?];
        let security = [(row.get(12)?, "ENABLE"), (row.get(13)?, "FORCE")];
        let security = security.into_iter().filter_map(|(is, word)| if is { Some(word) } else { None }).collect();
        let table = Self {
            name: qualified(row.get(1)?, row.get(2)?),
            shown: row.get(3)?,
            partitioned: row.get(4)?,
            unlogged: row.get(5)?,
            method: row.get(6)?,
            partition_key: row.get(7)?,
            bound: row.get(8)?,
            parents: row.get(9)?,
            options: options.into_iter().flatten().collect(),
            security,
            replica: row.get(14)?,
            columns: Vec::new(),
            constraints: Vec::new(),
        };
        Ok((row.get(0)?, table))
    }
}

impl Column {
    fn read(row: &Row) -> oarlock_core::Result<Self> {
        Ok(Self {
            number: row.get(1)?,
            name: row.get(2)?,
            quoted: row.get(3)?,
            ty: row.get(4)?,
            not_null: row.get(5)?,
            default: row.get(6)?,
            default_number: row.get(7)?,
            identity: row.get(8)?,
            generated: row.get(9)?,
            collation: row.get(10)?,
            storage: row.get(11)?,
            compression: row.get(12)?,
            target: row.get(13)?,
            options: row.get(14)?,
            local: row.get(15)?,
        })
    }

    /// Tells whether a child's column is what it would inherit.
    pub(super) fn is_as(&self, parent: &Self) -> bool {
        let Self { name, ty, not_null, default, generated, collation, compression, .. } = self;
        (name, ty, not_null, default, generated, collation, compression)
            == (
                &parent.name,
                &parent.ty,
                &parent.not_null,
                &parent.default,
                &parent.generated,
                &parent.collation,
                &parent.compression,
            )
    }
}

impl Constraint {
    fn read(row: &Row) -> oarlock_core::Result<Self> {
        let quoted: String = row.get(3)?;
        let mut marks = Vec::new();
        if row.get(12)? {
            marks.push(format!("CLUSTER ON {quoted}"));
        }
        if row.get(13)? {
            marks.push(format!("REPLICA IDENTITY USING INDEX {quoted}"));
        }
        Ok(Self {
            number: row.get(1)?,
            name: row.get(2)?,
            quoted,
            kind: row.get(4)?,
            definition: row.get(5)?,
            index: row.get(6)?,
            parent: row.get(7)?,
            local: row.get(8)?,
            valid: row.get(9)?,
            index_options: row.get(10)?,
            parent_index: row.get(11)?,
            marks,
            key: row.get(14)?,
        })
    }
}
