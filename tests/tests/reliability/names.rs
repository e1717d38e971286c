//! A name never becomes SQL: what a table, a column, an index, a savepoint or a channel is called, and the texts that stand in
//! DDL because they must (defaults, the words of enums, comments), come back as they were given or are refused, and nothing
//! else happens. Names are made of what means something in SQL, under every setting that changes how text is read.

use futures_util::stream;
use oarlock::dialect::Flavor;
use oarlock::mysql::MysqlExt;
use oarlock::postgres::{ListenEvent, Listener, NotifyExt, PostgresExt, PostgresOptions};
use oarlock::schema::{Column, EnumType, Index, Table, Type, View, canonical, render};
use oarlock::{Conn, Db, DbExt, Dialect, Error, ErrorKind, Result, Row, Url};
use oarlock_tests::{Database, Engine, Verdict, caught};

use crate::{Dice, count, proofs};

proofs! {
    names_come_back_or_are_refused on Sqlite Postgres MySql;
    names_that_are_pasted_are_found_out on Sqlite Postgres MySql;
    names_of_schemas_come_back_or_are_refused on Sqlite Postgres MySql;
    savepoints_take_any_name on Sqlite Postgres MySql;
    rows_are_copied_under_any_name on Postgres MySql;
    channels_take_any_name on Postgres;
    procedures_take_any_name on Postgres MySql;
}

/// How a name is written into SQL.
type Quote = fn(&Dialect, &str) -> String;

/// Names that are known to have done harm somewhere.
const NAMES: [&str; 20] = [
    "\"",
    "`",
    "'",
    "\\",
    "\\\"",
    "\"\"",
    "a\"; DROP TABLE witness; --",
    "a`; DROP TABLE witness; -- ",
    "a\"(id int); DROP TABLE witness; /*",
    "x\" AS y, \"z",
    "select",
    "a.b",
    "%s?:x$1",
    "line\nbreak\r\n-- ;",
    "tab\t/* */ ;",
    "\u{2bc} \u{ff02} \u{2032} \u{ff07}",
    "\u{feff}bom",
    "$$a$$",
    "/*!50000 x */",
    "E'a\\'b'",
];

/// Names that no engine, or not every engine, can hold.
const IMPOSSIBLE: [&str; 4] = ["", "nul\0", "space ", "\u{1f6a3}"];

/// What other names are made of.
const PIECES: [&str; 20] = [
    "\"",
    "`",
    "'",
    "\\",
    ";",
    "--",
    "-- ",
    "/*",
    "*/",
    "#",
    "]",
    "[",
    "$$",
    "?",
    ":x",
    "\n",
    "ü",
    "a",
    ".",
    "DROP TABLE witness",
];

/// The settings under which names and texts are tried.
fn settings(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Sqlite => &[""],
        Engine::Postgres => &["", "SET standard_conforming_strings = off"],
        Engine::MySql => &[
            "",
            "SET sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES'",
            "SET sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'",
            "SET sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
        ],
    }
}

/// Tells whether an engine cannot hold an object of this name.
fn is_impossible(engine: Engine, name: &str) -> bool {
    let never = name.is_empty() || name.contains('\0');
    never
        || match engine {
            Engine::Sqlite => false,
            Engine::Postgres => name.len() > 63,
            Engine::MySql => {
                name.ends_with(char::is_whitespace) || name.chars().count() > 64 || name.chars().any(|c| c > '\u{ffff}')
            }
        }
}

/// Gives the names to try: the known ones, the longest, and random ones.
fn names(engine: Engine) -> Vec<String> {
    let longest = if engine == Engine::Postgres { 63 } else { 64 };
    let mut names: Vec<String> = NAMES.iter().chain(&IMPOSSIBLE).map(|name| (*name).to_owned()).collect();
    names.extend(["x".repeat(longest), "x".repeat(longest + 1)]);
    let mut dice = Dice::new(9);
    let mut below = |bound: usize| usize::try_from(dice.below(bound.try_into().unwrap_or(1))).unwrap_or_default();
    for _ in 0..count(20, 2_000) {
        let pieces = below(6) + 1;
        names.push((0..pieces).map(|_| PIECES[below(PIECES.len())]).collect());
    }
    names
}

