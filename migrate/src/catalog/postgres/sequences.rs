//! Sequences: those that stand for themselves, those of `serial` columns, and those behind identity columns.

use oarlock_core::Row;
use oarlock_core::schema::{self, QualifiedName};

use super::super::{Model, unreadable};
use super::{Reader, name, own, qualified};
use crate::Result;

/// A sequence.
#[derive(Debug, Clone)]
pub(super) struct Sequence {
    pub(super) number: i64,
    pub(super) name: QualifiedName,
    pub(super) shown: String,
    ty: String,
    start: i64,
    increment: i64,
    min: i64,
    max: i64,
    cache: i64,
    cycle: bool,
    pub(super) unlogged: bool,
    /// The column it belongs to, by table and number.
    pub(super) owner: Option<(i64, i32)>,
    /// It is a part of an identity column.
    pub(super) identity: bool,
}

impl Reader<'_> {
    pub(super) async fn sequences(&self) -> Result<Vec<Sequence>> {
        let sql = format!(
            "SELECT c.oid::int8, {}, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, \
                 c.relpersistence::text = 'u', d.refobjid::int8, d.refobjsubid, COALESCE(d.deptype::text = 'i', false) \
             FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass \
                 AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
             WHERE {} ORDER BY n.nspname, c.relname",
            name("n.nspname", "c.relname"),
            own("n.nspname", "pg_class", "c.oid")
        );
        let read = |row: &Row| {
            let owner: Option<i64> = row.get(12)?;
            let column: Option<i32> = row.get(13)?;
            Ok(Sequence {
                number: row.get(0)?,
                name: qualified(row.get(1)?, row.get(2)?),
                shown: row.get(3)?,
                ty: row.get(4)?,
                start: row.get(5)?,
                increment: row.get(6)?,
                min: row.get(7)?,
                max: row.get(8)?,
                cache: row.get(9)?,
                cycle: row.get(10)?,
                unlogged: row.get(11)?,
                owner: owner.zip(column),
                identity: row.get(14)?,
            })
        };
        let found: Vec<Row> = self.rows(&sql).await?;
        found.iter().map(read).collect::<oarlock_core::Result<_>>().map_err(unreadable)
    }
}

impl Sequence {
    /// Gives what is not as it is by itself in a sequence of a type.
    pub(super) fn options(&self, ty: &str) -> String {
        let (lowest, highest) = match self.ty.as_str() {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        let (min, max) = if self.increment > 0 { (1, highest) } else { (lowest, -1) };
        let start = if self.increment > 0 { self.min } else { self.max };
        let mut words = Vec::new();
        if self.ty != ty {
            words.push(format!("AS {}", self.ty));
        }
        for (word, is, usual) in [
            ("START WITH", self.start, start),
            ("INCREMENT BY", self.increment, 1),
            ("MINVALUE", self.min, min),
            ("MAXVALUE", self.max, max),
            ("CACHE", self.cache, 1),
        ] {
            if is != usual {
                words.push(format!("{word} {is}"));
            }
        }
        if self.cycle {
            words.push("CYCLE".to_owned());
        }
        words.join(" ")
    }

    /// Gives it in the words of `core::schema`.
    pub(super) fn model(&self) -> Model {
        let mut known = schema::Sequence::new(self.name.name.as_str());
        known.schema.clone_from(&self.name.schema);
        (known.start, known.increment, known.cycle) = (self.start, self.increment, self.cycle);
        (known.min, known.max) = (Some(self.min), Some(self.max));
        Model::Sequence(known)
    }

    /// Gives the name that the server would give to the sequence of a column.
    pub(super) fn is_named_after(&self, table: &QualifiedName, column: &str) -> bool {
        let name = format!("{}_{column}_seq", table.name);
        // Longer names are cut in a way of the server's own.
        self.name.schema == table.schema && self.name.name == name && name.len() < 64
    }

    /// Gives the statement that makes it.
    pub(super) fn create(&self) -> String {
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        format!("CREATE {unlogged}SEQUENCE {} {}", self.shown, self.options("bigint")).trim_end().to_owned()
    }

    /// Gives the query for the statement that sets its counter, where it has moved.
    pub(super) fn counter(&self) -> String {
        format!(
            "SELECT format('SELECT pg_catalog.setval(%L, %s, %s)', '{}', last_value, CASE WHEN is_called THEN 'true' ELSE 'false' END) FROM {} \
             WHERE is_called OR last_value <> {}",
            self.shown.replace('\'', "''"),
            self.shown,
            self.start
        )
    }

    /// Gives the default of the column of a `serial`.
    pub(super) fn next(&self) -> String {
        let name = self.shown.replace('\'', "''");
        let escape = if name.contains('\\') { "E" } else { "" };
        format!("nextval({escape}'{}'::regclass)", name.replace('\\', "\\\\"))
    }
}
