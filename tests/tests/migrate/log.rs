//! What a plan lists is what the server logs, exactly and in its order, of a history with all that an engine has.
//!
//! What a run sends besides is what the guide names: questions, the words for its lock, and what makes the session anew.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oarlock::connection::BoxFuture;
use oarlock::decorate::{Decorate, Decorated};
use oarlock::factory::Purpose as Connecting;
use oarlock::lex::split;
use oarlock::migrate::{Migrator, Plan, Purpose};
use oarlock::{Conn, Connection, Db, DbExt, Dialect, DriverFactory, Row, Url};
use oarlock_test_support::Server;
use oarlock_tests::{Database, Engine, until};
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::history::source;

/// Plans a whole history, runs it, and gives the plan.
async fn planned_and_run(db: &dyn Db, engine: Engine) -> Plan {
    let migrator = Migrator::new(source(engine)).lock_timeout(Duration::from_secs(20));
    let plan = migrator.plan_up(db, None).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert!(plan.steps().len() > 60, "{} steps", plan.steps().len());
    let report = migrator.run(db).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(report.steps.len(), plan.steps().len());
    plan
}

/// The statements of a plan, each by itself. A migration may hold several behind a delimiter of MySQL's client.
fn listed(plan: &Plan, dialect: &Dialect) -> Vec<String> {
    let commands = plan.steps().iter().flat_map(|step| plan.commands(step));
    let mut listed: Vec<String> = plan.setup().to_vec();
    for command in commands {
        if command.purpose == Purpose::Statement {
            listed.extend(statements(&command.sql, dialect));
        } else {
            listed.push(command.sql);
        }
    }
    listed
}

fn statements(text: &str, dialect: &Dialect) -> Vec<String> {
    split(text, dialect).map(|span| span.text(text).to_owned()).collect()
}

/// Compares a log with a plan. `?` in a record stands for what the catalog said when the statement began.
fn compare(logged: &[String], listed: &[String]) {
    for (index, (logged, listed)) in logged.iter().zip(listed).enumerate() {
        assert!(is_of(logged, listed), "statement {index}: the log has\n{logged}\nand the plan\n{listed}");
    }
    assert_eq!(logged.len(), listed.len(), "{:?}", logged.get(listed.len()).or(listed.get(logged.len())));
}

fn is_of(logged: &str, listed: &str) -> bool {
    let Some((before, after)) = listed.split_once("?, digest = ?").or_else(|| listed.split_once("?, ?")) else {
        return logged == listed;
    };
    let written = logged.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    listed.contains("_journal") && written.is_some_and(|written| !written.contains([';', '?']))
}

#[test]
fn a_log_that_differs_is_found_out() {
    let journal = "UPDATE j_journal SET scope = ?, digest = ?, direction = 'up'";
    assert!(is_of("UPDATE j_journal SET scope = X'61', digest = 'ab', direction = 'up'", journal));
    assert!(!is_of("UPDATE j_journal SET scope = X'61', digest = 'ab', direction = 'down'", journal));
    assert!(!is_of("SELECT 2", "SELECT 1"));
}

/// Tells what only asks; of a migration's own statements none does so in these words.
fn is_question(sql: &str) -> bool {
    [
        "SELECT current_database()",
        "SELECT CAST(current_schema() AS text)",
        "SELECT DATABASE()",
        "SELECT version, name, ",
        "SELECT pg_catalog.current_setting('synchronous_commit')",
        "SELECT COUNT(*) FROM \"main\".\"oarlock_migrations\" WHERE version",
        "SELECT pg_catalog.pg_backend_pid(), ",
        "SELECT CONCAT_WS(' ', NAME, TABLE_ID) FROM information_schema.",
        "SELECT TABLE_NAME, ",
        "SELECT TRIGGER_NAME, TRIGGER_NAME",
        "SELECT ROUTINE_NAME, ROUTINE_NAME",
        "SELECT EVENT_NAME, EVENT_NAME",
        "SELECT SCHEMA_NAME, SCHEMA_NAME",
        "SELECT c.relname, t.relname",
        "SELECT CONCAT_WS('@', User, Host)",
        "SHOW CREATE TABLE ",
    ]
    .iter()
    .any(|question| sql.starts_with(question))
}

