//! A database is written down and made anew: the same text, the same objects, the same rows, on every engine.

use std::fmt::Write;

use oarlock::migrate::{Catalog, Dump, Error, ErrorKind, Kind, Load, Migrator, Object, Source};
use oarlock::schema::Table;
use oarlock::{Conn, DbExt, Result};
use oarlock_conformance::Verdict;
use oarlock_tests::{Database, Engine, on_engines, report};

use crate::history::source;

/// What an engine has beside what the migrations of its history make.
fn extras(db: &Conn, engine: Engine) -> Vec<(&'static str, &'static str)> {
    match engine {
        Engine::Sqlite => vec![("sqlite.sql", include_str!("dump/sqlite.sql"))],
        Engine::Postgres => vec![("postgres.sql", include_str!("dump/postgres.sql"))],
        Engine::MySql if db.info().dialect.name == "mariadb" => {
            vec![("mysql.sql", include_str!("dump/mysql.sql")), ("mariadb.sql", include_str!("dump/mariadb.sql"))]
        }
        Engine::MySql => vec![("mysql.sql", include_str!("dump/mysql.sql"))],
    }
}

/// Fills a database with all kinds of objects there are.
async fn fill(db: &Conn, engine: Engine) {
    told(Migrator::new(source(engine)).run(db).await);
    for (file, text) in extras(db, engine) {
        told(Load::new().into_any().run(db, file, text).await);
    }
}

/// Gives what came of something, or fails with the whole report.
#[track_caller]
fn told<T>(result: oarlock::migrate::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.report()))
}

async fn dumped(dump: &Dump, db: &Conn) -> String {
    let mut text = Vec::new();
    told(dump.write(db, &mut text).await);
    String::from_utf8(text).unwrap()
}

#[track_caller]
fn same(found: &str, wanted: &str) {
    if found != wanted {
        let line = found.lines().zip(wanted.lines()).enumerate().find(|(_, (found, wanted))| found != wanted);
        panic!("the texts differ; the first line found and wanted: {line:#?}");
    }
}