/// Opens a connection under a setting, to a database with one table that must stay as it is.
async fn guarded(database: &Database, setting: &str) -> Result<Conn> {
    let conn = oarlock::connect(&database.url).await?;
    if !setting.is_empty() {
        conn.execute(setting, ()).await?;
    }
    conn.script(
        "DROP TABLE IF EXISTS witness; CREATE TABLE witness (id BIGINT NOT NULL); INSERT INTO witness VALUES (7)",
    )
    .await?;
    Ok(conn)
}

/// Requires the witness to be there, and nothing beside it.
async fn is_alone(conn: &Conn, name: &str) -> Result<()> {
    assert_eq!(conn.table_names(None).await?, ["witness"], "after {name:?}: something else has happened");
    let kept: Vec<(i64,)> = conn.fetch_all("SELECT id FROM witness", ()).await?;
    assert_eq!(kept, [(7,)], "after {name:?}: something else has happened");
    Ok(())
}

/// Takes a refusal of a name: it has to be impossible, and the error must not be one that an attack gives.
#[track_caller]
fn accept_refusal(engine: Engine, name: &str, error: &Error) {
    assert!(is_impossible(engine, name), "{name:?} is refused: {error:?}");
    let kinds = [ErrorKind::Syntax, ErrorKind::InvalidValue, ErrorKind::NotSupported, ErrorKind::Interface];
    assert!(kinds.contains(&error.kind()), "{name:?}: {error:?}");
}

async fn names_come_back_or_are_refused(database: Database) -> Verdict {
    come_back(&database, Dialect::quote_identifier).await
}

async fn names_that_are_pasted_are_found_out(database: Database) -> Verdict {
    let pasted: Quote = |dialect, name| match dialect.quote_identifier("").chars().next() {
        Some(quote) => format!("{quote}{name}{quote}"),
        None => name.to_owned(),
    };
    caught("a quote that is not doubled", &["is refused", "comes back", "has happened"], come_back(&database, pasted))
        .await;
    Ok(())
}

/// Creates, fills and reads a table of every name, with a column of that name and its alias in a result.
async fn come_back(database: &Database, quote: Quote) -> Verdict {
    for setting in settings(database.engine) {
        let conn = guarded(database, setting).await?;
        let dialect = conn.info().dialect;
        for name in names(database.engine) {
            if database.engine == Engine::Postgres && name.len() > 63 {
                // The server cuts it in silence: what renders DDL refuses it.
                continue;
            }
            let table = quote(&dialect, &name);
            if let Err(error) = conn.execute(&format!("CREATE TABLE {table} ({table} BIGINT)"), ()).await {
                accept_refusal(database.engine, &name, &error);
                is_alone(&conn, &name).await?;
                continue;
            }
            let made = conn.table_names(None).await?;
            assert!(made.contains(&name), "{name:?} comes back as {made:?}");
            let insert = format!("INSERT INTO {table} ({table}) VALUES (?)");
            conn.execute_many(&insert, [(4_i64,), (5,)]).await?;
            let sql =
                format!("SELECT {table}.{table}, 1 AS {table} FROM {table} WHERE {table} > ? ORDER BY {table}.{table}");
            let rows: Vec<Row> = conn.fetch_all(&sql, (4_i64,)).await?;
            let shown: Vec<&str> = rows[0].columns().iter().map(|column| &*column.name).collect();
            // MySQL takes blanks from the beginning of an alias, and warns of it (1466).
            let alias = if database.engine == Engine::MySql { name.trim_start() } else { name.as_str() };
            assert_eq!((shown, rows.len()), (vec![name.as_str(), alias], 1), "{name:?} comes back otherwise");
            assert_eq!(rows[0].get::<i64>(name.as_str())?, 5);
            conn.execute(&render::drop_table(name.as_str(), &dialect), ()).await?;
            is_alone(&conn, &name).await?;
        }
        conn.close().await?;
    }
    Ok(())
}

