//! Tables: their columns, keys and checks, what they inherit, and their partitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use oarlock_core::Row;
use oarlock_core::schema::QualifiedName;

use super::super::{Rows, unreadable};
use super::sequences::Sequence;
use super::{Key, Kind, Object, Reader, State, name, options, own, qualified};
use crate::Result;

/// All tables and sequences, from which statements can be put together in more than one way.
#[derive(Debug)]
pub(super) struct Relations {
    tables: BTreeMap<i64, Table>,
    /// The columns of views and types, for the comments on them: number, column, and what comments call it.
    others: Vec<(i64, i32, String)>,
    sequences: Vec<Sequence>,
}

#[derive(Debug)]
struct Table {
    name: QualifiedName,
    shown: String,
    partitioned: bool,
    unlogged: bool,
    method: Option<String>,
    partition_key: Option<String>,
    bound: Option<String>,
    parents: Vec<i64>,
    options: Vec<String>,
    row_security: bool,
    forced: bool,
    replica: String,
    columns: Vec<Column>,
    constraints: Vec<Constraint>,
}

#[derive(Debug)]
struct Column {
    number: i32,
    name: String,
    quoted: String,
    ty: String,
    not_null: bool,
    default: Option<String>,
    default_number: Option<i64>,
    identity: String,
    generated: String,
    collation: Option<String>,
    storage: Option<String>,
    compression: Option<String>,
    target: Option<i32>,
    options: Option<String>,
    local: bool,
}

#[derive(Debug)]
struct Constraint {
    number: i64,
    name: String,
    quoted: String,
    kind: String,
    definition: String,
    index: Option<String>,
    parent: i64,
    local: bool,
    valid: bool,
    index_options: Option<String>,
    parent_index: Option<String>,
    clustered: bool,
    identifies: bool,
    key: Vec<String>,
}

/// How a table comes to have its parents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// It has none.
    Plain,
    /// `INHERITS`: only its own columns are written.
    Inherits,
    /// It is made with all columns, which are its own, and gets the parents then.
    Joins,
    /// `PARTITION OF`: no columns are written.
    PartitionOf,
    /// It is made with all columns and attached then.
    Attached,
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

    /// Puts the statements together. What is in `apart` stands apart from its table.
    pub(super) fn assemble(&self, state: &mut State, apart: &BTreeSet<Key>) {
        let mut owned: HashMap<i64, Vec<&Sequence>> = HashMap::new();
        for sequence in &self.sequences {
            if let Some((table, _)) = sequence.owner.filter(|(table, _)| self.tables.contains_key(table)) {
                owned.entry(table).or_default().push(sequence);
            }
            if sequence.identity || self.is_serial(sequence) {
                continue;
            }
            let mut object = Object::new(Kind::Sequence, sequence.name.clone()).sql(sequence.create());
            object.rows = Some(Rows { counters: vec![sequence.counter()], ..Rows::default() });
            state.address("pg_class", sequence.number, 0, format!("SEQUENCE {}", sequence.shown));
            state.add("pg_class", sequence.number, object);
        }
        for (number, table) in &self.tables {
            let owned = owned.remove(number).unwrap_or_default();
            Assembly { relations: self, number: *number, table, owned, apart }.write(state);
        }
        for (number, column, address) in &self.others {
            state.address("pg_class", *number, *column, address.clone());
        }
    }

    /// Tells whether the column's type `serial` would make the same sequence.
    fn is_serial(&self, sequence: &Sequence) -> bool {
        let Some((table, number)) = sequence.owner.filter(|_| !sequence.identity) else { return false };
        let Some(table) = self.tables.get(&table) else { return false };
        let Some(column) = table.columns.iter().find(|column| column.number == number) else { return false };
        serial(&column.ty).is_some()
            && column.not_null
            && column.local
            && column.default.as_deref() == Some(&*sequence.next())
            && sequence.is_named_after(&table.name, &column.name)
            && sequence.options(&column.ty).is_empty()
            && sequence.unlogged == table.unlogged
            && self.form(table) == Form::Plain
    }

    fn form(&self, table: &Table) -> Form {
        let parents: Vec<&Table> = table.parents.iter().filter_map(|parent| self.tables.get(parent)).collect();
        let is_partition = table.bound.is_some();
        let Some(parent) = parents.first() else { return Form::Plain };
        if is_partition {
            let same = table.columns.len() == parent.columns.len()
                && table.columns.iter().zip(&parent.columns).all(|(column, other)| column.is_as(other));
            return if same { Form::PartitionOf } else { Form::Attached };
        }
        let mut order: Vec<&str> = Vec::new();
        for name in parents.iter().flat_map(|parent| &parent.columns).chain(&table.columns).map(|column| &*column.name) {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        let in_order = order.into_iter().eq(table.columns.iter().map(|column| &*column.name));
        let inherited = table.columns.iter().filter(|column| !column.local);
        let as_it_was = inherited.clone().all(|column| {
            let mut found = parents.iter().flat_map(|parent| &parent.columns).filter(|other| other.name == column.name);
            found.next().is_some_and(|other| column.is_as(other))
        });
        if in_order && as_it_was && inherited.count() > 0 { Form::Inherits } else { Form::Joins }
    }

    fn shown(&self, table: i64) -> &str {
        self.tables.get(&table).map_or("", |table| &table.shown)
    }
}