#[tokio::test]
async fn a_plan_is_what_postgresql_logs() {
    let options = Server::postgres().setting("log_statement", "all").setting("log_line_prefix", "<<<%p>>>");
    let Some(server) = options.start().await else { return };
    let db = oarlock::connect(&server.url()).await.unwrap();
    let pid: i32 = db.fetch_value("SELECT pg_backend_pid()", ()).await.unwrap();
    db.script("SELECT 'begin'").await.unwrap();
    let plan = planned_and_run(&db, Engine::Postgres).await;
    db.script("SELECT 'end'").await.unwrap();

    let path = server.data().parent().unwrap().join("log");
    let log = || fs::read_to_string(&path).unwrap();
    assert!(until(async || Ok(log().contains("statement: SELECT 'end'"))).await.unwrap(), "the log is written");
    let lead = format!("<<<{pid}>>>");
    let log = log();
    let texts = log.split("<<<").filter_map(|entry| {
        let entry = entry.strip_prefix(&lead[3..])?.strip_prefix("LOG:  ")?.trim_end_matches('\n');
        let text = entry.strip_prefix("statement: ").or_else(|| {
            entry.strip_prefix("execute ").and_then(|entry| entry.split_once(": ")).map(|(_, text)| text)
        })?;
        Some(text.replace("\n\t", "\n"))
    });
    let logged: Vec<String> = texts.flat_map(|text| statements(&text, &Dialect::POSTGRES)).collect();
    let runs = of_the_run(&logged, |sql| {
        is_question(sql)
            || sql.starts_with("SELECT pg_catalog.pg_try_advisory_lock(")
            || sql.starts_with("SELECT pg_catalog.pg_advisory_unlock(")
            || sql.starts_with("SET synchronous_commit = ")
            || renews(sql)
    });
    compare(&runs, &listed(&plan, &Dialect::POSTGRES));
}

/// Tells what the driver sends to make a session anew, where a migration has set something, and asks for the columns of its own
/// questions.
fn renews(sql: &str) -> bool {
    sql.starts_with("SELECT a.attrelid, a.attnum, ")
        || sql.starts_with("SELECT 'DEALLOCATE ' || ")
        || [
            "CLOSE ALL",
            "SET SESSION AUTHORIZATION DEFAULT",
            "RESET ALL",
            "UNLISTEN *",
            "SELECT pg_catalog.pg_advisory_unlock_all()",
            "DISCARD TEMP",
            "DISCARD SEQUENCES",
        ]
        .contains(&sql)
}

/// Gives what was logged between the words for begin and end, without what a run adds.
fn of_the_run(logged: &[String], adds: impl Fn(&str) -> bool) -> Vec<String> {
    let place = |word: &str| logged.iter().position(|sql| sql == word).unwrap_or_else(|| panic!("{word} is logged"));
    let run = &logged[place("SELECT 'begin'") + 1..place("SELECT 'end'")];
    let (added, runs): (Vec<&String>, Vec<&String>) = run.iter().partition(|sql| adds(sql));
    assert!(!added.is_empty(), "the lock is asked for");
    runs.into_iter().cloned().collect()
}