/// Writes down the rows of all tables and the state of all counters, by other ways than a dump's.
async fn rows(db: &Conn, engine: Engine) -> Result<String> {
    let tables: &str = match engine {
        Engine::Sqlite => {
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
             AND name NOT LIKE 'sqlite_stat%' AND name NOT LIKE 'sqlite_schema' AND name <> 'oarlock_migrations' ORDER BY name"
        }
        Engine::Postgres => {
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_t%' \
             AND (c.relkind IN ('r', 'S') OR c.relkind = 'm' AND c.relispopulated) AND c.relname <> 'oarlock_migrations' ORDER BY 1"
        }
        Engine::MySql => {
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
             AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE') AND TABLE_NAME <> 'oarlock_migrations' ORDER BY TABLE_NAME"
        }
    };
    let mut text = String::new();
    for (table,) in db.fetch_all::<(String,)>(tables, ()).await? {
        let quoted = db.info().dialect.quote_identifier(&table);
        let mut lines: Vec<String> = match engine {
            Engine::Sqlite => {
                let sql =
                    format!("SELECT name FROM pragma_table_xinfo('{}') WHERE hidden <> 1", table.replace('\'', "''"));
                let columns: Vec<(String,)> = db.fetch_all(&sql, ()).await?;
                let cell = |(column,): &(String,)| {
                    let column = db.info().dialect.quote_identifier(column);
                    format!("typeof({column}) || ':' || hex({column}) || printf(':%!.26e', {column})")
                };
                let cells: Vec<String> = columns.iter().map(cell).collect();
                let sql = format!("SELECT {} FROM {quoted}", cells.join(" || '|' || "));
                db.fetch_all::<(String,)>(&sql, ()).await?.into_iter().map(|row| row.0).collect()
            }
            Engine::Postgres => {
                let sql = format!(
                    "SELECT regexp_replace(CAST(ROW(t.*) AS text), ',\\d+,([tf])\\)$', ',\\1)') FROM {table} AS t"
                );
                let is_sequence = db.fetch_value::<i64>(
                    "SELECT count(*) FROM pg_sequences WHERE format('%I.%I', schemaname, sequencename) = ?",
                    (&table,),
                );
                // The log's place in a sequence is not its state.
                let sql = if is_sequence.await? > 0 {
                    format!("SELECT concat_ws(',', last_value, is_called) FROM {table}")
                } else {
                    sql
                };
                db.fetch_all::<(String,)>(&sql, ()).await?.into_iter().map(|row| row.0).collect()
            }
            Engine::MySql => {
                let sql = "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS \
                    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION";
                let columns: Vec<(String, String)> = db.fetch_all(sql, (&table,)).await?;
                let cell = |(column, ty): &(String, String)| {
                    let column = db.info().dialect.quote_identifier(column);
                    match ty.as_str() {
                        "float" | "double" => format!("IFNULL(HEX(CAST({column} + 0e0 AS CHAR)), '-')"),
                        "decimal" => format!("IFNULL(HEX(CAST({column} AS CHAR)), '-')"),
                        _ => format!("IFNULL(HEX({column}), '-')"),
                    }
                };
                let cells: Vec<String> = columns.iter().map(cell).collect();
                let sql = format!("SELECT CONCAT_WS('|', {}) FROM {quoted}", cells.join(", "));
                let mut lines: Vec<String> =
                    db.fetch_all::<(String,)>(&sql, ()).await?.into_iter().map(|row| row.0).collect();
                let definition: String =
                    db.require_one::<oarlock::Row>(&format!("SHOW CREATE TABLE {quoted}"), ()).await?.get(1)?;
                let counter = definition
                    .split_once(" AUTO_INCREMENT=")
                    .map(|(_, rest)| rest.split(' ').next().map(str::to_owned));
                lines.push(format!("{counter:?}"));
                lines
            }
        };
        lines.sort();
        let _ = writeln!(text, "{table}\n{}", lines.join("\n"));
    }
    Ok(text)
}

/// Writes down the objects of a catalog.
fn objects(catalog: &Catalog) -> String {
    let object =
        |object: &Object| format!("{}\n{:?}\n{}\n", object.title(), object.settings, object.statements.join("\n"));
    catalog.objects().iter().map(object).collect()
}

async fn a_database_is_made_anew_from_its_dump(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    fill(&db, database.engine).await;
    for (dump, with_rows) in [(Dump::new(), false), (Dump::new().all_rows(), true)] {
        let text = dumped(&dump, &db).await;
        same(&dumped(&dump, &db).await, &text);
        let Some(other) = Database::make(database.engine).await? else { return Ok(()) };
        let fresh = oarlock::connect(&other.url).await?;
        let loaded = told(Load::new().run(&fresh, "dump.sql", &text).await);
        same(&dumped(&dump, &fresh).await, &text);

        let (catalog, again) = (told(Catalog::read(&db).await), told(Catalog::read(&fresh).await));
        same(&objects(&again), &objects(&catalog));
        assert_eq!(again.digest(), catalog.digest());
        if with_rows {
            same(&rows(&fresh, database.engine).await?, &rows(&db, database.engine).await?);
        }
        let migrator = Migrator::new(source(database.engine));
        let status = told(migrator.status(&fresh).await);
        assert_eq!((status.pending(), status.amiss()), (0, 0), "what has been applied is known");
        assert_eq!(told(migrator.run(&fresh).await).steps, []);
        let what = if with_rows { "with rows" } else { "without rows" };
        report(&format!(
            "dump of {:?} {what}: {} objects, {} statements, {} bytes",
            database.engine,
            catalog.objects().len(),
            loaded.statements,
            text.len()
        ));
        fresh.close().await?;
        other.remove().await?;
    }
    Ok(())
}

