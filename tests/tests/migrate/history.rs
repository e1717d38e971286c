//! Histories of sixty and more migrations, of every kind that an engine has, and what is in the database after them.

use std::fmt::Write;

use oarlock::migrate::Source;
use oarlock::{Db, DbExt, Result, Row, Value};
use oarlock_tests::Engine;

/// Reads the history of an engine: files, each behind a line with its name.
pub(crate) fn source(engine: Engine) -> Source {
    let text = match engine {
        Engine::Postgres => include_str!("history/postgres.sql"),
        Engine::MySql => include_str!("history/mysql.sql"),
        Engine::Sqlite => include_str!("history/sqlite.sql"),
    };
    let files: Vec<(&str, &str)> =
        text.split("==== ").skip(1).map(|file| file.split_once('\n').expect("a name before the text")).collect();
    assert!(files.len() > 60, "{} files", files.len());
    Source::embedded("history", &files)
}

/// Writes down all that is in the database: definitions, rows, and the history but for its times.
pub(crate) async fn contents(db: &dyn Db, engine: Engine) -> Result<String> {
    match engine {
        Engine::Postgres => postgres(db).await,
        Engine::MySql => mysql(db).await,
        Engine::Sqlite => sqlite(db).await,
    }
}

const HISTORY: &str = "SELECT version, name, kind, state, checksum FROM oarlock_migrations ORDER BY version, name";

async fn sqlite(db: &dyn Db) -> Result<String> {
    let mut text = String::new();
    rows(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name", &mut text).await?;
    rows(db, "SELECT * FROM pragma_user_version", &mut text).await?;
    let tables: Vec<(String,)> = db
        .fetch_all(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('oarlock_migrations', 'sqlite_stat1') ORDER BY name",
            (),
        )
        .await?;
    for (table,) in tables {
        sorted(db, &format!("SELECT * FROM \"{table}\""), &mut text).await?;
    }
    rows(db, HISTORY, &mut text).await?;
    Ok(text)
}

async fn mysql(db: &dyn Db) -> Result<String> {
    let mut text = String::new();
    let tables: Vec<(String, String)> = db
        .fetch_all(
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME",
            (),
        )
        .await?;
    for (table, kind) in tables {
        let mut definition = String::new();
        rows(db, &format!("SHOW CREATE TABLE `{table}`"), &mut definition).await?;
        // A transaction that was rolled back has drawn numbers all the same.
        let counter = definition.split_once(" AUTO_INCREMENT=");
        let rest = counter.map(|(_, rest)| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        text.push_str(counter.map_or(&*definition, |(before, _)| before));
        text.push_str(rest.unwrap_or_default());
        if kind == "BASE TABLE" && table != "oarlock_migrations" {
            sorted(db, &format!("SELECT * FROM `{table}`"), &mut text).await?;
        }
    }
    for sql in [
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, ACTION_STATEMENT FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1",
        "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1",
        "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1",
        HISTORY,
    ] {
        rows(db, sql, &mut text).await?;
    }
    Ok(text)
}

async fn postgres(db: &dyn Db) -> Result<String> {
    let mut text = String::new();
    let own = "NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_t%'";
    for sql in [
        format!(
            "SELECT n.nspname, CAST(c.relname AS text), CAST(c.relkind AS text), c.relrowsecurity, CAST(c.relpersistence AS text), \
             CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, pg_get_expr(c.relpartbound, c.oid), \
             obj_description(c.oid, 'pg_class') \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname {own} ORDER BY 1, 2"
        ),
        format!(
            "SELECT CAST(c.relname AS text), a.attnum, CAST(a.attname AS text), format_type(a.atttypid, a.atttypmod), a.attnotnull, \
             CAST(a.attidentity AS text), CAST(a.attgenerated AS text), pg_get_expr(d.adbin, d.adrelid), a.attisdropped, \
             col_description(c.oid, a.attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE n.nspname {own} AND a.attnum > 0 ORDER BY n.nspname, 1, 2"
        ),
        format!(
            "SELECT CAST(c.relname AS text), i.indisvalid, pg_get_indexdef(i.indexrelid) FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname {own} ORDER BY 1"
        ),
        format!(
            "SELECT CAST(k.conname AS text), k.convalidated, pg_get_constraintdef(k.oid) FROM pg_constraint k \
             JOIN pg_namespace n ON n.oid = k.connamespace WHERE n.nspname {own} ORDER BY 1, 3"
        ),
        format!(
            "SELECT CAST(p.proname AS text), CAST(p.prokind AS text), p.prosrc FROM pg_proc p \
             JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname {own} ORDER BY 1"
        ),
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1".to_owned(),
        "SELECT CAST(polname AS text), pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY 1".to_owned(),
        "SELECT CAST(e.enumlabel AS text), CAST(t.typname AS text) FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid \
         ORDER BY t.typname, e.enumsortorder"
            .to_owned(),
        format!(
            "SELECT CAST(t.typname AS text), CAST(t.typtype AS text) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace \
             WHERE n.nspname {own} ORDER BY 1"
        ),
        "SELECT CAST(tablename AS text), CAST(rulename AS text), definition FROM pg_rules WHERE schemaname = 'public' ORDER BY 1, 2"
            .to_owned(),
        "SELECT CAST(stxname AS text), pg_get_statisticsobjdef(oid) FROM pg_statistic_ext ORDER BY 1".to_owned(),
    ] {
        rows(db, &sql, &mut text).await?;
    }
    let tables: Vec<(String,)> = db
        .fetch_all(
            &format!(
                "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname {own} AND c.relkind IN ('r', 'm') AND c.relname <> 'oarlock_migrations' ORDER BY 1"
            ),
            (),
        )
        .await?;
    for (table,) in tables {
        sorted(db, &format!("SELECT CAST(t AS text) FROM {table} t"), &mut text).await?;
    }
    rows(db, HISTORY, &mut text).await?;
    Ok(text)
}

async fn rows(db: &dyn Db, sql: &str, text: &mut String) -> Result<()> {
    write(sql, read(db, sql).await?, text);
    Ok(())
}

/// Writes down rows that have no order.
async fn sorted(db: &dyn Db, sql: &str, text: &mut String) -> Result<()> {
    let mut lines = read(db, sql).await?;
    lines.sort();
    write(sql, lines, text);
    Ok(())
}

async fn read(db: &dyn Db, sql: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for row in db.fetch_all::<Row>(sql, ()).await? {
        let cells: Result<Vec<Value>> = (0..row.columns().len()).map(|column| row.get(column)).collect();
        lines.push(format!("{:?}", cells?));
    }
    Ok(lines)
}

fn write(sql: &str, lines: Vec<String>, text: &mut String) {
    let _ = writeln!(text, "{sql}\n{}", lines.join("\n"));
}
