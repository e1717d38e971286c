//! Reading what a catalog says: types and defaults.

use super::expression::normal;
use super::render::engine::{Engine, Place};
use super::render::literal;
use super::{Column, Default, EnumType, Literal, Table, Type};
use crate::dialect::{Dialect, Flavor};
use crate::lex::{TokenKind, Tokens};

impl Type {
    /// Reads a type as a catalog writes it: PostgreSQL's `format_type`, MySQL's `COLUMN_TYPE`, SQLite's declared name.
    ///
    /// It gives the neutral type whose values these are, and [`Type::Native`] where there is none. Sizes that a neutral type
    /// has no room for (`datetime(3)`, `mediumtext`) are lost: who must keep them reads [`Column::native_type`]. On SQLite
    /// and MariaDB [`settle`](super::settle) then tells apart what has one name.
    ///
    /// # Examples
    ///
    /// ```
    /// use oarlock_core::Dialect;
    /// use oarlock_core::schema::Type;
    ///
    /// assert_eq!(Type::from_native("int(10) unsigned", &Dialect::MARIADB), Type::UInt4);
    /// assert_eq!(Type::from_native("numeric(12,2)[]", &Dialect::POSTGRES), Type::decimal(12, 2).array());
    /// assert_eq!(Type::from_native("tsvector", &Dialect::POSTGRES), Type::Native("tsvector".into()));
    /// ```
    #[must_use]
    pub fn from_native(name: &str, dialect: &Dialect) -> Self {
        let name = name.trim();
        if dialect.flavor == Flavor::Postgres
            && let Some(element) = name.strip_suffix("[]")
        {
            return Self::from_native(element.trim_end_matches("[]"), dialect).array();
        }
        let lower = name.to_ascii_lowercase();
        let words = Words::new(&lower);
        let found = match dialect.flavor {
            Flavor::Postgres => postgres(&words),
            Flavor::MySql => mysql(&words).or_else(|| mysql_enum(name, &words, dialect)),
            Flavor::Sqlite => sqlite(&words),
        };
        found.unwrap_or_else(|| Self::Native(name.to_owned()))
    }
}

/// A type's name in parts: `int(10) unsigned` is the base `int`, the arguments 10, the rest `unsigned`.
struct Words<'a> {
    base: &'a str,
    arguments: Vec<u32>,
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn new(name: &'a str) -> Self {
        let Some((base, tail)) = name.split_once('(') else {
            let (base, rest) = ["unsigned", "zerofill"]
                .iter()
                .find_map(|word| Some((name.strip_suffix(word)?.trim_end(), *word)))
                .unwrap_or((name, ""));
            return Self { base, arguments: Vec::new(), rest };
        };
        let (arguments, rest) = tail.split_once(')').unwrap_or((tail, ""));
        Self {
            base: base.trim_end(),
            arguments: arguments.split(',').filter_map(|it| it.trim().parse().ok()).collect(),
            rest: rest.trim(),
        }
    }

    fn decimal(&self) -> Option<Type> {
        match self.arguments[..] {
            [] => Some(Type::Decimal { size: None }),
            [precision] => Some(Type::decimal(u16::try_from(precision).ok()?, 0)),
            [precision, scale] => Some(Type::decimal(u16::try_from(precision).ok()?, u16::try_from(scale).ok()?)),
            _ => None,
        }
    }
}

fn postgres(words: &Words<'_>) -> Option<Type> {
    Some(match (words.base, &words.arguments[..], words.rest) {
        ("boolean" | "bool", [], "") => Type::Bool,
        ("smallint" | "int2", [], "") => Type::Int2,
        ("integer" | "int4" | "int", [], "") => Type::Int4,
        ("bigint" | "int8", [], "") => Type::Int8,
        ("real" | "float4", [], "") => Type::Float4,
        ("double precision" | "float8", [], "") => Type::Float8,
        ("numeric" | "decimal", _, "") => words.decimal()?,
        ("text" | "character varying" | "varchar", [], "") => Type::Text,
        ("character varying" | "varchar", [length], "") => Type::VarChar(*length),
        ("bytea", [], "") => Type::Bytes,
        ("uuid", [], "") => Type::Uuid,
        ("jsonb" | "json", [], "") => Type::Json,
        ("date", [], "") => Type::Date,
        ("time" | "time without time zone", _, "") | ("time", _, "without time zone") => Type::Time,
        ("timestamp" | "timestamp without time zone", _, "") | ("timestamp", _, "without time zone") => Type::DateTime,
        ("timestamptz" | "timestamp with time zone", _, "") | ("timestamp", _, "with time zone") => Type::Timestamp,
        ("interval", _, "") => Type::Interval,
        _ => return None,
    })
}