/// The proof's own proof: what is taken out of the loaded database is missed.
async fn a_loss_is_found_out(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    fill(&db, database.engine).await;
    let dump = Dump::new().all_rows();
    let before = (dumped(&dump, &db).await, told(Catalog::read(&db).await).digest(), rows(&db, database.engine).await?);
    let (trigger, row, counter) = match database.engine {
        Engine::Sqlite => (
            "DROP TRIGGER posts_found",
            "UPDATE anything SET e = 0 WHERE a = ''",
            "UPDATE sqlite_sequence SET seq = 42 WHERE name = 'emptied'",
        ),
        Engine::Postgres => (
            "DROP TRIGGER late ON hen",
            "UPDATE every_type SET real8 = 0 WHERE real8 = 5e-324",
            "SELECT nextval('numbered_e_seq')",
        ),
        Engine::MySql => (
            "DROP TRIGGER a_second",
            "UPDATE every_type SET dbl = 0 WHERE id = 8",
            "ALTER TABLE emptied AUTO_INCREMENT = 77",
        ),
    };
    db.script(trigger).await?;
    assert!(told(Catalog::read(&db).await).digest() != before.1, "the trigger is missed by the digest");
    let without = dumped(&dump, &db).await;
    assert!(without != before.0, "the trigger is missed by the text");
    db.script(row).await?;
    let changed = dumped(&dump, &db).await;
    assert!(changed != without, "the row is missed by the text");
    assert!(rows(&db, database.engine).await? != before.2, "the row is missed by the proof");
    db.script(counter).await?;
    assert!(dumped(&dump, &db).await != changed, "the counter is missed by the text");
    Ok(())
}

/// Nothing of the machine, of the moment, or of the way is in a dump.
async fn two_databases_with_the_same_migrations_have_the_same_dump(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    told(Migrator::new(source(database.engine)).run(&db).await);
    let Some(other) = Database::make(database.engine).await? else { return Ok(()) };
    let second = oarlock::connect(&other.url).await?;
    let migrator = Migrator::new(source(database.engine));
    told(migrator.up(&second, oarlock::migrate::Version::new(20)).await);
    told(migrator.run(&second).await);
    same(&dumped(&Dump::new(), &second).await, &dumped(&Dump::new(), &db).await);
    second.close().await?;
    other.remove().await?;
    Ok(())
}

async fn what_is_there_is_not_loaded_over(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    db.script("CREATE TABLE there (id INT); CREATE VIEW too AS SELECT id FROM there").await?;
    let text = "CREATE TABLE other (id INT);\n";
    let error = Load::new().run(&db, "dump.sql", text).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEmpty);
    assert_eq!(error.message(), "the database is not empty: it has table there, view too");
    assert_eq!(db.table_names(None).await?, ["there"]);
    told(Load::new().into_any().run(&db, "dump.sql", text).await);
    assert_eq!(db.table_names(None).await?, ["other", "there"]);
    Ok(())
}

async fn a_statement_that_fails_is_shown_in_its_file(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    let text = "CREATE TABLE a (id INT);\nINSERT INTO a VALUES (1);\n\nCREATE TABEL b (id INT);\n";
    let error = Load::new().run(&db, "dump.sql", text).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Statement);
    assert_eq!(error.place().map(|place| (place.file(), place.line())), Some(("dump.sql", 4)));
    let (left, hint) = match database.engine {
        Engine::MySql => {
            (vec!["a"], "what ran before it stays: `drop` and `create` the database before you load again")
        }
        _ => (vec![], "nothing of the file has been loaded"),
    };
    assert_eq!(error.hint(), Some(hint));
    assert_eq!(db.table_names(None).await?, left);
    Ok(())
}