/// Renders a table in which everything is called so, and every text is that name, and reads it back from the catalog.
async fn names_of_schemas_come_back_or_are_refused(database: Database) -> Verdict {
    let engine = database.engine;
    // A server writes the expressions of its catalog as the session's settings have it.
    let plain = oarlock::connect(&database.url).await?;
    for setting in settings(engine) {
        let conn = guarded(&database, setting).await?;
        let dialect = conn.info().dialect;
        for name in names(engine) {
            let mut table = Table::new(name.as_str())
                .column(Column::new("id", Type::Int8))
                .column(Column::new(name.as_str(), Type::VarChar(200)).default(name.as_str()))
                .column(Column::new("mood", EnumType::new("mood", [name.as_str(), "calm"])).nullable())
                .column(Column::new("long text", Type::Text).default(name.as_str()))
                .primary_key(["id"])
                .index(Index::new([name.as_str()]).named(format!("{name}2")));
            // MySQL has no way to write a backslash into a comment whatever the session's mode.
            if !(engine == Engine::MySql && name.contains('\\')) && engine != Engine::Sqlite {
                table = table.comment(name.as_str());
            }
            if let Err(error) = create(&conn, &table, &dialect).await {
                // The name of the index is longer.
                assert!(
                    is_impossible(engine, &name) || is_impossible(engine, &format!("{name}2")),
                    "{name:?}: {error:?}"
                );
                is_alone(&conn, &name).await?;
                continue;
            }
            let mut found = plain.table(None, &name).await?;
            found.schema = None;
            assert_eq!(canonical(&found, &dialect), canonical(&table, &dialect), "{name:?} comes back otherwise");
            let quoted = dialect.quote_identifier(&name);
            conn.execute(&format!("INSERT INTO {quoted} (id, mood) VALUES (?, ?)"), (1, &name)).await?;
            let select = format!("SELECT {quoted}, mood, {} FROM {quoted}", dialect.quote_identifier("long text"));
            let texts: (String, String, String) = conn.require_one(&select, ()).await?;
            assert_eq!(texts, (name.clone(), name.clone(), name.clone()), "the texts come back otherwise");
            let wrong = conn.execute(&format!("INSERT INTO {quoted} (id, mood) VALUES (2, 'x')"), ()).await;
            assert_eq!(wrong.map_err(|error| error.kind()), Err(ErrorKind::CheckViolation), "{name:?}");
            conn.execute(&render::drop_table(name.as_str(), &dialect), ()).await?;
            beside_tables(&conn, &name, &dialect).await?;
            is_alone(&conn, &name).await?;
        }
        conn.close().await?;
    }
    Ok(())
}

/// Makes a view whose column is called so, and an enum of that name and word where there are enums with names.
async fn beside_tables(conn: &Conn, name: &str, dialect: &Dialect) -> Result<()> {
    let quoted = dialect.quote_identifier(name);
    let view = View::new(name, "SELECT id FROM witness").columns([name]);
    for statement in render::create_view(&view, dialect)? {
        conn.execute(&statement, ()).await?;
    }
    assert_eq!(conn.views(None).await?.into_iter().map(|view| view.name).collect::<Vec<_>>(), [name]);
    // A view's column is an alias, from whose beginning MySQL takes blanks.
    let column = if dialect.flavor == Flavor::MySql { name.trim_start() } else { name };
    let column = dialect.quote_identifier(column);
    assert_eq!(conn.fetch_value::<i64>(&format!("SELECT {column} FROM {quoted}"), ()).await?, 7);
    conn.execute(&render::drop_view(&view, dialect), ()).await?;
    if dialect.flavor == Flavor::Postgres {
        let word = EnumType::new(name, [name]).native();
        conn.execute(&render::create_enum(&word, dialect)?, ()).await?;
        let text: String = conn.fetch_value(&format!("SELECT CAST(CAST(? AS {quoted}) AS text)"), (name,)).await?;
        assert_eq!(text, name);
        conn.execute(&render::drop_enum(&word, dialect)?, ()).await?;
    }
    Ok(())
}

async fn create(conn: &Conn, table: &Table, dialect: &Dialect) -> Result<()> {
    for statement in render::create_table(table, dialect)? {
        conn.execute(&statement, ()).await?;
    }
    Ok(())
}