fn mysql(words: &Words<'_>) -> Option<Type> {
    Some(match (words.base, &words.arguments[..], words.rest) {
        ("tinyint", [1], "") | ("boolean" | "bool", [], "") => Type::Bool,
        ("tinyint", _, "" | "unsigned") | ("smallint", _, "") => Type::Int2,
        ("smallint", _, "unsigned") | ("mediumint", _, "" | "unsigned") | ("int" | "integer", _, "") => Type::Int4,
        ("int" | "integer", _, "unsigned") => Type::UInt4,
        ("bigint", _, "") => Type::Int8,
        ("bigint", _, "unsigned") => Type::UInt8,
        ("float", [], "") => Type::Float4,
        ("double", [], "") => Type::Float8,
        ("decimal" | "numeric", _, "") => words.decimal()?,
        ("tinytext" | "text" | "mediumtext" | "longtext", _, "") => Type::Text,
        ("varchar", [length], "") => Type::VarChar(*length),
        ("tinyblob" | "blob" | "mediumblob" | "longblob", _, "") => Type::Bytes,
        ("varbinary", [length], "") => Type::VarBinary(*length),
        ("binary", [16], "") | ("uuid", [], "") => Type::Uuid,
        ("json", [], "") => Type::Json,
        ("date", [], "") => Type::Date,
        ("time", _, "") => Type::Time,
        ("datetime", _, "") => Type::DateTime,
        ("timestamp", _, "") => Type::Timestamp,
        _ => return None,
    })
}

fn mysql_enum(name: &str, words: &Words<'_>, dialect: &Dialect) -> Option<Type> {
    if words.base != "enum" {
        return None;
    }
    let tokens = Tokens::new(name, dialect.lexing).filter(|token| token.kind == TokenKind::String);
    let values: Vec<_> = tokens.filter_map(|token| unquoted(&normal(token.text(name), dialect))).collect();
    Some(Type::Enum(EnumType::new("", values).native()))
}

fn sqlite(words: &Words<'_>) -> Option<Type> {
    Some(match (words.base, &words.arguments[..], words.rest) {
        ("boolean" | "bool", [], "") => Type::Bool,
        ("integer" | "int" | "bigint" | "smallint" | "tinyint" | "mediumint" | "int2" | "int4" | "int8", _, "") => {
            Type::Int8
        }
        ("u64_text", [], "") => Type::UInt8,
        ("real" | "double" | "double precision" | "float", [], "") => Type::Float8,
        ("decimal_text" | "decimal" | "numeric", _, "") => words.decimal()?,
        ("text" | "clob", [], "") => Type::Text,
        ("varchar", [length], "") => Type::VarChar(*length),
        ("blob", [], "") => Type::Bytes,
        ("blob", [length], "") => Type::VarBinary(*length),
        ("uuid_text" | "uuid", [], "") => Type::Uuid,
        ("json_text" | "json" | "jsonb", [], "") => Type::Json,
        ("date_text" | "date", [], "") => Type::Date,
        ("time_text" | "time", [], "") => Type::Time,
        ("datetime_text" | "datetime", [], "") => Type::DateTime,
        ("timestamp_text" | "timestamp" | "timestamptz", [], "") => Type::Timestamp,
        ("span_integer", [], "") => Type::Span,
        ("duration_text", [], "") => Type::Interval,
        _ => return None,
    })
}

