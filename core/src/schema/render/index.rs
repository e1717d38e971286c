//! Indexes.

use super::constraint::nulls_clause;
use super::engine::{Engine, Place, list, qualified};
use super::validate;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::canonical::index_name;
use crate::schema::{Index, IndexKey, IndexPart, Nulls, Order, QualifiedName, Table};

/// Writes CREATE INDEX.
///
/// # Errors
///
/// `NotSupported` when the dialect has no such index (partial ones on MySQL, expressions on MariaDB, text without a
/// prefix on both), `Interface` when the index names a column that the table has not.
pub fn create_index(table: &Table, index: &Index, dialect: &Dialect) -> Result<String> {
    let engine = Engine::of(dialect);
    let place = Place::table(engine, table);
    validate::index(place, index)?;
    let name = index_name(table, index);
    let parts =
        index.parts.iter().map(|part| self::part(place, &name, index, part, dialect)).collect::<Result<Vec<_>>>()?;
    let method = index.method.as_deref().filter(|method| !method.eq_ignore_ascii_case("btree"));
    let special = method.filter(|method| ["fulltext", "spatial"].iter().any(|it| it.eq_ignore_ascii_case(method)));

    let mut sql = "CREATE ".to_owned();
    if index.unique {
        sql += "UNIQUE ";
    }
    if let (true, Some(special)) = (engine.is_mysql(), special) {
        sql += &format!("{} ", special.to_ascii_uppercase());
    }
    // SQLite wants the schema before the index, the others before the table.
    let (shown, on) = if engine == Engine::Sqlite {
        let shown = QualifiedName { schema: table.schema.clone(), name: name.clone() };
        (qualified(dialect, &shown), dialect.quote_identifier(&table.name))
    } else {
        (dialect.quote_identifier(&name), qualified(dialect, &table.qualified_name()))
    };
    sql += &format!("INDEX {shown}");
    match (engine, method) {
        (_, None) => sql += &format!(" ON {on}"),
        (Engine::Postgres, Some(method)) => {
            sql += &format!(" ON {on} USING {}", dialect.quote_identifier(&method.to_ascii_lowercase()));
        }
        (Engine::MySql | Engine::MariaDb, Some(_)) if special.is_some() => {
            sql += &format!(" ON {on}");
        }
        (Engine::MySql | Engine::MariaDb, Some(method)) if method.eq_ignore_ascii_case("hash") => {
            sql += &format!(" USING HASH ON {on}");
        }
        (_, Some(method)) => {
            return Err(
                place.unsupported(format_args!("index method {method:?} (index {name:?})"), "leave the method out")
            );
        }
    }
    sql += &format!(" ({})", parts.join(", "));
    if !index.include.is_empty() {
        if engine != Engine::Postgres {
            return Err(place.unsupported(
                format_args!("included columns (index {name:?})"),
                "make them the last parts of the index",
            ));
        }
        sql += &format!(" INCLUDE ({})", list(dialect, &index.include));
    }
    sql += nulls_clause(place, index.nulls)?;
    if let Some(predicate) = &index.predicate {
        if engine.is_mysql() {
            return Err(place.unsupported(
                format_args!("partial indexes (index {name:?} WHERE {predicate})"),
                "index all rows, or a generated column that is NULL for the others",
            ));
        }
        sql += &format!(" WHERE {predicate}");
    }
    Ok(sql)
}

fn part(place: Place<'_>, name: &str, index: &Index, part: &IndexPart, dialect: &Dialect) -> Result<String> {
    let engine = place.engine;
    let mut sql = match &part.key {
        IndexKey::Column(column) => {
            if part.prefix.is_none() && index.method.is_none() {
                validate::key_column(place, column)?;
            }
            dialect.quote_identifier(column)
        }
        IndexKey::Expression(expression) if engine == Engine::MariaDb => {
            return Err(place.unsupported(
                format_args!("indexes on expressions (index {name:?} on {expression})"),
                "index a generated column of this expression",
            ));
        }
        IndexKey::Expression(expression) => format!("({expression})"),
    };
    match part.prefix {
        Some(length) if engine.is_mysql() => sql += &format!("({length})"),
        Some(_) => {
            return Err(place.unsupported(
                format_args!("index on a prefix (index {name:?})"),
                "index the column, or an expression such as substr(…)",
            ));
        }
        None => {}
    }
    if let Some(collation) = &part.collation {
        if engine.is_mysql() {
            return Err(place.unsupported(
                format_args!("collation of an index of its own (index {name:?})"),
                "give the column the collation",
            ));
        }
        sql += &format!(" COLLATE {}", dialect.quote_identifier(collation));
    }
    if let Some(class) = &part.operator_class {
        if engine != Engine::Postgres {
            return Err(place.unsupported(format_args!("operator classes (index {name:?})"), "leave it out"));
        }
        sql += &format!(" {}", dialect.quote_identifier(class));
    }
    if part.order == Order::Descending {
        sql += " DESC";
    }
    match (part.nulls, engine) {
        (Some(Nulls::First), Engine::Postgres) => sql += " NULLS FIRST",
        (Some(Nulls::Last), Engine::Postgres) => sql += " NULLS LAST",
        (Some(nulls), _) if nulls != nulls_by_default(engine, part.order) => {
            return Err(place.unsupported(
                format_args!("NULLS {nulls:?} in an index (index {name:?})"),
                "leave it out: NULLs stand before all values there",
            ));
        }
        _ => {}
    }
    Ok(sql)
}

/// Where an engine puts NULLs in an index: PostgreSQL after all values, the others before them.
pub(in crate::schema) fn nulls_by_default(engine: Engine, order: Order) -> Nulls {
    let nulls_are_greatest = engine == Engine::Postgres;
    if nulls_are_greatest == (order == Order::Ascending) { Nulls::Last } else { Nulls::First }
}

/// Writes DROP INDEX.
pub fn drop_index(table: &Table, index: &Index, dialect: &Dialect) -> String {
    let name = index_name(table, index);
    if Engine::of(dialect).is_mysql() {
        let on = qualified(dialect, &table.qualified_name());
        return format!("DROP INDEX {} ON {on}", dialect.quote_identifier(&name));
    }
    let name = QualifiedName { schema: table.schema.clone(), name };
    format!("DROP INDEX {}", qualified(dialect, &name))
}