/// One table's statements.
struct Assembly<'a> {
    relations: &'a Relations,
    number: i64,
    table: &'a Table,
    owned: Vec<&'a Sequence>,
    apart: &'a BTreeSet<Key>,
}

impl Assembly<'_> {
    fn write(&self, state: &mut State) {
        let table = self.table;
        let form = self.relations.form(table);
        let shown = &table.shown;
        let mut entries = Vec::new();
        if form != Form::PartitionOf {
            let written = table.columns.iter().filter(|column| form != Form::Inherits || column.local);
            entries.extend(written.map(|column| self.column(column)));
        }
        let inline = |constraint: &&Constraint| self.is_inline(constraint, form);
        let constraints: Vec<&Constraint> = table.constraints.iter().filter(inline).collect();
        entries.extend(constraints.iter().map(|found| format!("CONSTRAINT {} {}", found.quoted, found.definition)));

        let mut object = Object::new(Kind::Table, table.name.clone()).sql(self.create(form, &entries));
        let parents = table.parents.iter().map(|parent| self.relations.shown(*parent));
        match form {
            Form::Joins => object.statements.extend(parents.map(|parent| format!("ALTER TABLE {shown} INHERIT {parent}"))),
            Form::Attached => object.statements.extend(parents.map(|parent| {
                format!("ALTER TABLE {parent} ATTACH PARTITION {shown} {}", table.bound.as_deref().unwrap_or_default())
            })),
            _ => {}
        }
        self.alter(&mut object);
        for constraint in &constraints {
            object.statements.extend(self.of_index(constraint));
        }
        object.rows = Some(self.rows());

        state.address("pg_class", self.number, 0, format!("TABLE {shown}"));
        let place = state.add("pg_class", self.number, object);
        let needs = table.parents.iter().filter_map(|parent| state.places.get(&("pg_class".to_owned(), *parent)).copied());
        let needs: Vec<usize> = needs.collect();
        state.drafts[place].needs.extend(needs);
        for column in &table.columns {
            state.address("pg_class", self.number, column.number, format!("COLUMN {shown}.{}", column.quoted));
            if let Some(default) = column.default_number {
                state.places.insert(("pg_attrdef".to_owned(), default), place);
            }
        }
        for sequence in &self.owned {
            if sequence.identity || self.relations.is_serial(sequence) {
                state.places.insert(("pg_class".to_owned(), sequence.number), place);
                state.address("pg_class", sequence.number, 0, format!("SEQUENCE {}", sequence.shown));
            }
        }
        self.write_constraints(state, place, form);
        self.write_defaults(state, place);
        self.write_row_security(state, place);
    }

    fn create(&self, form: Form, entries: &[String]) -> String {
        let table = self.table;
        let unlogged = if table.unlogged { "UNLOGGED " } else { "" };
        let mut sql = format!("CREATE {unlogged}TABLE {}", table.shown);
        let parents: Vec<&str> = table.parents.iter().map(|parent| self.relations.shown(*parent)).collect();
        if form == Form::PartitionOf {
            let _ = write!(sql, " PARTITION OF {}", parents.join(", "));
        }
        if !entries.is_empty() {
            let _ = write!(sql, " (\n    {}\n)", entries.join(",\n    "));
        } else if form != Form::PartitionOf {
            sql.push_str(" ()");
        }
        if form == Form::Inherits {
            let _ = write!(sql, "\nINHERITS ({})", parents.join(", "));
        }
        if let (Form::PartitionOf, Some(bound)) = (form, &table.bound) {
            let _ = write!(sql, "\n{bound}");
        }
        if let Some(key) = &table.partition_key {
            let _ = write!(sql, "\nPARTITION BY {key}");
        }
        if let Some(method) = &table.method {
            let _ = write!(sql, "\nUSING {method}");
        }
        if !table.options.is_empty() {
            let _ = write!(sql, "\nWITH ({})", table.options.join(", "));
        }
        sql
    }

    fn column(&self, column: &Column) -> String {
        let sequence = self.owned.iter().find(|sequence| sequence.owner == Some((self.number, column.number)));
        if let Some(serial) = serial(&column.ty).filter(|_| sequence.is_some_and(|found| self.relations.is_serial(found))) {
            return format!("{} {serial}", column.quoted);
        }
        let mut sql = format!("{} {}", column.quoted, column.ty);
        if let Some(method) = &column.compression {
            let _ = write!(sql, " COMPRESSION {method}");
        }
        if let Some(collation) = &column.collation {
            let _ = write!(sql, " COLLATE {collation}");
        }
        let stands_apart = column.default_number.is_some_and(|number| self.stands_apart("pg_attrdef", number));
        match (&column.default, &*column.generated) {
            (Some(sql_of), "s") => drop(write!(sql, " GENERATED ALWAYS AS ({sql_of}) STORED")),
            (Some(sql_of), "v") => drop(write!(sql, " GENERATED ALWAYS AS ({sql_of}) VIRTUAL")),
            (Some(default), _) if !stands_apart => drop(write!(sql, " DEFAULT {default}")),
            _ => {}
        }
        if let Some(sequence) = sequence.filter(|_| !column.identity.is_empty()) {
            let word = if column.identity == "a" { "ALWAYS" } else { "BY DEFAULT" };
            let _ = write!(sql, " GENERATED {word} AS IDENTITY");
            let mut options = Vec::new();
            if !sequence.is_named_after(&self.table.name, &column.name) {
                options.push(format!("SEQUENCE NAME {}", sequence.shown));
            }
            options.push(sequence.options(&column.ty));
            let options = options.join(" ");
            if !options.trim().is_empty() {
                let _ = write!(sql, " ({})", options.trim());
            }
        } else if column.not_null {
            sql.push_str(" NOT NULL");
        }
        sql
    }

    /// Adds what a table gets once it is there.
    fn alter(&self, object: &mut Object) {
        let shown = &self.table.shown;
        for column in &self.table.columns {
            let mut alter = |what: String| {
                object.statements.push(format!("ALTER TABLE ONLY {shown} ALTER COLUMN {} {what}", column.quoted));
            };
            if let Some(storage) = &column.storage {
                alter(format!("SET STORAGE {storage}"));
            }
            if let Some(target) = column.target {
                alter(format!("SET STATISTICS {target}"));
            }
            if let Some(options) = &column.options {
                alter(format!("SET ({options})"));
            }
        }
        for sequence in self.owned.iter().filter(|sequence| !sequence.identity && !self.relations.is_serial(sequence)) {
            let column = self.table.columns.iter().find(|column| sequence.owner == Some((self.number, column.number)));
            if let Some(column) = column {
                let sql = format!("ALTER SEQUENCE {} OWNED BY {shown}.{}", sequence.shown, column.quoted);
                object.statements.push(sql);
            }
        }
        match &*self.table.replica {
            "f" => object.statements.push(format!("ALTER TABLE ONLY {shown} REPLICA IDENTITY FULL")),
            "n" => object.statements.push(format!("ALTER TABLE ONLY {shown} REPLICA IDENTITY NOTHING")),
            _ => {}
        }
    }

    fn stands_apart(&self, class: &str, number: i64) -> bool {
        self.apart.contains(&(class.to_owned(), number))
    }

    /// Tells whether a constraint stands within its table's statement.
    fn is_inline(&self, constraint: &Constraint, form: Form) -> bool {
        match &*constraint.kind {
            "f" => false,
            "c" => {
                let own = constraint.local || matches!(form, Form::Joins | Form::Attached);
                own && constraint.valid && !self.stands_apart("pg_constraint", constraint.number)
            }
            // Those of partitions are put together from those of the parts.
            _ => !self.table.partitioned && constraint.parent == 0,
        }
    }

    /// Gives what is said of the index of a constraint.
    fn of_index(&self, constraint: &Constraint) -> Vec<String> {
        let Some(index) = &constraint.index else { return Vec::new() };
        let shown = &self.table.shown;
        let mut statements = Vec::new();
        if let Some(options) = &constraint.index_options {
            statements.push(format!("ALTER INDEX {index} SET ({options})"));
        }
        if let Some(parent) = &constraint.parent_index {
            statements.push(format!("ALTER INDEX {parent} ATTACH PARTITION {index}"));
        }
        let quoted = &constraint.quoted;
        if constraint.clustered {
            statements.push(format!("ALTER TABLE {shown} CLUSTER ON {quoted}"));
        }
        if constraint.identifies {
            statements.push(format!("ALTER TABLE ONLY {shown} REPLICA IDENTITY USING INDEX {quoted}"));
        }
        statements
    }

    fn write_constraints(&self, state: &mut State, place: usize, form: Form) {
        let shown = &self.table.shown;
        for constraint in &self.table.constraints {
            let address = format!("CONSTRAINT {} ON {shown}", constraint.quoted);
            state.address("pg_constraint", constraint.number, 0, address);
            if self.is_inline(constraint, form) || (constraint.kind == "c" && !constraint.local && constraint.valid) {
                state.places.insert(("pg_constraint".to_owned(), constraint.number), place);
                continue;
            }
            // A part of the parent's.
            if constraint.kind == "f" && constraint.parent != 0 || constraint.kind == "c" && !constraint.local {
                continue;
            }
            let kind = if constraint.kind == "f" { Kind::ForeignKey } else { Kind::Constraint };
            let only = if matches!(&*constraint.kind, "p" | "u" | "x") { "ONLY " } else { "" };
            let mut object = Object::new(kind, constraint.name.as_str().into())
                .of(self.table.name.clone())
                .sql(format!("ALTER TABLE {only}{shown} ADD CONSTRAINT {} {}", constraint.quoted, constraint.definition));
            object.statements.extend(self.of_index(constraint));
            object.after_rows = true;
            let own = state.add("pg_constraint", constraint.number, object);
            state.drafts[own].needs.insert(place);
        }
    }

    fn write_defaults(&self, state: &mut State, place: usize) {
        let shown = &self.table.shown;
        for column in &self.table.columns {
            let Some(number) = column.default_number.filter(|number| self.stands_apart("pg_attrdef", *number)) else {
                continue;
            };
            let default = column.default.as_deref().unwrap_or_default();
            let object = Object::new(Kind::Default, column.name.as_str().into())
                .of(self.table.name.clone())
                .sql(format!("ALTER TABLE ONLY {shown} ALTER COLUMN {} SET DEFAULT {default}", column.quoted));
            let own = state.add("pg_attrdef", number, object);
            state.drafts[own].needs.insert(place);
        }
    }

    fn write_row_security(&self, state: &mut State, place: usize) {
        let shown = &self.table.shown;
        let mut object = Object::new(Kind::Policy, "row security".into()).of(self.table.name.clone()).after_rows();
        if self.table.row_security {
            object.statements.push(format!("ALTER TABLE {shown} ENABLE ROW LEVEL SECURITY"));
        }
        if self.table.forced {
            object.statements.push(format!("ALTER TABLE {shown} FORCE ROW LEVEL SECURITY"));
        }
        if !object.statements.is_empty() {
            // It has no number of its own: the table's, where no catalog is.
            let own = state.add("", self.number, object);
            state.drafts[own].needs.insert(place);
        }
    }

    fn rows(&self) -> Rows {
        let table = self.table;
        let parts: Vec<&Sequence> = self.owned.iter().copied().filter(|sequence| sequence.identity || self.relations.is_serial(sequence)).collect();
        let counters = parts.iter().map(|sequence| sequence.counter()).collect();
        let written = table.columns.iter().filter(|column| column.generated.is_empty());
        let columns = written.map(|column| (column.quoted.clone(), value(&column.quoted, &column.ty))).collect();
        let key = table.constraints.iter().find(|constraint| constraint.kind == "p");
        let order = key.map_or_else(|| vec!["ROW(t.*)::text COLLATE \"C\"".to_owned()], |key| key.key.clone());
        let always = table.columns.iter().any(|column| column.identity == "a");
        Rows {
            from: format!("{}{} AS t", if table.partitioned { "" } else { "ONLY " }, table.shown),
            into: table.shown.clone(),
            columns,
            order,
            overriding: if always { "OVERRIDING SYSTEM VALUE " } else { "" },
            counters,
            of_parts: table.partitioned,
            ..Rows::default()
        }
    }
}