impl Default {
    /// Reads a default as a catalog writes it, for a column of this type; none for the default NULL.
    ///
    /// Expressions that [`Default::Now`] and [`Default::Uuid`] render to are read as these. MySQL 8 reports text without
    /// quotes: its catalog puts them on before it asks, unless `EXTRA` says `DEFAULT_GENERATED`.
    ///
    /// # Examples
    ///
    /// ```
    /// use oarlock_core::Dialect;
    /// use oarlock_core::schema::{Default, Type};
    ///
    /// let read = |sql, ty| Default::from_native(sql, &ty, &Dialect::POSTGRES);
    /// assert_eq!(read("'new'::character varying", Type::VarChar(9)), Some("new".into()));
    /// assert_eq!(read("(now() AT TIME ZONE 'UTC'::text)", Type::DateTime), Some(Default::Now));
    /// assert_eq!(read("NULL::character varying", Type::Text), None);
    /// ```
    #[must_use]
    pub fn from_native(sql: &str, ty: &Type, dialect: &Dialect) -> Option<Self> {
        let engine = Engine::of(dialect);
        let normal_form = normal(sql, dialect);
        if normal_form == "null" || normal_form.starts_with("null::") {
            return None;
        }
        let table = Table::new("");
        let column = Column::new("", ty.clone());
        for known in [Self::Now, Self::Uuid] {
            let rendered = literal::default(Place::table(engine, &table), &column, &known);
            if rendered.is_ok_and(|rendered| normal(&rendered, dialect) == normal_form) {
                return Some(known);
            }
        }
        Some(constant(&normal_form, ty, engine).map_or_else(|| Self::expression(sql.trim()), Self::Literal))
    }
}

fn constant(sql: &str, ty: &Type, engine: Engine) -> Option<Literal> {
    if let Some(text) = unquoted(sql) {
        return Some(match (engine, ty) {
            (Engine::Postgres, Type::Bytes) => Literal::Bytes(bytes(text.strip_prefix(r"\x")?)?),
            (Engine::MySql | Engine::MariaDb, Type::Bytes | Type::VarBinary(_)) => Literal::Bytes(text.into_bytes()),
            (Engine::Postgres, ty) if ty.is_integer() => number(&text)?,
            (Engine::Postgres, Type::Float4 | Type::Float8 | Type::Decimal { .. })
            | (Engine::Sqlite, Type::Decimal { .. }) => number(&text)?,
            (Engine::Sqlite, Type::UInt8) => text.parse::<u64>().ok()?.into(),
            _ => Literal::Text(text),
        });
    }
    // What MySQL's renderer writes for text with a backslash where a default must be an expression.
    if let Some(literal) = between(sql, "convert ( ", " using utf8mb4 )") {
        return constant(literal, ty, engine);
    }
    if let Some(digits) = between(sql, "x'", "'").or_else(|| between(sql, "unhex('", "')")) {
        let digits = digits.to_ascii_lowercase();
        let bytes = bytes(&digits)?;
        return Some(match ty {
            Type::Uuid if bytes.len() == 16 => {
                let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
                Literal::Text(groups.join("-"))
            }
            _ => Literal::Bytes(bytes),
        });
    }
    Some(match (sql, ty) {
        ("true", _) | ("1", Type::Bool) => Literal::Bool(true),
        ("false", _) | ("0", Type::Bool) => Literal::Bool(false),
        _ => number(sql)?,
    })
}

fn number(digits: &str) -> Option<Literal> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    let number = || digits.parse().map_or_else(|_| Literal::Number(digits.to_owned()), Literal::Int);
    numeric.then(number)
}

fn between<'s>(sql: &'s str, open: &str, close: &str) -> Option<&'s str> {
    sql.strip_prefix(open)?.strip_suffix(close)
}

