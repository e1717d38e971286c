//! A whole schema: everything after what it needs.

use super::engine::{Engine, Place};
use super::{alter, table, view};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::schema::{EnumStorage, EnumType, ForeignKey, Schema, Table, Type};

/// Writes all that a schema holds: enums, sequences, tables in the order of their foreign keys, views.
///
/// Foreign keys that go in a circle are added after the tables, but on SQLite, which looks for the other table only when
/// rows are written. Schemas (namespaces) must be there.
///
/// # Errors
///
/// As [`create_table`](super::create_table); `Interface` also when two enums of one name differ.
pub fn create_schema(schema: &Schema, dialect: &Dialect) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for enumeration in enums(schema, dialect)? {
        statements.push(view::create_enum(enumeration, dialect)?);
    }
    for sequence in &schema.sequences {
        statements.push(view::create_sequence(sequence, dialect)?);
    }
    let steps = order(&schema.tables, dialect);
    for step in &steps {
        statements.extend(table::create(step.table, dialect, |position| !step.later.contains(&position))?);
    }
    for step in &steps {
        for position in &step.later {
            statements.push(alter::add_foreign_key(step.table, &step.table.foreign_keys[*position], dialect)?);
        }
    }
    for view in &schema.views {
        statements.extend(view::create_view(view, dialect)?);
    }
    Ok(statements)
}

/// Writes the removal of all that a schema holds, in the reverse of the order it is made in.
///
/// On SQLite, tables whose foreign keys go in a circle and that hold rows are dropped only while `PRAGMA foreign_keys`
/// is off or `PRAGMA defer_foreign_keys` is on.
///
/// # Errors
///
/// `Interface` when two enums of one name differ.
pub fn drop_schema(schema: &Schema, dialect: &Dialect) -> Result<Vec<String>> {
    let mut statements: Vec<_> = schema.views.iter().rev().map(|view| view::drop_view(view, dialect)).collect();
    let steps = order(&schema.tables, dialect);
    for step in steps.iter().rev() {
        for position in &step.later {
            statements.push(alter::drop_foreign_key(step.table, &step.table.foreign_keys[*position], dialect)?);
        }
    }
    statements.extend(steps.iter().rev().map(|step| table::drop_table(step.table.qualified_name(), dialect)));
    for sequence in schema.sequences.iter().rev() {
        statements.push(view::drop_sequence(sequence, dialect)?);
    }
    for enumeration in enums(schema, dialect)?.into_iter().rev() {
        statements.push(view::drop_enum(enumeration, dialect)?);
    }
    Ok(statements)
}

/// A table in its turn, and the positions of those of its foreign keys whose tables come later.
struct Step<'a> {
    table: &'a Table,
    later: Vec<usize>,
}

/// Puts each table after those it refers to, else in the order given.
fn order<'a>(tables: &'a [Table], dialect: &Dialect) -> Vec<Step<'a>> {
    let inline = Engine::of(dialect) == Engine::Sqlite;
    let mut waiting: Vec<&Table> = tables.iter().collect();
    let mut steps = Vec::with_capacity(tables.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|table| table.foreign_keys.iter().all(|key| !waits(&waiting, table, key)));
        // Without a free table there is a circle; it is opened at the first one that is part of it or needs it.
        let position = free.unwrap_or(0);
        let table = waiting[position];
        let later = (0..table.foreign_keys.len())
            .filter(|position| !inline && waits(&waiting, table, &table.foreign_keys[*position]))
            .collect();
        waiting.remove(position);
        steps.push(Step { table, later });
    }
    steps
}

/// Tells whether a foreign key refers to another table that is still waiting.
fn waits(waiting: &[&Table], table: &Table, key: &ForeignKey) -> bool {
    let schema = key.references.schema.as_ref().or(table.schema.as_ref());
    waiting.iter().any(|other| {
        !std::ptr::eq(*other, table) && other.name == key.references.name && other.schema.as_ref() == schema
    })
}

