//! What a table becomes once an engine has it: the form in which a model and a catalog can be compared.

use super::render::engine::{Engine, Place, list};
use super::render::literal::text;
use super::render::{MYSQL_ENUM_WIDTH, nulls_by_default};
use super::{
    Action, Auto, Check, Column, Default, Deferrable, EnumStorage, EnumType, ForeignKey, Index, IndexKey, Layout,
    Literal, Order, PrimaryKey, Table, TableOptions, Type, Unique, expression, name,
};
use crate::dialect::Dialect;
use crate::error::Result;

/// Gives the table as the catalog of an engine reports it once it has been created, in one form of several that mean
/// the same. Made once, it stays: the canonical form of a canonical form is itself.
///
/// - Types become what the engine keeps them as. PostgreSQL: `UInt4` → `Int8`, `UInt8` → `Decimal(20, 0)`, `VarBinary` →
///   `Bytes`, `Span` → `Interval`. MySQL: `Span` → `Time`, a native enum is named after table and column. SQLite:
///   `Float4` → `Float8`, the `Text` of a native enum, a numbered column → `Int8`.
/// - An enum that is kept as text becomes `Text` (`VarChar` on MySQL) and the check `{table}_{column}_check`.
/// - Keys, checks and indexes without a name get the one that the renderer gives them, and are sorted by name. MySQL's
///   primary key loses its name; its unique indexes on plain columns become unique constraints, as it knows no difference,
///   and the index that it makes for a foreign key is left out.
/// - Columns of a primary key are not nullable (SQLite: a numbered one), MariaDB's generated columns are.
/// - What says the default is left out: collations, storage engine, character set, the method `btree`, the place of NULLs,
///   the default NULL, `RESTRICT` on MySQL, the schema of a foreign key within one schema, comments that are empty; so is
///   what the engine does not keep (comments on SQLite, options of other engines).
/// - Numbers lose the zeros at their end, expressions get one spelling: the engine's own rewriting (parentheses, casts of
///   literals, the case of keywords) is undone where that is sure, and what is not understood is compared as it stands.
/// - [`Column::native_type`] and the names from before are left out.
#[must_use]
pub fn canonical(table: &Table, dialect: &Dialect) -> Table {
    let engine = Engine::of(dialect);
    let mut out = table.clone();
    out.renamed_from = None;
    out.checks = checks(table, dialect)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, check)| Check { name: Some(name), expression: expression::normal(&check.expression, dialect) })
        .collect();
    options(&mut out, engine);
    let table_collation = out.options.collation.as_deref().or(engine.text_collation()).map(str::to_owned);
    for (column, desired) in out.columns.iter_mut().zip(&table.columns) {
        self::column(column, table.is_key(&desired.name), &table.name, table_collation.as_deref(), dialect);
    }
    out.comment = kept_comment(out.comment.take(), engine);

    if let Some(key) = &mut out.primary_key {
        key.name = if engine.is_mysql() { None } else { Some(primary_key_name(table, key)) };
    }
    for unique in &mut out.uniques {
        unique.name = Some(unique_name(table, unique));
    }
    for key in &mut out.foreign_keys {
        foreign_key(key, table, engine);
    }
    for index in &mut out.indexes {
        self::index(index, table, dialect);
    }
    if engine.is_mysql() {
        mysql_indexes(&mut out);
    }
    out.uniques.sort_by(|a, b| a.name.cmp(&b.name));
    out.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
    out.checks.sort_by(|a, b| a.name.cmp(&b.name));
    out.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// Tells whether two tables are the same to an engine: whether their [`canonical`] forms are equal.
///
/// Their schemas are compared only when both have one.
#[must_use]
pub fn equivalent(one: &Table, other: &Table, dialect: &Dialect) -> bool {
    let (mut one, mut other) = (canonical(one, dialect), canonical(other, dialect));
    if one.schema.is_none() || other.schema.is_none() {
        one.schema = None;
        other.schema = None;
    }
    one == other
}

fn options(table: &mut Table, engine: Engine) {
    let given = std::mem::take(&mut table.options);
    let mut kept = TableOptions::new();
    if engine.is_mysql() {
        kept.engine = given.engine.filter(|name| !name.eq_ignore_ascii_case("innodb"));
        kept.charset = given.charset.filter(|name| !name.eq_ignore_ascii_case("utf8mb4"));
        kept.collation = given.collation.filter(|name| Some(name.as_str()) != engine.text_collation());
    }
    kept.layout = if engine == Engine::Sqlite { given.layout } else { Layout::Rows };
    kept.unlogged = engine == Engine::Postgres && given.unlogged;
    table.options = kept;
}

