//! Tables.

use super::column::{column_definition, mysql_comment};
use super::engine::{Engine, Place, qualified};
use super::{constraint, index, literal, validate};
use crate::dialect::Dialect;
use crate::error::Result;
use crate::schema::canonical::checks;
use crate::schema::{Layout, QualifiedName, Table};

/// Writes CREATE TABLE, then CREATE INDEX for each index, then the comments where they are statements of their own.
///
/// The tables it refers to, and on PostgreSQL the native enums of its columns, must be there: see
/// [`create_schema`](super::create_schema).
///
/// # Errors
///
/// `NotSupported` when the dialect has no such type, index or constraint; the message names table, column and what to do.
/// `Interface` when the model contradicts itself, as a key on a column that is not there.
pub fn create_table(table: &Table, dialect: &Dialect) -> Result<Vec<String>> {
    create(table, dialect, |_| true)
}

/// Writes the statements of a table, with those foreign keys only that `wanted` accepts by their position.
pub(super) fn create(table: &Table, dialect: &Dialect, wanted: impl Fn(usize) -> bool) -> Result<Vec<String>> {
    let engine = Engine::of(dialect);
    let place = Place::table(engine, table);
    validate::table(place, dialect)?;

    let mut lines =
        table.columns.iter().map(|column| column_definition(table, column, dialect)).collect::<Result<Vec<_>>>()?;
    let inline = engine == Engine::Sqlite && table.columns.iter().any(|column| column.auto.is_some());
    if let Some(key) = table.primary_key.as_ref().filter(|_| !inline) {
        lines.push(constraint::primary_key(table, key, dialect));
    }
    for unique in &table.uniques {
        lines.push(constraint::unique(table, unique, dialect)?);
    }
    for (name, check) in checks(table, dialect)? {
        lines.push(constraint::check(&name, &check, dialect));
    }
    for (_, key) in table.foreign_keys.iter().enumerate().filter(|(position, _)| wanted(*position)) {
        lines.push(constraint::foreign_key(table, key, dialect)?);
    }

    let unlogged = if engine == Engine::Postgres && table.options.unlogged { "UNLOGGED " } else { "" };
    let name = qualified(dialect, &table.qualified_name());
    let mut sql = format!("CREATE {unlogged}TABLE {name} (\n  {}\n)", lines.join(",\n  "));
    sql += &tail(place)?;

    let mut statements = vec![sql];
    for it in &table.indexes {
        statements.push(index::create_index(table, it, dialect)?);
    }
    if engine == Engine::Postgres {
        statements.extend(comments(table, dialect)?);
    }
    Ok(statements)
}

fn tail(place: Place<'_>) -> Result<String> {
    let options = &place.table.options;
    Ok(match place.engine {
        Engine::Sqlite if options.layout == Layout::WithoutRowid => " WITHOUT ROWID".to_owned(),
        Engine::MySql | Engine::MariaDb => {
            let engine = validate::word(place, "storage engine", options.engine.as_deref().unwrap_or("InnoDB"))?;
            let charset = validate::word(place, "character set", options.charset.as_deref().unwrap_or("utf8mb4"))?;
            let mut sql = format!(" ENGINE={engine} DEFAULT CHARSET={charset}");
            // Another character set has other collations, and one of its own by default.
            let by_default = place.engine.text_collation().filter(|_| charset == "utf8mb4");
            if let Some(collation) = options.collation.as_deref().or(by_default) {
                sql += &format!(" COLLATE={}", validate::word(place, "collation", collation)?);
            }
            if let Some(comment) = &place.table.comment {
                sql += &format!(" COMMENT={}", mysql_comment(place, comment)?);
            }
            sql
        }
        _ => String::new(),
    })
}

/// Writes the comments of a table and its columns as PostgreSQL's statements.
fn comments(table: &Table, dialect: &Dialect) -> Result<Vec<String>> {
    let name = qualified(dialect, &table.qualified_name());
    let mut statements = Vec::new();
    if let Some(comment) = &table.comment {
        statements.push(format!("COMMENT ON TABLE {name} IS {}", literal::text(Engine::Postgres, comment)?));
    }
    for column in &table.columns {
        statements.extend(column_comment(table, column, dialect)?);
    }
    Ok(statements)
}

/// Writes the comment of a column, where it has one and PostgreSQL wants a statement for it.
pub(super) fn column_comment(
    table: &Table,
    column: &crate::schema::Column,
    dialect: &Dialect,
) -> Result<Option<String>> {
    let engine = Engine::of(dialect);
    let Some(comment) = column.comment.as_ref().filter(|_| engine == Engine::Postgres) else {
        return Ok(None);
    };
    let name = qualified(dialect, &table.qualified_name());
    let column = dialect.quote_identifier(&column.name);
    Ok(Some(format!("COMMENT ON COLUMN {name}.{column} IS {}", literal::text(engine, comment)?)))
}

