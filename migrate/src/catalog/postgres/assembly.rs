//! Puts a table's statements together: in the shortest form that makes the same table again.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use super::super::Rows;
use super::relations::{Column, Constraint, Relations, Table};
use super::sequences::Sequence;
use super::{Key, Kind, Object, State};

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
            object.model = Some(sequence.model());
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
        for name in parents.iter().flat_map(|parent| &parent.columns).chain(&table.columns).map(|column| &*column.name)
        {
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
            Form::Joins => {
                object.statements.extend(parents.map(|parent| format!("ALTER TABLE {shown} INHERIT {parent}")));
            }
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
        let needs =
            table.parents.iter().filter_map(|parent| state.places.get(&("pg_class".to_owned(), *parent)).copied());
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
        if let Some(serial) =
            serial(&column.ty).filter(|_| sequence.is_some_and(|found| self.relations.is_serial(found)))
        {
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
        statements.extend(constraint.marks.iter().map(|mark| format!("ALTER TABLE {shown} {mark}")));
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
            let mut object = Object::new(kind, constraint.name.as_str().into()).of(self.table.name.clone()).sql(
                format!("ALTER TABLE {only}{shown} ADD CONSTRAINT {} {}", constraint.quoted, constraint.definition),
            );
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
        let security = self.table.security.iter();
        object.statements.extend(security.map(|word| format!("ALTER TABLE {shown} {word} ROW LEVEL SECURITY")));
        if !object.statements.is_empty() {
            // It has no number of its own: the table's, where no catalog is.
            let own = state.add("", self.number, object);
            state.drafts[own].needs.insert(place);
        }
    }

    fn rows(&self) -> Rows {
        let table = self.table;
        let parts: Vec<&Sequence> = self
            .owned
            .iter()
            .copied()
            .filter(|sequence| sequence.identity || self.relations.is_serial(sequence))
            .collect();
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
    let whole = ["smallint", "integer", "bigint", "real", "double precision", "oid", "numeric"].contains(&ty);
    let numeric = whole || ty.starts_with("numeric(") && !ty.ends_with("[]");
    if numeric {
        // Infinities are no numbers to the parser, and a negative zero loses its sign.
        return format!(
            "COALESCE(CASE WHEN {column}::text ~ '^-?[0-9]' AND {column}::text <> '-0' THEN {column}::text \
                 ELSE quote_literal({column}::text) END, 'NULL')"
        );
    }
    match ty {
        "boolean" => format!("COALESCE({column}::text, 'NULL')"),
        _ => format!("quote_nullable({column}::text)"),
    }
}