fn kept_comment(comment: Option<String>, engine: Engine) -> Option<String> {
    comment.filter(|comment| engine != Engine::Sqlite && !comment.is_empty())
}

fn column(column: &mut Column, is_key: bool, table: &str, table_collation: Option<&str>, dialect: &Dialect) {
    let engine = Engine::of(dialect);
    column.native_type = None;
    column.renamed_from = None;
    column.comment = kept_comment(column.comment.take(), engine);
    column.auto = column.auto.map(|auto| match (engine, auto) {
        (Engine::Postgres, Auto::Monotonic) | (Engine::Sqlite, Auto::Serial) | (Engine::MySql | Engine::MariaDb, _) => {
            Auto::ByDefault
        }
        (_, auto) => auto,
    });
    column.ty = kept_type(&column.ty, table, &column.name, engine);
    if engine == Engine::Sqlite && column.auto.is_some() {
        column.ty = Type::Int8;
        column.nullable = false;
    }
    if is_key && engine != Engine::Sqlite {
        column.nullable = false;
    }
    if let Some(generated) = &mut column.generated {
        generated.expression = expression::normal(&generated.expression, dialect);
        column.nullable |= engine == Engine::MariaDb;
    }
    let is_text = matches!(column.ty, Type::Text | Type::VarChar(_) | Type::Enum(_) | Type::Native(_) | Type::Array(_));
    column.collation = column.collation.take().filter(|name| {
        let by_default = match engine {
            Engine::Postgres => name == "default",
            Engine::MySql | Engine::MariaDb => Some(name.as_str()) == table_collation,
            Engine::Sqlite => name.eq_ignore_ascii_case("binary"),
        };
        is_text && !by_default
    });
    column.default = column.default.take().and_then(|default| kept_default(default, &column.ty, dialect));
}

fn kept_type(ty: &Type, table: &str, column: &str, engine: Engine) -> Type {
    match (engine, ty) {
        (Engine::Postgres, Type::UInt4) => Type::Int8,
        (Engine::Postgres, Type::UInt8) => Type::decimal(20, 0),
        (Engine::Postgres, Type::VarBinary(_)) => Type::Bytes,
        (Engine::Postgres, Type::Span) => Type::Interval,
        (Engine::Postgres, Type::Array(element)) => match kept_type(element, table, column, engine) {
            // PostgreSQL keeps the type of the elements, not how deep the arrays stand in each other.
            Type::Array(inner) => Type::Array(inner),
            element => element.array(),
        },
        (Engine::MySql | Engine::MariaDb, Type::Span) => Type::Time,
        (Engine::Sqlite, Type::Float4) => Type::Float8,
        (Engine::MySql | Engine::MariaDb, Type::Enum(EnumType { storage: EnumStorage::Text, .. })) => {
            Type::VarChar(MYSQL_ENUM_WIDTH)
        }
        (Engine::MySql | Engine::MariaDb, Type::Enum(enumeration)) => {
            Type::Enum(EnumType::new(name::derived(table, [column], "enum"), enumeration.values.iter()).native())
        }
        (Engine::Sqlite, Type::Enum(_)) | (_, Type::Enum(EnumType { storage: EnumStorage::Text, .. })) => Type::Text,
        _ => ty.clone(),
    }
}

fn kept_default(default: Default, ty: &Type, dialect: &Dialect) -> Option<Default> {
    Some(match default {
        Default::Literal(Literal::Null) => return None,
        Default::Literal(Literal::Int(value)) if *ty == Type::Bool => Literal::Bool(value != 0).into(),
        Default::Literal(Literal::Number(digits)) => number(&digits).into(),
        Default::Literal(Literal::Text(value)) if *ty == Type::Uuid => value.to_ascii_lowercase().into(),
        // PostgreSQL keeps a document, not its blanks.
        Default::Literal(Literal::Text(value)) if *ty == Type::Json => {
            let document = serde_json::from_str::<serde_json::Value>(&value);
            document.map_or(value, |document| document.to_string()).into()
        }
        Default::Expression(sql) => Default::Expression(expression::normal(&sql, dialect)),
        other => other,
    })
}