/// Gives the enums to be made as types, each once.
fn enums<'a>(schema: &'a Schema, dialect: &Dialect) -> Result<Vec<&'a EnumType>> {
    let mut found: Vec<&EnumType> = Vec::new();
    if Engine::of(dialect) != Engine::Postgres {
        return Ok(found);
    }
    let named = schema.enums.iter().filter(|it| it.storage == EnumStorage::Native).map(|it| (None, it));
    let of_columns = schema.tables.iter().flat_map(|table| {
        table.columns.iter().filter_map(move |column| Some((Some((table, column)), native_enum(&column.ty)?)))
    });
    for (owner, enumeration) in named.chain(of_columns) {
        match found.iter().find(|it| view::enum_name(it) == view::enum_name(enumeration)) {
            None => found.push(enumeration),
            Some(same) if same.values == enumeration.values => {}
            Some(_) => {
                let message = format!("the enum {:?} is declared twice, with different values", enumeration.name);
                return Err(match owner {
                    Some((table, column)) => Place::column(Engine::Postgres, table, &column.name).wrong(message),
                    None => Error::interface(message),
                });
            }
        }
    }
    Ok(found)
}

fn native_enum(ty: &Type) -> Option<&EnumType> {
    match ty {
        Type::Enum(enumeration) if enumeration.storage == EnumStorage::Native => Some(enumeration),
        Type::Array(element) => native_enum(element),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    fn table(name: &str, references: &[&str]) -> Table {
        references
            .iter()
            .fold(Table::new(name).column(Column::new("id", Type::Int8)).primary_key(["id"]), |table, other| {
                table.foreign_key(ForeignKey::new(["id"], *other, ["id"]))
            })
    }

    fn heads(statements: &[String]) -> Vec<&str> {
        statements.iter().map(|sql| sql.split(" (").next().unwrap_or_default()).collect()
    }

    #[test]
    fn table_comes_after_those_it_refers_to() -> Result<()> {
        let schema =
            Schema::new().table(table("c", &["b", "c"])).table(table("b", &["a"])).table(table("a", &["gone"]));
        let made = create_schema(&schema, &Dialect::SQLITE)?;
        assert_eq!(heads(&made), [r#"CREATE TABLE "a""#, r#"CREATE TABLE "b""#, r#"CREATE TABLE "c""#]);
        let dropped = drop_schema(&schema, &Dialect::SQLITE)?;
        assert_eq!(dropped, [r#"DROP TABLE "c""#, r#"DROP TABLE "b""#, r#"DROP TABLE "a""#]);
        Ok(())
    }

    #[test]
    fn circle_is_closed_after_the_tables() -> Result<()> {
        let schema = Schema::new().table(table("a", &["b"])).table(table("b", &["a"]));
        let made = create_schema(&schema, &Dialect::POSTGRES)?;
        assert_eq!(made.len(), 3);
        assert!(!made[0].contains("FOREIGN KEY") && made[1].contains("FOREIGN KEY"));
        assert_eq!(made[2], r#"ALTER TABLE "a" ADD CONSTRAINT "a_id_fkey" FOREIGN KEY ("id") REFERENCES "b" ("id")"#);
        let dropped = drop_schema(&schema, &Dialect::MARIADB)?;
        assert_eq!(dropped, ["ALTER TABLE `a` DROP FOREIGN KEY `a_id_fkey`", "DROP TABLE `b`", "DROP TABLE `a`"]);
        assert_eq!(create_schema(&schema, &Dialect::SQLITE)?.len(), 2);
        Ok(())
    }

    #[test]
    fn enum_declared_twice_must_agree() -> Result<()> {
        let column = |words: [&str; 2]| Column::new("mood", EnumType::new("mood", words).native());
        let one = Table::new("one").column(column(["sad", "ok"]));
        let schema = Schema::new().table(one.clone()).table(Table::new("two").column(column(["sad", "ok"])));
        assert_eq!(create_schema(&schema, &Dialect::POSTGRES)?[0], r#"CREATE TYPE "mood" AS ENUM ('sad', 'ok')"#);
        let schema = Schema::new().table(one).table(Table::new("two").column(column(["ok", "sad"])));
        let kind = create_schema(&schema, &Dialect::POSTGRES).map_err(|error| error.kind());
        assert_eq!(kind, Err(crate::ErrorKind::Interface));
        Ok(())
    }
}