/// Gives the text of a string literal in normal form.
fn unquoted(literal: &str) -> Option<String> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        // A quote by itself means that this was more than one literal.
        if character == '\'' && characters.next() != Some('\'') {
            return None;
        }
        text.push(character);
    }
    Some(text)
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::guard::guard;
    use crate::schema::render::column_type;
    use crate::schema::{Check, canonical, settle};

    /// Every neutral type that some engine can write.
    fn types() -> Vec<Type> {
        vec![
            Type::Bool,
            Type::Int2,
            Type::Int4,
            Type::Int8,
            Type::UInt4,
            Type::UInt8,
            Type::Float4,
            Type::Float8,
            Type::decimal(12, 3),
            Type::Decimal { size: None },
            Type::Text,
            Type::VarChar(40),
            Type::Bytes,
            Type::VarBinary(40),
            Type::Uuid,
            Type::Json,
            Type::Date,
            Type::Time,
            Type::DateTime,
            Type::Timestamp,
            Type::Span,
            Type::Interval,
            Type::Int4.array(),
            Type::VarBinary(3).array().array(),
        ]
    }

    #[test]
    fn rendered_type_is_read_back_in_canonical_form() {
        for dialect in [Dialect::POSTGRES, Dialect::MYSQL, Dialect::MARIADB, Dialect::SQLITE] {
            let mut written = 0;
            for ty in types() {
                let table = Table::new("t").column(Column::new("c", ty.clone()));
                let Ok(name) = column_type(&table, &table.columns[0], &dialect) else {
                    continue;
                };
                let mut reported = table.clone();
                reported.columns[0].ty = Type::from_native(&name, &dialect);
                reported.columns[0].native_type = Some(name.clone());
                let quoted = dialect.quote_identifier("c");
                reported.checks.extend(match Engine::of(&dialect) {
                    Engine::Sqlite => guard(&quoted, &ty).map(Check::new),
                    _ => None,
                });
                settle(&mut reported, &dialect);
                assert_eq!(canonical(&reported, &dialect), canonical(&table, &dialect), "{}: {name}", dialect.name);
                written += 1;
            }
            assert!(written >= 20, "{}: {written}", dialect.name);
        }
    }

    #[test]
    fn canonical_form_is_stable() {
        for dialect in [Dialect::POSTGRES, Dialect::MYSQL, Dialect::MARIADB, Dialect::SQLITE] {
            for ty in types() {
                let table = Table::new("t").column(Column::new("c", ty));
                let once = canonical(&table, &dialect);
                assert_eq!(canonical(&once, &dialect), once, "{}", dialect.name);
            }
        }
    }

    #[test]
    fn reported_names_of_servers_are_read() {
        for (dialect, name, ty) in [
            (&Dialect::POSTGRES, "character varying(40)", Type::VarChar(40)),
            (&Dialect::POSTGRES, "timestamp(3) with time zone", Type::Timestamp),
            (&Dialect::POSTGRES, "time without time zone", Type::Time),
            (&Dialect::POSTGRES, "double precision[]", Type::Float8.array()),
            (&Dialect::POSTGRES, "character(3)", Type::Native("character(3)".into())),
            (&Dialect::MARIADB, "bigint(20) unsigned", Type::UInt8),
            (&Dialect::MARIADB, "tinyint(4)", Type::Int2),
            (&Dialect::MYSQL, "int unsigned", Type::UInt4),
            (&Dialect::MYSQL, "decimal(5,2) unsigned", Type::Native("decimal(5,2) unsigned".into())),
            (&Dialect::MYSQL, "enum('a','it''s')", Type::Enum(EnumType::new("", ["a", "it's"]).native())),
            (&Dialect::SQLITE, "DECIMAL(10, 2)", Type::decimal(10, 2)),
            (&Dialect::SQLITE, "", Type::Native(String::new())),
        ] {
            assert_eq!(Type::from_native(name, dialect), ty);
        }
    }

    #[test]
    fn reported_defaults_are_read() {
        for (dialect, sql, ty, default) in [
            (&Dialect::POSTGRES, "true", Type::Bool, Some(true.into())),
            (&Dialect::POSTGRES, "'-5'::integer", Type::Int4, Some((-5).into())),
            (&Dialect::POSTGRES, r"'\x00ff'::bytea", Type::Bytes, Some(vec![0, 255].into())),
            (&Dialect::POSTGRES, "gen_random_uuid()", Type::Uuid, Some(Default::Uuid)),
            (&Dialect::POSTGRES, "upper('a'::text)", Type::Text, Some(Default::expression("upper('a'::text)"))),
            (&Dialect::MARIADB, "NULL", Type::Text, None),
            (&Dialect::MARIADB, "0", Type::Bool, Some(false.into())),
            (&Dialect::MARIADB, r"'it\'s \\'", Type::Text, Some(r"it's \".into())),
            (&Dialect::MARIADB, r"'a\nb\r\0\Z\%'", Type::Text, Some("a\nb\r\0\u{1a}\\%".into())),
            (&Dialect::MARIADB, r"'a' 'b'", Type::Text, Some(Default::expression(r"'a' 'b'"))),
            (&Dialect::MARIADB, "current_timestamp(6)", Type::Timestamp, Some(Default::Now)),
            (&Dialect::MARIADB, "unhex(replace(uuid(),'-',''))", Type::Uuid, Some(Default::Uuid)),
            (&Dialect::SQLITE, "'00000000000000000007'", Type::UInt8, Some(7.into())),
            (&Dialect::SQLITE, "'1.50'", Type::decimal(4, 2), Some(Default::number("1.50"))),
        ] {
            assert_eq!(Default::from_native(sql, &ty, dialect), default, "{sql}");
        }
    }
}