#[tokio::test]
async fn a_plan_is_what_mysql_logs() {
    let options = Server::mysql().setting("general_log", "1").setting("log_output", "TABLE");
    let Some(server) = options.start().await else { return };
    let admin = oarlock::connect(&server.url()).await.unwrap();
    let db = oarlock::connect(&server.url()).await.unwrap();
    let dialect = db.info().dialect;
    let id: i64 = db.fetch_value("SELECT CONNECTION_ID()", ()).await.unwrap();
    db.script("SELECT 'begin'").await.unwrap();
    let plan = planned_and_run(&db, Engine::MySql).await;
    db.script("SELECT 'end'").await.unwrap();

    let sql = "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE thread_id = ? AND command_type IN ('Query', 'Execute')";
    let rows: Vec<Row> = admin.fetch_all(sql, (id,)).await.unwrap();
    let logged: Vec<String> = rows.iter().map(|row| row.get::<String>(0).unwrap()).collect();
    let logged: Vec<String> = logged.iter().flat_map(|text| statements(text, &dialect)).collect();
    let listed = listed(&plan, &dialect);
    // MariaDB logs what triggers and procedures run, as it stands in them.
    let is_inner = |sql: &str| {
        sql.contains("NAME_CONST(")
            || listed.iter().any(|program| {
                let within = ["TRIGGER", "PROCEDURE", "FUNCTION"].iter().any(|kind| program.contains(kind));
                within && program.len() > sql.len() && program.contains(sql)
            })
    };
    let runs = of_the_run(&logged, |sql| {
        is_question(sql)
            || is_inner(sql)
            || sql.starts_with("SELECT GET_LOCK(")
            || sql.starts_with("DO RELEASE_LOCK(")
            || sql.starts_with("SELECT @@sql_mode")
            || sql.starts_with("SET NAMES")
            || sql.starts_with("USE `test`")
            || sql.starts_with("UPDATE `test`.`oarlock_migrations` SET duration_ms = ")
    });
    compare(&runs, &listed);
}

/// The statements that a connection has run.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// A connection to SQLite that tells of every statement, and goes on to after a reset.
struct Traced {
    connection: Box<dyn Connection>,
    log: Log,
}

/// Connects to a file of SQLite's.
pub(crate) async fn traced_at(url: &str) -> (Conn, Log) {
    let url = Url::parse(url).unwrap();
    let connection =
        oarlock_sqlite::SqliteFactory.connector(&url, Connecting::Single).unwrap().connect().await.unwrap();
    let log = Log::default();
    let mut traced = Traced { connection, log: Arc::clone(&log) };
    traced.listen();
    (Conn::new(Box::new(Decorated(traced))), log)
}

impl Traced {
    fn listen(&mut self) {
        let log = Arc::clone(&self.log);
        let db = self.connection.native().downcast_mut::<rusqlite::Connection>().expect("it is SQLite's");
        let listener = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                log.lock().unwrap().push(sql.to_owned());
            }
        };
        db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(listener)).unwrap();
    }
}

impl Decorate for Traced {
    fn inner(&self) -> &dyn Connection {
        &*self.connection
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.connection
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.connection.reset().await?;
            self.listen();
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_plan_is_what_sqlite_runs() {
    let database = Database::make(Engine::Sqlite).await.unwrap().unwrap();
    let (db, log) = traced_at(&database.url).await;
    db.script("SELECT 'begin'").await.unwrap();
    let plan = planned_and_run(&db, Engine::Sqlite).await;
    db.script("SELECT 'end'").await.unwrap();

    let logged: Vec<String> = log.lock().unwrap().clone();
    let runs = of_the_run(&logged, |sql| {
        // What the driver asks for itself, and triggers.
        is_question(sql)
            || sql.starts_with("EXPLAIN ")
            || sql.starts_with("SELECT rootpage, ")
            || sql.starts_with("PRAGMA main.schema_version")
            || sql.starts_with("PRAGMA journal_mode = ")
            || sql == "PRAGMA main.journal_mode"
            || sql.starts_with("PRAGMA main.synchronous")
            || sql.starts_with("--")
            || sql.starts_with("UPDATE \"main\".\"oarlock_migrations\" SET duration_ms = ")
    });
    compare(&runs, &listed(&plan, &Dialect::SQLITE));
}