/// Gives the type by which a column of another one gets a sequence.
fn serial(ty: &str) -> Option<&'static str> {
    match ty {
        "smallint" => Some("smallserial"),
        "integer" => Some("serial"),
        "bigint" => Some("bigserial"),
        _ => None,
    }
}

/// Gives the expression of a literal that is the column's value: every type reads back the text that it writes.
fn value(column: &str, ty: &str) -> String {
    let numeric = ["smallint", "integer", "bigint", "real", "double precision", "oid"].contains(&ty) || ty.starts_with("numeric");
    let numeric = numeric && !ty.ends_with("[]");
    if numeric {
        // Infinities are no numbers to the parser, and a negative zero loses its sign.
        return format!(
            "COALESCE(CASE WHEN {column}::text ~ '^-?[0-9]' AND {column}::text <> '-0' THEN {column}::text ELSE quote_literal({column}::text) END, 'NULL')"
        );
    }
    match ty {
        "boolean" => format!("COALESCE({column}::text, 'NULL')"),
        _ => format!("quote_nullable({column}::text)"),
    }
}

impl Table {
    fn read(row: &Row) -> oarlock_core::Result<(i64, Self)> {
        let options = [row.get::<Option<String>>(10)?, row.get::<Option<String>>(11)?];
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
            row_security: row.get(12)?,
            forced: row.get(13)?,
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
    fn is_as(&self, parent: &Self) -> bool {
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
        Ok(Self {
            number: row.get(1)?,
            name: row.get(2)?,
            quoted: row.get(3)?,
            kind: row.get(4)?,
            definition: row.get(5)?,
            index: row.get(6)?,
            parent: row.get(7)?,
            local: row.get(8)?,
            valid: row.get(9)?,
            index_options: row.get(10)?,
            parent_index: row.get(11)?,
            clustered: row.get(12)?,
            identifies: row.get(13)?,
            key: row.get(14)?,
        })
    }
}
