//! What belongs to a table and is made when its rows are there: indexes, statistics, triggers, rules, policies.

use oarlock_core::Row;
use oarlock_core::schema::QualifiedName;

use super::super::unreadable;
use super::{Kind, Object, Reader, mended, name, own, qualified, shown};
use crate::Result;

/// An object, and how it is known.
#[derive(Debug)]
pub(super) struct Attached {
    class: &'static str,
    number: i64,
    table: i64,
    address: String,
    object: Object,
}

/// What all of them have: number, name, name as SQL; the table's number, schema and name, as SQL, and with its schema in any case.
#[derive(Debug)]
struct Head {
    number: i64,
    name: String,
    quoted: String,
    table: i64,
    table_name: QualifiedName,
    shown: String,
    full: String,
}

/// Writes the columns of a head.
fn head(number: &str, own_name: &str) -> String {
    format!(
        "{number}::int8, {own_name}::text, quote_ident({own_name}), c.oid::int8, {}, format('%I.%I', n.nspname, c.relname)",
        name("n.nspname", "c.relname")
    )
}

/// The number of a head's columns.
const REST: usize = 8;

impl Head {
    fn read(row: &Row) -> oarlock_core::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            name: row.get(1)?,
            quoted: row.get(2)?,
            table: row.get(3)?,
            table_name: qualified(row.get(4)?, row.get(5)?),
            shown: row.get(6)?,
            full: row.get(7)?,
        })
    }

    fn object(&self, kind: Kind, sql: String) -> Object {
        Object::new(kind, self.name.as_str().into()).of(self.table_name.clone()).sql(sql).after_rows()
    }

    fn attached(self, class: &'static str, word: &str, object: Object) -> Attached {
        let address = format!("{word} {} ON {}", self.quoted, self.shown);
        Attached { class, number: self.number, table: self.table, address, object }
    }
}

impl Reader<'_> {
    pub(super) async fn attached(&self) -> Result<Vec<Attached>> {
        let mut found = Vec::new();
        let own = own("n.nspname", "pg_class", "c.oid");
        let of_table = "JOIN pg_namespace n ON n.oid = c.relnamespace";
        for row in self.rows::<Row>(&indexes(&own)).await? {
            found.push(index(&row).map_err(unreadable)?);
        }
        let sql = format!(
            "SELECT {}, pg_get_triggerdef(t.oid), t.tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid {of_table} \
             WHERE NOT t.tgisinternal AND COALESCE(CAST(to_jsonb(t) ->> 'tgparentid' AS oid), 0) = 0 AND {own} ORDER BY 2, 4",
            head("t.oid", "t.tgname")
        );
        for row in self.rows::<Row>(&sql).await? {
            found.push(trigger(&row).map_err(unreadable)?);
        }
        let sql = format!(
            "SELECT {}, pg_get_ruledef(r.oid), r.ev_enabled::text FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class {of_table} \
             WHERE r.rulename <> '_RETURN' AND {own} ORDER BY 2, 4",
            head("r.oid", "r.rulename")
        );
        for row in self.rows::<Row>(&sql).await? {
            found.push(rule(&row).map_err(unreadable)?);
        }
        let sql = format!(
            "SELECT {}, concat(CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END, \
                 CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE' \
                     WHEN 'd' THEN ' FOR DELETE' END, \
                 ' TO ' || (SELECT string_agg(COALESCE(quote_ident(a.rolname), 'PUBLIC'), ', ' ORDER BY a.rolname) \
                     FROM unnest(p.polroles) AS r (number) LEFT JOIN pg_roles a ON a.oid = r.number WHERE p.polroles <> '{{0}}'), \
                 E'\\n    USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', \
                 E'\\n    WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') \
             FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid {of_table} WHERE {own} ORDER BY 2, 4",
            head("p.oid", "p.polname")
        );
        for row in self.rows::<Row>(&sql).await? {
            found.push(policy(&row).map_err(unreadable)?);
        }
        let sql = format!(
            "SELECT {}, pg_get_statisticsobjdef(s.oid), NULLIF(m.nspname, current_schema())::text, {}, format('%I.%I', m.nspname, s.stxname), \
                 NULLIF(s.stxstattarget::int4, -1) \
             FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid {of_table} \
             JOIN pg_namespace m ON m.oid = s.stxnamespace WHERE {own} ORDER BY 2, 4",
            head("s.oid", "s.stxname"),
            shown("m.nspname", "s.stxname")
        );
        for row in self.rows::<Row>(&sql).await? {
            found.push(statistics(&row).map_err(unreadable)?);
        }
        Ok(found)
    }

    /// Puts them behind their tables.
    pub(super) fn add_attached(&mut self, attached: &[Attached]) {
        for Attached { class, number, table, address, object } in attached {
            self.state.address(class, *number, 0, address.clone());
            let place = self.state.add(class, *number, object.clone());
            let table = self.state.places.get(&("pg_class".to_owned(), *table));
            self.state.drafts[place].needs.extend(table);
        }
    }
}