async fn savepoints_take_any_name(database: Database) -> Verdict {
    for setting in settings(database.engine) {
        let conn = guarded(&database, setting).await?;
        for name in names(database.engine) {
            let mut lease = conn.lease().await?;
            let connection = lease.connection();
            connection.begin(&oarlock::TxOptions::new()).await?;
            if let Err(error) = connection.savepoint(&name).await {
                accept_refusal(database.engine, &name, &error);
                connection.rollback().await?;
                continue;
            }
            oarlock::connection::run(connection, "INSERT INTO witness VALUES (8)").await?;
            connection.rollback_to_savepoint(&name).await?;
            connection.savepoint(&name).await?;
            connection.release_savepoint(&name).await?;
            connection.commit().await?;
            drop(lease);
            is_alone(&conn, &name).await?;
        }
    }
    Ok(())
}

async fn rows_are_copied_under_any_name(database: Database) -> Verdict {
    for setting in settings(database.engine) {
        let conn = guarded(&database, setting).await?;
        let dialect = conn.info().dialect;
        for name in names(database.engine).into_iter().filter(|name| !is_impossible(database.engine, name)) {
            let table = dialect.quote_identifier(&name);
            conn.execute(&format!("CREATE TABLE {table} ({table} BIGINT)"), ()).await?;
            if database.engine == Engine::Postgres {
                assert_eq!(conn.copy_rows(&format!("{table} ({table})"), [(1_i64,), (2,)]).await?, 2);
            } else {
                let sql = format!("LOAD DATA LOCAL INFILE 'rows' INTO TABLE {table} ({table})");
                let rows = stream::iter([Ok("1\n2\n".into())]);
                assert_eq!(conn.load_data(&sql, rows).await?.rows_affected, Some(2));
            }
            assert_eq!(conn.fetch_value::<i64>(&format!("SELECT count(*) FROM {table}"), ()).await?, 2);
            conn.execute(&format!("DROP TABLE {table}"), ()).await?;
            is_alone(&conn, &name).await?;
        }
    }
    Ok(())
}

async fn channels_take_any_name(database: Database) -> Verdict {
    let conn = guarded(&database, "").await?;
    let mut listener = Listener::connect(&PostgresOptions::parse(&Url::parse(&database.url)?)?).await?;
    for name in names(database.engine) {
        let (asked, notified) = (listener.listen(&name).await, conn.notify(&name, &name).await);
        if let Err(error) = asked {
            accept_refusal(database.engine, &name, &error);
            assert_eq!(notified.map_err(|error| error.kind()), Err(ErrorKind::InvalidValue));
            continue;
        }
        notified?;
        match listener.next().await.expect("the listener goes on")? {
            ListenEvent::Notification(heard) => {
                assert_eq!((heard.channel, heard.payload), (name.clone(), name.clone()));
            }
            ListenEvent::Missed => panic!("{name:?} was missed"),
            other => panic!("{name:?}: {other:?}"),
        }
        listener.unlisten(&name).await?;
        is_alone(&conn, &name).await?;
    }
    Ok(())
}

async fn procedures_take_any_name(database: Database) -> Verdict {
    for setting in settings(database.engine) {
        let conn = guarded(&database, setting).await?;
        let dialect = conn.info().dialect;
        let possible = |name: &String| !is_impossible(database.engine, name) && !name.contains('.');
        for name in names(database.engine).into_iter().filter(possible) {
            let quoted = dialect.quote_identifier(&name);
            let body = if database.engine == Engine::Postgres {
                "(INOUT n int8) LANGUAGE sql AS 'SELECT n'"
            } else {
                "(n BIGINT) SELECT n"
            };
            conn.execute(&format!("CREATE PROCEDURE {quoted}{body}"), ()).await?;
            let mut cursor = conn.cursor().await?;
            cursor.call_procedure(&name, (9_i64,)).await?;
            assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((9,)), "{name:?}");
            drop(cursor);
            conn.execute(&format!("DROP PROCEDURE {quoted}"), ()).await?;
            is_alone(&conn, &name).await?;
        }
    }
    Ok(())
}