async fn sessions_are_left_as_they_were(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    let settings = match database.engine {
        Engine::Sqlite => "SELECT CAST(foreign_keys AS text) FROM pragma_foreign_keys",
        Engine::Postgres => {
            "SELECT concat_ws('|', current_setting('search_path'), current_setting('datestyle'), current_setting('timezone'), \
             current_setting('intervalstyle'), current_setting('check_function_bodies'))"
        }
        Engine::MySql => "SELECT CONCAT_WS('|', @@sql_mode, @@time_zone, @@foreign_key_checks, @@collation_connection)",
    };
    let before: String = db.fetch_value(settings, ()).await?;
    fill(&db, database.engine).await;
    let text = dumped(&Dump::new().all_rows(), &db).await;
    assert_eq!(db.fetch_value::<String>(settings, ()).await?, before, "after a dump");
    let Some(other) = Database::make(database.engine).await? else { return Ok(()) };
    let fresh = oarlock::connect(&other.url).await?;
    told(Load::new().run(&fresh, "dump.sql", &text).await);
    assert_eq!(fresh.fetch_value::<String>(settings, ()).await?, before, "after a load");
    fresh.close().await?;
    other.remove().await?;
    Ok(())
}

/// Settings by which a server writes its answers otherwise change nothing, and are left as they were.
async fn a_dump_does_not_depend_on_its_session(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    fill(&db, database.engine).await;
    let dump = Dump::new().all_rows();
    let text = dumped(&dump, &db).await;
    let (odd, settings) = match database.engine {
        Engine::Postgres => (
            "SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET intervalstyle = 'sql_standard'; SET bytea_output = 'escape'; \
             SET extra_float_digits = -5; SET quote_all_identifiers = on; SET standard_conforming_strings = off",
            "SELECT concat_ws('|', current_setting('datestyle'), current_setting('timezone'), current_setting('bytea_output'))",
        ),
        _ => (
            "SET sql_quote_show_create = 0; SET time_zone = '-07:00'; SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
            "SELECT CONCAT_WS('|', @@sql_quote_show_create, @@time_zone, @@sql_mode)",
        ),
    };
    db.script(odd).await?;
    let before: String = db.fetch_value(settings, ()).await?;
    same(&dumped(&dump, &db).await, &text);
    assert_eq!(db.fetch_value::<String>(settings, ()).await?, before);
    Ok(())
}

async fn rows_are_written_for_the_tables_that_are_named(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    let text = "CREATE TABLE one (id INT); CREATE TABLE two (id INT); INSERT INTO one VALUES (1), (2); INSERT INTO two VALUES (7);";
    told(Load::new().run(&db, "tables.sql", text).await);
    let quote = |name: &str| match database.engine {
        Engine::Sqlite => format!("\"{name}\""),
        Engine::Postgres => name.to_owned(),
        Engine::MySql => format!("`{name}`"),
    };
    let found = dumped(&Dump::new().rows_of("one"), &db).await;
    let inserted = format!("INSERT INTO {} ({}) VALUES\n    (1),\n    (2);\n", quote("one"), quote("id"));
    assert!(found.ends_with(&inserted), "{found}");
    let error = Dump::new().rows_of("three").write(&db, &mut Vec::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::UnknownTable, "there is no table three"));
    assert_eq!(error.hint(), Some("there are: one, two"));
    Ok(())
}

async fn a_half_done_migration_is_not_written_down(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    let files = [("1_a.sql", "-- oarlock: no-transaction\nCREATE TABLE a (id INT);\nCREATE TABEL b (id INT);\n")];
    Migrator::new(Source::embedded("m", &files)).run(&db).await.unwrap_err();
    let error = Dump::new().write(&db, &mut Vec::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.migration()), (ErrorKind::Interrupted, Some("1_a")));
    Ok(())
}