/// Writes DROP TABLE.
pub fn drop_table(table: impl Into<QualifiedName>, dialect: &Dialect) -> String {
    format!("DROP TABLE {}", qualified(dialect, &table.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::schema::render::{add_check, add_column, drop_check};
    use crate::schema::{
        Action, Auto, Check, Column, Default, ForeignKey, Index, IndexPart, Literal, Nulls, TableOptions, Type,
    };

    fn one(column: Column) -> Table {
        Table::new("t").column(Column::new("id", Type::Int8)).column(column).primary_key(["id"])
    }

    /// The line of the column named `c`.
    #[track_caller]
    fn line(column: &Column, dialect: &Dialect) -> String {
        column_definition(&one(column.clone()), column, dialect).expect("the dialect has this column")
    }

    #[test]
    fn timestamps_of_mysql_say_whether_they_are_null() {
        for dialect in [&Dialect::MYSQL, &Dialect::MARIADB] {
            let column = Column::new("c", Type::Timestamp);
            assert_eq!(line(&column, dialect), "`c` TIMESTAMP(6) NOT NULL");
            assert_eq!(line(&column.clone().nullable(), dialect), "`c` TIMESTAMP(6) NULL DEFAULT NULL");
            let now = column.nullable().default(Default::Now);
            assert_eq!(line(&now, dialect), "`c` TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6)");
        }
    }

    #[test]
    fn sqlite_column_carries_its_type_and_guard() {
        let sqlite = &Dialect::SQLITE;
        assert_eq!(
            line(&Column::new("c", Type::Bool).default(true), sqlite),
            r#""c" boolean NOT NULL DEFAULT 1 CHECK (typeof("c") IN ('integer', 'null') AND "c" IN (0, 1))"#
        );
        assert_eq!(
            line(&Column::new("c", Type::decimal(10, 2)).nullable(), sqlite),
            r#""c" decimal_text(10,2) CHECK (typeof("c") IN ('text', 'null'))"#
        );
        assert_eq!(line(&Column::new("c", Type::Native("point".into())).nullable(), sqlite), r#""c" point"#);
    }

    #[test]
    fn sqlite_numbers_the_column_that_is_the_key() -> Result<()> {
        let table = Table::new("t").column(Column::new("id", Type::Int4).numbered(Auto::Monotonic)).primary_key(["id"]);
        assert_eq!(
            create_table(&table, &Dialect::SQLITE)?,
            ["CREATE TABLE \"t\" (\n  \"id\" integer NOT NULL CONSTRAINT \"t_pkey\" PRIMARY KEY AUTOINCREMENT\n)"]
        );
        let error = create_table(&one(Column::new("n", Type::Int8).auto()), &Dialect::SQLITE).expect_err("not the key");
        assert_eq!((error.kind(), error.column()), (ErrorKind::NotSupported, Some("n")));
        Ok(())
    }

    #[test]
    fn mysql_table_says_engine_charset_and_collation() -> Result<()> {
        let table = one(Column::new("c", Type::Text).default("x")).comment("it's");
        let mariadb = create_table(&table, &Dialect::MARIADB)?;
        assert_eq!(
            mariadb,
            [
                "CREATE TABLE `t` (\n  `id` BIGINT NOT NULL,\n  `c` LONGTEXT NOT NULL DEFAULT ('x'),\n  CONSTRAINT `t_pkey` \
              PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin COMMENT='it''s'"
            ]
        );
        let mysql = create_table(&table.options(TableOptions::new().charset("latin1")), &Dialect::MYSQL)?;
        assert!(mysql[0].contains(") ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT="), "{}", mysql[0]);
        Ok(())
    }

    #[test]
    fn comments_are_statements_of_postgresql() -> Result<()> {
        let table = one(Column::new("c", Type::Int2).nullable().comment(r"a\b")).comment("t's").in_schema("s");
        let statements = create_table(&table, &Dialect::POSTGRES)?;
        assert_eq!(statements[1], r#"COMMENT ON TABLE "s"."t" IS 't''s'"#);
        assert_eq!(statements[2], r#"COMMENT ON COLUMN "s"."t"."c" IS E'a\\b'"#);
        Ok(())
    }

    #[test]
    fn refusal_names_table_column_and_way_out() {
        let refused = |table: &Table, dialect| create_table(table, dialect).expect_err("it is refused");
        let error = refused(&one(Column::new("tags", Type::Text.array())), &Dialect::SQLITE);
        assert_eq!(
            error.message(),
            r#"table "t", column "tags": SQLite has no arrays (type Array(Text)); declare the column as json"#
        );
        for (table, dialect, column) in [
            (one(Column::new("c", Type::Interval)), &Dialect::MYSQL, Some("c")),
            (one(Column::new("c", Type::Text)).unique(["c"]), &Dialect::MARIADB, Some("c")),
            (one(Column::new("c", Type::Json)).index(Index::new(["c"])), &Dialect::MYSQL, Some("c")),
            (one(Column::new("c", Type::Int4).virtual_as("id")), &Dialect::POSTGRES, Some("c")),
            (one(Column::new("c", Type::Int4)).index(Index::new(["c"]).only_where("c > 0")), &Dialect::MYSQL, None),
            (
                one(Column::new("c", Type::Int4)).index(Index::new([IndexPart::expression("c + 1")])),
                &Dialect::MARIADB,
                None,
            ),
            (
                one(Column::new("c", Type::Int4)).index(Index::new([IndexPart::column("c").nulls(Nulls::Last)])),
                &Dialect::SQLITE,
                None,
            ),
            (
                one(Column::new("c", Type::Int8))
                    .foreign_key(ForeignKey::new(["c"], "t", ["id"]).on_delete(Action::SetDefault)),
                &Dialect::MARIADB,
                None,
            ),
            (one(Column::new("c".repeat(64), Type::Int8)), &Dialect::POSTGRES, Some("c".repeat(64).as_str())),
        ] {
            let error = refused(&table, dialect);
            assert_eq!(error.kind(), ErrorKind::NotSupported, "{error}");
            assert_eq!((error.table(), error.column()), (Some("t"), column), "{error}");
        }
    }

    #[test]
    fn broken_model_is_told_by_its_own_names() {
        for table in [
            one(Column::new("id", Type::Int8)),
            one(Column::new("c", Type::Int8)).unique(["gone"]),
            one(Column::new("c", Type::Int8)).index(Index::new(["gone"])),
            one(Column::new("c", Type::Int8)).foreign_key(ForeignKey::new(["c"], "t", ["id", "c"])),
            one(Column::new("c", Type::Int8).default(Default::Now)),
            one(Column::new("c", Type::Uuid).default("not a uuid")),
            one(Column::new("c", Type::Int8).auto().default(1)),
        ] {
            let kind = create_table(&table, &Dialect::POSTGRES).map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::Interface), "{table:?}");
        }
        let plain = || one(Column::new("c", Type::Text));
        for table in [
            plain().options(TableOptions::new().engine("InnoDB COMMENT='x'")),
            plain().options(TableOptions::new().charset("utf8mb4; DROP TABLE t")),
            plain().options(TableOptions::new().collation("")),
            one(Column::new("c", Type::Text).collation("utf8mb4_bin, d int")),
        ] {
            let kind = create_table(&table, &Dialect::MYSQL).map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::Interface), "{table:?}");
        }
    }

    #[test]
    fn column_is_added_with_its_check() -> Result<()> {
        let mood = Column::new("mood", crate::schema::EnumType::new("mood", ["sad"])).default("sad");
        let table = one(Column::new("c", Type::Int8));
        assert_eq!(
            add_column(&table, &mood, &Dialect::POSTGRES)?,
            [
                r#"ALTER TABLE "t" ADD COLUMN "mood" text NOT NULL DEFAULT 'sad', ADD CONSTRAINT "t_mood_check" CHECK ("mood" IN ('sad'))"#
            ]
        );
        let sqlite = add_column(&table, &mood, &Dialect::SQLITE)?;
        assert!(sqlite[0].ends_with(r#" CONSTRAINT "t_mood_check" CHECK ("mood" IN ('sad'))"#), "{}", sqlite[0]);
        let long = Column::new("d".repeat(64), Type::Int8).nullable();
        let kind = add_column(&table, &long, &Dialect::POSTGRES).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::NotSupported));
        let without = Column::new("d", Type::Int8).default(Literal::Null);
        let kind = add_column(&table, &without, &Dialect::SQLITE).map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::NotSupported));
        Ok(())
    }

    #[test]
    fn unnamed_check_has_the_same_name_when_it_is_dropped() -> Result<()> {
        let (first, second) = (Check::new("c > 0"), Check::new("c < 9"));
        let table = one(Column::new("c", Type::Int8)).check(first).check(second.clone());
        assert!(create_table(&table, &Dialect::POSTGRES)?[0].contains(r#"CONSTRAINT "t_check1" CHECK (c < 9)"#));
        assert_eq!(drop_check(&table, &second, &Dialect::MYSQL)?, "ALTER TABLE `t` DROP CONSTRAINT `t_check1`");
        assert_eq!(
            add_check(&table, &Check::new("c <> 5"), &Dialect::MARIADB)?,
            "ALTER TABLE `t` ADD CONSTRAINT `t_check2` CHECK (c <> 5)"
        );
        Ok(())
    }
}