fn indexes(own: &str) -> String {
    format!(
        "SELECT {}, pg_get_indexdef(i.indexrelid), {}, i.indisclustered, i.indisreplident, \
             (SELECT {} FROM pg_inherits h JOIN pg_class y ON y.oid = h.inhparent JOIN pg_namespace q ON q.oid = y.relnamespace \
                 WHERE h.inhrelid = x.oid), \
             ARRAY(SELECT format('ALTER COLUMN %s SET STATISTICS %s', a.attnum, a.attstattarget) FROM pg_attribute a \
                 WHERE a.attrelid = x.oid AND a.attstattarget >= 0 ORDER BY a.attnum) \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid AND c.relkind <> 't' \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND {own} \
         ORDER BY 2, 4",
        head("x.oid", "x.relname"),
        shown("n.nspname", "x.relname"),
        shown("q.nspname", "y.relname")
    )
}

fn index(row: &Row) -> oarlock_core::Result<Attached> {
    let head = Head::read(row)?;
    let definition: String = row.get(REST)?;
    let index: String = row.get(REST + 1)?;
    let lead = format!(" INDEX {}", head.quoted);
    let mut sql = definition.clone();
    for only in [" ON ", " ON ONLY "] {
        let full = format!("{} USING ", head.full);
        sql = mended(&sql, &lead, only, &full, &format!("{} USING ", head.shown));
        // What is so by itself need not be said.
        let usual = format!("{} USING btree (", head.shown);
        sql = mended(&sql, &lead, only, &usual, &format!("{} (", head.shown));
    }
    let mut object = head.object(Kind::Index, sql);
    object.name.schema.clone_from(&head.table_name.schema);
    for words in row.get::<Vec<String>>(REST + 5)? {
        object.statements.push(format!("ALTER INDEX {index} {words}"));
    }
    if let Some(parent) = row.get::<Option<String>>(REST + 4)? {
        object.statements.push(format!("ALTER INDEX {parent} ATTACH PARTITION {index}"));
    }
    if row.get(REST + 2)? {
        object.statements.push(format!("ALTER TABLE {} CLUSTER ON {}", head.shown, head.quoted));
    }
    if row.get(REST + 3)? {
        object.statements.push(format!("ALTER TABLE ONLY {} REPLICA IDENTITY USING INDEX {}", head.shown, head.quoted));
    }
    let mut attached = head.attached("pg_class", "INDEX", object);
    attached.address = format!("INDEX {index}");
    Ok(attached)
}

fn trigger(row: &Row) -> oarlock_core::Result<Attached> {
    let head = Head::read(row)?;
    let definition: String = row.get(REST)?;
    let sql = mended(&definition, &format!("TRIGGER {}", head.quoted), " ON ", &head.full, &head.shown);
    let mut object = head.object(Kind::Trigger, sql);
    object.statements.extend(enabled(&head, "TRIGGER", &row.get::<String>(REST + 1)?));
    Ok(head.attached("pg_trigger", "TRIGGER", object))
}

fn rule(row: &Row) -> oarlock_core::Result<Attached> {
    let head = Head::read(row)?;
    let definition: String = row.get(REST)?;
    let definition = definition.trim_end().trim_end_matches(';');
    let sql = mended(definition, &format!("RULE {}", head.quoted), " TO ", &head.full, &head.shown);
    let mut object = head.object(Kind::Rule, sql);
    object.statements.extend(enabled(&head, "RULE", &row.get::<String>(REST + 1)?));
    Ok(head.attached("pg_rewrite", "RULE", object))
}

/// Gives the statement for a trigger or rule that does not fire as others do.
fn enabled(head: &Head, word: &str, state: &str) -> Option<String> {
    let how = match state {
        "D" => "DISABLE",
        "R" => "ENABLE REPLICA",
        "A" => "ENABLE ALWAYS",
        _ => return None,
    };
    Some(format!("ALTER TABLE {} {how} {word} {}", head.shown, head.quoted))
}

fn policy(row: &Row) -> oarlock_core::Result<Attached> {
    let head = Head::read(row)?;
    let rest: String = row.get(REST)?;
    let object = head.object(Kind::Policy, format!("CREATE POLICY {} ON {}{rest}", head.quoted, head.shown));
    Ok(head.attached("pg_policy", "POLICY", object))
}

fn statistics(row: &Row) -> oarlock_core::Result<Attached> {
    let head = Head::read(row)?;
    let definition: String = row.get(REST)?;
    let (own, full): (String, String) = (row.get(REST + 2)?, row.get(REST + 3)?);
    let mut object = head.object(Kind::Statistics, mended(&definition, "STATISTICS", " ", &full, &own));
    object.name.schema = row.get(REST + 1)?;
    if let Some(target) = row.get::<Option<i32>>(REST + 4)? {
        object.statements.push(format!("ALTER STATISTICS {own} SET STATISTICS {target}"));
    }
    let mut attached = head.attached("pg_statistic_ext", "STATISTICS", object);
    attached.address = format!("STATISTICS {own}");
    Ok(attached)
}