/// Takes the zeros off the end of a fraction, and gives a whole number as one.
fn number(digits: &str) -> Literal {
    let plain = digits.strip_prefix('+').unwrap_or(digits);
    let short = if plain.contains('.') && !plain.contains(['e', 'E']) {
        plain.trim_end_matches('0').trim_end_matches('.')
    } else {
        plain
    };
    short.parse::<i64>().map_or_else(|_| Literal::Number(short.to_owned()), Literal::Int)
}

fn foreign_key(key: &mut ForeignKey, table: &Table, engine: Engine) {
    key.name = Some(foreign_key_name(table, key));
    if key.references.schema == table.schema {
        key.references.schema = None;
    }
    if engine.is_mysql() {
        for action in [&mut key.on_delete, &mut key.on_update] {
            if *action == Action::Restrict {
                *action = Action::NoAction;
            }
        }
    }
    // SQLite cannot defer a constraint by command, so this one is never deferred.
    if engine == Engine::Sqlite && key.deferrable == Deferrable::InitiallyImmediate {
        key.deferrable = Deferrable::No;
    }
}

fn index(index: &mut Index, table: &Table, dialect: &Dialect) {
    let engine = Engine::of(dialect);
    index.name = Some(index_name(table, index));
    index.method = index.method.take().map(|method| method.to_ascii_lowercase()).filter(|method| method != "btree");
    index.predicate = index.predicate.take().map(|sql| expression::normal(&sql, dialect));
    for part in &mut index.parts {
        if let IndexKey::Expression(sql) = &part.key {
            part.key = IndexKey::Expression(expression::normal(sql, dialect));
        }
        part.nulls = part.nulls.filter(|nulls| *nulls != nulls_by_default(engine, part.order));
    }
}

fn mysql_indexes(table: &mut Table) {
    let (uniques, indexes): (Vec<_>, Vec<_>) = std::mem::take(&mut table.indexes).into_iter().partition(is_unique_key);
    table.uniques.extend(uniques.into_iter().map(|index| Unique {
        columns: columns_of(&index).unwrap_or_default(),
        name: index.name,
        nulls: index.nulls,
        deferrable: Deferrable::No,
    }));
    table.indexes = indexes;
    let keys = &table.foreign_keys;
    table.indexes.retain(|index| {
        !keys.iter().any(|key| key.name == index.name && columns_of(index).as_ref() == Some(&key.columns))
    });
}

fn is_unique_key(index: &Index) -> bool {
    index.unique && index.method.is_none() && columns_of(index).is_some()
}

/// Gives the columns of an index that is made of whole, rising columns only.
fn columns_of(index: &Index) -> Option<Vec<String>> {
    let plain = |part: &super::IndexPart| match &part.key {
        IndexKey::Column(name) if part.prefix.is_none() && part.order == Order::Ascending => Some(name.clone()),
        _ => None,
    };
    index.parts.iter().map(plain).collect()
}

/// Gives the name of a primary key: its own, or the one it is rendered with.
pub(super) fn primary_key_name(table: &Table, key: &PrimaryKey) -> String {
    key.name.clone().unwrap_or_else(|| name::derived(&table.name, [], "pkey"))
}

/// Gives the name of a unique constraint: its own, or the one it is rendered with.
pub(super) fn unique_name(table: &Table, unique: &Unique) -> String {
    let derived = || name::derived(&table.name, unique.columns.iter().map(String::as_str), "key");
    unique.name.clone().unwrap_or_else(derived)
}

/// Gives the name of a foreign key: its own, or the one it is rendered with.
pub(super) fn foreign_key_name(table: &Table, key: &ForeignKey) -> String {
    let derived = || name::derived(&table.name, key.columns.iter().map(String::as_str), "fkey");
    key.name.clone().unwrap_or_else(derived)
}

/// Gives the name of an index: its own, or the one it is rendered with.
pub(super) fn index_name(table: &Table, index: &Index) -> String {
    let parts = index.parts.iter().map(|part| match &part.key {
        IndexKey::Column(name) => name.as_str(),
        IndexKey::Expression(_) => "expr",
    });
    index.name.clone().unwrap_or_else(|| name::derived(&table.name, parts, "idx"))
}