/// What makes an object that is not known, and what the error says of it.
fn unknown(engine: Engine, dialect: &str) -> Vec<(&'static str, &'static str)> {
    match engine {
        Engine::Postgres => vec![
            ("CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", "operator ===(integer,integer)"),
            ("CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple)", "text search configuration plain"),
            ("CREATE TYPE colour AS ENUM ('red'); CREATE CAST (colour AS int) WITH INOUT", "cast colour AS integer"),
            ("CREATE PUBLICATION news FOR ALL TABLES", "publication news"),
            ("CREATE TYPE pair AS (a int); CREATE TABLE pairs OF pair", "table of a type pairs"),
            ("CREATE FOREIGN DATA WRAPPER away", "foreign data wrapper away"),
            ("CREATE TYPE shell", "base type shell"),
            (
                "CREATE TABLE twice (a int); INSERT INTO twice VALUES (1), (1); CREATE INDEX twice_a ON twice (a); \
                 UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'twice_a'::regclass",
                "index that is not valid twice_a",
            ),
        ],
        Engine::MySql if dialect == "mariadb" => {
            vec![("SET sql_mode = 'ORACLE'; CREATE PACKAGE tools AS FUNCTION one RETURN INT; END", "package tools")]
        }
        _ => Vec::new(),
    }
}

