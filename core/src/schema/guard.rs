//! The checks that guard the storage of a column on SQLite.
//!
//! SQLite stores any value in any column. The declared name of a column carries its type and has an affinity that leaves
//! the stored form alone; the guard refuses what that form is not. The guard also tells apart what has one declared name
//! (the widths of `integer`), so that a catalog finds the very type again.

use super::expression::normal;
use super::render::engine::Engine;
use super::{Auto, Check, Layout, Table, Type};
use crate::dialect::Dialect;

/// Gives the guard of a column of this type, the inside of `CHECK (…)`; `column` is the quoted name.
///
/// NULL passes every guard: whether it may be stored is said by NOT NULL alone.
pub(super) fn guard(column: &str, ty: &Type) -> Option<String> {
    let stored = |class: &str, more: &str| Some(format!("typeof({column}) IN ('{class}', 'null'){more}"));
    let between = |low: &str, high: &str| stored("integer", &format!(" AND {column} BETWEEN {low} AND {high}"));
    match ty {
        Type::Bool => stored("integer", &format!(" AND {column} IN (0, 1)")),
        Type::Int2 => between("-32768", "32767"),
        Type::Int4 => between("-2147483648", "2147483647"),
        Type::UInt4 => between("0", "4294967295"),
        Type::Int8 | Type::Span => stored("integer", ""),
        // Of one width, or text would not sort as numbers do.
        Type::UInt8 => stored("text", &format!(" AND length({column}) = 20 AND {column} NOT GLOB '*[^0-9]*'")),
        Type::Float4 | Type::Float8 => stored("real", ""),
        Type::VarChar(length) => stored("text", &format!(" AND length({column}) <= {length}")),
        Type::Bytes => stored("blob", ""),
        Type::VarBinary(length) => stored("blob", &format!(" AND length({column}) <= {length}")),
        Type::Uuid => stored("text", &format!(" AND length({column}) = 36")),
        Type::Json => stored("text", &format!(" AND json_valid({column})")),
        Type::Timestamp => stored("text", &format!(" AND substr({column}, -1) = 'Z'")),
        Type::Decimal { .. }
        | Type::Text
        | Type::Date
        | Type::Time
        | Type::DateTime
        | Type::Interval
        | Type::Enum(_) => stored("text", ""),
        Type::Array(_) | Type::Native(_) => None,
    }
}

/// Takes off a table what its engine says of a type in other ways than by the type's name. A catalog calls it last.
///
/// On SQLite, a column's guard is taken off the checks and tells the width of an integer; an `integer` that is the whole
/// primary key and has no guard is numbered. On MariaDB, a text with the check `json_valid` becomes JSON.
pub fn settle(table: &mut Table, dialect: &Dialect) {
    let take = |checks: &mut Vec<Check>, expression: &str| {
        let wanted = normal(expression, dialect);
        let found = checks.iter().position(|check| normal(&check.expression, dialect) == wanted);
        found.map(|position| checks.remove(position)).is_some()
    };
    let whole_key = table.primary_key.as_ref().and_then(|key| <&[String; 1]>::try_from(&key.columns[..]).ok().cloned());
    for column in &mut table.columns {
        let name = dialect.quote_identifier(&column.name);
        match Engine::of(dialect) {
            Engine::Sqlite => {
                let widths = [Type::Int2, Type::Int4, Type::UInt4, Type::Int8];
                let candidates = if column.ty == Type::Int8 { &widths[..] } else { std::slice::from_ref(&column.ty) };
                let guarded = candidates
                    .iter()
                    .find(|ty| guard(&name, ty).is_some_and(|guard| take(&mut table.checks, &guard)))
                    .cloned();
                let declared = column.native_type.as_deref().unwrap_or("integer");
                if guarded.is_none()
                    && column.ty == Type::Int8
                    && declared.eq_ignore_ascii_case("integer")
                    && table.options.layout == Layout::Rows
                    && whole_key.as_ref().is_some_and(|[key]| *key == column.name)
                {
                    column.auto.get_or_insert(Auto::ByDefault);
                    column.nullable = false;
                }
                if let Some(ty) = guarded {
                    column.ty = ty;
                }
            }
            Engine::MariaDb if column.ty == Type::Text => {
                if take(&mut table.checks, &format!("json_valid({name})")) {
                    column.ty = Type::Json;
                }
            }
            Engine::MariaDb | Engine::MySql | Engine::Postgres => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Column;

    #[test]
    fn key_without_a_guard_is_numbered() {
        let sqlite = &Dialect::SQLITE;
        let table = Table::new("t").column(Column::new("id", Type::Int8).native_type("INTEGER")).primary_key(["id"]);
        let mut numbered = table.clone();
        settle(&mut numbered, sqlite);
        assert_eq!(numbered.columns[0].auto, Some(Auto::ByDefault));

        let mut given = table.check(Check::new(r#"typeof("id") IN ('integer', 'null')"#));
        settle(&mut given, sqlite);
        assert_eq!((given.columns[0].auto, given.checks.len()), (None, 0));
    }
}