/// Gives the checks of a table with their names, those of enums kept as text among them.
pub(super) fn checks(table: &Table, dialect: &Dialect) -> Result<Vec<(String, Check)>> {
    let mut found = Vec::with_capacity(table.checks.len());
    let mut unnamed = 0_usize;
    for check in &table.checks {
        let name = check.name.clone().unwrap_or_else(|| {
            let suffix = if unnamed == 0 { "check".to_owned() } else { format!("check{unnamed}") };
            unnamed += 1;
            name::derived(&table.name, [], &suffix)
        });
        found.push((name, check.clone()));
    }
    for column in &table.columns {
        found.extend(enum_check(table, column, dialect)?);
    }
    Ok(found)
}

/// Gives the check of an enum that is kept as text.
pub(super) fn enum_check(table: &Table, column: &Column, dialect: &Dialect) -> Result<Option<(String, Check)>> {
    let engine = Engine::of(dialect);
    let Type::Enum(enumeration) = &column.ty else {
        return Ok(None);
    };
    if enumeration.storage == EnumStorage::Native && engine != Engine::Sqlite {
        return Ok(None);
    }
    let words = enumeration.values.iter().map(|value| text(engine, value)).collect::<Result<Vec<_>>>();
    let words = words.map_err(|error| error.context(Place::column(engine, table, &column.name)))?;
    let expression = format!("{} IN ({})", list(dialect, [&column.name]), words.join(", "));
    let name = name::derived(&table.name, [column.name.as_str()], "check");
    Ok(Some((name.clone(), Check { name: Some(name), expression })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::IndexPart;

    fn table() -> Table {
        Table::new("t").column(Column::new("id", Type::Int8)).column(Column::new("c", Type::VarChar(9)))
    }

    #[test]
    fn enum_is_text_and_a_check() {
        let column = Column::new("mood", EnumType::new("mood", ["sad", "ok"]));
        let written = Table::new("t").column(column);
        let reported = Table::new("t")
            .column(Column::new("mood", Type::Text))
            .check(Check::new("(mood = ANY (ARRAY['sad'::text, 'ok'::text]))").named("t_mood_check"));
        assert!(equivalent(&written, &reported, &Dialect::POSTGRES));
        let other = Table::new("t").column(Column::new("mood", EnumType::new("mood", ["sad"])));
        assert!(!equivalent(&other, &reported, &Dialect::POSTGRES));
    }

    #[test]
    fn unique_index_of_mysql_is_a_constraint() {
        let key = Index::new(["c"]).named("c once").unique();
        let written = table().index(key.clone());
        let mut reported = table();
        reported.uniques.push(Unique::new(["c"]).named("c once"));
        assert!(equivalent(&written, &reported, &Dialect::MARIADB));
        assert!(!equivalent(&written, &reported, &Dialect::POSTGRES));
        let prefixed = table().index(Index::new([IndexPart::column("c").prefix(3)]).named("c once").unique());
        assert!(!equivalent(&prefixed, &reported, &Dialect::MARIADB));
    }

    #[test]
    fn index_that_mysql_makes_for_a_foreign_key_is_left_out() {
        let written = table().foreign_key(ForeignKey::new(["id"], "u", ["id"]).on_delete(Action::Restrict));
        let reported = table()
            .foreign_key(ForeignKey::new(["id"], "u", ["id"]).named("t_id_fkey"))
            .index(Index::new(["id"]).named("t_id_fkey").method("BTREE"));
        assert!(equivalent(&written, &reported, &Dialect::MYSQL));
        assert!(!equivalent(&written, &reported, &Dialect::POSTGRES));
    }

    #[test]
    fn schema_is_compared_when_both_have_one() {
        let public = table().in_schema("public");
        assert!(equivalent(&table(), &public, &Dialect::POSTGRES));
        assert!(!equivalent(&table().in_schema("other"), &public, &Dialect::POSTGRES));
    }

    #[test]
    fn what_says_the_default_is_left_out() {
        let mut reported = table().comment("");
        reported.columns[1].collation = Some("utf8mb4_nopad_bin".to_owned());
        reported.columns[1].native_type = Some("varchar(9)".to_owned());
        reported.options = TableOptions::new().engine("InnoDB").charset("utf8mb4").collation("utf8mb4_nopad_bin");
        assert!(equivalent(&table(), &reported, &Dialect::MARIADB));
        reported.columns[1].collation = Some("utf8mb4_general_ci".to_owned());
        assert!(!equivalent(&table(), &reported, &Dialect::MARIADB));
    }
}