async fn what_is_not_known_is_refused_by_its_name(database: Database) -> Verdict {
    let Some(admin) = Database::make(database.engine).await? else { return Ok(()) };
    let dialect = oarlock::connect(&admin.url).await?.info().dialect.name;
    admin.remove().await?;
    for (sql, named) in unknown(database.engine, dialect) {
        let Some(own) = Database::make(database.engine).await? else { return Ok(()) };
        let db = oarlock::connect(&own.url).await?;
        native(&db, database.engine, sql).await?;
        let error: Error = Dump::new().write(&db, &mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{sql}");
        assert!(error.message().contains(named), "{sql}: {}", error.message());
        let error = Load::new().run(&db, "dump.sql", "CREATE TABLE t (id INT)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEmpty, "{sql}");
        db.close().await?;
        own.remove().await?;
    }
    Ok(())
}

/// Runs SQL; what the contract's splitter cannot tell apart goes to MariaDB as one text, by a statement that it prepares.
async fn native(db: &Conn, engine: Engine, sql: &str) -> Result<()> {
    match (engine, sql.split_once("; CREATE PACKAGE")) {
        (Engine::MySql, Some((mode, package))) => {
            db.script(mode).await?;
            let package = format!("CREATE PACKAGE{package}");
            db.script(&format!("EXECUTE IMMEDIATE '{}'", package.replace('\'', "''"))).await
        }
        _ => db.script(sql).await,
    }
}

/// The rows of a table in which an index of words is all there is are nowhere.
async fn rows_that_cannot_be_had_are_refused(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    db.script("CREATE TABLE plain (id INT); CREATE VIRTUAL TABLE words USING fts5(body, content = '')").await?;
    let error = Dump::new().all_rows().write(&db, &mut Vec::new()).await.unwrap_err();
    assert_eq!(
        error.message(),
        "the rows of the virtual table words cannot be written: it keeps no texts, only an index of them"
    );
    told(Dump::new().rows_of("plain").write(&db, &mut Vec::new()).await);
    Ok(())
}

/// The session's own schema stands in no name, so that a dump of one goes into another.
async fn a_schema_can_be_loaded_into_another(database: Database) -> Verdict {
    let home = oarlock::connect(&database.url).await?;
    home.script("CREATE SCHEMA app; CREATE SCHEMA \"next App\"; CREATE TABLE aside (id int PRIMARY KEY)").await?;
    let app = oarlock::connect(&database.url_with("options=-csearch_path%3Dapp")).await?;
    app.script(
        "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE one (id serial PRIMARY KEY, mood mood DEFAULT 'ok', aside int REFERENCES public.aside); \
         CREATE VIEW ones AS SELECT * FROM one WHERE mood = 'ok'; CREATE INDEX by_mood ON one (mood); \
         CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; \
         CREATE TRIGGER note BEFORE INSERT ON one FOR EACH ROW EXECUTE FUNCTION noted()",
    )
    .await?;
    let text = dumped(&Dump::new(), &app).await;
    assert!(!text.contains("app."), "{text}");
    let Some(other) = Database::make(database.engine).await? else { return Ok(()) };
    oarlock::connect(&other.url).await?.script("CREATE SCHEMA app").await?;
    let fresh = oarlock::connect(&other.url_with("options=-csearch_path%3Dapp")).await?;
    let error = Load::new().run(&fresh, "dump.sql", &text).await.map(|loaded| loaded.statements);
    let again = dumped(&Dump::new(), &fresh).await;
    assert!(error.is_ok(), "{error:?}");
    same(&again, &text);
    other.remove().await?;
    Ok(())
}

/// Nothing of what a catalog has is missing in its schema: each object is in the words of the model, or as it stands.
async fn a_schema_has_all_that_its_catalog_has(database: Database) -> Verdict {
    let db = oarlock::connect(&database.url).await?;
    fill(&db, database.engine).await;
    if database.engine == Engine::Postgres {
        db.script("CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)").await?;
    }
    let catalog = told(Catalog::read(&db).await);
    let schema = told(catalog.schema(&db).await);
    let others = |kind: &str| -> Vec<String> {
        schema.unmodelled.iter().filter(|other| other.kind == kind).map(|other| other.name.to_string()).collect()
    };
    for object in catalog.objects().iter().filter(|object| object.name.schema.is_none() && !object.is_history()) {
        let name = &object.name.name;
        let of_table = |has: &dyn Fn(&Table) -> bool| {
            object.table.as_ref().is_some_and(|of| schema.find_table(&of.name).is_some_and(has))
        };
        let is_there = match object.kind {
            Kind::Table => schema.find_table(name).is_some() || others("table").contains(name),
            Kind::View | Kind::MaterializedView => schema.views.iter().any(|view| view.name == *name),
            Kind::Enum => schema.enums.iter().any(|known| known.name == *name),
            Kind::Sequence => schema.sequences.iter().any(|known| known.name == *name),
            Kind::ForeignKey => of_table(&|table| table.foreign_keys.iter().any(|key| key.name.as_ref() == Some(name))),
            // What belongs to a table that the contract tells is told with it.
            Kind::Index | Kind::Constraint | Kind::Default => true,
            kind => others(kind.as_str()).contains(name),
        };
        assert!(is_there, "{}", object.title());
    }
    match database.engine {
        Engine::Sqlite => {
            assert_eq!(others("virtual table"), ["boxes", "found", "old_words", "words"]);
            assert_eq!(others("setting"), ["application_id", "user_version"]);
        }
        Engine::Postgres => {
            let mood = schema.enums.iter().find(|known| known.name == "Mood").map(|known| known.values.clone());
            assert_eq!(mood, Some(vec!["it's".to_owned(), "b\"c".to_owned(), String::new()]));
            let down = schema.sequences.iter().find(|known| known.name == "down").expect("it is there");
            assert_eq!((down.start, down.increment, down.min, down.cycle), (-10, -2, Some(-100), true));
            assert_eq!(others("unknown"), ["operator ===(integer,integer)"]);
            assert!(others("table").contains(&"measured_1_odd".to_owned()), "partitions are told, too");
        }
        Engine::MySql => assert_eq!(others("event"), ["elsewhere", "weekly"]),
    }
    Ok(())
}

on_engines! {
    within crate::limit();
    a_schema_has_all_that_its_catalog_has on Sqlite Postgres MySql;
    a_database_is_made_anew_from_its_dump on Sqlite Postgres MySql;
    a_loss_is_found_out on Sqlite Postgres MySql;
    two_databases_with_the_same_migrations_have_the_same_dump on Sqlite Postgres MySql;
    what_is_there_is_not_loaded_over on Sqlite Postgres MySql;
    a_statement_that_fails_is_shown_in_its_file on Sqlite Postgres MySql;
    sessions_are_left_as_they_were on Sqlite Postgres MySql;
    a_dump_does_not_depend_on_its_session on Postgres MySql;
    rows_are_written_for_the_tables_that_are_named on Sqlite Postgres MySql;
    a_half_done_migration_is_not_written_down on Postgres MySql;
    what_is_not_known_is_refused_by_its_name on Postgres MySql;
    rows_that_cannot_be_had_are_refused on Sqlite;
    a_schema_can_be_loaded_into_another on Postgres;
}
